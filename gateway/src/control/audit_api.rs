//! `varco.audit.v1` for auditors; their own accesses are records too.

use std::fmt::Write as _;
use std::sync::Arc;

use tonic::{Request, Response, Status};
use uuid::Uuid;
use varco_proto::audit::v1::audit_service_server::AuditService;
use varco_proto::audit::v1::{
    AnchorCheckpointRequest, AnchorCheckpointResponse, GetCheckpointRequest, GetCheckpointResponse,
    ListLogsRequest, ListLogsResponse, LogInfo, ProveConsistencyRequest, ProveConsistencyResponse,
    ProveInclusionRequest, ProveInclusionResponse, ReconcileRequest, ReconcileResponse, RecordKind,
    SearchRecordsRequest, SearchRecordsResponse, SimulatePolicyRequest, SimulatePolicyResponse,
};
use varco_runtime::problem::{Problem, ToStatus as _};
use varco_runtime::server::Connection;
use varco_tlog::hash::Hash;

use super::{Need, Noted, action, admit, note, reconciled, simulated, status};
use crate::audit::reading::Reading;
use crate::audit::{self, anchoring, proofs, reconcile, search, store_log};
use crate::gate::Gate;
use crate::registry::scope::Who;

/// The register of accesses for auditors.
#[derive(Debug)]
pub struct AuditApi {
    gate: Arc<Gate>,
}

impl AuditApi {
    /// Serves the register of a gateway.
    #[must_use]
    pub fn new(gate: Arc<Gate>) -> Self {
        Self { gate }
    }

    async fn admit<T>(&self, request: &Request<T>, method: &str) -> Result<Who, Status> {
        let connection = request.extensions().get::<Connection>();
        admit(&self.gate, connection, Need::Audit, &path(method)).await
    }

    /// Who looks at the register stands in the register.
    async fn note(&self, who: &Who, method: &str, detail: String) -> Result<Noted, Status> {
        let record = action(&self.gate, RecordKind::Meta, &path(method), who, detail);
        note(&self.gate, record).await.map_err(status)
    }

    /// What is searched for, in one line. What the registry does not hold is the auditor's own
    /// text, and records are for good: it is left out.
    fn describe(&self, asked: &SearchRecordsRequest) -> String {
        let snapshot = self.gate.registry.snapshot();
        let id = |text: &str| {
            text.parse::<Uuid>()
                .map_or("other".to_owned(), |id| id.to_string())
        };
        let mut told = format!("search from {}", asked.from_index);
        if !asked.trace_ids.is_empty() {
            let _ = write!(told, ", {} traces", asked.trace_ids.len());
        }
        for (what, named) in [
            ("calls", asked.audit_ids.len()),
            ("data subjects", asked.subject_refs.len()),
            (
                "persons who acted",
                usize::from(!asked.actor_ref.is_empty()),
            ),
        ] {
            if named > 0 {
                let _ = write!(told, ", {named} {what}");
            }
        }
        if asked.with_details {
            told.push_str(", with sealed details");
        }
        if !asked.client_id.is_empty() {
            let _ = write!(told, ", client {}", id(&asked.client_id));
        }
        if !asked.purpose_id.is_empty() {
            let _ = write!(told, ", purpose {}", id(&asked.purpose_id));
        }
        if !asked.method.is_empty() {
            let known = snapshot.methods.get(&asked.method);
            let _ = write!(told, ", method {}", known.map_or("other", String::as_str));
        }
        told
    }

    /// The log that is asked for: the one of that name, or the one that this gateway writes.
    async fn reading(&self, origin: &str) -> Result<Reading, audit::Error> {
        let own = self.gate.register.reading();
        if origin.is_empty() || origin == own.log.origin {
            return Ok(own);
        }
        let mut tx = own.db.read().await?;
        let log = store_log::log(&mut tx, origin).await?;
        drop(tx);
        let log = log.ok_or_else(|| audit::Error::NoLog(origin.to_owned()))?;
        Reading::of(own.db, own.index, log).await
    }

    async fn logs(&self) -> Result<ListLogsResponse, audit::Error> {
        let mut tx = self.gate.register.db().read().await?;
        let mut logs = Vec::new();
        for log in store_log::logs(&mut tx).await? {
            let head = store_log::head(&mut tx, &log).await?;
            logs.push(LogInfo {
                size: head.as_ref().map_or(0, |head| head.size),
                pruned: head.map_or(0, |head| head.pruned),
                origin: log.origin,
                vkey: log.vkey,
            });
        }
        Ok(ListLogsResponse { logs })
    }

    async fn checkpoint(&self, origin: &str) -> Result<GetCheckpointResponse, audit::Error> {
        let reading = self.reading(origin).await?;
        let head = reading.head().await?;
        let head = head.ok_or_else(|| audit::Error::NoLog(reading.log.origin.clone()))?;
        let cosigned = self.gate.register.cosigned();
        let cosigned = cosigned.filter(|it| it.origin == reading.log.origin);
        Ok(GetCheckpointResponse {
            checkpoint: head.note,
            vkey: reading.log.vkey,
            cosigned: cosigned.map_or(String::new(), |it| it.note.to_string()),
        })
    }

    async fn search(
        &self,
        asked: &SearchRecordsRequest,
    ) -> Result<SearchRecordsResponse, audit::Error> {
        search::search(&self.reading(&asked.origin).await?, asked).await
    }

    async fn inclusion(&self, asked: &ProveInclusionRequest) -> Result<Vec<Hash>, audit::Error> {
        let reading = self.reading(&asked.origin).await?;
        proofs::inclusion(&reading, asked.index, asked.size).await
    }

    async fn consistency(
        &self,
        asked: &ProveConsistencyRequest,
    ) -> Result<Vec<Hash>, audit::Error> {
        let reading = self.reading(&asked.origin).await?;
        proofs::consistency(&reading, asked.old_size, asked.new_size).await
    }
}

#[tonic::async_trait]
impl AuditService for AuditApi {
    async fn list_logs(
        &self,
        request: Request<ListLogsRequest>,
    ) -> Result<Response<ListLogsResponse>, Status> {
        let who = self.admit(&request, "ListLogs").await?;
        let noted = self.note(&who, "ListLogs", String::new()).await?;
        let found = self.logs().await;
        found
            .map(|found| noted.stamp(found))
            .map_err(|error| status(error.to_problem()))
    }

    async fn search_records(
        &self,
        request: Request<SearchRecordsRequest>,
    ) -> Result<Response<SearchRecordsResponse>, Status> {
        let who = self.admit(&request, "SearchRecords").await?;
        let asked = request.into_inner();
        for (field, named) in [
            ("audit_ids", asked.audit_ids.len()),
            ("kinds", asked.kinds.len()),
            ("subject_refs", asked.subject_refs.len()),
            ("trace_ids", asked.trace_ids.len()),
        ] {
            if named > search::MAX_NAMED {
                return Err(status(Problem::invalid(field, "must be at most 200")));
            }
        }
        let detail = self.describe(&asked);
        let noted = self.note(&who, "SearchRecords", detail).await?;
        let found = self.search(&asked).await;
        found
            .map(|found| noted.stamp(found))
            .map_err(|error| status(error.to_problem()))
    }

    async fn get_checkpoint(
        &self,
        request: Request<GetCheckpointRequest>,
    ) -> Result<Response<GetCheckpointResponse>, Status> {
        let who = self.admit(&request, "GetCheckpoint").await?;
        let noted = self.note(&who, "GetCheckpoint", String::new()).await?;
        let found = self.checkpoint(&request.get_ref().origin).await;
        found
            .map(|found| noted.stamp(found))
            .map_err(|error| status(error.to_problem()))
    }

    async fn prove_inclusion(
        &self,
        request: Request<ProveInclusionRequest>,
    ) -> Result<Response<ProveInclusionResponse>, Status> {
        let who = self.admit(&request, "ProveInclusion").await?;
        let noted = self.note(&who, "ProveInclusion", String::new()).await?;
        let asked = request.into_inner();
        let proof = self.inclusion(&asked).await;
        let proof = proof.map_err(|error| status(error.to_problem()))?;
        Ok(noted.stamp(ProveInclusionResponse {
            proof: bytes(&proof),
        }))
    }

    async fn reconcile(
        &self,
        request: Request<ReconcileRequest>,
    ) -> Result<Response<ReconcileResponse>, Status> {
        let who = self.admit(&request, "Reconcile").await?;
        let now = self.gate.clock.now().as_microsecond();
        let window = reconciled::window(&request.into_inner(), now).map_err(status)?;
        let noted = self.note(&who, "Reconcile", window.to_string()).await?;
        let outcome = reconcile::run::run(&self.gate, window).await;
        let outcome = outcome.map_err(|error| status(error.to_problem()))?;
        Ok(noted.stamp(reconciled::told(&outcome)))
    }

    async fn simulate_policy(
        &self,
        request: Request<SimulatePolicyRequest>,
    ) -> Result<Response<SimulatePolicyResponse>, Status> {
        let who = self.admit(&request, "SimulatePolicy").await?;
        let asked = request.into_inner();
        let detail = simulated::describe(&asked);
        let noted = self.note(&who, "SimulatePolicy", detail).await?;
        let answer = simulated::answer(&self.gate, asked).await;
        answer.map(|answer| noted.stamp(answer)).map_err(status)
    }

    async fn anchor_checkpoint(
        &self,
        request: Request<AnchorCheckpointRequest>,
    ) -> Result<Response<AnchorCheckpointResponse>, Status> {
        let who = self.admit(&request, "AnchorCheckpoint").await?;
        let anchoring = self.gate.anchoring.as_ref();
        let anchoring = anchoring.ok_or_else(|| status(anchoring::not_configured()))?;
        let noted = self.note(&who, "AnchorCheckpoint", String::new()).await?;
        let anchored = anchoring.run().await;
        let anchored = anchored.map_err(|error| status(error.to_problem()))?;
        Ok(noted.stamp(AnchorCheckpointResponse {
            day: anchored.day.to_string(),
            checkpoint: anchored.note,
            anchors: anchored.anchors,
        }))
    }

    async fn prove_consistency(
        &self,
        request: Request<ProveConsistencyRequest>,
    ) -> Result<Response<ProveConsistencyResponse>, Status> {
        let who = self.admit(&request, "ProveConsistency").await?;
        let noted = self.note(&who, "ProveConsistency", String::new()).await?;
        let asked = request.into_inner();
        let proof = self.consistency(&asked).await;
        let proof = proof.map_err(|error| status(error.to_problem()))?;
        Ok(noted.stamp(ProveConsistencyResponse {
            proof: bytes(&proof),
        }))
    }
}

fn bytes(proof: &[Hash]) -> Vec<prost::bytes::Bytes> {
    proof
        .iter()
        .map(|hash| prost::bytes::Bytes::copy_from_slice(hash.as_bytes()))
        .collect()
}

fn path(method: &str) -> String {
    format!("varco.audit.v1.AuditService/{method}")
}
