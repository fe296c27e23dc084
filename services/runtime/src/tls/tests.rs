//! Whose certificates a listener takes, in real handshakes.

use rcgen::{CertificateParams, KeyPair, SanType};
use rustls_pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::*;
use crate::clock::Clock;
use crate::pki::{Ca, Holder, Leaf};

const GATEWAY: &str = "spiffe://c_z999/gateway";

/// A comune's authority and a listener of it that asks for certificates.
struct Comune {
    ca: Ca,
    listed: Listed,
    server: Server,
}

impl Comune {
    fn new() -> Self {
        let (ca, _) = Ca::generate("Comune di Esempio", Clock::system().now()).unwrap();
        let listed = Listed::default();
        let clients = Clients {
            certificate: ClientCertificate::Required,
            roots: roots_from_pem(ca.pem(), "ca").unwrap(),
            listed: listed.clone(),
        };
        let server = server(&own(&ca), clients, &[]).unwrap();
        Self { ca, listed, server }
    }

    /// Who the listener takes the holder of a certificate for, if it takes it at all.
    async fn meets(&self, identity: &Identity) -> std::io::Result<Peer> {
        let roots = roots_from_pem(self.ca.pem(), "ca").unwrap();
        let client = client(Some(identity), &roots, &[]).unwrap();
        let (here, there) = tokio::io::duplex(16 * 1024);
        let name = ServerName::try_from("localhost").unwrap();

        let (accepted, _) = tokio::join!(
            self.server.acceptor().accept(here),
            TlsConnector::from(Arc::new(client)).connect(name, there),
        );

        Ok(self.server.peer(accepted?.get_ref().1).unwrap())
    }
}

fn identity(certificate: &str, key: &str) -> Identity {
    Identity {
        chain: certificates(certificate, "certificate").unwrap(),
        key: PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
    }
}

/// The gateway's identity, from the comune's authority.
fn own(ca: &Ca) -> Identity {
    let holder = Holder {
        name: "gateway".to_owned(),
        uri: GATEWAY.to_owned(),
        serves: Some(Vec::new()),
    };
    let Leaf { certificate, key } = ca.issue(&holder, Clock::system().now()).unwrap();
    identity(&certificate, &key)
}

/// An identity that nobody of ours vouches for, good until a year, with the gateway's name in it.
fn foreign(until: i32) -> Identity {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(GATEWAY.try_into().unwrap())];
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    let certificate = params.self_signed(&key).unwrap().pem();
    identity(&certificate, &key.serialize_pem())
}

#[tokio::test]
async fn certificate_of_the_comune_needs_no_list() {
    let comune = Comune::new();

    let peer = comune.meets(&own(&comune.ca)).await.unwrap();

    assert_eq!(peer.uris, [GATEWAY]);
}

#[tokio::test]
async fn certificate_of_another_authority_is_refused_unless_listed() {
    let comune = Comune::new();
    let stranger = foreign(2090);

    let early = comune.meets(&stranger).await;
    comune.listed.set(|thumbprint| thumbprint == &[7; 32]);
    let unlisted = comune.meets(&stranger).await;

    assert!(early.is_err() && unlisted.is_err());
}

#[tokio::test]
async fn listed_certificate_is_taken_by_its_thumbprint_and_not_by_its_names() {
    let comune = Comune::new();
    let stranger = foreign(2090);
    let thumbprint = stranger.thumbprint();
    comune.listed.set(move |known| *known == thumbprint);

    let peer = comune.meets(&stranger).await.unwrap();

    let (thumbprint, uris) = (stranger.thumbprint(), Vec::new());
    assert_eq!(peer, Peer { thumbprint, uris });
}

#[tokio::test]
async fn listed_certificate_is_refused_outside_its_dates() {
    let comune = Comune::new();
    comune.listed.set(|_| true);

    let refused = comune.meets(&foreign(2021)).await;

    assert!(refused.is_err());
}

#[test]
fn no_suite_of_an_older_version_is_offered() {
    let suites = provider().cipher_suites;

    assert!(!suites.is_empty());
    assert!(suites.iter().all(|suite| suite.tls13().is_some()));
}
