//! `varco audit verify --checkpoint`: the log against a head that somebody has kept.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::json;
use varco_gateway::audit::verify::kept::{self, Reached};

use super::Args;
use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::output;

/// Compares the log in the database, or an exported tree, with a checkpoint.
///
/// # Errors
///
/// When the log does not go on from it: says where it was cut off, or that it was rewritten.
pub async fn run(file: &Path, args: &Args, common: &Common) -> Result<(), Failure> {
    let note = read(file).map_err(|error| {
        let remedy = "name a file with a checkpoint, as an answer carried it";
        Failure::new(file.display(), error, remedy)
    })?;
    let vkey = args.vkey.as_deref();
    let reached = match &args.tree {
        Some(folder) => kept::verify_tree(folder, &note, vkey)?,
        None => kept::verify(&common.load_config()?, &note, vkey).await?,
    };
    match common.output {
        Output::Json => output::json(&json!({
            "verified": true,
            "origin": reached.log.origin,
            "vkey": reached.log.vkey,
            "kept": reached.size,
            "records": reached.log.size,
            "root": reached.log.root,
        })),
        Output::Text => output::line(told(&reached)),
    }
}

/// Reads a file that is no longer than a checkpoint may be.
fn read(file: &Path) -> std::io::Result<String> {
    let mut note = String::new();
    let length = File::open(file)?.take(MOST + 1).read_to_string(&mut note)?;
    if u64::try_from(length).is_ok_and(|it| it <= MOST) {
        Ok(note)
    } else {
        Err(std::io::Error::other("it is longer than a checkpoint"))
    }
}

fn told(reached: &Reached) -> String {
    format!(
        "verified: {} holds the {} records of the checkpoint as they were, and {} after them",
        reached.log.origin,
        reached.size,
        reached.log.size - reached.size
    )
}

/// Bytes of a file with a checkpoint, at most.
const MOST: u64 = 1 << 20;
