//! A witness over HTTP (C2SP tlog-witness), below one prefix for asking and for reading.
//!
//! | | |
//! |---|---|
//! | `POST /add-checkpoint` | cosigns, or says why not |
//! | `GET /<sha-256 of the origin>/checkpoint` | the last checkpoint cosigned of a log, for monitors |
//! | `GET /vkey` | the verifier key of the witness |
//!
//! Nobody has to say who they are: a checkpoint's signature says it. So everything is bounded.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Extension, Path, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use varco_runtime::server::{Connection, Limits};
use varco_runtime::tasks::Tasks;
use varco_tlog::witness::Refusal;

use crate::rate::{FORGET, Rates};
use crate::witness::{Error, Witness};

/// What the listener of a witness allows.
pub const LIMITS: Limits = Limits {
    connections: 256,
    per_peer: 64,
    requests: 128,
    streams: 32,
    ..Limits::HTTP
};

/// Lays out the pages; each peer may ask so many times a second.
pub fn router(witness: Arc<Witness>, per_second: u32, tasks: &Tasks) -> Router {
    let rates = Arc::new(Rates::new(per_second));
    tasks.spawn_until_stop(forget(Arc::clone(&rates)));
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{origin}/checkpoint", get(checkpoint))
        .route("/vkey", get(vkey))
        .fallback(async || text(StatusCode::NOT_FOUND, "there is nothing here"))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(rates, measured))
        .with_state(witness)
}

async fn add_checkpoint(State(witness): State<Arc<Witness>>, body: Bytes) -> Response {
    let answer = match std::str::from_utf8(&body) {
        Ok(body) => witness.add_checkpoint(body).await,
        Err(_) => Err(Refusal::Malformed.into()),
    };
    match answer {
        Ok(lines) => plain(StatusCode::OK, lines),
        Err(Error::Refused(refusal)) => refused(refusal),
        Err(error) => unable(&error),
    }
}

async fn checkpoint(State(witness): State<Arc<Witness>>, Path(origin): Path<String>) -> Response {
    let unknown = || {
        text(
            StatusCode::NOT_FOUND,
            "no checkpoint of that log was cosigned",
        )
    };
    let hash = hex::decode(&origin).ok();
    // One spelling only: lower case.
    let Some(hash) = hash.filter(|hash| hash.len() == 32 && hex::encode(hash) == origin) else {
        return unknown();
    };
    match witness.checkpoint(&hash).await {
        Ok(Some(note)) => plain(StatusCode::OK, note),
        Ok(None) => unknown(),
        Err(error) => unable(&error),
    }
}

async fn vkey(State(witness): State<Arc<Witness>>) -> Response {
    text(StatusCode::OK, &witness.vkey())
}

fn refused(refusal: Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    if let Refusal::Stale(size) = refusal {
        let mut response = plain(status, format!("{size}\n"));
        let kind = HeaderValue::from_static(SIZE);
        response.headers_mut().insert(CONTENT_TYPE, kind);
        return response;
    }
    text(status, &refusal.to_string())
}

/// This machine's trouble, told in its own log alone.
fn unable(error: &Error) -> Response {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "the witness could not answer"
    );
    let mut response = text(
        StatusCode::SERVICE_UNAVAILABLE,
        "this witness cannot read or write what it has cosigned: ask again later",
    );
    response.headers_mut().insert(RETRY_AFTER, 5.into());
    response
}

async fn measured(
    State(rates): State<Arc<Rates>>,
    connection: Option<Extension<Connection>>,
    request: Request,
    next: Next,
) -> Response {
    let nobody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let peer = connection.map_or(nobody, |Extension(connection)| connection.address.ip());
    if rates.admits(peer) {
        return next.run(request).await;
    }
    let mut response = text(StatusCode::TOO_MANY_REQUESTS, "ask less often");
    response.headers_mut().insert(RETRY_AFTER, 1.into());
    response
}

async fn forget(rates: Arc<Rates>) {
    loop {
        tokio::time::sleep(FORGET).await;
        rates.forget_idle();
    }
}

fn text(status: StatusCode, line: &str) -> Response {
    plain(status, format!("{line}\n"))
}

fn plain(status: StatusCode, body: String) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
    ];
    (status, headers, body).into_response()
}

/// Room for 63 hashes and a checkpoint with 16 post-quantum signatures.
const MAX_BODY: usize = 128 * 1024;

/// The type of a size that the client must prove from (C2SP tlog-witness).
const SIZE: &str = "text/x.tlog.size";

#[cfg(test)]
mod tests;
