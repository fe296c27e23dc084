//! How a system calls through the gateway: its identity, its vouchers, its channel.
//!
//! A voucher is fetched when it is first needed, kept while it is good and renewed in its last
//! fifth; a refusal of the voucher drops it. A call on behalf of another gets a voucher of its own,
//! in exchange for the grant that its request carries (RFC 8693). A certificate that was renewed is used without a restart:
//! vouchers are bound to the old one, so channel and vouchers change together. A token endpoint that gives no answer is left alone
//! for a moment, and the old voucher serves on. Calls are repeated only where the gateway says that
//! nothing was processed, or where they have certainly not left.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use serde::{Deserialize, Serialize};
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tower::Service;

use crate::clock::{self, Clock};
use crate::grant::Grant;
use crate::https;
use crate::jose::{self, PrivateKey};
use crate::metadata::{GRPC_STATUS, TRACEPARENT};
use crate::problem::{Problem, reason};
use crate::telemetry::served::observed;
use crate::telemetry::span::Span;
use crate::tls::authority::Authority;
use crate::trace::TraceContext;
use crate::{secret, tls};

mod lent;
pub mod renewal;
pub mod voucher;
mod way;

use voucher::{Source, Voucher};
use way::Way;

/// What a client knows of itself and of the gateway: the file `client.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClientFile {
    /// Id in the registry.
    pub client_id: String,
    /// RFC 7638 thumbprint of the assertion key.
    pub kid: String,
    /// Address of the token endpoint.
    pub token_url: String,
    /// Address of the data plane.
    pub gateway: String,
    /// Audience of assertions.
    pub assertion_audience: String,
    /// Purposes by name.
    #[serde(default)]
    pub purposes: BTreeMap<String, PurposeEntry>,
}

/// A purpose that a client may act for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PurposeEntry {
    /// Id in the registry.
    pub purpose_id: String,
    /// Name of the e-service.
    pub eservice: String,
    /// Methods, as `pkg.Service/Method`.
    pub methods: Vec<String>,
}

/// The way of one client to the gateway.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    file: Arc<ClientFile>,
    folder: PathBuf,
    ca: PathBuf,
    key: PrivateKey,
    identity: tls::Identity,
    authority: Authority,
    clock: Clock,
    way: ArcSwap<Way>,
}

/// A channel whose calls carry a voucher for one purpose.
#[derive(Clone)]
pub struct Authorized {
    gateway: Gateway,
    purpose: String,
}

/// Ways that calling fails before the gateway has seen the call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `client.json` does not parse.
    #[error("{0} is no client file")]
    File(String, #[source] serde_json::Error),
    /// The token endpoint cannot be asked.
    #[error("token endpoint cannot be asked")]
    Https(#[from] https::Error),
    /// The assertion key does not sign.
    #[error("assertion key cannot be used")]
    Key(#[from] jose::Error),
    /// The client has no purpose of that name.
    #[error("client has no purpose named {0}")]
    PurposeUnknown(String),
    /// The certificate was not renewed.
    #[error(transparent)]
    Renewal(#[from] renewal::Error),
    /// A key or certificate cannot be read.
    #[error(transparent)]
    Secret(#[from] secret::Error),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// The token endpoint gave no answer a moment ago, and was not asked again.
    #[error("token endpoint gave no answer a moment ago")]
    TokenUnavailable,
    /// The gateway's address cannot be used.
    #[error("gateway address cannot be used")]
    Transport(#[from] tonic::transport::Error),
    /// The token endpoint refused.
    #[error("voucher refused: {reason}: {description}")]
    VoucherRefused {
        /// Stable reason.
        reason: String,
        /// Text for people.
        description: String,
    },
}

impl Gateway {
    /// Reads a client's folder (`client.json`, `tls.pem`, `tls.key`, `assertion.key`).
    ///
    /// Nothing is asked of the network yet.
    ///
    /// # Errors
    ///
    /// When a file is missing or does not parse.
    pub fn open(folder: &Path, ca: &Path, clock: &Clock) -> Result<Self, Error> {
        let identity = tls::Identity::load(&folder.join("tls.pem"), &folder.join("tls.key"))?;
        let key = PrivateKey::from_pem(&secret::read(&folder.join("assertion.key"))?)?;
        let file = Arc::new(read_client_file(folder)?);
        let way = Way::open(&file, &key, &identity, ca, clock)?;
        Ok(Self(Arc::new(Inner {
            file,
            folder: folder.to_owned(),
            ca: ca.to_owned(),
            key,
            identity,
            authority: Authority::load(ca)?,
            clock: clock.clone(),
            way: ArcSwap::from_pointee(way),
        })))
    }

    /// The client's own file.
    #[must_use]
    pub fn file(&self) -> &ClientFile {
        &self.0.file
    }

    /// A channel for one purpose, by its name in `client.json`.
    ///
    /// # Errors
    ///
    /// When the client has no such purpose.
    pub fn purpose(&self, name: &str) -> Result<Authorized, Error> {
        self.source(name)?;
        Ok(Authorized {
            gateway: self.clone(),
            purpose: name.to_owned(),
        })
    }

    /// A voucher for one purpose.
    ///
    /// # Errors
    ///
    /// When the purpose is unknown or the token endpoint refuses.
    pub async fn voucher(&self, name: &str) -> Result<Voucher, Error> {
        self.source(name)?.voucher().await
    }

    /// The channel without any voucher.
    #[must_use]
    pub fn bare(&self) -> Channel {
        self.0.way.load().channel.clone()
    }

    /// Renews the certificate now and uses it from the next call on.
    ///
    /// # Errors
    ///
    /// When the gateway refuses or cannot be reached; the old one then stays.
    pub async fn renew(&self) -> Result<(), Error> {
        let Inner {
            file,
            folder,
            ca,
            identity,
            ..
        } = &*self.0;
        let origin = file.token_url.trim_end_matches("/token.oauth2");
        renewal::renew(origin, folder, ca, identity).await?;
        self.take_up();
        Ok(())
    }

    /// Renews the certificate when it is in the last third of its life.
    ///
    /// # Errors
    ///
    /// As `renew`.
    pub async fn renew_when_due(&self) -> Result<(), Error> {
        self.take_up();
        if self.0.identity.pair().is_due(self.0.clock.now()) {
            return self.renew().await;
        }
        Ok(())
    }

    /// Uses a certificate or an authority that was renewed by somebody else, when there is one.
    pub fn take_up(&self) {
        let Inner {
            file,
            ca,
            key,
            identity,
            clock,
            way,
            authority,
            ..
        } = &*self.0;
        let renewed = [identity.refresh(), authority.refresh()];
        if !renewed.contains(&true) {
            return;
        }
        match Way::open(file, key, identity, ca, clock) {
            Ok(fresh) => way.store(Arc::new(fresh)),
            Err(error) => tracing::error!(%error, "a renewed certificate cannot be used"),
        }
    }

    /// Renews the certificate in the last third of its life and takes up what others renew, for
    /// ever.
    pub async fn follow(self) {
        let (mut next, mut given_up) = (Instant::now(), None);
        loop {
            self.take_up();
            let (now, pair) = (self.0.clock.now(), self.0.identity.pair());
            let due = pair.is_due(now) && Instant::now() >= next;
            if due && given_up != Some(pair.thumbprint) {
                next = Instant::now() + PATIENCE;
                if let Err(error) = self.renew().await {
                    let hopeless = matches!(&error, Error::Renewal(why) if !why.may_pass());
                    given_up = hopeless.then_some(pair.thumbprint);
                    let until = clock::day(pair.to).to_string();
                    tracing::warn!(%error, until, "a client's certificate ends soon");
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn source(&self, name: &str) -> Result<Source, Error> {
        let way = self.0.way.load();
        let source = way.sources.get(name).cloned();
        source.ok_or_else(|| Error::PurposeUnknown(name.to_owned()))
    }
}

impl Service<Request<Body>> for Authorized {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // Taken together: a voucher is bound to the certificate that its channel presents.
        let way = self.gateway.0.way.load_full();
        let purpose = self.purpose.clone();
        Box::pin(async move {
            let source = way.sources.get(&purpose);
            let source =
                source.ok_or_else(|| Error::PurposeUnknown(purpose.clone()).to_status())?;
            let voucher = match request.extensions_mut().remove::<Grant>() {
                Some(grant) => source.on_behalf(&grant).await,
                None => source.voucher().await,
            };
            let voucher = voucher.map_err(|error| error.to_status())?;
            let bearer = HeaderValue::try_from(format!("Bearer {}", voucher.token))
                .map_err(|_| Status::internal("voucher is no header value"))?;
            request.headers_mut().insert(AUTHORIZATION, bearer);
            let path = request.uri().path().trim_start_matches('/');
            let span = Span::current().client(path, &way.server);
            insert_trace(&mut request, &span);
            let ending = span.ending();
            let response = lent::send(&way.channel, request).await;
            let response = response.map_err(|error| {
                span.end(Code::Unavailable);
                unreachable(error)
            })?;
            if response
                .headers()
                .get(&GRPC_STATUS)
                .is_some_and(|code| code == "16")
            {
                source.forget(&voucher);
            }
            match span.context() {
                Some(here) => Ok(observed(response, ending, here).map(Body::new)),
                None => Ok(response),
            }
        })
    }
}

/// Reads a client's `client.json`.
///
/// # Errors
///
/// When it is missing or does not parse.
pub fn read_client_file(folder: &Path) -> Result<ClientFile, Error> {
    let path = folder.join("client.json");
    let text = secret::read(&path)?;
    serde_json::from_str(&text).map_err(|error| Error::File(path.display().to_string(), error))
}

/// Opens a channel with the certificate of a folder; it connects when it is first used.
///
/// # Errors
///
/// When a file is missing or the address makes no sense.
pub fn channel(address: &str, folder: &Path, ca: &Path) -> Result<Channel, Error> {
    let identity = tls::Identity::load(&folder.join("tls.pem"), &folder.join("tls.key"))?;
    way::channel(address, &identity, ca)
}

/// Opens a channel with a certificate as it is now; it connects when it is first used.
///
/// # Errors
///
/// When the authority cannot be read or the address makes no sense.
pub fn channel_of(address: &str, identity: &tls::Identity, ca: &Path) -> Result<Channel, Error> {
    way::channel(address, identity, ca)
}

/// Repeats a call that the gateway says it did not process, at most three times in all.
///
/// # Errors
///
/// The last refusal.
pub async fn retrying<T, F>(mut call: impl FnMut() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    for pause in [50, 250] {
        match call().await {
            Err(status) if safe_to_repeat(&status) => {
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            outcome => return outcome,
        }
    }
    call().await
}

/// Why a call through the gateway came to nothing: the reason that the refusal carries, or else the number of its
/// code, such as `GRPC_14`.
///
/// Why the token endpoint gave no voucher says more than that it gave none.
#[must_use]
pub fn why(status: &Status) -> String {
    match status.get_details_error_info() {
        Some(mut info) => info.metadata.remove("token_reason").unwrap_or(info.reason),
        None => format!("GRPC_{}", i32::from(status.code())),
    }
}

/// Whether a refusal says that nothing was processed, or that a new voucher helps.
fn safe_to_repeat(status: &Status) -> bool {
    let reason = reason(status).unwrap_or_default();
    match status.code() {
        Code::Unavailable => NOTHING_PROCESSED.contains(&reason.as_str()),
        Code::Unauthenticated => reason == "VOUCHER_EXPIRED",
        _ => false,
    }
}

impl Error {
    /// The status that a caller inside the process sees.
    #[must_use]
    pub fn to_status(&self) -> Status {
        match self {
            Self::VoucherRefused { reason, .. } => Problem::new(
                Code::PermissionDenied,
                "VOUCHER_REFUSED",
                self.to_string(),
                "il varco non ha rilasciato il voucher",
            )
            .with("token_reason", reason.clone())
            .into_status("varco"),
            Self::Https(_) | Self::TokenUnavailable => Problem::unavailable(
                "TOKEN_UNAVAILABLE",
                "token endpoint cannot be asked",
                "il punto di rilascio dei voucher non risponde",
            )
            .into_status("varco"),
            other => Status::internal(other.to_string()),
        }
    }
}

fn insert_trace(request: &mut Request<Body>, span: &Span) {
    if request.headers().contains_key(&TRACEPARENT) {
        return;
    }
    // Where nobody collects, its parent is what is being served.
    let context = span.context().or_else(TraceContext::current);
    let context = context.unwrap_or_else(TraceContext::start);
    if let Ok(value) = HeaderValue::try_from(context.header()) {
        request.headers_mut().insert(TRACEPARENT, value);
    }
}

fn unreachable(error: tonic::transport::Error) -> Status {
    Status::from_error(Box::new(error))
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Gateway({} as {})",
            self.0.file.gateway, self.0.file.client_id
        )
    }
}

/// How often the files of the certificate are looked at.
const LOOK: Duration = Duration::from_secs(3);
/// How long a renewal that failed is not tried again.
const PATIENCE: Duration = Duration::from_hours(6);
/// Reasons of the gateway, of an office's guard and of this client: nothing was processed.
const NOTHING_PROCESSED: [&str; 6] = [
    "GATEWAY_KEYS_UNAVAILABLE",
    "UPSTREAM_UNAVAILABLE",
    "AUDIT_UNAVAILABLE",
    "SNAPSHOT_STALE",
    "DRAINING",
    "TOKEN_UNAVAILABLE",
];
