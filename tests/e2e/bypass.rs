//! Reachable is not authorised: going around the gateway, and slipping something past it.

use std::net::SocketAddr;

use bytes::Bytes;
use jsonwebtoken::jwk::JwkSet;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;
use varco_gateway::keys::lifecycle::Role;
use varco_proto::registry::v1::Kind;
use varco_runtime::clock::Clock;
use varco_runtime::grant::{Claims, MAX_LIFE, TYP};
use varco_runtime::jose::{self, PrivateKey, PublicKey};
use varco_runtime::secret;
use varco_tests::calls::question;
use varco_tests::comune::Comune;
use varco_tests::eco::Eco;
use varco_tests::eco::v1::EchoRequest;
use varco_tests::eco::v1::eco_service_client::EcoServiceClient;
use varco_tests::wire::{Wire, frame};

const VERIFY: &str = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza";

/// Calls anagrafe on its own port with some headers.
async fn around(wire: &mut Wire, headers: &[(&str, &str)]) -> Status {
    wire.send(VERIFY, headers, frame(&question()))
        .await
        .unwrap()
        .status()
}

fn assert_refused(status: &Status, reason: &str) {
    let info = status
        .get_details_error_info()
        .unwrap_or_else(|| panic!("{reason}: {status:?}"));
    assert_eq!(
        (info.reason.as_str(), info.domain.as_str()),
        (reason, "anagrafe.varco")
    );
    assert_eq!(status.code(), Code::Unauthenticated, "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn service_answers_only_to_the_gateway_with_a_grant_for_that_call() {
    let comune = Comune::start().await;
    let anagrafe = &comune.config().services["anagrafe"];
    let key = |path: &str| {
        PrivateKey::from_pem(&secret::read(&comune.path().join(path)).unwrap()).unwrap()
    };
    let grants = comune.signing_key(Role::Grant);
    let good = grant(&comune);
    let sign = |claims: &Claims| grants.sign(TYP, claims).unwrap();
    let with = |bend: fn(&mut Claims)| {
        let mut claims = good.clone();
        bend(&mut claims);
        sign(&claims)
    };
    let purpose = comune.purpose_id("tributi", "verifica-residenza");
    let voucher = comune.voucher("tributi", &purpose).await;
    let bearer = format!("Bearer {voucher}");
    let connect = async |folder: &str| {
        let folder = comune.path().join(folder);
        Wire::connect(anagrafe.listen, Some(&folder), &comune.ca())
            .await
            .unwrap()
    };

    // Nobody but the gateway, whatever they bring: a client, another office, an operator.
    for folder in [
        "clients/tributi",
        "services/protocollo",
        "clients/amministratore",
    ] {
        let mut wire = connect(folder).await;
        let granted = sign(&good);
        for headers in [
            vec![],
            vec![("authorization", bearer.as_str())],
            vec![("varco-grant", granted.as_str())],
        ] {
            assert_refused(&around(&mut wire, &headers).await, "PEER_NOT_GATEWAY");
        }
    }
    assert!(without_certificate(&comune, anagrafe.listen).await.is_err());

    // The gateway's own certificate is not enough.
    let mut wire = connect("services/gateway").await;
    assert_refused(&around(&mut wire, &[]).await, "GRANT_MISSING");
    assert_refused(
        &around(&mut wire, &[("authorization", &bearer)]).await,
        "GRANT_MISSING",
    );
    let office = key("services/anagrafe/assertion.key");
    let cases = [
        ("GRANT_INVALID", "x.y.z".to_owned()),
        ("GRANT_INVALID", voucher),
        ("GRANT_INVALID", grants.sign("JWT", &good).unwrap()),
        ("GRANT_INVALID", office.sign(TYP, &good).unwrap()),
        ("GRANT_METHOD", with(|c| c.method.push('2'))),
        (
            "GRANT_AUDIENCE",
            with(|c| "https://albo.comune.example/v1".clone_into(&mut c.aud)),
        ),
        (
            "GRANT_AUDIENCE",
            with(|c| "https://localhost:1".clone_into(&mut c.iss)),
        ),
        (
            "GRANT_EXPIRED",
            with(|c| (c.iat, c.exp) = (c.iat - 60, c.exp - 60)),
        ),
        (
            "GRANT_EXPIRED",
            with(|c| (c.iat, c.exp) = (c.iat + 60, c.exp + 60)),
        ),
        ("GRANT_EXPIRED", with(|c| c.exp += 1)),
    ];
    for (reason, token) in cases {
        assert_refused(&around(&mut wire, &[("varco-grant", &token)]).await, reason);
    }
    let served = around(&mut wire, &[("varco-grant", &sign(&good))]).await;
    assert_eq!(served.code(), Code::Ok, "{served:?}");
    comune.stop().await;
}

/// The claims of a grant as the gateway makes them for a verification.
fn grant(comune: &Comune) -> Claims {
    let clock = Clock::system();
    let now = clock.unix();
    Claims {
        iss: comune.config().issuer(),
        aud: comune.config().services["anagrafe"].audience.clone(),
        sub: Uuid::nil().to_string(),
        act: None,
        origin_purpose_id: None,
        consumer_id: Uuid::nil().to_string(),
        purpose_id: Uuid::nil().to_string(),
        method: VERIFY.to_owned(),
        txn: clock.uuid(),
        instance: comune.config().gateway.instance.clone(),
        iat: now,
        exp: now + MAX_LIFE,
        jti: clock.uuid(),
    }
}

/// Whether a port serves somebody who presents no certificate.
async fn without_certificate(comune: &Comune, address: SocketAddr) -> Result<Status, String> {
    let told = |error: &dyn std::error::Error| error.to_string();
    let mut wire = Wire::connect(address, None, &comune.ca())
        .await
        .map_err(|error| told(&error))?;
    let answer = wire.send(VERIFY, &[], frame(&question())).await;
    answer
        .map(|answer| answer.status())
        .map_err(|error| told(&error))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_gives_authority_stays_at_the_gateway_and_all_else_passes() {
    let comune = Comune::start().await;
    let eco = Eco::start();
    comune.apply(eco.document("read")).await;
    let purpose = comune.id(Kind::Purpose, "tributi/prova").await;
    let voucher = comune.voucher("tributi", &purpose).await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let mut request = Request::new(EchoRequest {
        text: "perché no".to_owned(),
    });
    let sent = request.metadata_mut();
    sent.insert(
        "authorization",
        format!("Bearer {voucher}").parse().unwrap(),
    );
    sent.insert("varco-grant", "forged".parse().unwrap());
    sent.insert("varco-client", "forged".parse().unwrap());
    sent.insert_bin(
        "varco-secret-bin",
        tonic::metadata::MetadataValue::from_bytes(b"forged"),
    );
    sent.insert("dpop", "forged".parse().unwrap());
    sent.insert("baggage", "persona=qualcuno".parse().unwrap());
    sent.insert(
        "traceparent",
        format!("00-{trace}-b7ad6b7169203331-01").parse().unwrap(),
    );
    sent.insert("idempotency-key", "k1".parse().unwrap());
    sent.append("x-office", "uno".parse().unwrap());
    sent.append("x-office", "due".parse().unwrap());
    sent.insert_bin(
        "x-office-bin",
        tonic::metadata::MetadataValue::from_bytes(&[0, 1, 255]),
    );

    let answer = EcoServiceClient::new(comune.client("tributi").bare())
        .echo(request)
        .await;

    let answer = answer.unwrap();
    assert_eq!(answer.metadata().get("x-eco").unwrap(), "risposta");
    let binary = answer
        .metadata()
        .get_bin("x-eco-bin")
        .unwrap()
        .to_bytes()
        .unwrap();
    assert_eq!(binary, Bytes::from_static(&[0, 255]));
    let index: Vec<_> = answer
        .metadata()
        .get_all("varco-audit-index")
        .iter()
        .collect();
    assert!(index.len() == 1 && index[0] != "forged", "{index:?}");
    let audit_id = answer
        .metadata()
        .get("varco-audit-id")
        .unwrap()
        .to_str()
        .unwrap();
    let audit_id: Uuid = audit_id.parse().unwrap();

    let answer = answer.into_inner();
    assert_eq!(answer.text, "perché no");
    let received = |name: &str| -> Vec<Bytes> {
        let named = answer.metadata.iter().filter(|entry| entry.name == name);
        named.map(|entry| entry.value.clone()).collect()
    };
    assert_eq!(received("authorization"), Vec::<Bytes>::new());
    assert_eq!(received("dpop"), Vec::<Bytes>::new());
    assert_eq!(received("baggage"), Vec::<Bytes>::new());
    let ours: Vec<&str> = answer
        .metadata
        .iter()
        .map(|entry| entry.name.as_str())
        .filter(|name| name.starts_with("varco-"))
        .collect();
    assert_eq!(ours, ["varco-grant"]);
    assert_eq!(received("x-office"), ["uno", "due"]);
    assert_eq!(received("x-office-bin"), [Bytes::from_static(&[0, 1, 255])]);
    assert_eq!(received("idempotency-key"), ["k1"]);
    let traceparent = received("traceparent");
    assert!(
        traceparent[0].starts_with(format!("00-{trace}-").as_bytes()),
        "{traceparent:?}"
    );

    let claims = verified(&comune, &received("varco-grant")[0]).await;
    assert_eq!(claims.method, "eco.v1.EcoService/Echo");
    assert_eq!(
        (claims.aud.as_str(), claims.purpose_id),
        ("https://eco.example/v1", purpose)
    );
    assert_eq!((claims.txn, claims.exp - claims.iat), (audit_id, MAX_LIFE));
    let records = comune.records(audit_id.as_bytes()).await;
    assert_eq!(hex::encode(&records[0].trace_id), trace);
    assert_eq!(records[0].data_classes_delivered, ["pubblico"]);
    comune.stop().await;
}

/// The claims of a grant, verified with the key set that the gateway publishes.
async fn verified(comune: &Comune, token: &[u8]) -> Claims {
    let set = comune.asker("tributi").page("/.well-known/jwks.json").await;
    let set: JwkSet = serde_json::from_value(set).unwrap();
    let token = std::str::from_utf8(token).unwrap();
    let header = jose::header(token).unwrap();
    assert_eq!(header.typ.as_deref(), Some(TYP));
    PublicKey::from_jwk(set.find(&header.kid.unwrap()).unwrap())
        .unwrap()
        .verify(token)
        .unwrap()
}
