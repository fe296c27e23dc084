//! `varco audit prove`: a file that shows a third party that a record is in the register.
//!
//! The file (C2SP tlog-proof) needs neither the gateway nor a network to be checked: it carries the record, the
//! hashes up to the root and the signed checkpoint, cosigned where there are witnesses. It is checked here before it
//! is written.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tonic::transport::Channel;
use varco_proto::audit::v1::audit_service_client::AuditServiceClient;
use varco_proto::audit::v1::{
    Entry, GetCheckpointRequest, ProveInclusionRequest, SearchRecordsRequest,
};
use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::hash::Hash;
use varco_tlog::policy::Policy;
use varco_tlog::proof_file::ProofFile;

use super::search::{call_id, find};
use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::output::refusal::Refusal;
use crate::{operator, output};

/// What `varco audit prove` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of the call, as in varco-audit-id: each of its records is proven
    #[arg(long, value_name = "UUID", required_unless_present = "index")]
    pub call: Option<String>,
    /// Index of the record
    #[arg(long, value_name = "INDEX", conflicts_with = "call")]
    pub index: Option<u64>,
    /// Log, by its origin; the one that the gateway writes when left out
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Option<String>,
    /// Folder to write to
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub to: PathBuf,
    /// Auditor whose certificate is used
    #[arg(long = "as", value_name = "NAME", default_value = "auditor")]
    pub operator: String,
}

#[derive(Debug, Serialize)]
struct Proven {
    index: u64,
    origin: String,
    size: u64,
    cosigned: bool,
    file: PathBuf,
}

/// Writes a proof for each record that is asked for.
///
/// # Errors
///
/// When there is no such record, the gateway refuses, or what it says does not hold.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    let mut audit = operator::audit(&args.operator, common)?;
    let entries = entries(&args, &mut audit).await?;
    if entries.is_empty() {
        let why = "the log holds no such record";
        let remedy = "copy the id from varco-audit-id, or name another log with --origin";
        return Err(Failure::new("nothing is proven", why, remedy));
    }
    let mut proven = Vec::new();
    for entry in entries {
        proven.push(prove(&args, &mut audit, &entry).await?);
    }
    match common.output {
        Output::Json => output::json(&proven),
        Output::Text => proven.iter().try_for_each(|it| {
            let witnessed = if it.cosigned { ", cosigned" } else { "" };
            output::line(format!(
                "{}: record {} of {}, in the log of {} records{witnessed}",
                it.file.display(),
                it.index,
                it.origin,
                it.size
            ))
        }),
    }
}

async fn entries(
    args: &Args,
    audit: &mut AuditServiceClient<Channel>,
) -> Result<Vec<Entry>, Failure> {
    let request = SearchRecordsRequest {
        origin: args.origin.clone().unwrap_or_default(),
        ..SearchRecordsRequest::default()
    };
    match (&args.call, args.index) {
        (Some(call), _) => {
            let request = SearchRecordsRequest {
                audit_ids: vec![call_id(call)?],
                ..request
            };
            find(audit, request, MOST).await
        }
        (None, index) => {
            let index = index.unwrap_or_default();
            let request = SearchRecordsRequest {
                from_index: index,
                page_size: 1,
                ..request
            };
            let mut found = find(audit, request, 1).await?;
            found.retain(|entry| entry.index == index);
            Ok(found)
        }
    }
}

async fn prove(
    args: &Args,
    audit: &mut AuditServiceClient<Channel>,
    entry: &Entry,
) -> Result<Proven, Failure> {
    let origin = args.origin.clone().unwrap_or_default();
    let request = GetCheckpointRequest {
        origin: origin.clone(),
    };
    let head = audit.get_checkpoint(request).await;
    let head = head.map_err(|status| Refusal::from(&status))?.into_inner();
    let key = head.vkey.parse().map_err(|_| untrue("its key is none"))?;
    let covers = |note: &str| {
        let checkpoint = Checkpoint::open(note, &key).ok()?;
        (checkpoint.size > entry.index).then_some(checkpoint)
    };
    let cosigned = covers(&head.cosigned).map(|it| (it, head.cosigned.clone()));
    let is_cosigned = cosigned.is_some();
    let plain = || covers(&head.checkpoint).map(|it| (it, head.checkpoint.clone()));
    let covering = cosigned.or_else(plain);
    let (checkpoint, note) = covering.ok_or_else(|| untrue("its head does not hold the record"))?;
    let request = ProveInclusionRequest {
        index: entry.index,
        size: checkpoint.size,
        origin,
    };
    let answer = audit.prove_inclusion(request).await;
    let answer = answer
        .map_err(|status| Refusal::from(&status))?
        .into_inner();
    let hashes = answer.proof.iter().map(|it| Hash::try_from(it.as_ref()));
    let proof = ProofFile {
        extra: Some(entry.leaf.to_vec()),
        index: entry.index,
        inclusion: hashes
            .collect::<Result<_, _>>()
            .map_err(|_| untrue("a hash is none"))?,
        checkpoint: note,
    };
    let mut policy = Policy::new();
    policy
        .add_log(key, None)
        .map_err(|_| untrue("its key is none"))?;
    let holds = proof.verify(&Hash::leaf(&entry.leaf), &policy);
    holds.map_err(|_| untrue("its proof does not hold"))?;
    let file = args.to.join(file_name(&checkpoint.origin, entry.index));
    write(&file, &proof.to_string())?;
    Ok(Proven {
        index: entry.index,
        origin: checkpoint.origin,
        size: checkpoint.size,
        cosigned: is_cosigned,
        file,
    })
}

/// A name that says which record of which log it is.
fn file_name(origin: &str, index: u64) -> String {
    let plain = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => c,
        _ => '-',
    };
    let stem: String = origin.chars().map(plain).collect();
    format!("{stem}-{index}.tlog-proof")
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, text).map_err(|error| {
        let remedy = "name a folder that you may write to with --to";
        Failure::new(file.display(), error, remedy)
    })
}

fn untrue(why: &str) -> Failure {
    let remedy = "verify the register with `varco audit verify` and keep its files as they are";
    Failure::new("the gateway's answer proves nothing", why, remedy)
}

/// Records of one call that are proven at most.
const MOST: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_named_by_log_and_index() {
        assert_eq!(
            file_name("c_e648.audit/gw1/2026", 7),
            "c_e648.audit-gw1-2026-7.tlog-proof"
        );
    }
}
