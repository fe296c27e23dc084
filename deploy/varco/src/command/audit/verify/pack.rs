//! `varco audit verify --pack`: an evidence pack, checked without the comune.
//!
//! Nobody need name a key to see whether a pack agrees with itself. But whoever forges a pack signs it too, with a key of
//! their own, so without the log's key by other means nothing is called verified.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::json;
use varco_gateway::audit::pack::MOST_PACKED;
use varco_gateway::audit::verify::pack::{self, Held};
use varco_tlog::policy::Policy;

use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::output;

/// Verifies a pack and says what holds.
///
/// # Errors
///
/// When it does not hold: names the first record that is wrong, and what may still be trusted.
pub fn run(file: &Path, trusted: Option<&Policy>, common: &Common) -> Result<(), Failure> {
    let remedy = "ask for the pack again, and for the log's key by other means";
    let what = || format!("{} proves nothing", file.display());
    let bytes = read(file).map_err(|error| Failure::new(what(), error, remedy))?;
    let held = pack::verify(&bytes, trusted).map_err(|error| {
        Failure::new(format!("{} does not hold", file.display()), error, remedy)
    })?;
    match common.output {
        Output::Json => output::json(&json!({
            "verified": trusted.is_some(),
            "consistent": true,
            "logs": held.iter().map(described).collect::<Vec<_>>(),
        })),
        Output::Text => held
            .iter()
            .try_for_each(|held| output::line(told(held, trusted))),
    }
}

/// Reads a file that is no longer than packs are, and a byte more to tell.
fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?
        .take(MOST_PACKED + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn told(held: &Held, trusted: Option<&Policy>) -> String {
    let (word, vouched) = match trusted {
        Some(_) => ("verified", String::new()),
        None => (
            "agrees with itself",
            format!(
                "; nobody has vouched for its key: ask the comune for it by other means and name it with --vkey, the \
                 pack says {}",
                held.vkey
            ),
        ),
    };
    let absent = match held.absent {
        0 => "none between them absent".to_owned(),
        n => format!("{n} between them not in the pack"),
    };
    format!(
        "{word}: {} records of {} (of {} records), index {} to {}, {absent}, {} anchors, {} witnesses{vouched}",
        held.records,
        held.origin,
        held.size,
        held.first,
        held.last,
        held.anchors,
        held.witnesses.len()
    )
}

fn described(held: &Held) -> serde_json::Value {
    json!({
        "origin": held.origin,
        "vkey": held.vkey,
        "size": held.size,
        "root": held.root,
        "witnesses": held.witnesses,
        "records": held.records,
        "first": held.first,
        "last": held.last,
        "absent": held.absent,
        "anchors": held.anchors,
    })
}
