//! The auditor's part: every step is in the register, and the register can prove it.
//!
//! Nothing that the gateway says of itself is believed: heads are opened with the key from before
//! the run, and the proofs are checked against the leaves exactly as they came.

use tonic::Status;
use varco_proto::audit::v1::{
    Entry, GetCheckpointRequest, ProveConsistencyRequest, ProveInclusionRequest,
    SearchRecordsRequest,
};
use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::hash::Hash;
use varco_tlog::note::Verifier;
use varco_tlog::proof::{verify_consistency, verify_inclusion};

use super::envelope::Envelope;
use super::run::{Ending, Run};
use super::town::Town;
use super::{plan, recorded};
use crate::command::audit::row::Row;
use crate::failure::Failure;
use crate::output::refusal::Refusal;

/// The head of the register at some moment, and the key that signs it.
pub struct Head {
    checkpoint: Checkpoint,
    key: Verifier,
}

/// The signed head before the run.
///
/// # Errors
///
/// When no town answers, or what it answers is not signed.
pub async fn head(town: &Town) -> Result<Head, Failure> {
    let answer = town
        .audit
        .clone()
        .get_checkpoint(GetCheckpointRequest::default())
        .await;
    let answer = answer
        .map_err(|status| Refusal::from(&status))?
        .into_inner();
    let key: Verifier = answer.vkey.parse()?;
    let checkpoint = Checkpoint::open(&answer.checkpoint, &key)?;
    Ok(Head { checkpoint, key })
}

/// Finds the records of the run and checks the register; gives the records for people.
pub async fn journey(before: &Head, town: &Town, run: &mut Run) -> Vec<Row> {
    let entries = search(town, run).await.unwrap_or_default();
    if let Some(now) = signature(before, &entries, town, run).await {
        consistency(before, &now, town, run).await;
        inclusion(&entries, &now, town, run).await;
    }
    let rows = entries.iter().map(|entry| Row::read(entry, &run.names));
    rows.filter_map(Result::ok).collect()
}

async fn search(town: &Town, run: &mut Run) -> Option<Vec<Entry>> {
    let (steps, names) = (run.steps.clone(), run.names.clone());
    let request = SearchRecordsRequest {
        trace_ids: steps
            .iter()
            .map(|step| step.trace.trace_id.to_vec().into())
            .collect(),
        page_size: 1000,
        ..SearchRecordsRequest::default()
    };
    let step = async |envelope: Envelope| match pages(request, town, &envelope).await {
        Ok(entries) => match recorded::check(&steps, &entries, &names) {
            Ok(()) => (Ending::of("ALL_RECORDED", "OK"), Some(entries)),
            Err(what) => (Ending::of("NOT_RECORDED", "OK").noting(what), Some(entries)),
        },
        Err(status) => (Ending::refused(&status), None),
    };
    let entries = run.step(&plan::READ_RECORDS, step).await?;
    if run.went_well() {
        run.note(format!("{} records", entries.len()));
    }
    Some(entries)
}

async fn pages(
    mut request: SearchRecordsRequest,
    town: &Town,
    envelope: &Envelope,
) -> Result<Vec<Entry>, Status> {
    let mut found = Vec::new();
    loop {
        let question = envelope.around(request.clone());
        let page = town
            .audit
            .clone()
            .search_records(question)
            .await?
            .into_inner();
        found.extend(page.entries);
        if page.next_index == 0 {
            return Ok(found);
        }
        request.from_index = page.next_index;
    }
}

/// Checks the signature of a head that covers every record of the run.
async fn signature(
    before: &Head,
    entries: &[Entry],
    town: &Town,
    run: &mut Run,
) -> Option<Checkpoint> {
    let needed = entries
        .iter()
        .map(|entry| entry.index + 1)
        .max()
        .unwrap_or_default();
    let step = async |envelope: Envelope| {
        let question = envelope.around(GetCheckpointRequest::default());
        let answer = match town.audit.clone().get_checkpoint(question).await {
            Ok(answer) => answer.into_inner(),
            Err(status) => return (Ending::refused(&status), None),
        };
        match Checkpoint::open(&answer.checkpoint, &before.key) {
            Ok(now) if now.size >= needed => (Ending::of("SIGNED", "OK"), Some(now)),
            Ok(_) => (Ending::of("HEAD_TOO_OLD", "OK"), None),
            Err(why) => (Ending::of("BAD_HEAD", "OK").noting(why.to_string()), None),
        }
    };
    let now = run.step(&plan::CHECK_SIGNATURE, step).await?;
    run.note(format!("{} records in all", now.size));
    Some(now)
}

async fn consistency(before: &Head, now: &Checkpoint, town: &Town, run: &mut Run) {
    let old = &before.checkpoint;
    let step = async |envelope: Envelope| {
        let request = ProveConsistencyRequest {
            old_size: old.size,
            new_size: now.size,
            ..ProveConsistencyRequest::default()
        };
        let answer = town
            .audit
            .clone()
            .prove_consistency(envelope.around(request))
            .await;
        let ending = match answer.map(|answer| hashes(&answer.into_inner().proof)) {
            Ok(Some(proof)) => {
                let shown = verify_consistency(old.size, &old.root, now.size, &now.root, &proof);
                judged(shown, "CONSISTENT", "INCONSISTENT")
            }
            Ok(None) => Ending::of("INCONSISTENT", "OK"),
            Err(status) => Ending::refused(&status),
        };
        (ending, None::<()>)
    };
    run.step(&plan::CHECK_CONSISTENCY, step).await;
}

async fn inclusion(entries: &[Entry], now: &Checkpoint, town: &Town, run: &mut Run) {
    let step = async |envelope: Envelope| {
        let mut ending = Ending::of(
            if entries.is_empty() {
                "NO_RECORDS"
            } else {
                "INCLUDED"
            },
            "OK",
        );
        for entry in entries {
            ending = included(entry, now, town, &envelope).await;
            if ending.outcome != plan::CHECK_INCLUSION.expected {
                break;
            }
        }
        (ending, None::<()>)
    };
    run.step(&plan::CHECK_INCLUSION, step).await;
}

async fn included(entry: &Entry, now: &Checkpoint, town: &Town, envelope: &Envelope) -> Ending {
    let request = ProveInclusionRequest {
        index: entry.index,
        size: now.size,
        ..ProveInclusionRequest::default()
    };
    let answer = town
        .audit
        .clone()
        .prove_inclusion(envelope.around(request))
        .await;
    match answer.map(|answer| hashes(&answer.into_inner().proof)) {
        Ok(Some(proof)) => {
            let leaf = Hash::leaf(&entry.leaf);
            let shown = verify_inclusion(&leaf, entry.index, now.size, &proof, &now.root);
            judged(shown, "INCLUDED", "NOT_INCLUDED")
        }
        Ok(None) => Ending::of("NOT_INCLUDED", "OK"),
        Err(status) => Ending::refused(&status),
    }
}

fn judged(shown: Result<(), varco_tlog::error::Error>, good: &str, bad: &str) -> Ending {
    match shown {
        Ok(()) => Ending::of(good, "OK"),
        Err(why) => Ending::of(bad, "OK").noting(why.to_string()),
    }
}

fn hashes(proof: &[prost::bytes::Bytes]) -> Option<Vec<Hash>> {
    proof
        .iter()
        .map(|bytes| Hash::try_from(bytes.as_ref()).ok())
        .collect()
}
