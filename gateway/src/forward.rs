//! The last step: the call goes to its service with a grant, byte for byte.
//!
//! What gives authority here (`authorization`, `dpop`, inbound `varco-*`) never reaches a service;
//! all other metadata does.

use std::collections::HashMap;
use std::error::Error as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tower::ServiceExt as _;
use varco_runtime::{grant, secret, tls};

use crate::Error;
use crate::authorize::Permit;
use crate::call::Call;
use crate::gate::Gate;
use crate::keys::lifecycle::Role;
use crate::refusal::{Reason, Refusal};
use crate::registry::descriptor::Upstream;

/// Channels to the services, opened when they are first needed.
pub struct Upstreams {
    identity: tls::Identity,
    ca: String,
    open: Mutex<Channels>,
}

/// Channels that present one certificate.
#[derive(Default)]
struct Channels {
    thumbprint: [u8; 32],
    by_upstream: HashMap<Upstream, Channel>,
}

impl Upstreams {
    /// Channels that present the gateway's certificate and trust the comune's CA.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub fn new(identity: tls::Identity, ca: &Path) -> Result<Self, secret::Error> {
        Ok(Self {
            identity,
            ca: secret::read(ca)?.to_string(),
            open: Mutex::default(),
        })
    }

    /// The channel to a service, with the certificate of now; calls that are open on a channel with
    /// the one before end there.
    ///
    /// # Errors
    ///
    /// When its address or its CA cannot be used.
    pub fn channel(&self, to: &Upstream) -> Result<Channel, tonic::transport::Error> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let thumbprint = self.identity.thumbprint();
        if open.thumbprint != thumbprint {
            *open = Channels {
                thumbprint,
                ..Channels::default()
            };
        }
        if let Some(channel) = open.by_upstream.get(to) {
            return Ok(channel.clone());
        }
        let channel = self.endpoint(to)?.connect_lazy();
        open.by_upstream.insert(to.clone(), channel.clone());
        Ok(channel)
    }

    fn endpoint(&self, to: &Upstream) -> Result<Endpoint, tonic::transport::Error> {
        let endpoint = Endpoint::from_shared(to.address.clone())?
            .connect_timeout(Duration::from_secs(2))
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_while_idle(true)
            // Calls that clients cancel count here for the life of the connection: one client
            // must not bring it down for the others (hyperium/h2#856).
            .http2_max_local_error_reset_streams(Some(1 << 20))
            // A caller that does not read must not fill the connection for the others.
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        if to.address.starts_with("http://") {
            return Ok(endpoint);
        }
        let ca = if to.ca_pem.is_empty() {
            &self.ca
        } else {
            &to.ca_pem
        };
        let pair = self.identity.pair();
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(ca))
            .domain_name(&to.server_name)
            .identity(Identity::from_pem(&pair.certificate, pair.key.as_str()));
        endpoint.tls_config(tls)
    }
}

/// Forwards an authorised call and gives the service's answer as it comes.
pub async fn forward(gate: Arc<Gate>, request: Request) -> Response {
    let call = Call::of(&request, &gate);
    let Some(permit) = call.permitted().cloned() else {
        return Refusal::from(Reason::VoucherMissing).into_response();
    };
    match send(&gate, &call, &permit, request).await {
        Ok(response) => response,
        Err(reason) => Refusal::from(reason).into_response(),
    }
}

async fn send(
    gate: &Gate,
    call: &Call,
    permit: &Permit,
    request: Request,
) -> Result<Response, Reason> {
    let channel = gate.upstreams.channel(&permit.upstream).map_err(|error| {
        tracing::error!(%error, "upstream cannot be used");
        Reason::UpstreamUnavailable
    })?;
    let grant = grant(gate, call, permit).ok_or(Reason::UpstreamUnavailable)?;
    let (parts, body) = request.into_parts();
    let mut onward = http::Request::new(tonic::body::Body::new(body));
    *onward.method_mut() = Method::POST;
    // Made from the method that was authorised, not from what the caller wrote.
    *onward.uri_mut() =
        Uri::try_from(format!("/{}", call.method())).map_err(|_| Reason::MethodUnknown)?;
    *onward.version_mut() = http::Version::HTTP_2;
    *onward.headers_mut() = onward_headers(parts.headers, call, grant);
    call.forward();
    let response = channel
        .oneshot(onward)
        .await
        .map_err(|error| failure(&error, call))?;
    if !is_grpc(response.status(), response.headers()) {
        tracing::warn!(
            status = response.status().as_u16(),
            "a service answered something else"
        );
        return Err(call.after(Reason::UpstreamUnavailable));
    }
    let mut response = response.map(Body::new);
    remove(response.headers_mut(), |name| {
        name.starts_with("varco-") || name == "content-length"
    });
    Ok(response)
}

/// Whether a response is one of gRPC: anything else comes from a proxy or a wrong address.
fn is_grpc(status: StatusCode, headers: &HeaderMap) -> bool {
    let kind = headers
        .get("content-type")
        .and_then(|value| value.to_str().ok());
    status == StatusCode::OK && kind.is_some_and(|kind| kind.starts_with("application/grpc"))
}

/// Only a connection that was never made proves that nothing was processed.
fn failure(error: &tonic::transport::Error, call: &Call) -> Reason {
    tracing::warn!(
        cause = varco_runtime::problem::chain(error),
        "a service did not answer"
    );
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.is::<tonic::ConnectError>() {
            call.recall();
            return Reason::UpstreamUnavailable;
        }
        if inner.is::<tonic::TimeoutExpired>() {
            return Reason::UpstreamSlow;
        }
        cause = inner.source();
    }
    call.after(Reason::UpstreamUnavailable)
}

fn grant(gate: &Gate, call: &Call, permit: &Permit) -> Option<HeaderValue> {
    let now = gate.clock.unix();
    let chain = call.claims().filter(|claims| claims.act.is_some());
    let claims = grant::Claims {
        iss: gate.vouchers.issuer().to_owned(),
        aud: permit.audience.clone(),
        sub: chain.map_or_else(|| permit.client_id.to_string(), |claims| claims.sub.clone()),
        act: chain.and_then(|claims| claims.act.clone()),
        origin_purpose_id: chain.and_then(|claims| claims.origin_purpose_id),
        consumer_id: permit.consumer_id.to_string(),
        purpose_id: permit.purpose_id.to_string(),
        method: call.method().to_owned(),
        txn: call.audit_id(),
        iat: now,
        exp: now + grant::MAX_LIFE,
        jti: gate.clock.uuid(),
    };
    let key = gate.keys.ring().signer(Role::Grant).ok()?;
    let token = key.sign(grant::TYP, &claims).ok()?;
    HeaderValue::try_from(token).ok()
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
                | "grpc-accept-encoding"
                | "content-length"
        ) || name.starts_with("varco-")
    });
    headers.insert("varco-grant", grant);
    if let Ok(trace) = HeaderValue::try_from(call.trace().header()) {
        headers.insert("traceparent", trace);
    }
    if let Some(end) = call.deadline() {
        // The gateway ends the call itself, with its reason; the others' clocks come second.
        let left = end.saturating_duration_since(Instant::now()) + GRACE;
        let left = left.as_millis().min(99_999_999);
        if let Ok(value) = HeaderValue::try_from(format!("{left}m")) {
            headers.insert("grpc-timeout", value);
        }
    }
    headers
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

const CONNECTION_WINDOW: u32 = 64 << 20;
const GRACE: Duration = Duration::from_millis(200);
const STREAM_WINDOW: u32 = 256 << 10;

impl std::fmt::Debug for Upstreams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Upstreams")
    }
}

impl From<tonic::transport::Error> for Error {
    fn from(error: tonic::transport::Error) -> Self {
        Self::Upstream(error)
    }
}
