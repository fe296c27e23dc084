//! `varco.token.v1.ExplainService`: why a token is refused, for those who must mend it.

use std::sync::Arc;

use tonic::{Code, Request, Response, Status};
use varco_proto::audit::v1::RecordKind;
use varco_proto::token::v1::explain_service_server::ExplainService;
use varco_proto::token::v1::{ExplainRequest, ExplainResponse, StepStatus, TokenKind};
use varco_runtime::problem::Problem;
use varco_runtime::server::Connection;

use super::{Need, action, admit, note, refused, status};
use crate::gate::Gate;
use crate::registry::entry::Kind;
use crate::registry::scope::Who;
use crate::registry::snapshot::Snapshot;
use crate::token::explain;
use crate::token::issuance::Rules;

/// Explanations for operators.
#[derive(Debug)]
pub struct ExplainApi {
    gate: Arc<Gate>,
    rules: Rules,
}

impl ExplainApi {
    /// Explains what a gateway issues and takes.
    #[must_use]
    pub fn new(gate: Arc<Gate>, assertion_audience: &str) -> Self {
        let rules = crate::token::rules(&gate, assertion_audience);
        Self { gate, rules }
    }
}

#[tonic::async_trait]
impl ExplainService for ExplainApi {
    async fn explain(
        &self,
        request: Request<ExplainRequest>,
    ) -> Result<Response<ExplainResponse>, Status> {
        let connection = request.extensions().get::<Connection>();
        let who = admit(&self.gate, connection, Need::Explain, METHOD).await?;
        let asked = request.into_inner();
        let explained = explain::explain(&self.gate, &self.rules, &asked).await;
        let explained = explained.map_err(|error| status(Problem::internal(&error)))?;
        let detail = detail(&explained);
        let mut record = action(&self.gate, RecordKind::AdminAccess, METHOD, &who, detail);
        let told = if concerns(&who, &explained, &self.gate.registry.snapshot()) {
            Ok(explained)
        } else {
            let problem = another_tenants();
            refused(&mut record, &problem);
            Err(problem)
        };
        let noted = note(&self.gate, record).await.map_err(status)?;
        Ok(noted.stamp(told.map_err(status)?))
    }
}

/// Whether what is explained is this operator's business: its tenant's client asks, or for a
/// purpose in which it is one of the two sides. A token that nobody has signed is anybody's.
fn concerns(who: &Who, explained: &ExplainResponse, snapshot: &Snapshot) -> bool {
    let seen = |kind: Kind, name: &str| {
        let row = snapshot.named(kind, name);
        row.is_some_and(|row| who.sees(row, snapshot))
    };
    explained.client.is_empty()
        || seen(Kind::Client, &explained.client)
        || seen(Kind::Purpose, &explained.purpose)
}

fn another_tenants() -> Problem {
    Problem::new(
        Code::PermissionDenied,
        "OTHER_TENANT",
        "the token is that of another tenant, whose operators may have it explained",
        "il token è di un altro ente o ufficio, i cui operatori possono chiederne spiegazione",
    )
}

/// What was looked at, in one line: nothing of the token but whose it is.
fn detail(explained: &ExplainResponse) -> String {
    let kind = match explained.kind() {
        TokenKind::Voucher => "voucher",
        TokenKind::Assertion => "assertion",
        TokenKind::Unspecified => "token",
    };
    let failed = |step: &&varco_proto::token::v1::Step| step.status() == StepStatus::Failed;
    let reason = explained.steps.iter().find(failed);
    let reason = reason.map_or("nothing failed", |step| step.reason.as_str());
    let whose = Some(explained.client.as_str()).filter(|client| !client.is_empty());
    format!("explain {kind} of {}: {reason}", whose.unwrap_or("nobody"))
}

const METHOD: &str = "varco.token.v1.ExplainService/Explain";
