//! Nothing with side effects, and no stream, is forwarded before its INTENT is durable.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use varco_proto::audit::v1::RecordKind;

use crate::call::Call;
use crate::gate::Gate;
use crate::points::{self, Point};
use crate::refusal::{Reason, Refusal};
use crate::registry::contract::Effect;

/// Writes the INTENT of a call that needs one.
pub async fn intent(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let call = Call::of(&request, &gate);
    let needed = call
        .permitted()
        .is_some_and(|permit| permit.method.effect == Effect::Write || permit.method.streams());
    if needed {
        // Noted first: a commit whose answer is late may stand all the same.
        call.intend();
        points::pass(Point::IntentBefore);
        let committed = gate.register.commit(call.deposit(RecordKind::Intent)).await;
        if committed.is_err() {
            return Refusal::from(Reason::AuditUnavailable).into_response();
        }
        points::pass(Point::IntentAfter);
    }
    next.run(request).await
}
