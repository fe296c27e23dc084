//! What stands in a voucher, and what is published to verify it.

use bytes::Bytes;
use http::StatusCode;
use jsonwebtoken::jwk::JwkSet;
use serde_json::{Value, json};
use uuid::Uuid;
use varco_gateway::voucher::{Claims, Confirmation, TYP};
use varco_proto::audit::v1::RecordKind;
use varco_runtime::clock::Clock;
use varco_runtime::jose::{self, PublicKey};
use varco_runtime::tls;
use varco_tests::assertion::Asker;
use varco_tests::comune::Comune;
use varco_tests::wire::Wire;

use super::PURPOSE;

/// The voucher's claims, verified with the key set that the gateway publishes.
async fn verified(asker: &Asker, token: &str) -> Value {
    let set: JwkSet = serde_json::from_value(asker.page("/.well-known/jwks.json").await).unwrap();
    let header = jose::header(token).unwrap();
    assert_eq!(header.typ.as_deref(), Some(TYP));
    let key = set.find(&header.kid.unwrap()).unwrap();
    PublicKey::from_jwk(key).unwrap().verify(token).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn voucher_says_what_pdnd_says_and_leaves_its_record() {
    let comune = Comune::start().await;

    claims_of_every_kind_of_client(&comune).await;
    records_headers_and_metadata(&comune).await;

    comune.stop().await;
}

async fn claims_of_every_kind_of_client(comune: &Comune) {
    let clients = [
        ("tributi", PURPOSE, "https://anagrafe.comune.example/v1"),
        ("legacy", PURPOSE, "https://anagrafe.comune.example/v1"),
        (
            "segreteria",
            "pubblicazione-albo",
            "https://albo.comune.example/v1",
        ),
    ];

    for (client, purpose, audience) in clients {
        let asker = comune.asker(client);
        let purpose_id = comune.purpose_id(client, purpose);
        let mut claims = asker.claims(&purpose_id);
        claims["aud"] = json!([comune.config().issuer()]);
        claims["digest"] = json!({"alg": "SHA256", "value": "ab".repeat(32)});
        let answer = asker.ask(&claims).await;
        let voucher = answer.voucher();
        assert_eq!(answer.text("token_type"), "Bearer");
        assert_eq!(answer.body["expires_in"], 300);

        let found = verified(&asker, &voucher).await;
        let names: Vec<&str> = found
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let mut expected = vec![
            "iss",
            "sub",
            "client_id",
            "aud",
            "jti",
            "iat",
            "nbf",
            "exp",
            "purposeId",
            "producerId",
            "consumerId",
            "eserviceId",
            "descriptorId",
            "client_kid",
            "epoch",
            "cnf",
            "digest",
        ];
        expected.sort_unstable();
        assert_eq!(names, expected, "{client}");
        let found: Claims = serde_json::from_value(found).unwrap();
        let certificate = std::fs::read_to_string(comune.client_folder(client).join("tls.pem"));
        let thumbprint = tls::thumbprint(&certificate.unwrap()).unwrap();
        assert_eq!(found.cnf, Some(Confirmation::to(&thumbprint)));
        assert_eq!(
            (found.aud.as_str(), found.sub.as_str()),
            (audience, asker.file.client_id.as_str())
        );
        assert_eq!(
            (found.client_kid.as_str(), found.purpose_id.to_string()),
            (asker.key.public().kid(), purpose_id)
        );
        assert_eq!(
            (found.iss, found.exp - found.iat),
            (comune.config().issuer(), 300)
        );
    }
}

async fn records_headers_and_metadata(comune: &Comune) {
    let legacy = comune.asker("legacy");
    let purpose = comune.purpose_id("legacy", PURPOSE);

    // Thirty days, as PDND's published client signs, are for clients that are marked so.
    let mut month = legacy.claims(&purpose);
    month["exp"] = json!(Clock::system().unix() + 30 * 24 * 3600);
    assert_eq!(legacy.ask(&month).await.status, StatusCode::OK);
    month["jti"] = json!("another");
    month["exp"] = json!(Clock::system().unix() + 31 * 24 * 3600);
    assert_eq!(
        legacy.ask(&month).await.text("reason"),
        "ASSERTION_LIFETIME"
    );

    // Without a certificate the voucher is bound to none.
    let bare = Asker::open(&comune.client_folder("tributi"), None, &comune.ca());
    let unbound = bare.ask(&bare.claims(&purpose)).await.voucher();
    assert_eq!(verified(&bare, &unbound).await.get("cnf"), None);

    let form = Bytes::from(bare.form(&bare.sign(&bare.claims(&purpose))));
    let mut wire = Wire::connect(comune.config().gateway.token, None, &comune.ca())
        .await
        .unwrap();
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let answer = wire.send("token.oauth2", &kind, form).await.unwrap();
    let header = |name: &str| answer.headers[name].to_str().unwrap();
    assert_eq!(answer.http, StatusCode::OK, "{answer:?}");
    assert_eq!(
        (header("cache-control"), header("pragma")),
        ("no-store", "no-cache")
    );
    let id: Uuid = header("x-correlation-id").parse().unwrap();
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    let claims = verified(&bare, body["access_token"].as_str().unwrap()).await;
    let records = comune.records(id.as_bytes()).await;
    let [record] = records.as_slice() else {
        panic!("{records:?}")
    };
    assert_eq!(record.kind(), RecordKind::VoucherIssued);
    assert_eq!(claims["jti"], record.voucher_jti);
    assert_eq!(claims["sub"], record.client_id);
    assert_eq!(record.purpose_id, purpose);

    let metadata = bare.page("/.well-known/oauth-authorization-server").await;
    let issuer = comune.config().issuer();
    assert_eq!(metadata["issuer"], issuer);
    assert_eq!(metadata["token_endpoint"], bare.file.token_url);
    assert_eq!(
        metadata["jwks_uri"],
        format!("{issuer}/.well-known/jwks.json")
    );
    assert_eq!(
        metadata["token_endpoint_auth_methods_supported"],
        json!(["private_key_jwt"])
    );
    let algorithms = json!(["RS256", "ES256", "EdDSA", "Ed25519"]);
    for name in [
        "token_endpoint_auth_signing_alg_values_supported",
        "dpop_signing_alg_values_supported",
    ] {
        assert_eq!(metadata[name], algorithms, "{name}");
    }
    assert_eq!(
        metadata["grant_types_supported"],
        json!([
            "client_credentials",
            "urn:ietf:params:oauth:grant-type:token-exchange"
        ])
    );
    let set = bare.page("/.well-known/jwks.json").await;
    for key in set["keys"].as_array().unwrap() {
        assert!(key.get("d").is_none(), "a private key is published");
        assert_eq!(
            bare.page(&format!("/keys/{}", key["kid"].as_str().unwrap()))
                .await,
            *key
        );
    }
}
