//! How a log asks a witness for its cosignature.
//!
//! An answer is believed only when it verifies under the key that the witness was configured with.
//! One request is one exchange of five seconds at most; when to ask again is the log's to decide.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request as HttpRequest, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::RootCertStore;
use varco_runtime::tls;
use varco_tlog::cosignature::CosignerKey;
use varco_tlog::hash::Hash;
use varco_tlog::note::Note;
use varco_tlog::witness::Request;

/// A witness, as a log knows it.
#[derive(Clone, Debug)]
pub struct WitnessClient {
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    address: String,
    key: CosignerKey,
}

/// A witness's word on a checkpoint, verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// The signature line, newline included, to put below the note.
    pub line: String,
    /// When it was given, in seconds since the Unix epoch.
    pub time: u64,
}

/// Ways that asking a witness fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address of the witness cannot be used.
    #[error("address of the witness must be http://… or https://…, without a query")]
    Address,
    /// The witness last cosigned another size: prove from there.
    #[error("the witness last cosigned size {0}")]
    Conflict(u64),
    /// The checkpoint or the proof is none.
    #[error("request to the witness is malformed")]
    Malformed(#[from] varco_tlog::error::Error),
    /// The witness said no.
    #[error("the witness refuses the checkpoint ({0}): {1}")]
    Refused(StatusCode, String),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// No answer for now: the witness is overloaded or cannot write.
    #[error("the witness cannot answer now ({0})")]
    Unavailable(StatusCode),
    /// No answer at all.
    #[error("the witness cannot be reached: {0}")]
    Unreachable(
        &'static str,
        #[source] Option<Box<dyn std::error::Error + Send + Sync>>,
    ),
    /// The answer is no cosignature of the configured key.
    #[error("the witness answered with no cosignature of its key: check its address and its key")]
    WrongAnswer,
}

impl WitnessClient {
    /// Knows a witness by its address (the submission prefix) and its key.
    ///
    /// Over `https://`, its certificate must be of one of `roots`. Plain `http://` is read by
    /// whoever is on the way, which harms nobody: checkpoints are public, and the answer is signed.
    ///
    /// # Errors
    ///
    /// `Address` for what is no address, `Tls` when the roots cannot be used.
    pub fn new(
        address: &str,
        key: CosignerKey,
        roots: Option<&Arc<RootCertStore>>,
    ) -> Result<Self, Error> {
        let address = parse_address(address)?;
        let nobody = Arc::new(RootCertStore::empty());
        let tls = tls::client(None, roots.unwrap_or(&nobody), &[])?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .build();
        let http = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(90))
            .pool_max_idle_per_host(1)
            .build(connector);
        Ok(Self { http, address, key })
    }

    /// The name of the witness's key.
    #[must_use]
    pub fn name(&self) -> &str {
        self.key.name()
    }

    /// Asks to cosign the checkpoint in a note, which continues the log at size `old`.
    ///
    /// # Errors
    ///
    /// `Conflict` with the size to prove from, when that is not `old`; `Refused` when the witness
    /// does not believe the log; `Unavailable` or `Unreachable` when it is worth trying later, at
    /// the latest after five seconds.
    pub async fn add_checkpoint(
        &self,
        old: u64,
        proof: &[Hash],
        note: &str,
    ) -> Result<Cosignature, Error> {
        let body = Request::new(old, proof, note)?.encode();
        let (status, answer) = tokio::time::timeout(PATIENCE, self.exchange(body))
            .await
            .unwrap_or(Err(Error::Unreachable("no answer in time", None)))?;
        match status {
            StatusCode::OK => self.cosignature(note, &answer),
            StatusCode::CONFLICT => Err(conflict(&answer)),
            StatusCode::TOO_MANY_REQUESTS => Err(Error::Unavailable(status)),
            status if status.is_server_error() => Err(Error::Unavailable(status)),
            status => Err(Error::Refused(status, printable(&answer))),
        }
    }

    async fn exchange(&self, body: String) -> Result<(StatusCode, String), Error> {
        let request = HttpRequest::post(format!("{}/add-checkpoint", self.address))
            .header(CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| Error::Address)?;
        let response = self.http.request(request).await;
        let response =
            response.map_err(|error| Error::Unreachable("no connection", Some(error.into())))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER)
            .collect()
            .await;
        let body = body.map_err(|error| Error::Unreachable("the answer broke off", Some(error)))?;
        let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        Ok((status, text))
    }

    /// The cosignature of the known key among the lines of an answer.
    fn cosignature(&self, note: &str, answer: &str) -> Result<Cosignature, Error> {
        // The note may be cosigned already: only what was answered now counts.
        let text = Note::parse(note)?.text();
        let answered = format!("{text}\n{answer}");
        let answered = Note::parse(&answered).map_err(|_| Error::WrongAnswer)?;
        let newest = self.key.newest_on(&answered);
        match newest {
            Ok(Some(newest)) if answered.text() == text => Ok(Cosignature {
                line: newest.line.to_owned(),
                time: newest.time,
            }),
            _ => Err(Error::WrongAnswer),
        }
    }
}

fn parse_address(address: &str) -> Result<String, Error> {
    let uri: Uri = address.parse().map_err(|_| Error::Address)?;
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    if !known || uri.host().is_none_or(str::is_empty) || uri.query().is_some() {
        return Err(Error::Address);
    }
    Ok(address.trim_end_matches('/').to_owned())
}

fn conflict(answer: &str) -> Error {
    let size = answer.strip_suffix('\n').and_then(|size| size.parse().ok());
    size.map_or(Error::WrongAnswer, Error::Conflict)
}

/// The first line of an answer, as far as a log line may hold it.
fn printable(answer: &str) -> String {
    let line = answer.lines().next().unwrap_or_default();
    let clean = line.chars().filter(|character| !character.is_control());
    clean.take(200).collect()
}

/// The largest answer that is read: a few signature lines.
const MAX_ANSWER: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
