//! Calls on behalf of others: what a service may exchange, and what the register says of it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::Value;
use uuid::Uuid;
use varco_gateway::keys::lifecycle::Role;
use varco_gateway::voucher::Claims as Voucher;
use varco_proto::audit::v1::RecordKind;
use varco_proto::registry::v1::{Document, Kind};
use varco_runtime::clock::Clock;
use varco_runtime::grant::{Actor, Claims, MAX_LIFE, TYP};
use varco_tests::assertion::{Answer, Asker};
use varco_tests::calls;
use varco_tests::comune::Comune;
use varco_tests::eco::Eco;
use varco_tests::eco::v1::EchoRequest;
use varco_tests::eco::v1::eco_service_client::EcoServiceClient;

#[tokio::test(flavor = "multi_thread")]
async fn service_acts_on_behalf_of_its_caller_and_the_register_says_so() {
    let comune = Comune::start().await;
    let desk = comune.client("sportello");
    let stored = calls::store(&desk, b"istanza", "d").await.unwrap();

    let answer = calls::register(&desk, &stored, b"istanza", "r")
        .await
        .unwrap();

    let id = answer.metadata().get("varco-audit-id").unwrap();
    let id: Uuid = id.to_str().unwrap().parse().unwrap();
    let chained = comune.served(id).await;
    let (exchanges, calls): (Vec<_>, Vec<_>) = chained
        .iter()
        .partition(|record| record.kind() == RecordKind::VoucherIssued);
    assert_eq!(exchanges.len(), 1, "{chained:?}");
    assert!(
        calls
            .iter()
            .any(|call| call.method.ends_with("/GetImpronta")),
        "{calls:?}"
    );
    let protocollo = service(&comune, "protocollo");
    for record in &chained {
        assert_eq!(record.client_id, protocollo.file.client_id);
        assert_eq!(record.on_behalf_of, [desk.file().client_id.clone()]);
        assert_eq!(record.hop, 1);
    }
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grant_is_exchanged_for_a_voucher_that_names_the_chain() {
    let comune = Comune::start().await;
    let actor = service(&comune, "protocollo");
    let purpose = actor.file.purposes["verifica-impronta"].purpose_id.clone();
    let claims = grant(&comune, "protocollo", None);

    let answer = exchange(&comune, &actor, &purpose, &claims).await;

    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(
        answer.text("issued_token_type"),
        "urn:ietf:params:oauth:token-type:access_token"
    );
    let voucher = voucher(&answer);
    assert_eq!(voucher.sub, claims.sub);
    assert_eq!(voucher.client_id.to_string(), actor.file.client_id);
    assert_eq!(voucher.purpose_id.to_string(), purpose);
    let origin = voucher.origin_purpose_id.unwrap().to_string();
    assert_eq!(origin, claims.purpose_id);
    let actors: Vec<_> = voucher.act.as_ref().unwrap().clients().collect();
    assert_eq!(actors, [actor.file.client_id.as_str()]);

    refused_exchanges(&comune).await;
    comune.stop().await;
}

async fn refused_exchanges(comune: &Comune) {
    let (actor, desk) = (service(comune, "protocollo"), comune.asker("sportello"));
    let own = actor.file.purposes["verifica-impronta"].purpose_id.clone();
    let single = comune.purpose_id("sportello", "istanze-protocollo");
    let four = ["a", "b", "c", "d"].into_iter().fold(None, |act, sub| {
        Some(Actor {
            sub: sub.to_owned(),
            act: act.map(Box::new),
        })
    });
    let good = || grant(comune, "protocollo", None);
    let expired = Claims {
        exp: good().iat - 1,
        ..good()
    };

    for (asker, purpose, claims, error, reason) in [
        (&desk, &single, good(), "invalid_request", "GRANT_AUDIENCE"),
        (
            &actor,
            &own,
            grant(comune, "albo", None),
            "invalid_request",
            "GRANT_AUDIENCE",
        ),
        (&actor, &own, expired, "invalid_request", "GRANT_EXPIRED"),
        (
            &actor,
            &own,
            grant(comune, "protocollo", four),
            "invalid_request",
            "CHAIN_TOO_LONG",
        ),
    ] {
        let answer = exchange(comune, asker, purpose, &claims).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
        assert_eq!(
            (answer.text("error"), answer.text("reason")),
            (error, reason)
        );
    }
    // What a service does on behalf of others ends with them.
    let claims = good();
    let origin = (Kind::Purpose, "sportello/istanze-protocollo");
    comune.suspend(origin.0, origin.1).await;
    let answer = exchange(comune, &actor, &own, &claims).await;
    assert_eq!(answer.text("reason"), "PURPOSE_SUSPENDED");
    // A grant must be signed by the gateway, and be a grant.
    let forged = actor.key.sign(TYP, &claims).unwrap();
    let answer = post(&actor, &own, &forged).await;
    assert_eq!(answer.text("reason"), "GRANT_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn next_service_reads_the_chain_in_its_grant() {
    let comune = Comune::start().await;
    let eco = Eco::start();
    comune.apply(for_protocollo(eco.document("read"))).await;
    let purpose = comune.id(Kind::Purpose, "protocollo/prova").await;
    let (actor, first) = (
        service(&comune, "protocollo"),
        grant(&comune, "protocollo", None),
    );
    let voucher = exchange(&comune, &actor, &purpose, &first).await.voucher();
    let folder = comune.path().join("services/protocollo");
    let address = comune.config().gateway_address();
    let channel = varco_runtime::client::channel(&address, &folder, &comune.ca()).unwrap();
    let mut request = tonic::Request::new(EchoRequest::default());
    let bearer = format!("Bearer {voucher}").parse().unwrap();
    request.metadata_mut().insert("authorization", bearer);

    let answer = EcoServiceClient::new(channel).echo(request).await.unwrap();

    let received = answer.get_ref().metadata.iter();
    let mut grants = received.filter(|entry| entry.name == "varco-grant");
    let token = String::from_utf8(grants.next().unwrap().value.to_vec()).unwrap();
    let next: Claims = serde_json::from_value(payload(&token)).unwrap();
    assert_eq!((next.sub, next.purpose_id), (first.sub, purpose));
    let actors: Vec<_> = next.act.as_ref().unwrap().clients().collect();
    assert_eq!(actors, [actor.file.client_id.as_str()]);
    let origin = next.origin_purpose_id.unwrap().to_string();
    assert_eq!(origin, first.purpose_id);
    let served = comune.served(first.txn).await;
    assert!(
        served
            .iter()
            .any(|record| record.method == "eco.v1.EcoService/Echo")
    );
    comune.stop().await;
}

/// The foreign service, offered to protocollo for calls that it serves.
fn for_protocollo(mut document: Document) -> Document {
    for agreement in &mut document.agreements {
        "protocollo".clone_into(&mut agreement.consumer);
    }
    for purpose in &mut document.purposes {
        "protocollo".clone_into(&mut purpose.consumer);
        purpose.clients = vec!["protocollo".to_owned()];
        purpose.chained = true;
    }
    document
}

/// The client of an office's own service.
fn service(comune: &Comune, name: &str) -> Asker {
    let folder = comune.path().join("services").join(name);
    Asker::open(&folder, Some(&folder), &comune.ca())
}

/// A grant as the gateway would make it for a call of the desk to a service.
fn grant(comune: &Comune, service: &str, act: Option<Actor>) -> Claims {
    let clock = Clock::system();
    let desk = comune.asker("sportello").file;
    Claims {
        iss: comune.config().issuer(),
        aud: comune.config().services[service].audience.clone(),
        sub: desk.client_id,
        act,
        origin_purpose_id: None,
        consumer_id: clock.uuid().to_string(),
        purpose_id: desk.purposes["istanze-protocollo"].purpose_id.clone(),
        method: "varco.protocollo.v1.ProtocolloService/RegisterInEntrata".to_owned(),
        txn: clock.uuid(),
        instance: comune.config().gateway.instance.clone(),
        iat: clock.unix(),
        exp: clock.unix() + MAX_LIFE,
        jti: clock.uuid(),
    }
}

async fn exchange(comune: &Comune, asker: &Asker, purpose: &str, grant: &Claims) -> Answer {
    let token = comune.signing_key(Role::Grant).sign(TYP, grant).unwrap();
    post(asker, purpose, &token).await
}

async fn post(asker: &Asker, purpose: &str, grant: &str) -> Answer {
    let form = asker.form(&asker.sign(&asker.claims(purpose)));
    let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    let form = form.replace("client_credentials", exchange);
    let kind = "urn:ietf:params:oauth:token-type:jwt";
    asker
        .post(&format!(
            "{form}&subject_token={grant}&subject_token_type={kind}"
        ))
        .await
}

/// The claims of a voucher, for show: the data plane verifies them.
fn voucher(answer: &Answer) -> Voucher {
    serde_json::from_value(payload(&answer.voucher())).unwrap()
}

fn payload(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(part).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}
