//! Nothing with side effects, and no stream, is forwarded before its INTENT is durable.

use axum::response::Response;
use varco_proto::audit::v1::RecordKind;

use crate::passing::Passing;
use crate::points::{self, Point};
use crate::refusal::{Reason, Refusal};
use crate::registry::contract::Effect;

/// Writes the INTENT of a call that needs one.
pub async fn intent<F>(passing: Passing, next: impl FnOnce(Passing) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let Passing { gate, call, .. } = &passing;
    let needed = call
        .permitted()
        .is_some_and(|permit| permit.method.effect == Effect::Write || permit.method.streams());
    if needed {
        // Noted first: a commit whose answer is late may stand all the same.
        call.intend();
        points::pass(Point::IntentBefore);
        // Boxed: few calls need one, and the future is large.
        let intent = gate.register.commit(call.deposit(RecordKind::Intent));
        let committed = Box::pin(intent).await;
        if committed.is_err() {
            return Refusal::from(Reason::AuditUnavailable).into_response();
        }
        points::pass(Point::IntentAfter);
    }
    next(passing).await
}
