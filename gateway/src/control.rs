//! The control plane: registry and register of accesses, for operators with a certificate.
//!
//! An operator is a named person whose certificate bears `spiffe://<comune>/operator/<name>` and who
//! stands in the registry with roles. Each use leaves a record before its answer.

use std::sync::Arc;

use tonic::{Code, Request, Response, Status};
use uuid::Uuid;
use varco_proto::audit::v1::{Record, RecordKind};
use varco_runtime::problem::{Problem, ToStatus};
use varco_runtime::server::Connection;
use varco_runtime::trace::TraceContext;

use crate::audit::committer::Receipt;
use crate::audit::{self, record};
use crate::gate::Gate;
use crate::registry::entry::State;

pub mod audit_api;
pub mod registry_api;

/// An operator who was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Name in the registry.
    pub name: String,
}

/// What a method needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// To read the register of accesses.
    Audit,
    /// To change the registry.
    Change,
    /// To read the registry.
    Read,
}

impl Need {
    fn is_met_by(self, role: &str) -> bool {
        match self {
            Self::Audit => role == "auditor",
            Self::Change => matches!(role, "admin" | "security" | "api"),
            Self::Read => true,
        }
    }
}

/// The operator of a call, when a role meets the need.
///
/// # Errors
///
/// `UNAUTHENTICATED` for a certificate that is no operator's, `PERMISSION_DENIED` for a role.
fn admit<T>(gate: &Gate, request: &Request<T>, need: Need) -> Result<Operator, Problem> {
    let connection = request.extensions().get::<Connection>();
    let peer = connection.and_then(|connection| connection.peer.as_deref());
    let name = peer
        .and_then(|peer| peer.named(&format!("{}/operator/", gate.trust_domain)))
        .ok_or_else(unknown)?;
    let snapshot = gate.registry.snapshot();
    let operator = snapshot.operators.get(name).ok_or_else(unknown)?;
    if operator.state != State::Active {
        return Err(denied(
            "OPERATOR_SUSPENDED",
            "the operator is suspended",
            "operatore sospeso",
        ));
    }
    if !operator.body.roles.iter().any(|role| need.is_met_by(role)) {
        let english = "the operator has no role for this";
        return Err(denied(
            "ROLE_MISSING",
            english,
            "l'operatore non ha il ruolo necessario",
        ));
    }
    Ok(Operator {
        name: name.to_owned(),
    })
}

/// Makes the record of an operator's action durable.
///
/// # Errors
///
/// `UNAVAILABLE`: then the action is not answered.
async fn note(gate: &Gate, record: Record) -> Result<Noted, Problem> {
    let id = Uuid::from_slice(&record.audit_id).unwrap_or_default();
    let committed = gate.register.commit(record).await;
    committed.map(|receipt| Noted { id, receipt }).map_err(|_| {
        let english = "the register of accesses cannot be written";
        Problem::unavailable(
            "AUDIT_UNAVAILABLE",
            english,
            "il registro degli accessi non è scrivibile",
        )
    })
}

/// A recorded action, for the metadata of its answer.
#[derive(Clone, Debug)]
struct Noted {
    id: Uuid,
    receipt: Receipt,
}

impl Noted {
    /// Puts the receipt into an answer.
    fn stamp<T>(&self, answer: T) -> Response<T> {
        let mut response = Response::new(answer);
        let entries = [
            ("varco-audit-id", self.id.to_string()),
            ("varco-audit-index", self.receipt.index.to_string()),
        ];
        for (name, value) in entries {
            if let Ok(value) = value.parse() {
                response.metadata_mut().insert(name, value);
            }
        }
        response
    }
}

/// The record of an operator's action.
fn action(gate: &Gate, kind: RecordKind, method: &str, who: &Operator, detail: String) -> Record {
    let epoch = gate.registry.snapshot().epoch;
    let record = record::operator(kind, gate.clock.uuid(), method, &who.name, detail);
    let trace = TraceContext::current().unwrap_or_else(TraceContext::start);
    Record {
        policy_epoch: epoch,
        trace_id: trace.trace_id.to_vec().into(),
        span_id: trace.span_id.to_vec().into(),
        ..record
    }
}

fn unknown() -> Problem {
    let english = "the TLS certificate belongs to no operator";
    Problem::new(
        Code::Unauthenticated,
        "OPERATOR_UNKNOWN",
        english,
        "il certificato TLS non appartiene a un operatore",
    )
}

fn denied(reason: &'static str, english: &str, italian: &str) -> Problem {
    Problem::new(Code::PermissionDenied, reason, english, italian)
}

impl ToStatus for audit::Error {
    fn to_problem(&self) -> Problem {
        match self {
            Self::OutOfRange => Problem::invalid("index", "lies outside the log"),
            other => Problem::internal(other),
        }
    }
}

fn status(problem: Problem) -> Status {
    problem.into_status("varco")
}

/// The gRPC methods of the control plane.
pub fn routes(gate: &Arc<Gate>) -> tonic::service::Routes {
    use varco_proto::audit::v1::audit_service_server::AuditServiceServer;
    use varco_proto::registry::v1::registry_service_server::RegistryServiceServer;
    let registry = registry_api::RegistryApi::new(Arc::clone(gate));
    let audit = audit_api::AuditApi::new(Arc::clone(gate));
    tonic::service::Routes::new(RegistryServiceServer::new(registry))
        .add_service(AuditServiceServer::new(audit))
}
