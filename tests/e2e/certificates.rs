//! Certificates that change while the town runs: renewed by their holders, replaced in their files.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::{Code, Status};
use varco_proto::gateway::v1::certificate_service_client::CertificateServiceClient;
use varco_proto::gateway::v1::renewal_service_client::RenewalServiceClient;
use varco_proto::gateway::v1::{
    HolderKind, IssueCertificateRequest, IssueCertificateResponse, RenewCertificateRequest,
};
use varco_proto::registry::v1::registry_service_client::RegistryServiceClient;
use varco_proto::registry::v1::{self as registry, Document, Kind};
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;
use varco_runtime::pki::{self, Ca, Holder, KeyKind, Leaf, csr, generate_key};
use varco_runtime::tasks::Tasks;
use varco_runtime::tls::{self, Identity, pair};
use varco_runtime::{client, secret};
use varco_tests::calls::{reason, sha256, verify};
use varco_tests::comune::Comune;
use varco_tests::wait::until;

use crate::PROGRAM;

#[tokio::test(flavor = "multi_thread")]
async fn client_renews_its_certificate_and_calls_on() {
    let comune = Comune::start().await;
    let tributi = comune.client("tributi");
    verify(&tributi, "verifica-residenza").await.unwrap();
    let before = identity(&comune.client_folder("tributi"));
    let (old, was) = (before.thumbprint(), before.pair().to);

    tributi.renew().await.unwrap();
    let called = verify(&tributi, "verifica-residenza").await;

    let after = identity(&comune.client_folder("tributi"));
    assert!(called.is_ok(), "{called:?}");
    assert_ne!(after.thumbprint(), old);
    assert!(after.pair().to >= was);
    // Another process of the same client finds the new pair in the files.
    verify(&comune.client("tributi"), "verifica-residenza")
        .await
        .unwrap();
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_in_the_last_third_of_its_certificate_renews_it_by_itself() {
    let comune = Comune::start().await;
    let folder = comune.client_folder("tributi");
    let id = comune.client("tributi").file().client_id.clone();
    let holder = Holder::client(&comune.config().trust_domain(), &id);
    let two_months_ago = Clock::system().now() - Duration::from_hours(24 * 61);
    let leaf = authority(&comune).issue(&holder, two_months_ago).unwrap();
    let old = tls::thumbprint(&leaf.certificate).unwrap();
    pair::replace(&folder.join("tls.pem"), &folder.join("tls.key"), &leaf).unwrap();
    let (tributi, tasks) = (comune.client("tributi"), Tasks::default());
    verify(&tributi, "verifica-residenza").await.unwrap();

    tasks.spawn_until_stop(tributi.clone().follow());
    until("a renewed certificate", async || {
        (identity(&folder).thumbprint() != old).then_some(())
    })
    .await;
    let called = verify(&tributi, "verifica-residenza").await;

    assert!(called.is_ok(), "{called:?}");
    tasks.drain(Duration::from_secs(5)).await;
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_renews_with_the_command_line() {
    let comune = Comune::start().await;
    let before = identity(&comune.client_folder("amministratore")).thumbprint();

    let renewed = comune.program(PROGRAM).done(&["operator", "renew"]).await;
    let listed = comune.program(PROGRAM).json(&["get", "operator"]).await;

    let after = identity(&comune.client_folder("amministratore")).thumbprint();
    assert!(renewed.contains("good until"), "{renewed}");
    assert_ne!(before, after);
    assert!(!listed.as_array().unwrap().is_empty());
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_gateway_and_service_change_without_a_restart() {
    let comune = Comune::start().await;
    let tributi = comune.client("tributi");
    verify(&tributi, "verifica-residenza").await.unwrap();
    let domain = comune.config().trust_domain();
    let office = Holder {
        serves: Some(vec![pki::service_host("anagrafe")]),
        ..Holder::client(&domain, "0190163d-8694-739b-aea5-966c26f8ad91")
    };
    let gateway = Holder::gateway(&domain, "localhost");
    let anagrafe = comune.config().services["anagrafe"].listen;

    for (role, holder, address) in [
        ("anagrafe", office, anagrafe),
        ("gateway", gateway, comune.config().gateway.data_plane),
    ] {
        let folder = comune.path().join("services").join(role);
        let leaf = authority(&comune)
            .issue(&holder, Clock::system().now())
            .unwrap();
        let fresh = tls::thumbprint(&leaf.certificate).unwrap();
        assert_ne!(presented(&comune, address).await, fresh, "{role}");

        pair::replace(&folder.join("tls.pem"), &folder.join("tls.key"), &leaf).unwrap();

        until(role, async || {
            (presented(&comune, address).await == fresh).then_some(())
        })
        .await;
        let called = verify(&tributi, "verifica-residenza").await;
        assert!(called.is_ok(), "{role}: {called:?}");
    }
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn renewal_is_for_holders_that_the_registry_still_knows() {
    let comune = Comune::start().await;
    let key = generate_key(KeyKind::EcP256).unwrap();
    let request = RenewCertificateRequest {
        csr_pem: csr::request(&key).unwrap(),
    };
    comune.suspend(Kind::Client, "legacy").await;

    let suspended = renew(&comune, "legacy", request.clone()).await.unwrap_err();
    let operator = renew(&comune, "auditor", request.clone()).await.unwrap();
    for _ in 0..4 {
        renew(&comune, "auditor", request.clone()).await.unwrap();
    }
    let hasty = renew(&comune, "auditor", request).await.unwrap_err();

    assert_eq!(suspended.code(), Code::FailedPrecondition);
    assert_eq!(reason(&suspended), "HOLDER_NOT_LIVE");
    assert_eq!(operator, "spiffe://c_z999/operator/auditor");
    assert_eq!(reason(&hasty), "RATE_CLIENT");
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_security_and_administrators_issue_and_only_these_certify_operators() {
    let comune = Comune::start().await;
    let key = generate_key(KeyKind::EcP256).unwrap();
    let request = |kind: HolderKind, holder: &str| IssueCertificateRequest {
        holder_kind: kind.into(),
        holder: holder.to_owned(),
        csr_pem: csr::request(&key).unwrap(),
        life_days: 30,
    };
    let mut auditor = CertificateServiceClient::new(comune.control("auditor"));
    let mut admin = CertificateServiceClient::new(comune.control("amministratore"));

    let refused = auditor
        .issue_certificate(request(HolderKind::Client, "tributi"))
        .await
        .unwrap_err();
    let operator = admin
        .issue_certificate(request(HolderKind::Operator, "auditor"))
        .await;
    let service = admin
        .issue_certificate(request(HolderKind::Service, "albo"))
        .await;
    let nameless = admin
        .issue_certificate(request(HolderKind::Service, "../albo"))
        .await
        .unwrap_err();

    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(reason(&refused), "ROLE_MISSING");
    let operator = operator.unwrap().into_inner().certificate.unwrap();
    assert_eq!(operator.uri, "spiffe://c_z999/operator/auditor");
    let service = service.unwrap().into_inner().certificate.unwrap();
    assert!(
        service.uri.starts_with("spiffe://c_z999/client/"),
        "{}",
        service.uri
    );
    assert_eq!(nameless.code(), Code::InvalidArgument);
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_certifies_himself_as_somebody_else() {
    let bend = |config: &mut Config| config.gateway.four_eyes = true;
    let comune = Comune::start_with(Clock::system(), bend).await;
    let operator = |name: &str, roles: &[&str], tenant: &str| registry::Operator {
        name: name.to_owned(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        tenant: tenant.to_owned(),
        ..Default::default()
    };
    let carla = operator("carla", &["admin"], "tributi");
    let ada = operator("ada", &["admin"], "");
    for operator in [carla, ada] {
        comune
            .apply(Document {
                operators: vec![operator],
                ..Default::default()
            })
            .await;
    }
    comune.certify(
        "carla",
        &Holder::operator(&comune.config().trust_domain(), "carla"),
    );
    let issue = |by: &str, holder: &str| {
        let mut authority = CertificateServiceClient::new(comune.control(by));
        let key = generate_key(KeyKind::EcP256).unwrap();
        let request = IssueCertificateRequest {
            holder_kind: HolderKind::Operator.into(),
            holder: holder.to_owned(),
            csr_pem: csr::request(&key).unwrap(),
            life_days: 30,
        };
        async move {
            let answer = authority.issue_certificate(request).await;
            answer.map(|answer| (answer.into_inner(), key))
        }
    };

    let tenants = issue("carla", "amministratore").await.unwrap_err();
    let (first, key) = issue("amministratore", "ada").await.unwrap();
    comune.present("ada", &leaf(&first, &key));
    let mut reader = RegistryServiceClient::new(comune.control("ada"));
    reader.list_entries(list(Kind::Operator)).await.unwrap();
    let (second, key) = issue("amministratore", "ada").await.unwrap();
    comune.present("altra", &leaf(&second, &key));
    let waiting = second.waits_for_approval;
    let thumbprint = second.certificate.unwrap().thumbprint;
    let waits = RegistryServiceClient::new(comune.control("altra"))
        .list_entries(list(Kind::Operator))
        .await
        .unwrap_err();
    let approve = |by: &str| {
        let mut registry = RegistryServiceClient::new(comune.control(by));
        let request = registry::ApproveEntryRequest {
            kind: Kind::Certificate.into(),
            entry: thumbprint.clone(),
            ..Default::default()
        };
        async move { registry.approve_entry(request).await }
    };
    let alone = approve("amministratore").await.unwrap_err();
    approve("ada").await.unwrap();
    let counts = RegistryServiceClient::new(comune.control("altra"))
        .list_entries(list(Kind::Operator))
        .await;

    assert_eq!(reason(&tenants), "ROLE_MISSING");
    assert!(!first.waits_for_approval && waiting);
    assert_eq!(reason(&waits), "CERTIFICATE_WAITING");
    assert_eq!(reason(&alone), "FOUR_EYES");
    assert!(counts.is_ok(), "{counts:?}");
    comune.stop().await;
}

/// What the holder of a key was issued.
fn leaf(issued: &IssueCertificateResponse, key: &str) -> Leaf {
    Leaf {
        certificate: issued.certificate.clone().unwrap().pem,
        key: key.to_owned().into(),
    }
}

fn list(kind: Kind) -> registry::ListEntriesRequest {
    registry::ListEntriesRequest {
        kind: kind.into(),
        ..Default::default()
    }
}

async fn renew(
    comune: &Comune,
    holder: &str,
    request: RenewCertificateRequest,
) -> Result<String, Status> {
    let folder = comune.client_folder(holder);
    let channel = client::channel(&comune.config().issuer(), &folder, &comune.ca()).unwrap();
    let mut service = RenewalServiceClient::new(channel);
    let answer = service.renew_certificate(request).await;
    Ok(answer?.into_inner().certificate.unwrap().uri)
}

/// SHA-256 of the certificate that a port presents.
async fn presented(comune: &Comune, address: SocketAddr) -> [u8; 32] {
    let roots = tls::roots(&comune.ca()).unwrap();
    let own = identity(&comune.path().join("services/gateway"));
    let config = tls::client(Some(&own), &roots, &["h2"]).unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap();
    let chain = stream.get_ref().1.peer_certificates().unwrap();
    sha256(&chain[0])[..].try_into().unwrap()
}

fn authority(comune: &Comune) -> Ca {
    let certificate = secret::read(&comune.ca()).unwrap();
    let key = secret::read(&comune.path().join("ca.key")).unwrap();
    Ca::load(certificate.to_string(), &key).unwrap()
}

fn identity(folder: &Path) -> Identity {
    Identity::load(&folder.join("tls.pem"), &folder.join("tls.key")).unwrap()
}
