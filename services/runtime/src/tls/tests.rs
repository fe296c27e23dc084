//! Whose certificates a listener takes, in real handshakes.

use rcgen::{CertificateParams, KeyPair, SanType};
use rustls_pki_types::ServerName;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

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
            authority: Authority::fixed(roots_from_pem(ca.pem(), "ca").unwrap()),
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
    let leaf = Leaf {
        certificate: certificate.to_owned(),
        key: Zeroizing::new(key.to_owned()),
    };
    let pair = Pair::parse(leaf, ("certificate", "key")).unwrap();
    Identity(Arc::new(Kept::fixed(pair)))
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

    let expected = Peer {
        thumbprint: stranger.thumbprint(),
        uris: Vec::new(),
        hosts: Vec::new(),
        life: peer.life,
        until: peer.until,
    };
    assert_eq!(peer, expected);
    assert!(!peer.has_ended(peer.until));
    assert!(peer.has_ended(peer.until + 1));
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

/// A folder with the gateway's pair, and the pair that is to replace it.
struct Renewal {
    _folder: tempfile::TempDir,
    certificate: std::path::PathBuf,
    key: std::path::PathBuf,
    ca: Ca,
}

impl Renewal {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ca, _) = Ca::generate("Comune di Esempio", Clock::system().now()).unwrap();
        let renewal = Self {
            certificate: folder.path().join("tls.pem"),
            key: folder.path().join("tls.key"),
            _folder: folder,
            ca,
        };
        renewal.replace(&renewal.leaf());
        renewal
    }

    fn leaf(&self) -> Leaf {
        let holder = Holder::gateway("spiffe://c_z999", "localhost");
        self.ca.issue(&holder, Clock::system().now()).unwrap()
    }

    fn replace(&self, with: &Leaf) {
        pair::replace(&self.certificate, &self.key, with).unwrap();
    }

    fn load(&self) -> Identity {
        Identity::load(&self.certificate, &self.key).unwrap()
    }

    /// What a kill before the last step of a replacement leaves.
    fn interrupt(&self, with: &Leaf, key_arrived: bool) {
        let both = format!("{}\n{}", with.key.trim_end(), with.certificate);
        std::fs::write(self.certificate.with_extension("pair"), both).unwrap();
        if key_arrived {
            std::fs::write(&self.key, with.key.as_bytes()).unwrap();
        }
    }
}

#[tokio::test]
async fn renewed_pair_is_presented_without_a_restart() {
    let renewal = Renewal::new();
    let identity = renewal.load();
    let roots = roots_from_pem(renewal.ca.pem(), "ca").unwrap();
    let clients = Clients {
        certificate: ClientCertificate::Required,
        authority: Authority::fixed(roots),
        listed: Listed::default(),
    };
    let server = server(&identity, clients, &[]).unwrap();
    let (ca, listed) = (renewal.ca, Listed::default());
    let comune = Comune { ca, listed, server };
    let fresh = comune.ca.issue(
        &Holder::gateway("spiffe://c_z999", "localhost"),
        Clock::system().now(),
    );
    let fresh = fresh.unwrap();

    pair::replace(&renewal.certificate, &renewal.key, &fresh).unwrap();
    let changed = (identity.refresh(), identity.refresh());
    let peer = comune.meets(&identity).await.unwrap();

    assert_eq!(changed, (true, false));
    assert_eq!(Some(peer.thumbprint), thumbprint(&fresh.certificate));
    assert_eq!(peer.hosts, ["localhost"]);
}

#[test]
fn pair_that_does_not_fit_leaves_the_old_one_in_use() {
    let renewal = Renewal::new();
    let identity = renewal.load();
    let old = identity.thumbprint();

    std::fs::write(&renewal.certificate, renewal.leaf().certificate).unwrap();
    let changed = identity.refresh();
    std::fs::remove_file(&renewal.certificate).unwrap();

    assert!(!changed && !identity.refresh());
    assert_eq!(identity.thumbprint(), old);
    assert!(Identity::load(&renewal.certificate, &renewal.key).is_err());
}

#[test]
fn replacement_killed_before_the_key_has_arrived_leaves_the_old_pair() {
    let renewal = Renewal::new();
    let old = renewal.load().thumbprint();

    renewal.interrupt(&renewal.leaf(), false);

    assert_eq!(renewal.load().thumbprint(), old);
}

#[test]
fn replacement_killed_between_key_and_certificate_is_finished_by_whoever_reads() {
    let renewal = Renewal::new();
    let fresh = renewal.leaf();

    renewal.interrupt(&fresh, true);
    let found = renewal.load().thumbprint();

    let stored = std::fs::read_to_string(&renewal.certificate).unwrap();
    assert_eq!(Some(found), thumbprint(&fresh.certificate));
    assert_eq!(stored, fresh.certificate);
    assert!(!renewal.certificate.with_extension("pair").exists());
}

#[test]
fn stale_pair_does_not_win_over_a_key_that_somebody_else_brought() {
    let renewal = Renewal::new();
    renewal.interrupt(&renewal.leaf(), false);

    std::fs::write(&renewal.key, renewal.leaf().key.as_bytes()).unwrap();

    assert!(Identity::load(&renewal.certificate, &renewal.key).is_err());
}

#[test]
fn certificate_is_due_in_the_last_third_of_its_life() {
    let renewal = Renewal::new();
    let pair = renewal.load().pair();
    let at = |third: i64| {
        let (from, to) = (pair.from.as_second(), pair.to.as_second());
        jiff::Timestamp::from_second(from + (to - from) * third / 3).unwrap()
    };

    assert!(!pair.is_due(at(1)));
    assert!(pair.is_due(at(2)));
    assert!(pair.is_due(at(4)));
}
