//! Authorities that follow one another while a listener and a connector stay.

use std::fs;

use rustls_pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::*;
use crate::clock::Clock;
use crate::pki::{Ca, Holder};
use crate::tls::listed::Listed;
use crate::tls::{ClientCertificate, Clients, Identity, client_trusting, server};

/// An authority, and a pair of it in the files of a folder.
fn made(folder: &Path, name: &str) -> (Ca, Identity) {
    let now = Clock::system().now();
    let (ca, _) = Ca::generate(name, now).unwrap();
    let leaf = ca.issue(&Holder::gateway("spiffe://c_z999", "localhost"), now);
    let leaf = leaf.unwrap();
    let (certificate, key) = (
        folder.join(format!("{name}.pem")),
        folder.join(format!("{name}.key")),
    );
    crate::tls::pair::replace(&certificate, &key, &leaf).unwrap();
    (ca, Identity::load(&certificate, &key).unwrap())
}

/// Whether a listener and a connector of these identities take each other.
async fn meet(authority: &Authority, here: &Identity, there: &Identity) -> bool {
    let clients = Clients {
        certificate: ClientCertificate::Required,
        authority: authority.clone(),
        listed: Listed::default(),
    };
    let server = server(here, clients, &[]).unwrap();
    let client = client_trusting(Some(there), authority, &[]).unwrap();
    shake(&server, client).await
}

async fn shake(server: &crate::tls::Server, client: rustls::ClientConfig) -> bool {
    let (here, there) = tokio::io::duplex(16 * 1024);
    let name = ServerName::try_from("localhost").unwrap();
    let (accepted, connected) = tokio::join!(
        server.acceptor().accept(here),
        TlsConnector::from(Arc::new(client)).connect(name, there),
    );
    accepted.is_ok() && connected.is_ok()
}

#[tokio::test]
async fn both_authorities_count_while_one_follows_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let (old, old_pair) = made(folder.path(), "vecchia");
    let (new, new_pair) = made(folder.path(), "nuova");
    fs::write(&file, old.pem()).unwrap();
    let authority = Authority::load(&file).unwrap();
    let clients = Clients {
        certificate: ClientCertificate::Required,
        authority: authority.clone(),
        listed: Listed::default(),
    };
    let listener = server(&old_pair, clients, &[]).unwrap();
    let connector = |pair| client_trusting(Some(pair), &authority, &[]).unwrap();
    let (by_old, by_new) = (connector(&old_pair), connector(&new_pair));

    assert!(shake(&listener, by_old.clone()).await);
    assert!(!shake(&listener, by_new.clone()).await);

    fs::write(&file, format!("{}{}", old.pem(), new.pem())).unwrap();
    assert!(authority.refresh());
    assert!(!authority.refresh(), "nothing has changed since");
    assert!(shake(&listener, by_old.clone()).await);
    assert!(shake(&listener, by_new.clone()).await);
    assert!(meet(&authority, &new_pair, &old_pair).await);

    fs::write(&file, new.pem()).unwrap();
    assert!(authority.refresh());
    assert!(!shake(&listener, by_old).await);
    assert!(meet(&authority, &new_pair, &new_pair).await);
}

#[tokio::test]
async fn file_that_holds_no_authority_leaves_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let (ca, pair) = made(folder.path(), "sola");
    fs::write(&file, ca.pem()).unwrap();
    let authority = Authority::load(&file).unwrap();

    fs::write(&file, "non un certificato").unwrap();

    assert!(!authority.refresh());
    assert!(meet(&authority, &pair, &pair).await);
}
