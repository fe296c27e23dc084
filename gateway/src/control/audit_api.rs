//! `varco.audit.v1` for auditors; their own accesses are records too.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use varco_proto::audit::v1::audit_service_server::AuditService;
use varco_proto::audit::v1::{
    GetCheckpointRequest, GetCheckpointResponse, ProveConsistencyRequest, ProveConsistencyResponse,
    ProveInclusionRequest, ProveInclusionResponse, RecordKind, SearchRecordsRequest,
    SearchRecordsResponse,
};
use varco_runtime::problem::ToStatus as _;
use varco_tlog::hash::Hash;

use super::{Need, action, admit, note, status};
use crate::audit::{self, proofs, search, store_log};
use crate::gate::Gate;

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

    async fn checkpoint(&self) -> Result<GetCheckpointResponse, audit::Error> {
        let log = self.gate.register.log();
        let mut tx = self.gate.register.db().read().await?;
        let head = store_log::head(&mut tx, &log.origin).await?;
        let head = head.ok_or_else(|| audit::Error::NoLog(log.origin.clone()))?;
        Ok(GetCheckpointResponse {
            checkpoint: head.note,
            vkey: log.vkey.clone(),
        })
    }
}

#[tonic::async_trait]
impl AuditService for AuditApi {
    async fn search_records(
        &self,
        request: Request<SearchRecordsRequest>,
    ) -> Result<Response<SearchRecordsResponse>, Status> {
        let who = admit(&self.gate, &request, Need::Audit).map_err(status)?;
        let asked = request.into_inner();
        let detail = format!(
            "search: {} traces, client \"{}\", purpose \"{}\", method \"{}\", from {}",
            asked.trace_ids.len(),
            short(&asked.client_id),
            short(&asked.purpose_id),
            short(&asked.method),
            asked.from_index,
        );
        let method = "varco.audit.v1.AuditService/SearchRecords";
        let record = action(&self.gate, RecordKind::Meta, method, &who, detail);
        let noted = note(&self.gate, record).await.map_err(status)?;
        let register = &self.gate.register;
        let found = search::search(register.db(), register.log(), &asked).await;
        found
            .map(|found| noted.stamp(found))
            .map_err(|error| status(error.to_problem()))
    }

    async fn get_checkpoint(
        &self,
        request: Request<GetCheckpointRequest>,
    ) -> Result<Response<GetCheckpointResponse>, Status> {
        admit(&self.gate, &request, Need::Audit).map_err(status)?;
        let found = self.checkpoint().await;
        found
            .map(Response::new)
            .map_err(|error| status(error.to_problem()))
    }

    async fn prove_inclusion(
        &self,
        request: Request<ProveInclusionRequest>,
    ) -> Result<Response<ProveInclusionResponse>, Status> {
        admit(&self.gate, &request, Need::Audit).map_err(status)?;
        let asked = request.into_inner();
        let register = &self.gate.register;
        let proof = proofs::inclusion(register.db(), register.log(), asked.index, asked.size).await;
        let proof = proof.map_err(|error| status(error.to_problem()))?;
        Ok(Response::new(ProveInclusionResponse {
            proof: bytes(&proof),
        }))
    }

    async fn prove_consistency(
        &self,
        request: Request<ProveConsistencyRequest>,
    ) -> Result<Response<ProveConsistencyResponse>, Status> {
        admit(&self.gate, &request, Need::Audit).map_err(status)?;
        let asked = request.into_inner();
        let register = &self.gate.register;
        let proof = proofs::consistency(
            register.db(),
            register.log(),
            asked.old_size,
            asked.new_size,
        )
        .await;
        let proof = proof.map_err(|error| status(error.to_problem()))?;
        Ok(Response::new(ProveConsistencyResponse {
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

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}
