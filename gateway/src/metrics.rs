//! Metrics: what a gateway counts, and the page on which Prometheus reads it.
//!
//! Counted is what leaves no trace otherwise: how calls and requests for vouchers ended. All else
//! is asked of its owner when the page is read, so that it costs calls nothing. No label is a
//! caller's own text, none names a person, and their number is bounded ([`calls`]). What each
//! metric means stands in docs/metriche.md; metrics are a view, the register is the proof.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use varco_runtime::config::Config;
use varco_runtime::telemetry::collecting::Collecting;
use varco_runtime::tls::Identity;

use crate::gate::Gate;

pub mod calls;
pub mod ending;
pub mod exposition;
pub mod histogram;
mod page;
mod process;
pub mod reasons;

use calls::Calls;
use exposition::Format;
use reasons::{Refusals, Vouchers};

/// What a gateway counts, and of whom else the page asks.
#[derive(Debug)]
pub struct Metrics {
    /// Calls that have ended.
    pub calls: Calls,
    /// Refused calls.
    pub refusals: Refusals,
    /// Requests for vouchers.
    pub vouchers: Vouchers,
    identity: Identity,
    collecting: Collecting,
    /// Where the register of accesses stands.
    folder: PathBuf,
}

impl Metrics {
    /// Counts from nothing. The page also tells when `identity` ends and what `collecting` lost.
    #[must_use]
    pub fn of(config: &Config, collecting: &Collecting, identity: &Identity) -> Self {
        Self {
            calls: Calls::default(),
            refusals: Refusals::default(),
            vouchers: Vouchers::default(),
            identity: identity.clone(),
            collecting: collecting.clone(),
            folder: config.audit_folder(),
        }
    }
}

/// Answers whoever reads the page, in the form that it asks for.
pub async fn metrics(State(gate): State<Arc<Gate>>, headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::asked(accept);
    let page = page::of(&gate, format);
    ([(CONTENT_TYPE, format.content_type())], page).into_response()
}
