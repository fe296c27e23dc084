//! `varco audit verify --checkpoint`: the log against a head that somebody has kept.

use std::path::Path;

use serde_json::json;
use varco_gateway::audit::verify::kept::{self, Reached};

use super::{Args, short};
use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::output;

/// Compares the log in the database, or an exported tree, with a checkpoint.
///
/// # Errors
///
/// When the log does not go on from it: says where it was cut off, or that it was rewritten.
pub async fn run(file: &Path, args: &Args, common: &Common) -> Result<(), Failure> {
    let note = short::read(file).map_err(|error| {
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

fn told(reached: &Reached) -> String {
    format!(
        "verified: {} holds the {} records of the checkpoint as they were, and {} after them",
        reached.log.origin,
        reached.size,
        reached.log.size - reached.size
    )
}
