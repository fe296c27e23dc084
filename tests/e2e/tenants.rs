//! Several bodies on one installation: what one tenant may see and do of another's, from outside.

use serde_json::Value;
use tonic::transport::Channel;
use tonic::{Code, Status};
use varco_proto::audit::v1::GetCheckpointRequest;
use varco_proto::audit::v1::audit_service_client::AuditServiceClient;
use varco_proto::registry::v1 as registry;
use varco_proto::registry::v1::registry_service_client::RegistryServiceClient;
use varco_proto::registry::v1::{Document, Kind};
use varco_proto::token::v1::ExplainRequest;
use varco_proto::token::v1::explain_service_client::ExplainServiceClient;
use varco_runtime::pki::Holder;
use varco_tests::calls::{reason, verify};
use varco_tests::comune::Comune;

/// An operator of a tenant, who stands in the registry and has a certificate.
async fn operator_of(comune: &Comune, name: &str, tenant: &str) -> RegistryServiceClient<Channel> {
    let operator = registry::Operator {
        name: name.to_owned(),
        roles: vec!["admin".to_owned(), "auditor".to_owned()],
        tenant: tenant.to_owned(),
        ..Default::default()
    };
    comune
        .apply(Document {
            operators: vec![operator],
            ..Default::default()
        })
        .await;
    let holder = Holder::operator(&comune.config().trust_domain(), name);
    comune.certify(name, &holder);
    RegistryServiceClient::new(comune.control(name))
}

/// A system that administers in the name of an operator.
async fn system_of(
    comune: &Comune,
    name: &str,
    tenant: &str,
    admin: &str,
) -> RegistryServiceClient<Channel> {
    let (_, key) = varco_tests::assertion::key_pair();
    let client = registry::Client {
        name: name.to_owned(),
        consumer: tenant.to_owned(),
        kind: "api".to_owned(),
        admin: admin.to_owned(),
        keys: vec![registry::Key {
            pem: key,
            ..Default::default()
        }],
        ..Default::default()
    };
    comune
        .apply(Document {
            clients: vec![client],
            ..Default::default()
        })
        .await;
    let id = comune.id(Kind::Client, name).await;
    comune.certify(name, &Holder::client(&comune.config().trust_domain(), &id));
    RegistryServiceClient::new(comune.control(name))
}

async fn names(operator: &mut RegistryServiceClient<Channel>, kind: Kind) -> Vec<String> {
    let request = registry::ListEntriesRequest {
        kind: kind.into(),
        page_size: 500,
        ..Default::default()
    };
    let listed = operator.list_entries(request).await.unwrap().into_inner();
    listed.entries.into_iter().map(|entry| entry.name).collect()
}

async fn suspend(
    operator: &mut RegistryServiceClient<Channel>,
    kind: Kind,
    entry: &str,
) -> Result<registry::Entry, Status> {
    let request = registry::SuspendEntryRequest {
        kind: kind.into(),
        entry: entry.to_owned(),
        ..Default::default()
    };
    let done = operator.suspend_entry(request).await?;
    Ok(done.into_inner().entry.unwrap())
}

async fn unsuspend(
    operator: &mut RegistryServiceClient<Channel>,
    kind: Kind,
    entry: &str,
) -> Result<registry::Entry, Status> {
    let request = registry::UnsuspendEntryRequest {
        kind: kind.into(),
        entry: entry.to_owned(),
        ..Default::default()
    };
    let done = operator.unsuspend_entry(request).await?;
    Ok(done.into_inner().entry.unwrap())
}

fn flags(entry: &registry::Entry) -> Value {
    let body: Value = serde_json::from_str(&entry.json).unwrap();
    body["suspended_by"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_side_sees_its_own_and_lifts_its_own() {
    let comune = Comune::start().await;
    let mut consumer = operator_of(&comune, "carla", "tributi").await;
    let mut producer = operator_of(&comune, "dino", "anagrafe").await;
    let agreement = "tributi/anagrafe";

    let clients = names(&mut consumer, Kind::Client).await;
    let others = names(&mut producer, Kind::Client).await;
    let operators = names(&mut consumer, Kind::Operator).await;
    assert_eq!(clients, ["legacy", "tributi"]);
    assert!(!others.contains(&"tributi".to_owned()), "{others:?}");
    assert_eq!(operators, ["carla"]);

    let tributi = comune.client("tributi");
    verify(&tributi, "verifica-residenza").await.unwrap();
    // The data plane follows each side's word, and only the word of the right side lifts it.
    suspend(&mut consumer, Kind::Agreement, agreement)
        .await
        .unwrap();
    let both = suspend(&mut producer, Kind::Agreement, agreement)
        .await
        .unwrap();
    let refused = verify(&tributi, "verifica-residenza").await.unwrap_err();
    let half = unsuspend(&mut consumer, Kind::Agreement, agreement)
        .await
        .unwrap();
    let whole = unsuspend(&mut producer, Kind::Agreement, agreement)
        .await
        .unwrap();

    assert_eq!(flags(&both)["consumer"], true);
    assert_eq!(flags(&both)["producer"], true);
    assert_eq!(reason(&refused), "AGREEMENT_SUSPENDED");
    assert_eq!(
        (half.state.as_str(), whole.state.as_str()),
        ("SUSPENDED", "ACTIVE")
    );
    assert!(verify(&tributi, "verifica-residenza").await.is_ok());
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_another_tenants_does_not_exist_or_is_not_theirs() {
    let comune = Comune::start().await;
    let mut consumer = operator_of(&comune, "carla", "tributi").await;
    let mut stranger = operator_of(&comune, "elsa", "albo").await;

    let unseen = suspend(&mut stranger, Kind::Client, "tributi")
        .await
        .unwrap_err();
    let purpose = suspend(&mut stranger, Kind::Purpose, "tributi/verifica-residenza").await;
    let descriptor = suspend(&mut consumer, Kind::Descriptor, "anagrafe/1")
        .await
        .unwrap_err();
    let foreign = Document {
        tenants: vec![registry::Tenant {
            name: "tributi".to_owned(),
            title: "Un altro titolo".to_owned(),
            ipa: "c_z999".to_owned(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let request = registry::ApplyDocumentRequest {
        document: Some(foreign.clone()),
        ..Default::default()
    };
    let applied = consumer.apply_document(request).await.unwrap_err();
    let request = registry::ApplyDocumentRequest {
        document: Some(foreign),
        dry_run: true,
        ..Default::default()
    };
    let tried = consumer.apply_document(request).await.unwrap().into_inner();
    let mut register = AuditServiceClient::new(comune.control("carla"));
    let read = register
        .get_checkpoint(GetCheckpointRequest::default())
        .await
        .unwrap_err();

    assert_eq!(
        (unseen.code(), reason(&unseen)),
        (Code::NotFound, "ENTRY_UNKNOWN".into())
    );
    assert_eq!(purpose.unwrap_err().code(), Code::NotFound);
    assert_eq!(
        (descriptor.code(), reason(&descriptor)),
        (Code::PermissionDenied, "OTHER_SIDE".into())
    );
    assert!(
        applied.message().contains("belongs to another tenant"),
        "{applied:?}"
    );
    // Whoever only tries learns nothing of what was there.
    assert!(tried.changes.is_empty(), "{tried:?}");
    assert!(
        tried.problems[0].what.contains("another tenant"),
        "{tried:?}"
    );
    assert_eq!(
        (read.code(), reason(&read)),
        (Code::PermissionDenied, "ROLE_MISSING".into())
    );
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_explained_to_those_whom_they_concern() {
    let comune = Comune::start().await;
    for (name, tenant) in [("carla", "tributi"), ("dino", "anagrafe"), ("elsa", "albo")] {
        operator_of(&comune, name, tenant).await;
    }
    let asker = comune.asker("tributi");
    let purpose = comune.purpose_id("tributi", "verifica-residenza");
    let voucher = asker.ask(&asker.claims(&purpose)).await.voucher();
    let explain = |who: &str| {
        let mut service = ExplainServiceClient::new(comune.control(who));
        let request = ExplainRequest {
            token: voucher.clone(),
            ..Default::default()
        };
        async move { service.explain(request).await }
    };

    let own = explain("carla").await.unwrap().into_inner();
    let producer = explain("dino").await.unwrap().into_inner();
    let stranger = explain("elsa").await.unwrap_err();

    assert_eq!((own.client.as_str(), &own), ("tributi", &producer));
    assert_eq!(
        (stranger.code(), reason(&stranger)),
        (Code::PermissionDenied, "OTHER_TENANT".into())
    );
    assert!(!stranger.message().contains("tributi"), "{stranger:?}");
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_administers_for_a_tenant_that_is_suspended() {
    let comune = Comune::start().await;
    let mut carla = operator_of(&comune, "carla", "tributi").await;
    let mut system = system_of(&comune, "gestionale", "tributi", "amministratore").await;
    assert_eq!(names(&mut carla, Kind::Client).await.len(), 3);
    assert_eq!(names(&mut system, Kind::Client).await.len(), 3);

    comune.suspend(Kind::Tenant, "tributi").await;
    let person = suspend(&mut carla, Kind::Client, "legacy").await;
    let client = suspend(&mut system, Kind::Client, "legacy").await;
    comune.unsuspend(Kind::Tenant, "tributi").await.unwrap();
    let again = suspend(&mut carla, Kind::Client, "legacy").await;

    assert_eq!(reason(&person.unwrap_err()), "OPERATOR_SUSPENDED");
    assert_eq!(reason(&client.unwrap_err()), "OPERATOR_SUSPENDED");
    assert!(again.is_ok(), "{again:?}");
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api_client_acts_for_its_tenant_while_its_operator_may() {
    let comune = Comune::start().await;
    let mut carla = operator_of(&comune, "carla", "tributi").await;
    let mut system = system_of(&comune, "gestionale", "tributi", "carla").await;

    let seen = names(&mut system, Kind::Client).await;
    let stopped = suspend(&mut system, Kind::Purpose, "tributi/verifica-residenza").await;
    comune.suspend(Kind::Operator, "carla").await;
    let later = suspend(&mut system, Kind::Client, "legacy")
        .await
        .unwrap_err();
    let person = suspend(&mut carla, Kind::Client, "legacy")
        .await
        .unwrap_err();
    let consumer = RegistryServiceClient::new(comune.control("tributi"))
        .get_entry(registry::GetEntryRequest {
            kind: Kind::Client.into(),
            entry: "tributi".to_owned(),
        })
        .await
        .unwrap_err();

    assert_eq!(seen, ["gestionale", "legacy", "tributi"]);
    assert_eq!(flags(&stopped.unwrap())["consumer"], true);
    assert_eq!(reason(&later), "OPERATOR_SUSPENDED");
    assert_eq!(reason(&person), "OPERATOR_SUSPENDED");
    assert_eq!(reason(&consumer), "OPERATOR_UNKNOWN");
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_certificate_and_revoked_key_end_within_the_second() {
    let comune = Comune::start().await;
    let tributi = comune.client("tributi");
    let id = comune.id(Kind::Client, "legacy").await;
    let issued = comune
        .program(crate::PROGRAM)
        .json(&["get", "certificate"])
        .await;
    assert_eq!(issued.as_array().map(Vec::len), Some(0), "{issued}");
    verify(&tributi, "verifica-residenza").await.unwrap();
    tributi.renew().await.unwrap();
    verify(&tributi, "verifica-residenza").await.unwrap();
    let listed = comune
        .program(crate::PROGRAM)
        .json(&["get", "certificate"])
        .await;
    let thumbprint = listed[0]["name"].as_str().unwrap().to_owned();
    assert_eq!(listed[0]["fields"]["source"], "issued");
    assert_ne!(listed[0]["fields"]["client"], id.as_str());

    comune.suspend(Kind::Certificate, &thumbprint).await;
    let certificate = verify(&tributi, "verifica-residenza").await.unwrap_err();
    comune
        .unsuspend(Kind::Certificate, &thumbprint)
        .await
        .unwrap();
    let again = verify(&tributi, "verifica-residenza").await;
    let kid = tributi.file().kid.clone();
    comune.archive(Kind::Key, &kid).await;
    let key = verify(&tributi, "verifica-residenza").await.unwrap_err();

    assert_eq!(reason(&certificate), "KEY_REVOKED");
    assert!(again.is_ok(), "{again:?}");
    assert_eq!(reason(&key), "KEY_REVOKED");
    comune.stop().await;
}
