//! `varco audit recover`: going on after an older copy of the register was put back.

use serde_json::json;
use varco_gateway::audit::recovery::{self, Recovered};
use varco_runtime::clock::Clock;

use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::output;

/// Begins a linked log and says what was lost.
///
/// # Errors
///
/// When the gateway runs, or what is left does not verify.
pub async fn run(common: &Common) -> Result<(), Failure> {
    let config = common.load_config()?;
    let recovered = recovery::recover(&config, &Clock::system()).await?;
    match common.output {
        Output::Json => output::json(&json!({
            "left": recovered.left.as_ref().map(|it| json!({
                "origin": it.origin, "records": it.size, "root": it.root,
            })),
            "lost_checkpoint": recovered.lost,
            "begun": recovered.begun,
        })),
        Output::Text => output::line(told(&recovered)),
    }
}

fn told(recovered: &Recovered) -> String {
    let left = match &recovered.left {
        Some(left) => format!(
            "What is left verifies: {} records of {}, root {}.",
            left.size, left.origin, left.root
        ),
        None => "Nothing is left of the log before.".to_owned(),
    };
    let lost = recovered.lost.as_deref().map_or_else(
        || "No head is known beyond it.".to_owned(),
        |note| {
            let mut lines = note.lines();
            let (origin, size) = (lines.next().unwrap_or("?"), lines.next().unwrap_or("?"));
            format!("{origin} had reached {size} records: what lies between is lost.")
        },
    );
    format!(
        "{left}\n{lost}\n\
         The register goes on in {begun}; its first record will say all this.\n\
         Next: start the gateway; tell the DPO which records are lost, and give the new log to the witnesses.",
        begun = recovered.begun
    )
}
