//! Vouchers that are not good here, and good ones in other hands.

use tonic::Code;
use uuid::Uuid;
use varco_gateway::keys::lifecycle::Role;
use varco_gateway::voucher::{Claims, Confirmation, TYP, Vouchers};
use varco_runtime::clock::Clock;
use varco_runtime::jose::PrivateKey;
use varco_runtime::pki::{Ca, Holder};
use varco_runtime::secret;
use varco_tests::calls::question;
use varco_tests::comune::Comune;
use varco_tests::wire::{Wire, frame};

use super::VERIFY;

/// A voucher that the gateway itself would sign, with claims that it never would.
fn bent(vouchers: &Vouchers, good: &str, bend: impl Fn(&mut Claims)) -> String {
    let now = Clock::system().unix();
    let mut claims = (*vouchers.verdict(good, now).unwrap().claims).clone();
    bend(&mut claims);
    vouchers.sign(&claims).unwrap()
}

/// The same text with another character at a place from its end.
fn flipped(text: &str, from_end: usize) -> String {
    let place = text.len() - from_end;
    let other = if &text[place..=place] == "A" {
        "B"
    } else {
        "A"
    };
    [&text[..place], other, &text[place + 1..]].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn voucher_that_is_not_good_here_is_refused_with_its_reason() {
    let comune = Comune::start().await;
    let purpose = comune.purpose_id("tributi", "verifica-residenza");
    let good = comune.voucher("tributi", &purpose).await;
    let key = comune.signing_key(Role::Voucher);
    let vouchers = Vouchers::new(key.clone(), comune.config().issuer());
    let claims = (*vouchers
        .verdict(&good, Clock::system().unix())
        .unwrap()
        .claims)
        .clone();
    let documents = comune.purpose_id("segreteria", "determine-documenti");
    let documents = comune.voucher("segreteria", &documents).await;
    let expired = std::fs::read_to_string(comune.path().join("expired.jwt")).unwrap();
    let bearer = |token: &str| vec![format!("Bearer {token}")];
    let with = |bend: fn(&mut Claims)| bearer(&bent(&vouchers, &good, bend));
    let signed = |key: &PrivateKey, typ| bearer(&key.sign(typ, &claims).unwrap());
    let service = comune.path().join("services/anagrafe/assertion.key");
    let service = PrivateKey::from_pem(&secret::read(&service).unwrap()).unwrap();

    let cases = [
        ("VOUCHER_MISSING", vec![]),
        ("VOUCHER_MALFORMED", bearer("x.y")),
        ("VOUCHER_MALFORMED", bearer("")),
        ("VOUCHER_MALFORMED", bearer(&"x".repeat(9000))),
        ("VOUCHER_MALFORMED", vec!["Basic dTpw".to_owned()]),
        ("PROOF_MISSING", vec![format!("DPoP {good}")]),
        (
            "VOUCHER_MALFORMED",
            vec![format!("Bearer {good}"), format!("Bearer {good}")],
        ),
        ("VOUCHER_MALFORMED", signed(&key, "JWT")),
        (
            "VOUCHER_MALFORMED",
            signed(&comune.signing_key(Role::Grant), "varco-grant+jwt"),
        ),
        ("VOUCHER_SIGNATURE", bearer(&flipped(&good, 20))),
        ("VOUCHER_SIGNATURE", bearer(&flipped(&good, 100))),
        (
            "VOUCHER_SIGNATURE",
            signed(&comune.signing_key(Role::Grant), TYP),
        ),
        ("VOUCHER_SIGNATURE", signed(&service, TYP)),
        (
            "VOUCHER_SIGNATURE",
            with(|c| "https://localhost:1".clone_into(&mut c.iss)),
        ),
        ("VOUCHER_EXPIRED", bearer(expired.trim())),
        ("VOUCHER_EXPIRED", with(|c| c.exp = c.iat)),
        ("VOUCHER_NOT_YET_VALID", with(|c| c.nbf += 60)),
        (
            "VOUCHER_AUDIENCE",
            with(|c| "https://albo.comune.example/v1".clone_into(&mut c.aud)),
        ),
        (
            "VOUCHER_AUDIENCE",
            with(|c| c.descriptor_id = Uuid::from_u128(1)),
        ),
        ("VOUCHER_CLIENT", bearer(&documents)),
        (
            "VOUCHER_BINDING",
            with(|c| c.cnf = Some(Confirmation::to(&[7; 32]))),
        ),
    ];
    let mut tributi = comune.wire("tributi").await;
    for (reason, sent) in cases {
        let headers: Vec<_> = sent
            .iter()
            .map(|value| ("authorization", value.as_str()))
            .collect();
        let answer = tributi
            .send(VERIFY, &headers, frame(&question()))
            .await
            .unwrap();
        assert!(answer.body.is_empty(), "{reason}");
        comune
            .assert_refused(&answer.status(), Code::Unauthenticated, reason)
            .await;
    }

    in_other_hands(&comune, &good, &documents).await;

    // Vouchers under a key, or for a purpose, that the registry does not hold.
    let revoked = bent(&vouchers, &good, |c| {
        "another".clone_into(&mut c.client_kid);
    });
    let refused = tributi.call(VERIFY, &revoked, &question()).await;
    comune
        .assert_refused(&refused, Code::PermissionDenied, "KEY_REVOKED")
        .await;
    let unknown = bent(&vouchers, &good, |c| c.purpose_id = Uuid::from_u128(1));
    let refused = tributi.call(VERIFY, &unknown, &question()).await;
    comune
        .assert_refused(&refused, Code::PermissionDenied, "PURPOSE_EXPIRED")
        .await;
    assert_eq!(
        tributi.call(VERIFY, &good, &question()).await.code(),
        Code::Ok
    );
    comune.stop().await;
}

/// Good vouchers, each where it does not belong.
async fn in_other_hands(comune: &Comune, good: &str, documents: &str) {
    // The right voucher, for another e-service of the same client.
    let mut segreteria = comune.wire("segreteria").await;
    let method = "varco.protocollo.v1.ProtocolloService/RegisterInterno";
    let refused = segreteria.call(method, documents, &()).await;
    comune
        .assert_refused(&refused, Code::Unauthenticated, "VOUCHER_AUDIENCE")
        .await;

    // The right voucher over the connection of another client, and of nobody that is registered.
    let refused = segreteria.call(VERIFY, good, &question()).await;
    comune
        .assert_refused(&refused, Code::Unauthenticated, "VOUCHER_CLIENT")
        .await;
    let strangers = [stranger(comune).await, comune.wire("amministratore").await];
    for mut stranger in strangers {
        let refused = stranger.call(VERIFY, good, &question()).await;
        comune
            .assert_refused(&refused, Code::Unauthenticated, "CLIENT_UNKNOWN")
            .await;
    }
}

/// A connection with a certificate of the comune for a client that the registry does not hold.
async fn stranger(comune: &Comune) -> Wire {
    let pem = |file: &str| std::fs::read_to_string(comune.path().join(file)).unwrap();
    let ca = Ca::load(pem("ca.pem"), &pem("ca.key")).unwrap();
    let clock = Clock::system();
    let uri = format!("{}/client/{}", comune.config().trust_domain(), clock.uuid());
    let holder = Holder {
        name: "nessuno".to_owned(),
        uri,
        serves: None,
    };
    let leaf = ca.issue(&holder, clock.now()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tls.pem"), &leaf.certificate).unwrap();
    std::fs::write(folder.path().join("tls.key"), leaf.key.as_bytes()).unwrap();
    let address = comune.config().gateway.data_plane;
    Wire::connect(address, Some(folder.path()), &comune.ca())
        .await
        .unwrap()
}
