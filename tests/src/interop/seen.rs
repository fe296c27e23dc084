//! What a client saw of a call, whichever client it was.

use std::collections::BTreeMap;
use std::error::Error as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde_json::Value;
use tonic::{Code, Status, TimeoutExpired};

/// A call as its client saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The number of the status.
    pub code: i32,
    /// Its text.
    pub message: String,
    /// Its details, in base64.
    pub details: String,
    /// Metadata in front of the answer, without what belongs to the protocol or the gateway.
    pub initial: BTreeMap<String, String>,
    /// Metadata behind the answer, likewise.
    pub trailing: BTreeMap<String, String>,
    /// What went and what came, in order.
    pub events: Vec<String>,
    /// Which of the messages that came were compressed, where the client can tell.
    pub compressed: Option<Vec<bool>>,
}

impl Seen {
    /// Reads what a client in another language printed.
    ///
    /// # Panics
    ///
    /// When it printed something else.
    #[must_use]
    pub fn printed(value: &Value) -> Self {
        let text = |name: &str| value[name].as_str().expect("a text").to_owned();
        let metadata = |name: &str| {
            let entries = value[name].as_object().expect("metadata").iter();
            let entries = entries.map(|(name, value)| (name.clone(), value.as_str()));
            let entries = entries.map(|(name, value)| (name, value.expect("a value").to_owned()));
            entries.filter(|(name, _)| is_own(name)).collect()
        };
        let events = value["events"].as_array().expect("events").iter();
        let code = value["code"].as_i64().and_then(|code| code.try_into().ok());
        Self {
            code: code.expect("a code"),
            message: text("message"),
            details: text("details"),
            initial: metadata("initial"),
            trailing: metadata("trailing"),
            events: events
                .map(|event| event.as_str().expect("an event").to_owned())
                .collect(),
            compressed: None,
        }
    }

    /// The same with another status.
    #[must_use]
    pub fn ended(self, status: &Status) -> Self {
        Self {
            code: code(status).into(),
            message: status.message().to_owned(),
            details: STANDARD.encode(status.details()),
            ..self
        }
    }

    /// Only how it ended and what passed: for cases in which either side may be the first to say.
    #[must_use]
    pub fn essence(self) -> Self {
        Self {
            code: self.code,
            events: self.events,
            ..Self::default()
        }
    }
}

/// The code of a status; tonic says CANCELLED where its own timer ran out.
#[must_use]
pub fn code(status: &Status) -> Code {
    let mut cause = status.source();
    while let Some(inner) = cause {
        if inner.is::<TimeoutExpired>() {
            return Code::DeadlineExceeded;
        }
        cause = inner.source();
    }
    status.code()
}

/// The service's own metadata among headers.
#[must_use]
pub fn own(headers: &HeaderMap) -> BTreeMap<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let entries = headers.iter();
    let entries = entries.map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())));
    entries.filter(|(name, _)| is_own(name)).collect()
}

/// Whether metadata is the service's own, not the protocol's or the gateway's.
fn is_own(name: &str) -> bool {
    let foreign = ["grpc-", "varco-", "x-ratelimit-"];
    let protocol = ["content-type", "content-length", "date"];
    !foreign.iter().any(|prefix| name.starts_with(prefix)) && !protocol.contains(&name)
}
