//! `varco.registry.v1` for operators.

use std::fmt::Write as _;
use std::future::Future;
use std::sync::Arc;

use tonic::{Code, Request, Response, Status};
use varco_proto::audit::v1::{Record, RecordKind};
use varco_proto::registry::v1::registry_service_server::RegistryService;
use varco_proto::registry::v1::{
    ApplyDocumentRequest, ApplyDocumentResponse, ArchiveEntryRequest, ArchiveEntryResponse,
    Document, Entry, GetEntryRequest, GetEntryResponse, Kind as ProtoKind, ListEntriesRequest,
    ListEntriesResponse, SuspendEntryRequest, SuspendEntryResponse, UnsuspendEntryRequest,
    UnsuspendEntryResponse,
};
use varco_runtime::problem::{Problem, ToStatus};
use varco_runtime::server::Connection;

use super::{Need, Noted, Operator, action, admit, note, refused, status};
use crate::audit::record::names_a_person;
use crate::gate::Gate;
use crate::registry::Error;
use crate::registry::apply::proto_kind;
use crate::registry::entry::{Kind, State};
use crate::registry::store_entries::Row;

/// The registry for operators.
#[derive(Debug)]
pub struct RegistryApi {
    gate: Arc<Gate>,
}

impl RegistryApi {
    /// Serves the registry of a gateway.
    #[must_use]
    pub fn new(gate: Arc<Gate>) -> Self {
        Self { gate }
    }

    /// Moves an entry to another state, with its record, and gives it as it stands then.
    async fn transition<T>(
        &self,
        request: &Request<T>,
        (kind, name): (i32, &str),
        to: State,
        reason: &str,
    ) -> Result<(Noted, Entry, u64), Status> {
        let kind = parse(kind).map_err(status)?;
        let need = if kind == Kind::Operator {
            Need::Administer
        } else {
            Need::Change
        };
        let method = match to {
            State::Active => "UnsuspendEntry",
            State::Suspended => "SuspendEntry",
            State::Archived => "ArchiveEntry",
        };
        let who = self.admit(request, need, method).await?;
        let detail = self.describe(kind, name, to.participle(), reason);
        let record = self.record(RecordKind::PolicyChange, method, &who, detail);
        let change = Box::pin(self.gate.registry.transition(kind, name, to, &who.name));
        let (noted, row) = self.recorded(record, change).await?;
        Ok((noted, entry(&row), self.gate.registry.snapshot().epoch))
    }

    /// Records that a change is asked for, makes it, and records how it ended.
    async fn recorded<T>(
        &self,
        record: Record,
        change: impl Future<Output = Result<T, Error>>,
    ) -> Result<(Noted, T), Status> {
        let asked = Record {
            outcome: "REQUESTED".to_owned(),
            ..record.clone()
        };
        note(&self.gate, asked).await.map_err(status)?;
        let changed = change.await.map_err(|error| error.to_problem());
        let mut ended = record;
        ended.policy_epoch = self.gate.registry.snapshot().epoch;
        if let Err(problem) = &changed {
            refused(&mut ended, problem);
        }
        let noted = note(&self.gate, ended).await.map_err(status)?;
        Ok((noted, changed.map_err(status)?))
    }

    async fn admit<T>(
        &self,
        request: &Request<T>,
        need: Need,
        method: &str,
    ) -> Result<Operator, Status> {
        let connection = request.extensions().get::<Connection>();
        admit(&self.gate, connection, need, &path(method)).await
    }

    /// What is done to an entry, in one line. A name that the registry does not hold is the
    /// operator's own text, and records are for good: it is left out.
    fn describe(&self, kind: Kind, name: &str, done: &str, reason: &str) -> String {
        let found = self.gate.registry.find(kind, name);
        let name = found.map_or_else(|_| "unknown".to_owned(), |row| row.name);
        match reason {
            "" => format!("{} {name} {done}", kind.name()),
            reason => format!("{} {name} {done}: {reason}", kind.name()),
        }
    }

    fn record(&self, kind: RecordKind, method: &str, who: &Operator, detail: String) -> Record {
        action(&self.gate, kind, &path(method), who, detail)
    }
}

#[tonic::async_trait]
impl RegistryService for RegistryApi {
    async fn apply_document(
        &self,
        request: Request<ApplyDocumentRequest>,
    ) -> Result<Response<ApplyDocumentResponse>, Status> {
        let names_operators = request
            .get_ref()
            .document
            .as_ref()
            .is_some_and(|it| !it.operators.is_empty());
        let need = if names_operators {
            Need::Administer
        } else {
            Need::Change
        };
        let who = self.admit(&request, need, "ApplyDocument").await?;
        let ApplyDocumentRequest { document, dry_run } = request.into_inner();
        let document =
            document.ok_or_else(|| status(Problem::invalid("document", "is required")))?;
        let detail = told(&document, dry_run);
        let record = self.record(RecordKind::PolicyChange, "ApplyDocument", &who, detail);
        let change = Box::pin(self.gate.registry.apply(&document, dry_run, &who.name));
        let (noted, changes) = self.recorded(record, change).await?;
        let epoch = self.gate.registry.snapshot().epoch;
        Ok(noted.stamp(ApplyDocumentResponse { changes, epoch }))
    }

    async fn list_entries(
        &self,
        request: Request<ListEntriesRequest>,
    ) -> Result<Response<ListEntriesResponse>, Status> {
        let who = self.admit(&request, Need::Read, "ListEntries").await?;
        let asked = request.into_inner();
        let kind = parse(asked.kind).map_err(status)?;
        let detail = format!("list {}", kind.name());
        let record = self.record(RecordKind::AdminAccess, "ListEntries", &who, detail);
        let noted = note(&self.gate, record).await.map_err(status)?;
        let size = match asked.page_size {
            0 => 100,
            size => usize::try_from(size.min(500)).unwrap_or(500),
        };
        let snapshot = self.gate.registry.snapshot();
        let mut entries: Vec<Entry> = snapshot
            .rows(kind)
            .into_iter()
            .filter(|row| row.name > asked.page_token)
            .take(size + 1)
            .map(entry)
            .collect();
        let more = entries.len() > size;
        entries.truncate(size);
        let next_page_token = entries
            .last()
            .filter(|_| more)
            .map(|last| last.name.clone())
            .unwrap_or_default();
        Ok(noted.stamp(ListEntriesResponse {
            entries,
            next_page_token,
        }))
    }

    async fn get_entry(
        &self,
        request: Request<GetEntryRequest>,
    ) -> Result<Response<GetEntryResponse>, Status> {
        let who = self.admit(&request, Need::Read, "GetEntry").await?;
        let asked = request.into_inner();
        let kind = parse(asked.kind).map_err(status)?;
        let detail = self.describe(kind, &asked.entry, "read", "");
        let record = self.record(RecordKind::AdminAccess, "GetEntry", &who, detail);
        let noted = note(&self.gate, record).await.map_err(status)?;
        let found = self.gate.registry.find(kind, &asked.entry);
        let row = found.map_err(|error| status(error.to_problem()))?;
        Ok(noted.stamp(GetEntryResponse {
            entry: Some(entry(&row)),
        }))
    }

    async fn suspend_entry(
        &self,
        request: Request<SuspendEntryRequest>,
    ) -> Result<Response<SuspendEntryResponse>, Status> {
        let asked = request.get_ref().clone();
        if asked.reason.len() > 500 {
            return Err(status(Problem::invalid(
                "reason",
                "must have at most 500 bytes",
            )));
        }
        if names_a_person(&asked.reason) {
            let rule = "must not hold a codice fiscale: it is kept for good";
            return Err(status(Problem::invalid("reason", rule)));
        }
        let what = (asked.kind, asked.entry.as_str());
        let (noted, entry, epoch) = self
            .transition(&request, what, State::Suspended, &asked.reason)
            .await?;
        Ok(noted.stamp(SuspendEntryResponse {
            entry: Some(entry),
            epoch,
        }))
    }

    async fn unsuspend_entry(
        &self,
        request: Request<UnsuspendEntryRequest>,
    ) -> Result<Response<UnsuspendEntryResponse>, Status> {
        let asked = request.get_ref().clone();
        let what = (asked.kind, asked.entry.as_str());
        let (noted, entry, epoch) = self.transition(&request, what, State::Active, "").await?;
        Ok(noted.stamp(UnsuspendEntryResponse {
            entry: Some(entry),
            epoch,
        }))
    }

    async fn archive_entry(
        &self,
        request: Request<ArchiveEntryRequest>,
    ) -> Result<Response<ArchiveEntryResponse>, Status> {
        let asked = request.get_ref().clone();
        let what = (asked.kind, asked.entry.as_str());
        let (noted, entry, epoch) = self.transition(&request, what, State::Archived, "").await?;
        Ok(noted.stamp(ArchiveEntryResponse {
            entry: Some(entry),
            epoch,
        }))
    }
}

impl ToStatus for Error {
    fn to_problem(&self) -> Problem {
        match self {
            Self::Archived(_) => {
                Problem::precondition("ARCHIVED", self.to_string(), "voce archiviata")
            }
            Self::Document(problems) => Problem::new(
                Code::InvalidArgument,
                "DOCUMENT_INVALID",
                shortened(problems),
                "il documento non può essere applicato",
            ),
            Self::NotFound(kind, name) => Problem::not_found("ENTRY_UNKNOWN", kind, name),
            Self::Ambiguous(..) => Problem::invalid("entry", self.to_string()),
            Self::Moved => Problem::new(
                Code::Aborted,
                "REGISTRY_MOVED",
                self.to_string(),
                "il registro è in corso di modifica: riprovare",
            ),
            Self::Transition(..) => Problem::precondition(
                "TRANSITION",
                self.to_string(),
                "passaggio di stato non ammesso",
            ),
            Self::Inconsistent(_) | Self::Store(_) => Problem::internal(self),
        }
    }
}

/// As many problems as fit into a status of 4 KiB.
fn shortened(problems: &[String]) -> String {
    let mut text = String::new();
    for (place, problem) in problems.iter().enumerate() {
        if text.len() + problem.len() > 3000 {
            let _ = write!(text, "; and {} more", problems.len() - place);
            break;
        }
        if place > 0 {
            text.push_str("; ");
        }
        text.push_str(problem);
    }
    text
}

/// What a document declares, in one line.
fn told(document: &Document, dry_run: bool) -> String {
    let parts = [
        ("tenants", document.tenants.len()),
        ("eservices", document.eservices.len()),
        ("clients", document.clients.len()),
        ("agreements", document.agreements.len()),
        ("purposes", document.purposes.len()),
        ("operators", document.operators.len()),
    ];
    let said: Vec<String> = parts
        .iter()
        .map(|(what, n)| format!("{n} {what}"))
        .collect();
    let verb = if dry_run { "would apply" } else { "apply" };
    format!("{verb} {}", said.join(", "))
}

fn parse(kind: i32) -> Result<Kind, Problem> {
    Kind::ALL
        .into_iter()
        .find(|known| ProtoKind::try_from(kind) == Ok(proto_kind(*known)))
        .ok_or_else(|| Problem::invalid("kind", "names no kind of entry"))
}

fn entry(row: &Row) -> Entry {
    Entry {
        kind: proto_kind(row.kind).into(),
        id: row.id.to_string(),
        name: row.name.clone(),
        state: row.state.name().to_owned(),
        json: row.body.to_string(),
    }
}

fn path(method: &str) -> String {
    format!("varco.registry.v1.RegistryService/{method}")
}
