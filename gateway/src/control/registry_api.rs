//! `varco.registry.v1` for operators.
//!
//! Each method admits its operator, leaves a record, and hands over to the registry; what a record
//! says is in `told`, how an error becomes a status in `problems`.

use std::future::Future;
use std::sync::Arc;

use tonic::{Request, Response, Status};
use varco_proto::audit::v1::{Record, RecordKind};
use varco_proto::registry::v1 as proto;
use varco_proto::registry::v1::registry_service_server::RegistryService;
use varco_runtime::problem::{Problem, ToStatus as _};
use varco_runtime::server::Connection;

use super::{Need, Noted, action, admit, note, refused, status};
use crate::gate::Gate;
use crate::registry::act;
use crate::registry::apply::Mode;
use crate::registry::entry::{Kind, Row};
use crate::registry::error::Error;
use crate::registry::law::Action;
use crate::registry::scope::Who;
use crate::registry::{Target, as_seen, export};

mod asked;
mod lists;
pub(super) mod problems;
pub(super) mod told;
mod watch;

use asked::Asked;

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

    /// Does an action to an entry, with its records, and gives the entry that shows the outcome.
    async fn act<T>(
        &self,
        request: &Request<T>,
        action: Action,
        asked: Result<Asked, Problem>,
    ) -> Result<(Noted, proto::Entry, u64), Status> {
        let asked = asked.and_then(|asked| asked.to(action)).map_err(status)?;
        let method = action.method();
        let who = self
            .admit(request, Need::Act(asked.kind, action), method)
            .await?;
        let detail = self.describe(asked.kind, &asked.entry, action.participle(), &asked.reason);
        let record = self.record(RecordKind::PolicyChange, method, &who, detail);
        let target = Target {
            kind: asked.kind,
            entry: &asked.entry,
            etag: &asked.etag,
            side: asked.side,
            reason: &asked.reason,
        };
        let change = Box::pin(self.gate.registry.act(target, action, &who));
        let (noted, row) = self.recorded(record, change).await?;
        Ok((noted, lists::entry(&row), self.epoch()))
    }

    /// Gives or takes an attribute.
    async fn attribute<T>(
        &self,
        request: &Request<T>,
        method: &str,
        asked: asked::Attributed<'_>,
    ) -> Result<(Noted, proto::Entry, u64), Status> {
        let who = self
            .admit(request, Need::Change(Kind::Tenant), method)
            .await?;
        let detail = self.describe(Kind::Tenant, asked.tenant, method, "");
        let record = self.record(RecordKind::PolicyChange, method, &who, detail);
        let change = Box::pin(async {
            let (tenant, held) = asked::held(&asked, &who, &self.gate.registry)?;
            let id = self.gate.registry.change(&who, |draft| {
                if let Some(row) = draft.seen.row(tenant) {
                    as_seen(row, asked.etag)?;
                }
                match method {
                    "AssignAttribute" => act::assign(draft, tenant, held.clone()),
                    _ => act::revoke(draft, tenant, &held),
                }
            });
            let id = id.await?;
            let row = self.gate.registry.snapshot().row(id).cloned();
            row.ok_or_else(|| Error::NotFound("tenant", asked.tenant.to_owned()))
        });
        let (noted, row) = self.recorded(record, change).await?;
        Ok((noted, lists::entry(&row), self.epoch()))
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
        ended.policy_epoch = self.epoch();
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
    ) -> Result<Who, Status> {
        let connection = request.extensions().get::<Connection>();
        admit(&self.gate, connection, need, &path(method)).await
    }

    /// Admits a reader and leaves the record of what is read.
    async fn read<T>(
        &self,
        request: &Request<T>,
        method: &str,
        detail: String,
    ) -> Result<(Who, Noted), Status> {
        let who = self.admit(request, Need::Read, method).await?;
        let record = self.record(RecordKind::AdminAccess, method, &who, detail);
        let noted = note(&self.gate, record).await.map_err(status)?;
        Ok((who, noted))
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

    fn record(&self, kind: RecordKind, method: &str, who: &Who, detail: String) -> Record {
        action(&self.gate, kind, &path(method), who, detail)
    }

    fn epoch(&self) -> u64 {
        self.gate.registry.snapshot().epoch
    }

    /// An entry that this operator sees.
    fn seen(&self, kind: Kind, name: &str, who: &Who) -> Result<Row, Error> {
        let snapshot = self.gate.registry.snapshot();
        let row = snapshot.find(kind, name)?;
        if who.sees(&row, &snapshot) {
            Ok(row)
        } else {
            Err(Error::NotFound(kind.name(), name.to_owned()))
        }
    }
}

#[tonic::async_trait]
impl RegistryService for RegistryApi {
    type WatchEventsStream = watch::Events;

    async fn apply_document(
        &self,
        request: Request<proto::ApplyDocumentRequest>,
    ) -> Result<Response<proto::ApplyDocumentResponse>, Status> {
        let who = self.admit(&request, Need::Declare, "ApplyDocument").await?;
        let asked = request.into_inner();
        let document = asked
            .document
            .ok_or_else(|| status(Problem::invalid("document", "is required")))?;
        let detail = told::document(&document, asked.dry_run);
        let record = self.record(RecordKind::PolicyChange, "ApplyDocument", &who, detail);
        let registry = &self.gate.registry;
        let mode = if asked.prune {
            Mode::Prune
        } else {
            Mode::Apply
        };
        let change = Box::pin(async {
            if asked.dry_run {
                let plan = registry.plan(&document, mode, &who)?;
                return Ok((plan.changes, plan.problems));
            }
            let changes = registry.apply(&document, mode, asked.seen_epoch, &who);
            Ok((changes.await?, Vec::new()))
        });
        let (noted, (changes, problems)) = self.recorded(record, change).await?;
        Ok(noted.stamp(proto::ApplyDocumentResponse {
            changes,
            epoch: self.epoch(),
            problems: problems.iter().map(problems::problem).collect(),
        }))
    }

    async fn export_document(
        &self,
        request: Request<proto::ExportDocumentRequest>,
    ) -> Result<Response<proto::ExportDocumentResponse>, Status> {
        let detail = "export".to_owned();
        let (who, noted) = self.read(&request, "ExportDocument", detail).await?;
        let snapshot = self.gate.registry.snapshot();
        let document = export::export(&snapshot, self.gate.registry.db(), &who).await;
        Ok(noted.stamp(proto::ExportDocumentResponse {
            document: Some(document.map_err(|error| status(error.to_problem()))?),
            epoch: snapshot.epoch,
        }))
    }

    async fn list_entries(
        &self,
        request: Request<proto::ListEntriesRequest>,
    ) -> Result<Response<proto::ListEntriesResponse>, Status> {
        let kind = asked::kind(request.get_ref().kind).map_err(status)?;
        let detail = format!("list {}", kind.name());
        let (who, noted) = self.read(&request, "ListEntries", detail).await?;
        let page = lists::page(
            kind,
            request.get_ref(),
            &who,
            &self.gate.registry.snapshot(),
        );
        Ok(noted.stamp(page.map_err(status)?))
    }

    async fn get_entry(
        &self,
        request: Request<proto::GetEntryRequest>,
    ) -> Result<Response<proto::GetEntryResponse>, Status> {
        let asked = request.get_ref();
        let kind = asked::kind(asked.kind).map_err(status)?;
        let detail = self.describe(kind, &asked.entry, "read", "");
        let (who, noted) = self.read(&request, "GetEntry", detail).await?;
        let row = self.seen(kind, &request.get_ref().entry, &who);
        let row = row.map_err(|error| status(error.to_problem()))?;
        Ok(noted.stamp(proto::GetEntryResponse {
            entry: Some(lists::entry(&row)),
        }))
    }

    async fn create_entry(
        &self,
        request: Request<proto::CreateEntryRequest>,
    ) -> Result<Response<proto::CreateEntryResponse>, Status> {
        let who = self.admit(&request, Need::Declare, "CreateEntry").await?;
        let document = request.into_inner().document.unwrap_or_default();
        let detail = told::document(&document, false);
        let record = self.record(RecordKind::PolicyChange, "CreateEntry", &who, detail);
        let change = Box::pin(self.gate.registry.create(&document, &who));
        let (noted, row) = self.recorded(record, change).await?;
        Ok(noted.stamp(proto::CreateEntryResponse {
            entry: Some(lists::entry(&row)),
            epoch: self.epoch(),
        }))
    }

    async fn assign_attribute(
        &self,
        request: Request<proto::AssignAttributeRequest>,
    ) -> Result<Response<proto::AssignAttributeResponse>, Status> {
        let it = request.get_ref().clone();
        let asked = asked::Attributed {
            tenant: &it.tenant,
            attribute: &it.attribute,
            verifier: &it.verifier,
            expires: it.expires,
            etag: &it.etag,
        };
        let done = self.attribute(&request, "AssignAttribute", asked).await?;
        let (noted, entry, epoch) = done;
        let entry = Some(entry);
        Ok(noted.stamp(proto::AssignAttributeResponse { entry, epoch }))
    }

    async fn revoke_attribute(
        &self,
        request: Request<proto::RevokeAttributeRequest>,
    ) -> Result<Response<proto::RevokeAttributeResponse>, Status> {
        let it = request.get_ref().clone();
        let asked = asked::Attributed {
            tenant: &it.tenant,
            attribute: &it.attribute,
            verifier: &it.verifier,
            expires: 0,
            etag: &it.etag,
        };
        let done = self.attribute(&request, "RevokeAttribute", asked).await?;
        let (noted, entry, epoch) = done;
        let entry = Some(entry);
        Ok(noted.stamp(proto::RevokeAttributeResponse { entry, epoch }))
    }

    async fn watch_events(
        &self,
        request: Request<proto::WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        let detail = "watch events".to_owned();
        let (_, noted) = self.read(&request, "WatchEvents", detail).await?;
        let connection = request.extensions().get::<Connection>();
        let peer = connection.and_then(|connection| connection.peer.clone());
        let events = watch::events(&self.gate, peer, request.get_ref()).map_err(status)?;
        Ok(noted.stamp(events))
    }

    async fn suspend_entry(
        &self,
        request: Request<proto::SuspendEntryRequest>,
    ) -> Result<Response<proto::SuspendEntryResponse>, Status> {
        let it = request.get_ref();
        let asked = Asked::new((it.kind, &it.entry), &it.reason, &it.etag, it.side);
        let (noted, entry, epoch) = self.act(&request, Action::Suspend, asked).await?;
        let entry = Some(entry);
        Ok(noted.stamp(proto::SuspendEntryResponse { entry, epoch }))
    }

    async fn unsuspend_entry(
        &self,
        request: Request<proto::UnsuspendEntryRequest>,
    ) -> Result<Response<proto::UnsuspendEntryResponse>, Status> {
        let it = request.get_ref();
        let asked = Asked::new((it.kind, &it.entry), &it.reason, &it.etag, it.side);
        let (noted, entry, epoch) = self.act(&request, Action::Unsuspend, asked).await?;
        let entry = Some(entry);
        Ok(noted.stamp(proto::UnsuspendEntryResponse { entry, epoch }))
    }

    async fn archive_entry(
        &self,
        request: Request<proto::ArchiveEntryRequest>,
    ) -> Result<Response<proto::ArchiveEntryResponse>, Status> {
        let it = request.get_ref();
        let asked = Asked::new((it.kind, &it.entry), &it.reason, &it.etag, it.side);
        let (noted, entry, epoch) = self.act(&request, Action::Archive, asked).await?;
        let entry = Some(entry);
        Ok(noted.stamp(proto::ArchiveEntryResponse { entry, epoch }))
    }

    async fn submit_entry(
        &self,
        request: Request<proto::SubmitEntryRequest>,
    ) -> Result<Response<proto::SubmitEntryResponse>, Status> {
        let it = request.get_ref();
        let asked = Asked::new((it.kind, &it.entry), &it.reason, &it.etag, it.side);
        let (noted, entry, epoch) = self.act(&request, Action::Submit, asked).await?;
        let entry = Some(entry);
        Ok(noted.stamp(proto::SubmitEntryResponse { entry, epoch }))
    }

    async fn publish_entry(
        &self,
        request: Request<proto::PublishEntryRequest>,
    ) -> Result<Response<proto::PublishEntryResponse>, Status> {
        let it = request.get_ref();
        let asked = Asked::new((it.kind, &it.entry), &it.reason, &it.etag, it.side);
        let (noted, entry, epoch) = self.act(&request, Action::Publish, asked).await?;
        let entry = Some(entry);
        Ok(noted.stamp(proto::PublishEntryResponse { entry, epoch }))
    }

    async fn activate_entry(
        &self,
        request: Request<proto::ActivateEntryRequest>,
    ) -> Result<Response<proto::ActivateEntryResponse>, Status> {
        let it = request.get_ref();
        let asked = Asked::new((it.kind, &it.entry), &it.reason, &it.etag, it.side);
        let (noted, entry, epoch) = self.act(&request, Action::Activate, asked).await?;
        let entry = Some(entry);
        Ok(noted.stamp(proto::ActivateEntryResponse { entry, epoch }))
    }

    async fn approve_entry(
        &self,
        request: Request<proto::ApproveEntryRequest>,
    ) -> Result<Response<proto::ApproveEntryResponse>, Status> {
        let it = request.get_ref();
        let asked = Asked::new((it.kind, &it.entry), &it.reason, &it.etag, it.side);
        let (noted, entry, epoch) = self.act(&request, Action::Approve, asked).await?;
        let entry = Some(entry);
        Ok(noted.stamp(proto::ApproveEntryResponse { entry, epoch }))
    }

    async fn reject_entry(
        &self,
        request: Request<proto::RejectEntryRequest>,
    ) -> Result<Response<proto::RejectEntryResponse>, Status> {
        let it = request.get_ref();
        let asked = Asked::new((it.kind, &it.entry), &it.reason, &it.etag, it.side);
        let (noted, entry, epoch) = self.act(&request, Action::Reject, asked).await?;
        let entry = Some(entry);
        Ok(noted.stamp(proto::RejectEntryResponse { entry, epoch }))
    }

    async fn upgrade_entry(
        &self,
        request: Request<proto::UpgradeEntryRequest>,
    ) -> Result<Response<proto::UpgradeEntryResponse>, Status> {
        let it = request.get_ref();
        let asked = Asked::new((it.kind, &it.entry), &it.reason, &it.etag, it.side);
        let (noted, entry, epoch) = self.act(&request, Action::Upgrade, asked).await?;
        let entry = Some(entry);
        Ok(noted.stamp(proto::UpgradeEntryResponse { entry, epoch }))
    }

    async fn clone_entry(
        &self,
        request: Request<proto::CloneEntryRequest>,
    ) -> Result<Response<proto::CloneEntryResponse>, Status> {
        let it = request.get_ref();
        let asked = Asked::new((it.kind, &it.entry), &it.reason, &it.etag, it.side);
        let (noted, entry, epoch) = self.act(&request, Action::Clone, asked).await?;
        let entry = Some(entry);
        Ok(noted.stamp(proto::CloneEntryResponse { entry, epoch }))
    }

    async fn delete_entry(
        &self,
        request: Request<proto::DeleteEntryRequest>,
    ) -> Result<Response<proto::DeleteEntryResponse>, Status> {
        let it = request.get_ref();
        let asked = Asked::new((it.kind, &it.entry), &it.reason, &it.etag, it.side);
        let (noted, entry, epoch) = self.act(&request, Action::Delete, asked).await?;
        let entry = Some(entry);
        Ok(noted.stamp(proto::DeleteEntryResponse { entry, epoch }))
    }

    async fn confirm_entry(
        &self,
        request: Request<proto::ConfirmEntryRequest>,
    ) -> Result<Response<proto::ConfirmEntryResponse>, Status> {
        let it = request.get_ref();
        let asked = Asked::new((it.kind, &it.entry), &it.reason, &it.etag, it.side);
        let (noted, entry, epoch) = self.act(&request, Action::Confirm, asked).await?;
        let entry = Some(entry);
        Ok(noted.stamp(proto::ConfirmEntryResponse { entry, epoch }))
    }
}

fn path(method: &str) -> String {
    format!("varco.registry.v1.RegistryService/{method}")
}
