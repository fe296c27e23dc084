//! Client certificates of other authorities, accepted one by one because the registry lists them.
//!
//! A system of another body keeps the certificate that its own authority gave it. The handshake
//! proves that it holds the key; the list, known by SHA-256 of the whole certificate, stands for
//! the chain. Sockets are bound before the registry is read, so the list is set later: until
//! then nobody is on it.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::prelude::{ASN1Time, FromDer as _, X509Certificate};

use super::sha256;

/// The list, by SHA-256 of the leaf certificate.
#[derive(Clone, Default)]
pub struct Listed(Arc<OnceLock<Box<dyn Fn(&[u8; 32]) -> bool + Send + Sync>>>);

/// Takes a client certificate of the comune's own authority, or a listed one within its dates.
#[derive(Debug)]
pub(super) struct OwnOrListed {
    pub(super) own: Arc<dyn ClientCertVerifier>,
    pub(super) listed: Listed,
}

impl Listed {
    /// Says who is on the list; the first call counts.
    pub fn set(&self, holds: impl Fn(&[u8; 32]) -> bool + Send + Sync + 'static) {
        let _ = self.0.set(Box::new(holds));
    }

    fn holds(&self, leaf: &CertificateDer<'_>) -> bool {
        self.0.get().is_some_and(|holds| holds(&sha256(leaf)))
    }
}

impl ClientCertVerifier for OwnOrListed {
    fn client_auth_mandatory(&self) -> bool {
        self.own.client_auth_mandatory()
    }

    /// No hint: a client of another authority would offer nothing if it read ours.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.own.verify_client_cert(leaf, others, now) {
            Err(_) if self.listed.holds(leaf) && is_current(leaf, now) => {
                Ok(ClientCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.own.verify_tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.own.verify_tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.own.supported_verify_schemes()
    }
}

impl std::fmt::Debug for Listed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Listed(set: {})", self.0.get().is_some())
    }
}

fn is_current(leaf: &CertificateDer<'_>, now: UnixTime) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(leaf) else {
        return false;
    };
    let now = i64::try_from(now.as_secs()).ok();
    now.and_then(|now| ASN1Time::from_timestamp(now).ok())
        .is_some_and(|now| parsed.validity().is_valid_at(now))
}
