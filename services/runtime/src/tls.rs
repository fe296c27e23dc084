//! TLS: identities, listeners, connectors and who the peer is.
//!
//! Version 1.3 only, one crypto provider, chosen here and nowhere else.

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::secret;

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

/// A certificate chain with its private key.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Who stands at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// SHA-256 of the leaf certificate (RFC 8705 §3.1).
    pub thumbprint: [u8; 32],
    /// URIs in its subject alternative names.
    pub uris: Vec<String>,
}

impl Identity {
    /// Loads a chain and its key from PEM files.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or holds no PEM of its kind.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let chain = certificates(
            &secret::read(certificate)?,
            &certificate.display().to_string(),
        )?;
        let key = PrivateKeyDer::from_pem_slice(secret::read(key)?.as_bytes())
            .map_err(|_| Error::Pem(key.display().to_string(), "private key"))?;
        Ok(Self { chain, key })
    }

    /// SHA-256 of the leaf certificate.
    #[must_use]
    pub fn thumbprint(&self) -> [u8; 32] {
        self.chain.first().map_or([0; 32], |leaf| sha256(leaf))
    }
}

impl Peer {
    /// Reads the peer out of its leaf certificate, whose chain has been verified already.
    #[must_use]
    pub fn of(leaf: &CertificateDer<'_>) -> Self {
        Self {
            thumbprint: sha256(leaf),
            uris: uris(leaf),
        }
    }

    /// The rest of a URI of the peer after `prefix`.
    #[must_use]
    pub fn named(&self, prefix: &str) -> Option<&str> {
        self.uris.iter().find_map(|uri| uri.strip_prefix(prefix))
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
/// When certificate and key do not fit.
pub fn server(
    identity: &Identity,
    roots: &Arc<RootCertStore>,
    clients: ClientCertificate,
    protocols: &[&str],
) -> Result<Arc<ServerConfig>, Error> {
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::new(provider()));
    let verifier = match clients {
        ClientCertificate::Optional => verifier.allow_unauthenticated().build()?,
        ClientCertificate::Required => verifier.build()?,
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain.clone(), identity.key.clone_key())?;
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    Ok(Arc::new(config))
}

/// Makes a connector's configuration; `protocols` are ALPN names.
///
/// # Errors
///
/// When certificate and key do not fit.
pub fn client(
    identity: Option<&Identity>,
    roots: &Arc<RootCertStore>,
    protocols: &[&str],
) -> Result<ClientConfig, Error> {
    let config = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(Arc::clone(roots));
    let mut config = match identity {
        Some(identity) => {
            config.with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())?
        }
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
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

fn provider() -> rustls::crypto::CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
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

fn uris(leaf: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, parsed)) = X509Certificate::from_der(leaf) else {
        return Vec::new();
    };
    let Ok(Some(names)) = parsed.subject_alternative_name() else {
        return Vec::new();
    };
    let uri = |name: &GeneralName<'_>| match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    };
    names.value.general_names.iter().filter_map(uri).collect()
}
