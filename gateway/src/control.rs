//! The control plane: registry, register of accesses and signing keys, for operators with a certificate.
//!
//! An operator is a named person whose certificate bears `spiffe://<comune>/operator/<name>` and who
//! stands in the registry with roles. A client of kind `api` acts in the name of one. Each use leaves a record before its answer.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::extract::{Request as HttpRequest, State};
use axum::middleware::Next;
use axum::response::Response as Answer;
use prost_reflect::DescriptorPool;
use tonic::{Code, Response, Status};
use uuid::Uuid;
use varco_proto::audit::v1::{Decision, Record, RecordKind};
use varco_runtime::problem::{Problem, ToStatus};
use varco_runtime::server::Connection;
use varco_runtime::telemetry::served::name_span;
use varco_runtime::tls::Peer;
use varco_runtime::trace::TraceContext;

use crate::audit::committer::Receipt;
use crate::audit::{self, record, retention};
use crate::gate::Gate;
use crate::registry::client::ClientKind;
use crate::registry::entry::{Kind, State as Live};
use crate::registry::law::Action;
use crate::registry::operator::{may_act, may_change};
use crate::registry::scope::Who;
use crate::registry::snapshot::Snapshot;

pub mod audit_api;
pub mod certificates;
pub mod explain_api;
pub mod keys_api;
mod reconciled;
pub mod registry_api;
mod simulated;

/// What a method needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// To do an action to an entry of a kind.
    Act(Kind, Action),
    /// To read the register of accesses, which is the whole installation's.
    Audit,
    /// To change entries of a kind.
    Change(Kind),
    /// To certify operators: whoever does could be any of them.
    Certify,
    /// To declare entries of any kind; which ones is asked of each.
    Declare,
    /// To have tokens explained.
    Explain,
    /// To read the registry, as far as one sees it.
    Read,
    /// To look after keys and certificates of the installation.
    Secure,
}

impl Need {
    fn is_met_by(self, who: &Who) -> bool {
        let has = |role: &str| who.roles.iter().any(|held| held == role);
        match self {
            Self::Act(kind, action) => may_act(&who.roles, kind, action),
            Self::Audit => has("auditor") && who.tenant.is_none(),
            Self::Certify => who.administers(),
            Self::Change(kind) => may_change(&who.roles, kind),
            Self::Declare | Self::Explain => ["admin", "security", "api"].into_iter().any(has),
            Self::Read => true,
            Self::Secure => (has("admin") || has("security")) && who.tenant.is_none(),
        }
    }
}

/// Lets a call to the control plane on only when its certificate is an operator's, before anything
/// of its body is read; a refusal leaves its record.
pub async fn admission(State(gate): State<Arc<Gate>>, request: HttpRequest, next: Next) -> Answer {
    if let Some(method) = known(request.uri().path()) {
        name_span(method);
    }
    let connection = request.extensions().get::<Connection>();
    let operator = operator(
        &gate,
        connection.and_then(|connection| connection.peer.as_deref()),
    );
    let Err(problem) = operator else {
        let answer = tokio::time::timeout(PATIENCE, next.run(request)).await;
        return answer.unwrap_or_else(|_| Status::deadline_exceeded("too slow").into_http());
    };
    let mut record = record::operator(gate.clock.uuid(), "", "", String::new());
    record.kind = RecordKind::AdminAccess.into();
    refused(&mut record, &problem);
    let recorded = note(&gate, record).await;
    recorded
        .map_or_else(status, |_| status(problem))
        .into_http()
}

/// The method of a path, when there is one of that name.
fn known(path: &str) -> Option<&str> {
    let method = path.strip_prefix('/')?;
    METHODS.contains(method).then_some(method)
}

/// Who stands behind a verified certificate: an operator, or a system that acts for one.
fn operator(gate: &Gate, peer: Option<&Peer>) -> Result<Who, Problem> {
    let peer = peer.ok_or_else(unknown)?;
    let snapshot = gate.registry.snapshot();
    let known = snapshot.certificate(&peer.thumbprint);
    if known.is_some_and(|it| it.state == Live::WaitingForApproval) {
        return Err(denied(
            "CERTIFICATE_WAITING",
            "the TLS certificate counts once another operator has approved it (four eyes)",
            "il certificato TLS vale dopo l'approvazione di un altro operatore",
        ));
    }
    if snapshot.is_revoked(&peer.thumbprint) {
        return Err(denied(
            "CERTIFICATE_REVOKED",
            "the TLS certificate has been revoked",
            "il certificato TLS è stato revocato",
        ));
    }
    if peer.has_ended(gate.clock.unix()) {
        return Err(denied(
            "CERTIFICATE_ENDED",
            "the TLS certificate has ended: renew it and connect again",
            "il certificato TLS è scaduto: rinnovarlo e collegarsi di nuovo",
        ));
    }
    match peer.named(&format!("{}/operator/", gate.trust_domain)) {
        Some(name) => person(name, &snapshot),
        None => system(peer, &gate.trust_domain, &snapshot),
    }
}

/// The operator of a name.
fn person(name: &str, snapshot: &Snapshot) -> Result<Who, Problem> {
    let operator = snapshot.operator(name).ok_or_else(unknown)?;
    if operator.state != Live::Active {
        return Err(suspended());
    }
    if let Some(tenant) = operator.body.tenant {
        stands(tenant, snapshot)?;
    }
    Ok(Who {
        name: name.to_owned(),
        person: name.to_owned(),
        roles: operator.body.roles.clone(),
        tenant: operator.body.tenant,
        system: None,
        stands: true,
    })
}

/// Nobody administers for a tenant that is suspended or has ended.
fn stands(tenant: Uuid, snapshot: &Snapshot) -> Result<(), Problem> {
    let tenant = snapshot.tenants.get(&tenant).ok_or_else(unknown)?;
    let active = tenant.state == Live::Active;
    active.then_some(()).ok_or_else(suspended)
}

/// An `api` client: it has the roles of the operator in whose name it acts, for its own tenant
/// alone, and none from the moment that the operator has none (PDND's binding to `adminId`).
fn system(peer: &Peer, trust_domain: &str, snapshot: &Snapshot) -> Result<Who, Problem> {
    // By what the comune's authority wrote alone: a listed certificate administers nothing.
    let id = peer.named(&format!("{trust_domain}/client/"));
    let id = id.and_then(|id| id.parse().ok()).ok_or_else(unknown)?;
    let client = snapshot.clients.get(&id).ok_or_else(unknown)?;
    if client.body.kind != ClientKind::Api {
        return Err(unknown());
    }
    if client.state != Live::Active {
        return Err(suspended());
    }
    let admin = client.body.admin.as_deref().ok_or_else(unknown)?;
    let admin = person(admin, snapshot)?;
    let own = client.body.consumer;
    stands(own, snapshot)?;
    if admin.tenant.is_some_and(|tenant| tenant != own) {
        return Err(unknown());
    }
    Ok(Who {
        name: format!("client/{}", client.name),
        tenant: Some(own),
        system: Some(id),
        ..admin
    })
}

/// The operator of a call, when a role meets the need; a refusal leaves its record.
///
/// # Errors
///
/// `UNAUTHENTICATED` for a certificate that is no operator's, `PERMISSION_DENIED` for a role.
async fn admit(
    gate: &Gate,
    connection: Option<&Connection>,
    need: Need,
    method: &str,
) -> Result<Who, Status> {
    let peer = connection.and_then(|connection| connection.peer.as_deref());
    let operator = operator(gate, peer).map_err(status)?;
    if need.is_met_by(&operator) {
        return Ok(operator);
    }
    let english = "the operator has no role for this";
    let problem = denied(
        "ROLE_MISSING",
        english,
        "l'operatore non ha il ruolo necessario",
    );
    let mut record = action(
        gate,
        RecordKind::AdminAccess,
        method,
        &operator,
        String::new(),
    );
    refused(&mut record, &problem);
    note(gate, record).await.map_err(status)?;
    Err(status(problem))
}

/// Makes a record say that what it is about was refused, and why.
fn refused(record: &mut Record, problem: &Problem) {
    record.decision = Decision::Deny.into();
    problem.reason().clone_into(&mut record.deny_reason);
    "REFUSED".clone_into(&mut record.outcome);
    record.grpc_status = i32::from(problem.code()).unsigned_abs();
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
fn action(gate: &Gate, kind: RecordKind, method: &str, who: &Who, detail: String) -> Record {
    let epoch = gate.registry.snapshot().epoch;
    let record = record::operator(gate.clock.uuid(), method, &who.name, detail);
    let trace = TraceContext::current().unwrap_or_else(TraceContext::start);
    Record {
        kind: kind.into(),
        retention_class: retention::class(kind).into(),
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

fn suspended() -> Problem {
    denied(
        "OPERATOR_SUSPENDED",
        "the operator, or the system that acts for one, is suspended",
        "operatore sospeso, o sistema che agisce per suo conto sospeso",
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
pub fn routes(gate: &Arc<Gate>, assertion_audience: &str) -> tonic::service::Routes {
    use varco_proto::audit::v1::audit_service_server::AuditServiceServer;
    use varco_proto::gateway::v1::certificate_service_server::CertificateServiceServer;
    use varco_proto::gateway::v1::key_service_server::KeyServiceServer;
    use varco_proto::registry::v1::registry_service_server::RegistryServiceServer;
    use varco_proto::token::v1::explain_service_server::ExplainServiceServer;
    let registry = registry_api::RegistryApi::new(Arc::clone(gate));
    let audit = audit_api::AuditApi::new(Arc::clone(gate));
    let keys = keys_api::KeysApi::new(Arc::clone(gate));
    let certificates = certificates::CertificateApi::new(Arc::clone(gate));
    let explain = explain_api::ExplainApi::new(Arc::clone(gate), assertion_audience);
    tonic::service::Routes::new(RegistryServiceServer::new(registry))
        .add_service(AuditServiceServer::new(audit))
        .add_service(KeyServiceServer::new(keys))
        .add_service(CertificateServiceServer::new(certificates))
        .add_service(ExplainServiceServer::new(explain))
}

/// Every method of the contracts, as `pkg.Service/Method`.
static METHODS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let contracts = DescriptorPool::decode(varco_proto::DESCRIPTOR_SET).unwrap_or_default();
    let methods = contracts.services().flat_map(|service| {
        let methods = service.methods();
        let names = methods.map(|it| format!("{}/{}", it.parent_service().full_name(), it.name()));
        names.collect::<Vec<_>>()
    });
    methods.collect()
});
/// Longest call of an operator.
const PATIENCE: Duration = Duration::from_secs(30);
