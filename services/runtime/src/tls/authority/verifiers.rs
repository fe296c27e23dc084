//! What checks certificates in handshakes by the authority of now: rustls' own verifiers, made anew
//! when the authority has changed.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::Authority;
use crate::tls::{self, ClientCertificate, provider};

/// Takes the certificates of clients.
#[derive(Debug)]
pub(in crate::tls) struct OfClients {
    authority: Authority,
    certificate: ClientCertificate,
    made: ArcSwap<Made<dyn ClientCertVerifier>>,
}

/// Takes the certificates of servers.
#[derive(Debug)]
pub(in crate::tls) struct OfServers {
    authority: Authority,
    made: ArcSwap<Made<dyn ServerCertVerifier>>,
}

/// A verifier and what it was made from.
#[derive(Debug)]
struct Made<V: ?Sized> {
    from: Arc<RootCertStore>,
    verifier: Arc<V>,
}

impl OfClients {
    /// Takes what the authority has signed, from whoever presents it or from everybody.
    pub(in crate::tls) fn new(
        authority: Authority,
        certificate: ClientCertificate,
    ) -> Result<Self, tls::Error> {
        let made = ArcSwap::from_pointee(of_clients(authority.roots(), certificate)?);
        Ok(Self {
            authority,
            certificate,
            made,
        })
    }

    fn current(&self) -> Arc<dyn ClientCertVerifier> {
        let (made, roots) = (self.made.load(), self.authority.roots());
        if !Arc::ptr_eq(&made.from, &roots) {
            // Roots that were read make a verifier; otherwise the old one goes on.
            if let Ok(fresh) = of_clients(roots, self.certificate) {
                let verifier = Arc::clone(&fresh.verifier);
                self.made.store(Arc::new(fresh));
                return verifier;
            }
        }
        Arc::clone(&made.verifier)
    }
}

impl OfServers {
    /// Takes what the authority has signed for the name that is asked for.
    pub(in crate::tls) fn new(authority: Authority) -> Result<Self, tls::Error> {
        let made = ArcSwap::from_pointee(of_servers(authority.roots())?);
        Ok(Self { authority, made })
    }

    fn current(&self) -> Arc<dyn ServerCertVerifier> {
        let (made, roots) = (self.made.load(), self.authority.roots());
        if !Arc::ptr_eq(&made.from, &roots)
            && let Ok(fresh) = of_servers(roots)
        {
            let verifier = Arc::clone(&fresh.verifier);
            self.made.store(Arc::new(fresh));
            return verifier;
        }
        Arc::clone(&made.verifier)
    }
}

fn of_clients(
    from: Arc<RootCertStore>,
    certificate: ClientCertificate,
) -> Result<Made<dyn ClientCertVerifier>, tls::Error> {
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(&from), Arc::new(provider()));
    let verifier = match certificate {
        ClientCertificate::Optional => builder.allow_unauthenticated().build()?,
        ClientCertificate::Required => builder.build()?,
    };
    Ok(Made { from, verifier })
}

fn of_servers(from: Arc<RootCertStore>) -> Result<Made<dyn ServerCertVerifier>, tls::Error> {
    let builder =
        WebPkiServerVerifier::builder_with_provider(Arc::clone(&from), Arc::new(provider()));
    let verifier: Arc<dyn ServerCertVerifier> = builder.build()?;
    Ok(Made { from, verifier })
}

impl ClientCertVerifier for OfClients {
    fn client_auth_mandatory(&self) -> bool {
        self.certificate == ClientCertificate::Required
    }

    /// None: they would be those of one moment.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.current().verify_client_cert(leaf, others, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.current()
            .verify_tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.current()
            .verify_tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.current().supported_verify_schemes()
    }
}

impl ServerCertVerifier for OfServers {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.current()
            .verify_server_cert(leaf, others, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.current()
            .verify_tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.current()
            .verify_tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.current().supported_verify_schemes()
    }
}
