//! `varco audit anchor`: has the day's checkpoint anchored now, and says where it stands.
//!
//! The gateway does it by itself every night; whoever asks on the same day is told what was done.

use serde_json::json;
use varco_proto::audit::v1::{AnchorCheckpointRequest, AnchorCheckpointResponse};

use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::output::refusal::Refusal;
use crate::{operator, output};

/// What `varco audit anchor` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Auditor whose certificate is used
    #[arg(long = "as", value_name = "NAME", default_value = "auditor")]
    pub operator: String,
}

/// Anchors, and says where.
///
/// # Errors
///
/// When no place is configured, or one did not take the checkpoint.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    let mut audit = operator::audit(&args.operator, common)?;
    let answer = audit.anchor_checkpoint(AnchorCheckpointRequest {}).await;
    let answer = answer
        .map_err(|status| Refusal::from(&status))?
        .into_inner();
    match common.output {
        Output::Json => output::json(&told(&answer)),
        Output::Text => {
            let size = answer.anchors.first().map_or(0, |anchor| anchor.size);
            output::line(format!("{}: checkpoint of {size} records", answer.day))?;
            let places = &answer.anchors;
            places
                .iter()
                .try_for_each(|it| output::line(format!("{}: {}", it.place, it.reference)))
        }
    }
}

fn told(answer: &AnchorCheckpointResponse) -> serde_json::Value {
    let anchors = answer.anchors.iter().map(|anchor| {
        json!({
            "place": anchor.place,
            "reference": anchor.reference,
            "records": anchor.size,
            "checkpoint_sha256": hex::encode(&anchor.checkpoint_sha256),
        })
    });
    json!({
        "day": answer.day,
        "checkpoint": answer.checkpoint,
        "anchors": anchors.collect::<Vec<_>>(),
    })
}
