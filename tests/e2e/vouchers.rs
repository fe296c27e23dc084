//! The token endpoint: who gets a voucher, what stands in it, what is told to whom does not.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;
use varco_proto::audit::v1::{Record, RecordKind};
use varco_proto::registry::v1::Kind;
use varco_runtime::clock::Clock;
use varco_runtime::jose::PrivateKey;
use varco_runtime::pki::{KeyKind, generate_key};
use varco_tests::assertion::{Answer, Asker};
use varco_tests::comune::Comune;
use varco_tests::wire::Wire;

mod chain;
mod contents;
mod explain;
mod possession;
mod rates;
mod twin;

const PURPOSE: &str = "verifica-residenza";

/// The record of a refused request, which the answer's correlation id names.
async fn record(comune: &Comune, answer: &Answer) -> Record {
    let id: Uuid = answer.text("correlation_id").parse().unwrap();
    let mut records = comune.records(id.as_bytes()).await;
    assert_eq!(records.len(), 1, "{}", answer.body);
    records.remove(0)
}

async fn assert_refused(
    comune: &Comune,
    answer: &Answer,
    (status, error, told): (StatusCode, &str, &str),
    recorded: &str,
) {
    assert_eq!(
        (answer.status, answer.text("error")),
        (status, error),
        "{}",
        answer.body
    );
    assert_eq!(answer.text("reason"), told, "{}", answer.body);
    assert!(!answer.text("error_description").is_empty());
    let record = record(comune, answer).await;
    assert_eq!(record.kind(), RecordKind::VoucherRefused);
    assert_eq!(record.deny_reason, recorded, "{}", answer.body);
    assert_eq!(record.http_status, u32::from(status.as_u16()));
}

#[tokio::test(flavor = "multi_thread")]
async fn request_is_told_what_is_wrong_as_far_as_the_client_is_known() {
    let comune = Comune::start().await;

    malformed_requests(&comune).await;
    bad_assertions(&comune).await;

    comune.stop().await;
}

async fn malformed_requests(comune: &Comune) {
    let asker = comune.asker("tributi");
    let purpose = comune.purpose_id("tributi", PURPOSE);
    let good = asker.form(&asker.sign(&asker.claims(&purpose)));
    let invalid = (
        StatusCode::BAD_REQUEST,
        "invalid_request",
        "REQUEST_MALFORMED",
    );
    let unsupported = (
        StatusCode::BAD_REQUEST,
        "unsupported_grant_type",
        "GRANT_TYPE",
    );

    let cases = [
        (String::new(), invalid),
        (
            "{\"grant_type\": \"client_credentials\"}".to_owned(),
            invalid,
        ),
        (good.replace("&grant_type=client_credentials", ""), invalid),
        (good.replace("client_assertion=", "assertion="), invalid),
        (good.replace("jwt-bearer", "saml2-bearer"), invalid),
        (format!("{good}&client_id=x"), invalid),
        (format!("{good}&filler={}", "x".repeat(17 * 1024)), invalid),
        (
            good.replace("=client_credentials", "=password"),
            unsupported,
        ),
    ];
    for (form, expected) in cases {
        let answer = asker.post(&form).await;
        assert_refused(comune, &answer, expected, expected.2).await;
    }

    // A form that says of itself that it is something else.
    let folder = comune.client_folder("tributi");
    let address = comune.config().gateway.token;
    let mut wire = Wire::connect(address, Some(&folder), &comune.ca())
        .await
        .unwrap();
    let answer = wire
        .send("token.oauth2", &[], Bytes::from(good))
        .await
        .unwrap();
    assert_eq!(answer.http, StatusCode::BAD_REQUEST);
}

async fn bad_assertions(comune: &Comune) {
    let asker = comune.asker("tributi");
    let purpose = comune.purpose_id("tributi", PURPOSE);
    let good = asker.claims(&purpose);
    let opaque = (
        StatusCode::UNAUTHORIZED,
        "invalid_client",
        "CLIENT_AUTHENTICATION_FAILED",
    );

    let unknown = PrivateKey::from_pem(&generate_key(KeyKind::EcP256).unwrap()).unwrap();
    let mut tampered = asker.sign(&good);
    tampered.replace_range(tampered.len() - 10..tampered.len() - 6, "AAAA");
    let before = [
        ("x.y.z".to_owned(), "ASSERTION_MALFORMED"),
        (
            asker.key.sign("at+jwt", &good).unwrap(),
            "ASSERTION_MALFORMED",
        ),
        (unknown.sign("JWT", &good).unwrap(), "KEY_UNKNOWN"),
        (tampered, "ASSERTION_SIGNATURE"),
    ];
    let mut told = Vec::new();
    for (assertion, recorded) in before {
        let answer = asker.post(&asker.form(&assertion)).await;
        assert_refused(comune, &answer, opaque, recorded).await;
        told.push(answer.text("error_description").to_owned());
    }
    told.dedup();
    assert_eq!(
        told.len(),
        1,
        "the words tell what the reason does not: {told:?}"
    );

    let now = Clock::system().unix();
    let issuer = comune.config().issuer();
    let after = [
        (
            "aud",
            json!("https://elsewhere.example"),
            "ASSERTION_AUDIENCE",
        ),
        (
            "aud",
            json!([asker.file.assertion_audience, issuer]),
            "ASSERTION_AUDIENCE",
        ),
        ("exp", json!(now - 30), "ASSERTION_EXPIRED"),
        ("exp", json!(now + 3600), "ASSERTION_LIFETIME"),
        ("exp", json!(i64::MAX), "ASSERTION_LIFETIME"),
        ("iat", json!(now + 30), "ASSERTION_NOT_YET_VALID"),
        ("nbf", json!(now + 30), "ASSERTION_NOT_YET_VALID"),
        ("iss", json!(Uuid::nil()), "ASSERTION_ISSUER"),
        ("sub", json!(Uuid::nil()), "ASSERTION_ISSUER"),
        ("jti", json!(""), "JTI_MALFORMED"),
        ("jti", json!("x".repeat(129)), "JTI_MALFORMED"),
        (
            "digest",
            json!({"alg": "SHA256", "value": "00"}),
            "ASSERTION_DIGEST",
        ),
        ("scope", json!("everything"), "ASSERTION_CLAIMS"),
        ("purposeId", json!("verifica-residenza"), "ASSERTION_CLAIMS"),
        ("purposeId", Value::Null, "PURPOSE_MISSING"),
    ];
    for (claim, value, reason) in after {
        let mut claims = asker.claims(&purpose);
        claims[claim] = value;
        let answer = asker.ask(&claims).await;
        let expected = (StatusCode::BAD_REQUEST, "invalid_client", reason);
        assert_refused(comune, &answer, expected, reason).await;
        let record = record(comune, &answer).await;
        assert_eq!(record.client_id, asker.file.client_id, "{reason}");
    }

    // The certificate of one client beside the assertion of another.
    let (own, other) = (
        comune.client_folder("tributi"),
        comune.client_folder("legacy"),
    );
    let mixed = Asker::open(&own, Some(&other), &comune.ca());
    let answer = mixed.ask(&asker.claims(&purpose)).await;
    let expected = (
        StatusCode::BAD_REQUEST,
        "invalid_client",
        "CERTIFICATE_OF_ANOTHER_CLIENT",
    );
    assert_refused(comune, &answer, expected, expected.2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn voucher_is_issued_once_and_only_for_what_is_live() {
    let comune = Comune::start().await;

    reused_assertions(&comune).await;
    what_is_not_live(&comune).await;

    comune.stop().await;
}

async fn reused_assertions(comune: &Comune) {
    let asker = comune.asker("tributi");
    let purpose = comune.purpose_id("tributi", PURPOSE);
    let claims = asker.claims(&purpose);
    let form = asker.form(&asker.sign(&claims));

    let answers = futures_util::future::join_all((0..8).map(|_| asker.post(&form))).await;

    let (issued, refused): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|answer| answer.status == StatusCode::OK);
    assert_eq!(issued.len(), 1);
    let spent = (StatusCode::BAD_REQUEST, "invalid_client", "JTI_REUSED");
    for answer in &refused {
        assert_refused(comune, answer, spent, "JTI_REUSED").await;
    }
    // Signed anew, the same jti is still spent.
    assert_refused(comune, &asker.ask(&claims).await, spent, "JTI_REUSED").await;
}

async fn what_is_not_live(comune: &Comune) {
    let asker = comune.asker("tributi");
    let purpose = comune.purpose_id("tributi", PURPOSE);
    let others = comune.purpose_id("sportello", "istanze-protocollo");

    let cases = [
        (Kind::Client, "tributi", "CLIENT_SUSPENDED"),
        (
            Kind::Purpose,
            "tributi/verifica-residenza",
            "PURPOSE_SUSPENDED",
        ),
        (Kind::Agreement, "tributi/anagrafe", "AGREEMENT_SUSPENDED"),
        (Kind::Eservice, "anagrafe", "ESERVICE_SUSPENDED"),
    ];
    for (kind, entry, reason) in cases {
        comune.suspend(kind, entry).await;
        let answer = asker.ask(&asker.claims(&purpose)).await;
        let expected = (StatusCode::BAD_REQUEST, "unauthorized_client", reason);
        assert_refused(comune, &answer, expected, reason).await;
        comune.unsuspend(kind, entry).await.unwrap();
    }
    for (asked, reason) in [
        (&others, "PURPOSE_SUSPENDED"),
        (&Uuid::nil().to_string(), "PURPOSE_EXPIRED"),
    ] {
        let answer = asker.ask(&asker.claims(asked)).await;
        let expected = (StatusCode::BAD_REQUEST, "unauthorized_client", reason);
        assert_refused(comune, &answer, expected, reason).await;
    }
    assert_eq!(
        asker.ask(&asker.claims(&purpose)).await.status,
        StatusCode::OK
    );
}
