//! A small HTTPS client for the token endpoint, the key set and authorities that give time stamps.
//!
//! Answers are bounded in size and in time; nothing is followed, nothing is retried.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Asks HTTPS servers of the comune.
#[derive(Clone, Debug)]
pub struct Https {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Body, at most 256 KiB.
    pub body: Bytes,
}

/// Ways that asking fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body was too large or broke off.
    #[error("answer of {0} broke off or is too large")]
    Body(String),
    /// The request could not be written.
    #[error("address {0} is malformed")]
    Request(String),
    /// No answer in time.
    #[error("{0} did not answer in time")]
    Slow(String),
    /// The server cannot be reached.
    #[error("{0} cannot be reached")]
    Unreachable(String, #[source] hyper_util::client::legacy::Error),
}

impl Https {
    /// Makes a client with the given TLS configuration, which must name no ALPN protocol.
    #[must_use]
    pub fn new(tls: rustls::ClientConfig) -> Self {
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls);
        Self::over(builder.https_only().enable_http1().build())
    }

    /// Makes a client that also asks plain `http://` addresses: for what is no secret and comes signed.
    #[must_use]
    pub fn or_plain(tls: rustls::ClientConfig) -> Self {
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls);
        Self::over(builder.https_or_http().enable_http1().build())
    }

    fn over(connector: HttpsConnector<HttpConnector>) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(2)
            .build(connector);
        Self { client }
    }

    /// Gets a page.
    ///
    /// # Errors
    ///
    /// When no whole answer comes within five seconds.
    pub async fn fetch(&self, address: &str) -> Result<Answer, Error> {
        self.ask(Method::GET, address, (FORM, Bytes::new())).await
    }

    /// Posts a form (`application/x-www-form-urlencoded`).
    ///
    /// # Errors
    ///
    /// When no whole answer comes within five seconds.
    pub async fn post_form(&self, address: &str, form: String) -> Result<Answer, Error> {
        self.post(address, (FORM, Bytes::from(form))).await
    }

    /// Posts a body under its media type.
    ///
    /// # Errors
    ///
    /// When no whole answer comes within five seconds.
    pub async fn post(
        &self,
        address: &str,
        content: (&'static str, Bytes),
    ) -> Result<Answer, Error> {
        self.ask(Method::POST, address, content).await
    }

    async fn ask(
        &self,
        method: Method,
        address: &str,
        (media_type, body): (&'static str, Bytes),
    ) -> Result<Answer, Error> {
        let request = Request::builder()
            .method(method)
            .uri(address)
            .header("content-type", media_type)
            .body(Full::new(body))
            .map_err(|_| Error::Request(address.to_owned()))?;
        let exchange = async {
            let response = self
                .client
                .request(request)
                .await
                .map_err(|error| Error::Unreachable(address.to_owned(), error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_BODY)
                .collect()
                .await
                .map_err(|_| Error::Body(address.to_owned()))?
                .to_bytes();
            Ok(Answer { status, body })
        };
        tokio::time::timeout(PATIENCE, exchange)
            .await
            .unwrap_or_else(|_| Err(Error::Slow(address.to_owned())))
    }
}

const FORM: &str = "application/x-www-form-urlencoded";
const MAX_BODY: usize = 256 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);
