//! What the register of accesses holds of a person: asked of the gateway, log by log.
//!
//! A record tells of those alone whom no earlier record of its call has told of, so calls are found
//! by the person first and then read whole, by their ids, in every log: a call may end in the log of
//! the next year.

use std::collections::BTreeSet;

use jiff::civil::Date;
use prost::Message as _;
use prost::bytes::Bytes;
use serde::Serialize;
use tonic::transport::Channel;
use varco_proto::audit::v1::audit_service_client::AuditServiceClient;
use varco_proto::audit::v1::{
    Entry, GetCheckpointRequest, ListLogsRequest, LogInfo, Record, SearchRecordsRequest,
};
use varco_runtime::clock;
use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::note::Verifier;

use super::super::search::find;
use super::person::References;
use crate::failure::Failure;
use crate::output::refusal::Refusal;

/// What is asked for.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The person.
    pub references: &'a References,
    /// First day in Europe/Rome.
    pub since: Option<Date>,
    /// Last day in Europe/Rome.
    pub until: Option<Date>,
    /// Whether sealed details are needed.
    pub with_details: bool,
}

/// What was found.
#[derive(Debug)]
pub struct Found {
    /// Records of the calls, by log.
    pub logs: Vec<(String, Vec<Entry>)>,
    /// The signed heads under which they stood.
    pub checkpoints: Vec<Head>,
    /// Logs that are older than the key.
    pub not_searched: Vec<String>,
}

/// A signed head of a log, verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Head {
    /// Name of the log.
    pub origin: String,
    /// How many records.
    pub size: u64,
    /// Root over them, base64.
    pub root: String,
}

/// Finds every record of every call that showed the person.
///
/// # Errors
///
/// When the gateway refuses, or a head does not verify.
pub async fn gather(
    audit: &mut AuditServiceClient<Channel>,
    asked: &Asked<'_>,
) -> Result<Found, Failure> {
    let answer = audit.list_logs(ListLogsRequest {}).await;
    let logs = answer
        .map_err(|status| Refusal::from(&status))?
        .into_inner();
    let mut not_searched = Vec::new();
    let mut searched = Vec::new();
    let mut calls = BTreeSet::new();
    for log in logs.logs {
        let Some(references) = asked.references.for_log(&log.origin) else {
            not_searched.push(log.origin);
            continue;
        };
        calls.extend(calls_in(audit, &log.origin, references, asked).await?);
        searched.push(log);
    }
    let calls: Vec<Bytes> = calls.into_iter().collect();
    let (mut logs, mut checkpoints) = (Vec::new(), Vec::new());
    for log in searched {
        let entries = whole(audit, &log.origin, &calls, asked.with_details).await?;
        checkpoints.extend(head(audit, &log).await?);
        logs.push((log.origin, entries));
    }
    Ok(Found {
        logs,
        checkpoints,
        not_searched,
    })
}

/// The calls in which the person was shown.
async fn calls_in(
    audit: &mut AuditServiceClient<Channel>,
    origin: &str,
    references: Vec<Bytes>,
    asked: &Asked<'_>,
) -> Result<BTreeSet<Bytes>, Failure> {
    if references.is_empty() {
        return Ok(BTreeSet::new());
    }
    let day = |day: Date| prost_types::Timestamp {
        seconds: clock::midnight(day).as_second(),
        nanos: 0,
    };
    let request = SearchRecordsRequest {
        origin: origin.to_owned(),
        subject_refs: references,
        from_time: asked.since.map(day),
        to_time: asked.until.and_then(|it| it.tomorrow().ok()).map(day),
        page_size: PAGE,
        ..SearchRecordsRequest::default()
    };
    let mut calls = BTreeSet::new();
    for entry in find(audit, request, usize::MAX).await? {
        calls.insert(Record::decode(&*entry.leaf)?.audit_id);
    }
    Ok(calls)
}

/// Every record of these calls, in the order of the log.
async fn whole(
    audit: &mut AuditServiceClient<Channel>,
    origin: &str,
    calls: &[Bytes],
    with_details: bool,
) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    for some in calls.chunks(CALLS) {
        let request = SearchRecordsRequest {
            origin: origin.to_owned(),
            audit_ids: some.to_vec(),
            page_size: PAGE,
            with_details,
            ..SearchRecordsRequest::default()
        };
        entries.extend(find(audit, request, usize::MAX).await?);
    }
    entries.sort_by_key(|entry| entry.index);
    Ok(entries)
}

/// The head of a log after it was searched; none where it holds nothing.
async fn head(
    audit: &mut AuditServiceClient<Channel>,
    log: &LogInfo,
) -> Result<Option<Head>, Failure> {
    if log.size == 0 {
        return Ok(None);
    }
    let origin = log.origin.clone();
    let answer = audit.get_checkpoint(GetCheckpointRequest { origin }).await;
    let note = answer
        .map_err(|status| Refusal::from(&status))?
        .into_inner()
        .checkpoint;
    let verifier: Verifier = log.vkey.parse()?;
    let head = Checkpoint::open(&note, &verifier)?;
    let text = head.to_string();
    Ok(Some(Head {
        root: text.lines().nth(2).unwrap_or_default().to_owned(),
        origin: head.origin,
        size: head.size,
    }))
}

/// How many calls a search may name.
const CALLS: usize = 200;
const PAGE: u32 = 1000;
