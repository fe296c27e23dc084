//! The last step: the call goes to its service with a grant, byte for byte.
//!
//! What gives authority here (`authorization`, `dpop`, inbound `varco-*`) never reaches a service;
//! all other metadata does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use tonic::Code;
use varco_runtime::grant;
use varco_runtime::metadata::{GRPC_STATUS, GRPC_TIMEOUT, TRACEPARENT, VARCO_GRANT};
use varco_runtime::telemetry::served::observed;
use varco_runtime::telemetry::span::{Ending, Span};

use crate::authorize::Permit;
use crate::call::Call;
use crate::encoding;
use crate::gate::Gate;
use crate::keys::lifecycle::Role;
use crate::passing::Passing;
use crate::points::{self, Point};
use crate::refusal::{Reason, Refusal};
use crate::upstream::cancel::Held;
use crate::upstream::endpoint::Endpoint;
use crate::upstream::failure::Failure;
use crate::upstream::pool::{Place, Pool};
use crate::vigil::still_permitted;

pub mod outgoing;

use outgoing::Outgoing;

/// Forwards an authorised call and gives the service's answer as it comes.
pub async fn forward(passing: Passing) -> Response {
    let Passing {
        gate,
        call,
        request,
    } = passing;
    let Some(permit) = call.permitted().cloned() else {
        return Refusal::from(Reason::VoucherMissing).into_response();
    };
    // The request may have been long in coming.
    let permitted = still_permitted(&gate, &call);
    let sent = match permitted {
        Ok(()) => send(&gate, &call, &permit, request).await,
        Err(reason) => Err(reason),
    };
    match sent {
        Ok(response) => response,
        Err(reason) => Refusal::from(reason).into_response(),
    }
}

/// A call with all that an attempt to send it needs.
struct Onward<'a> {
    gate: &'a Gate,
    call: &'a Call,
    permit: &'a Permit,
    uri: Uri,
    headers: HeaderMap,
    body: Outgoing,
    /// What the layers before have left, such as a message in the budget: it ends when the call does.
    extensions: Arc<http::Extensions>,
}

async fn send(
    gate: &Gate,
    call: &Call,
    permit: &Permit,
    request: Request,
) -> Result<Response, Reason> {
    let pool = gate.upstreams.pool(&permit.upstream).map_err(|error| {
        tracing::error!(%error, "upstream cannot be used");
        Reason::UpstreamUnavailable
    })?;
    let grant = grant(gate, call, permit).ok_or(Reason::UpstreamUnavailable)?;
    let (parts, body) = request.into_parts();
    let onward = Onward {
        gate,
        call,
        permit,
        // Made from the method that was authorised, not from what the caller wrote.
        uri: Uri::try_from(format!("/{}", call.method())).map_err(|_| Reason::MethodUnknown)?,
        headers: onward_headers(parts.headers, call, grant),
        body: Outgoing::new(parts.extensions.get().cloned(), body),
        extensions: Arc::new(parts.extensions),
    };
    for _ in 0..ATTEMPTS {
        match onward.attempt(&pool).await? {
            Attempt::Answered(response) => return Ok(response),
            Attempt::Unprocessed => {}
        }
    }
    Err(Reason::UpstreamUnavailable)
}

/// How an attempt went.
enum Attempt {
    /// The service answers.
    Answered(Response),
    /// The service has certainly seen nothing.
    Unprocessed,
}

impl Onward<'_> {
    async fn attempt(&self, pool: &Pool) -> Result<Attempt, Reason> {
        let place = pool.place().await.map_err(|error| {
            let service = &self.permit.upstream.address;
            tracing::warn!(service, %error, "a call found no way");
            Reason::UpstreamUnavailable
        })?;
        // A stream of which some was taken cannot be told again.
        let body = self.body.next().ok_or(Reason::UpstreamUnavailable)?;
        let mut request = http::Request::post(self.uri.clone())
            .body(body)
            .map_err(|_| Reason::MethodUnknown)?;
        request.headers_mut().clone_from(&self.headers);
        let endpoint = Arc::clone(place.endpoint());
        let span = self.span(pool, &endpoint);
        let here = span.context().unwrap_or_else(|| self.call.trace());
        if let Some(trace) = once(here.header()) {
            request.headers_mut().insert(TRACEPARENT, trace);
        }
        let ending = span.ending();
        points::pass(Point::ForwardBefore);
        self.call.forward();
        let answer = place.send(request).map_err(|_| Reason::MethodUnknown)?;
        let answer = self.gate.cancels.watch(answer, self.held(place));
        let answer = tokio::select! {
            answer = answer => answer,
            // Why it broke off is known to whoever has read it.
            () = self.body.broken() => return Err(Reason::RequestBroken),
        };
        match answer {
            Ok(response) => {
                points::pass(Point::ForwardAfter);
                let answer = self.accept(response, ending);
                match &answer {
                    Ok(answer) if !says_unavailable(answer.headers()) => endpoint.succeeded(),
                    _ => endpoint.failed(),
                }
                answer.map(Attempt::Answered)
            }
            Err(failure) if failure.unprocessed => {
                span.end(Code::Unavailable);
                self.call.recall();
                Ok(Attempt::Unprocessed)
            }
            Err(failure) => {
                span.end(Code::Unavailable);
                endpoint.failed();
                Err(self.failed(&failure))
            }
        }
    }

    /// The span of an attempt: the service by the name of its address, the replica by its own.
    fn span(&self, pool: &Pool, endpoint: &Endpoint) -> Span {
        let call = self.call.span();
        if !call.is_collected() {
            return Span::default();
        }
        let span = call.client(self.call.method(), pool.server());
        span.set("network.peer.address", Arc::clone(endpoint.ip()));
        span.set("network.peer.port", i64::from(endpoint.at().port()));
        span
    }

    fn held(&self, place: Place) -> Held {
        let end = self.call.deadline();
        Held {
            place,
            client: self.permit.client_id,
            others: Arc::clone(&self.extensions),
            attempted: self.body.attempted(),
            end: end.unwrap_or_else(Instant::now),
        }
    }

    fn accept(&self, mut response: Response, ending: Ending) -> Result<Response, Reason> {
        if !is_grpc(response.status(), response.headers()) {
            ending.span().end(Code::Unknown);
            let status = response.status().as_u16();
            tracing::warn!(status, "a service answered something else");
            return Err(self.call.after(Reason::UpstreamUnavailable));
        }
        let headers = response.headers_mut();
        remove(headers, |name| {
            name.starts_with("varco-") || name == "content-length"
        });
        encoding::filter_accepted(headers);
        Ok(match ending.span().context() {
            Some(here) => observed(response, ending, here).map(Body::new),
            None => response,
        })
    }

    fn failed(&self, failure: &Failure) -> Reason {
        let cause = varco_runtime::problem::chain(&failure.error);
        tracing::warn!(cause, "a service did not answer");
        self.call.after(Reason::UpstreamUnavailable)
    }
}

/// Whether an answer without messages says that the service is unavailable.
fn says_unavailable(headers: &HeaderMap) -> bool {
    headers
        .get(&GRPC_STATUS)
        .is_some_and(|status| status == "14")
}

/// Whether a response is one of gRPC: anything else comes from a proxy or a wrong address.
fn is_grpc(status: StatusCode, headers: &HeaderMap) -> bool {
    let kind = headers
        .get(&CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    status == StatusCode::OK && kind.is_some_and(|kind| kind.starts_with("application/grpc"))
}

fn grant(gate: &Gate, call: &Call, permit: &Permit) -> Option<HeaderValue> {
    let now = gate.clock.unix();
    let chain = call.claims().filter(|claims| claims.act.is_some());
    let claims = grant::Claims {
        iss: gate.vouchers.issuer().to_owned(),
        aud: permit.audience.clone(),
        sub: chain
            .as_ref()
            .map_or_else(|| permit.client_id.to_string(), |it| it.sub.clone()),
        act: chain.as_ref().and_then(|claims| claims.act.clone()),
        origin_purpose_id: chain.as_ref().and_then(|claims| claims.origin_purpose_id),
        consumer_id: permit.consumer_id.to_string(),
        purpose_id: permit.purpose_id.to_string(),
        method: call.method().to_owned(),
        txn: call.audit_id(),
        instance: gate.instance.clone(),
        iat: now,
        exp: now + grant::MAX_LIFE,
        jti: gate.clock.uuid(),
    };
    let key = gate.keys.ring().signer(Role::Grant).ok()?;
    let token = key.sign(grant::TYP, &claims).ok()?;
    once(token)
}

fn onward_headers(mut headers: HeaderMap, call: &Call, grant: HeaderValue) -> HeaderMap {
    remove(&mut headers, |name| {
        matches!(
            name,
            "authorization"
                | "dpop"
                | "connection"
                | "keep-alive"
                | "proxy-connection"
                | "transfer-encoding"
                | "upgrade"
                | "host"
                | "grpc-timeout"
                | "baggage"
                | "content-length"
        ) || name.starts_with("varco-")
    });
    encoding::filter_accepted(&mut headers);
    // Without it a server may take the call for one of HTTP and leave the trailers out.
    headers.insert(TE, HeaderValue::from_static("trailers"));
    headers.insert(VARCO_GRANT, grant);
    if let Some(end) = call.deadline() {
        // The gateway ends the call itself, with its reason; the others' clocks come second.
        let left = end.saturating_duration_since(Instant::now()) + GRACE;
        let left = left.as_millis().min(99_999_999);
        if let Some(value) = once(format!("{left}m")) {
            headers.insert(GRPC_TIMEOUT, value);
        }
    }
    headers
}

/// A value that no other call has: it takes no place in the compression table of a connection, where
/// it would drive out what every call repeats (RFC 7541 §7.1.3).
#[must_use]
pub fn once(value: String) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Removes the headers whose names are unwanted.
pub fn remove(headers: &mut HeaderMap, unwanted: impl Fn(&str) -> bool) {
    let names: Vec<HeaderName> = headers
        .keys()
        .filter(|name| unwanted(name.as_str()))
        .cloned()
        .collect();
    for name in names {
        headers.remove(name);
    }
}

/// How often a call is sent at most, as long as the service has certainly seen nothing of it.
const ATTEMPTS: usize = 3;
const GRACE: Duration = Duration::from_millis(200);
