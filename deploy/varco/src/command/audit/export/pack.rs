//! `varco audit export --format pack`: evidence for a third party, in one ZIP file.
//!
//! The records come from the database. Only the witnesses' word is asked of the gateway, where it runs, because it alone
//! keeps it; without it the pack bears the log's signature, and says so.

use std::path::PathBuf;

use serde_json::json;
use uuid::Uuid;
use varco_gateway::audit::export::pack::{self, Chosen, Packed, Wanted};
use varco_proto::audit::v1::GetCheckpointRequest;
use varco_runtime::config::Config;

use super::{Args, Day};
use crate::cli::{Common, Output};
use crate::command::audit::search::{call_id, trace_id};
use crate::failure::Failure;
use crate::{operator, output};

/// What was asked for, and how it is called in Italian and in the name of a file.
struct Asked {
    wanted: Wanted,
    told: String,
    file: PathBuf,
}

/// Writes a pack.
///
/// # Errors
///
/// When there is nothing to pack, or too much, or the file cannot be written.
pub async fn run(args: &Args, config: &Config, common: &Common) -> Result<(), Failure> {
    let asked = asked(args)?;
    let mut chosen = pack::choose(config, &asked.wanted, args.origin.as_deref()).await?;
    if !config.gateway.witnesses.is_empty() {
        for chosen in &mut chosen {
            ask_for_cosigned(chosen, args, common).await;
        }
    }
    let packed = pack::write(config, &chosen, &asked.told, &asked.file).await?;
    match common.output {
        Output::Json => output::json(&json!({
            "file": asked.file,
            "logs": packed.iter().map(described).collect::<Vec<_>>(),
        })),
        Output::Text => packed.iter().try_for_each(|it| {
            let witnessed = match it.witnesses.len() {
                0 => "no witness has cosigned".to_owned(),
                n => format!("{n} witnesses have cosigned"),
            };
            output::line(format!(
                "packed: {} records of {} and {} anchors into {}; {witnessed}",
                it.records,
                it.origin,
                it.anchors,
                asked.file.display()
            ))
        }),
    }
}

fn asked(args: &Args) -> Result<Asked, Failure> {
    if let Some(call) = &args.call {
        let id = sixteen(&call_id(call)?);
        let name = Uuid::from_bytes(id).to_string();
        return Ok(Asked {
            wanted: Wanted::Call(id),
            told: format!("le registrazioni della chiamata {name}"),
            file: file(args, &name),
        });
    }
    if let Some(trace) = &args.trace {
        let id = sixteen(&trace_id(trace)?);
        let name = hex::encode(id);
        return Ok(Asked {
            wanted: Wanted::Trace(id),
            told: format!("le registrazioni del percorso (trace id) {name}"),
            file: file(args, &name),
        });
    }
    let day = Day::of(args);
    let partial = if day.is_partial {
        "; la giornata non era finita: il contenuto è parziale"
    } else {
        ""
    };
    Ok(Asked {
        wanted: Wanted::Day(day.day),
        told: format!("le registrazioni del {}, ora italiana{partial}", day.day),
        file: day.file(&args.to, "evidence", "zip"),
    })
}

/// The file itself, or one of a speaking name in a folder.
fn file(args: &Args, name: &str) -> PathBuf {
    if args.to.is_dir() {
        args.to.join(format!("evidence-{name}.zip"))
    } else {
        args.to.clone()
    }
}

fn sixteen(id: &[u8]) -> [u8; 16] {
    id.first_chunk().copied().unwrap_or_default()
}

/// Asks the gateway for the newest head that witnesses have cosigned; a pack is made without it too.
async fn ask_for_cosigned(chosen: &mut Chosen, args: &Args, common: &Common) {
    let origin = chosen.origin().to_owned();
    let request = GetCheckpointRequest {
        origin: origin.clone(),
    };
    let answer = match operator::audit(&args.operator, common) {
        Ok(mut audit) => audit.get_checkpoint(request).await.ok(),
        Err(_) => None,
    };
    let cosigned = answer.map(|it| it.into_inner().cosigned);
    match cosigned.filter(|note| !note.is_empty()) {
        Some(note) => chosen.cosigned.push(note),
        None => output::note(format!(
            "the gateway gives no cosigned head of {origin}: the pack holds what anchors bear, or the log's signature alone"
        )),
    }
}

fn described(packed: &Packed) -> serde_json::Value {
    json!({
        "origin": packed.origin,
        "records": packed.records,
        "anchors": packed.anchors,
        "size": packed.size,
        "witnesses": packed.witnesses,
    })
}
