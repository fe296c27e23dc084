//! TLS: identities, listeners, connectors and who the peer is.
//!
//! Version 1.3 only, one crypto provider, chosen here and nowhere else. Other libraries compile
//! 1.2 in (sqlx, tonic); [`install`] gives them a provider that has no suite for it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, UnixTime};
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::clock::{self, Clock};
use crate::secret;

pub mod authority;
pub mod kept;
pub mod listed;
pub mod pair;

use authority::{Authority, OfClients, OfServers};
use kept::{Kept, Pair};
use listed::{Listed, OwnOrListed};

/// Whose certificates a listener takes.
#[derive(Clone, Debug)]
pub struct Clients {
    /// Whether it asks for one.
    pub certificate: ClientCertificate,
    /// The comune's own authority.
    pub authority: Authority,
    /// Certificates of other authorities.
    pub listed: Listed,
}

/// Whether a listener asks its peers for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificate {
    /// Verified when presented.
    Optional,
    /// No connection without one.
    Required,
}

/// Ways that TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] secret::Error),
    /// The PEM holds no certificate or no key.
    #[error("{0} holds no PEM {1}")]
    Pem(String, &'static str),
    /// The certificate and the key do not fit, or the roots are unusable.
    #[error("certificate, key or authority cannot be used")]
    Rustls(#[from] rustls::Error),
    /// No verifier can be built from the roots.
    #[error("authority cannot verify clients")]
    Verifier(#[from] rustls::client::VerifierBuilderError),
}

/// A certificate chain with its private key; what was made from it presents the pair of now.
#[derive(Clone, Debug)]
pub struct Identity(Arc<Kept>);

/// What a listener speaks TLS with.
#[derive(Clone, Debug)]
pub struct Server {
    config: Arc<ServerConfig>,
    own: Arc<dyn ClientCertVerifier>,
}

/// Who stands at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// SHA-256 of the leaf certificate (RFC 8705 §3.1).
    pub thumbprint: [u8; 32],
    /// URIs in its subject alternative names, when the comune's own authority wrote them.
    pub uris: Vec<String>,
    /// Names under which it serves TLS, when the comune's own authority wrote them.
    pub hosts: Vec<String>,
    /// How long its certificate lives, from its first day to its last.
    pub life: Duration,
    /// Its last moment, in seconds since the Unix epoch: a connection may stay open beyond it.
    pub until: i64,
}

impl Identity {
    /// Loads a chain and its key from PEM files.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or holds no PEM of its kind, or the two do not fit.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, Error> {
        Ok(Self(Arc::new(Kept::load(certificate, key)?)))
    }

    /// SHA-256 of the leaf certificate.
    #[must_use]
    pub fn thumbprint(&self) -> [u8; 32] {
        self.0.now().thumbprint
    }

    /// The pair as it is presented now.
    #[must_use]
    pub fn pair(&self) -> Arc<Pair> {
        self.0.now()
    }

    /// Looks at the files again; says whether another pair is presented from now on.
    #[must_use]
    pub fn refresh(&self) -> bool {
        self.0.refresh()
    }

    /// Looks at the files every few seconds, for ever.
    pub async fn watch(self) {
        loop {
            self.0.refresh();
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Looks at the files every few seconds, for ever, and warns once a day from thirty days
    /// before the end.
    pub async fn follow(self, clock: Clock) {
        let mut told = None;
        loop {
            self.0.refresh();
            let now = clock.now();
            let (end, today) = (self.pair().to, clock::day(now));
            if end.as_second() - now.as_second() < SOON && told != Some(today) {
                told = Some(today);
                let file = self.0.file().map(|file| file.display().to_string());
                let until = clock::day(end).to_string();
                tracing::warn!(file, until, "a certificate ends soon: renew it");
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Server {
    /// What takes the handshakes.
    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// Who presented a certificate in a finished handshake.
    ///
    /// A listed certificate is known by its thumbprint alone: what another authority wrote in it
    /// must name no holder of ours.
    #[must_use]
    pub fn peer(&self, connection: &ServerConnection) -> Option<Peer> {
        let (leaf, others) = connection.peer_certificates()?.split_first()?;
        let verdict = self.own.verify_client_cert(leaf, others, UnixTime::now());
        let (from, until) = validity(leaf);
        Some(Peer {
            thumbprint: sha256(leaf),
            uris: names(leaf, &verdict, uri),
            hosts: names(leaf, &verdict, host),
            life: Duration::from_secs(until.saturating_sub(from).unsigned_abs()),
            until,
        })
    }
}

impl Peer {
    /// The rest of a URI of the peer after `prefix`.
    #[must_use]
    pub fn named(&self, prefix: &str) -> Option<&str> {
        self.uris.iter().find_map(|uri| uri.strip_prefix(prefix))
    }

    /// Whether its certificate has ended by a time (Unix seconds; RFC 5280 §4.1.2.5: the last
    /// moment still counts). A handshake checks that once, a call has to ask again.
    #[must_use]
    pub fn has_ended(&self, now: i64) -> bool {
        self.until < now
    }
}

/// Loads the certificates of an authority.
///
/// # Errors
///
/// When the file cannot be read or holds no certificate.
pub fn roots(file: &Path) -> Result<Arc<RootCertStore>, Error> {
    roots_from_pem(&secret::read(file)?, &file.display().to_string())
}

/// Parses the certificates of an authority; `origin` names them in errors.
///
/// # Errors
///
/// When the text holds no usable certificate.
pub fn roots_from_pem(pem: &str, origin: &str) -> Result<Arc<RootCertStore>, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, origin)? {
        roots.add(certificate)?;
    }
    Ok(Arc::new(roots))
}

/// Makes a listener's configuration; `protocols` are ALPN names.
///
/// # Errors
///
/// When the roots are unusable.
pub fn server(identity: &Identity, clients: Clients, protocols: &[&str]) -> Result<Server, Error> {
    let own: Arc<dyn ClientCertVerifier> =
        Arc::new(OfClients::new(clients.authority, clients.certificate)?);
    let verifier = OwnOrListed {
        own: Arc::clone(&own),
        listed: clients.listed,
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::clone(&identity.0) as Arc<_>);
    config.alpn_protocols = names_of(protocols);
    Ok(Server {
        config: Arc::new(config),
        own,
    })
}

/// Makes the configuration of a listener that asks nobody for a certificate.
///
/// # Errors
///
/// When the provider knows no version of TLS that is allowed.
pub fn public_server(identity: &Identity, protocols: &[&str]) -> Result<Server, Error> {
    let own = WebPkiClientVerifier::no_client_auth();
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::clone(&own))
        .with_cert_resolver(Arc::clone(&identity.0) as Arc<_>);
    config.alpn_protocols = names_of(protocols);
    Ok(Server {
        config: Arc::new(config),
        own,
    })
}

/// Makes the configuration of a connector that trusts an authority as it is at each handshake.
///
/// # Errors
///
/// When the roots are unusable.
pub fn client_trusting(
    identity: Option<&Identity>,
    authority: &Authority,
    protocols: &[&str],
) -> Result<ClientConfig, Error> {
    let mut config = client(identity, &authority.roots(), protocols)?;
    let verifier = OfServers::new(authority.clone())?;
    config
        .dangerous()
        .set_certificate_verifier(Arc::new(verifier));
    Ok(config)
}

/// Makes a connector's configuration; `protocols` are ALPN names.
///
/// # Errors
///
/// When the roots are unusable.
pub fn client(
    identity: Option<&Identity>,
    roots: &Arc<RootCertStore>,
    protocols: &[&str],
) -> Result<ClientConfig, Error> {
    let config = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(Arc::clone(roots));
    let mut config = match identity {
        Some(identity) => config.with_client_cert_resolver(Arc::clone(&identity.0) as Arc<_>),
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = names_of(protocols);
    Ok(config)
}

/// When the first certificate of a PEM text ends, in seconds since the Unix epoch.
#[must_use]
pub fn not_after(pem: &str) -> Option<i64> {
    let leaf = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, parsed) = X509Certificate::from_der(&leaf).ok()?;
    Some(parsed.validity().not_after.timestamp())
}

/// SHA-256 of the first certificate of a PEM text.
#[must_use]
pub fn thumbprint(pem: &str) -> Option<[u8; 32]> {
    CertificateDer::from_pem_slice(pem.as_bytes())
        .ok()
        .map(|leaf| sha256(&leaf))
}

/// Makes the provider of this module the process's, for libraries that bring none of their own.
///
/// The first call counts; a process calls it before it opens any connection.
pub fn install() {
    let _ = provider().install_default();
}

fn names_of(protocols: &[&str]) -> Vec<Vec<u8>> {
    let names = protocols.iter().map(|name| name.as_bytes().to_vec());
    names.collect()
}

fn provider() -> CryptoProvider {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider
        .cipher_suites
        .retain(|suite| suite.tls13().is_some());
    provider
}

fn certificates(pem: &str, origin: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Ok(list) if !list.is_empty() => Ok(list),
        _ => Err(Error::Pem(origin.to_owned(), "certificate")),
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

/// What the comune's own authority wrote as alternative names; what others wrote is nobody's name.
fn names<T>(
    leaf: &CertificateDer<'_>,
    verdict: &Result<ClientCertVerified, rustls::Error>,
    wanted: fn(&GeneralName<'_>) -> Option<T>,
) -> Vec<T> {
    let Ok((_, parsed)) = X509Certificate::from_der(leaf) else {
        return Vec::new();
    };
    match (verdict, parsed.subject_alternative_name()) {
        (Ok(_), Ok(Some(names))) => {
            let names = names.value.general_names.iter();
            names.filter_map(wanted).collect()
        }
        _ => Vec::new(),
    }
}

/// The first and the last moment of a certificate, in seconds since the Unix epoch.
fn validity(leaf: &CertificateDer<'_>) -> (i64, i64) {
    let parsed = X509Certificate::from_der(leaf);
    let validity = parsed.map(|(_, parsed)| parsed.validity().clone());
    validity.map_or((0, 0), |it| {
        (it.not_before.timestamp(), it.not_after.timestamp())
    })
}

fn uri(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    }
}

fn host(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(host) => Some((*host).to_owned()),
        _ => None,
    }
}

/// How often files of certificates are looked at.
const LOOK: Duration = Duration::from_secs(3);
/// Thirty days, in seconds.
pub const SOON: i64 = 30 * 24 * 3600;

#[cfg(test)]
mod tests;
