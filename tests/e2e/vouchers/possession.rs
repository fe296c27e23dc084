//! Proofs of possession from end to end: at the token endpoint, and on every call after it.

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use tonic::{Code, Status};
use varco_tests::assertion::Asker;
use varco_tests::calls::{question, reason};
use varco_tests::comune::Comune;
use varco_tests::possession::Holder;
use varco_tests::wire::{Answer, Wire, frame};

use super::PURPOSE;

const VERIFY: &str = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza";

async fn endpoint(comune: &Comune) -> Wire {
    let (address, folder) = (
        comune.config().gateway.token,
        comune.client_folder("tributi"),
    );
    let wire = Wire::connect(address, Some(&folder), &comune.ca()).await;
    wire.unwrap()
}

/// Asks for a voucher with proofs in the header.
async fn ask(wire: &mut Wire, asker: &Asker, assertion: &str, proofs: &[&str]) -> Answer {
    let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
    headers.extend(proofs.iter().map(|proof| ("dpop", *proof)));
    let form = Bytes::from(asker.form(assertion));
    wire.send("token.oauth2", &headers, form).await.unwrap()
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn voucher_that_is_bound_to_a_key_works_only_with_its_proofs() {
    let comune = Comune::start().await;

    let (holder, voucher) = at_the_token_endpoint(&comune).await;
    on_the_data_plane(&comune, &holder, &voucher).await;

    comune.stop().await;
}

async fn at_the_token_endpoint(comune: &Comune) -> (Holder, String) {
    let asker = comune.asker("tributi");
    let purpose = comune.purpose_id("tributi", PURPOSE);
    let (holder, url) = (Holder::new(), asker.file.token_url.clone());
    let mut wire = endpoint(comune).await;
    let sign = || asker.sign(&asker.claims(&purpose));
    let refused = |answer: &Answer| {
        let body = body(answer);
        assert_eq!(answer.http, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(body["error"], "invalid_dpop_proof", "{body}");
        body["reason"].as_str().unwrap().to_owned()
    };

    // One bad proof after another spends nothing: the same assertion is still good.
    let assertion = sign();
    let good = holder.proof(&url, None);
    let elsewhere = holder.proof(&format!("{url}/"), None);
    let beside = holder.proof(&url, Some("a.b.c"));
    for bad in [
        vec![elsewhere.as_str()],
        vec![&beside],
        vec!["x.y.z"],
        vec![&good, &good],
    ] {
        let answer = ask(&mut wire, &asker, &assertion, &bad).await;
        assert_eq!(refused(&answer), "PROOF_INVALID");
    }
    let answer = ask(&mut wire, &asker, &assertion, &[&good]).await;
    let issued = body(&answer);
    assert_eq!(answer.http, StatusCode::OK, "{issued}");
    assert_eq!(issued["token_type"], "DPoP");
    let again = ask(&mut wire, &asker, &sign(), &[&good]).await;
    assert_eq!(refused(&again), "PROOF_REPLAYED");

    let fresh = holder.proof(&url, None);
    let racing = (0..6).map(|_| async {
        let mut wire = endpoint(comune).await;
        ask(&mut wire, &asker, &sign(), &[&fresh]).await
    });
    let answers = futures_util::future::join_all(racing).await;
    let won = answers
        .iter()
        .filter(|answer| answer.http == StatusCode::OK);
    assert_eq!(won.count(), 1);
    for lost in answers
        .iter()
        .filter(|answer| answer.http != StatusCode::OK)
    {
        assert_eq!(refused(lost), "PROOF_REPLAYED");
    }
    let token = issued["access_token"].as_str().unwrap().to_owned();
    (holder, token)
}

async fn on_the_data_plane(comune: &Comune, holder: &Holder, voucher: &str) {
    let mut wire = comune.wire("tributi").await;
    let address = comune.config().gateway_address();
    let htu = format!("{address}/{VERIFY}");
    let (bearer, dpop) = (format!("Bearer {voucher}"), format!("DPoP {voucher}"));
    let good = holder.proof(&htu, Some(voucher));
    let fresh = || holder.proof(&htu, Some(voucher));

    let served = call(&mut wire, &dpop, &[&good]).await;
    assert_eq!(served.code(), Code::Ok, "{served:?}");
    let stranger = Holder::new().proof(&htu, Some(voucher));
    let other = holder.proof(&format!("{address}/{VERIFY}2"), Some(voucher));
    let token = holder.proof(&htu, Some("a.b.c"));
    let two = (fresh(), fresh());
    let cases: [(&str, Vec<&str>, &str); 8] = [
        (&dpop, vec![&good], "PROOF_REPLAYED"),
        (&dpop, vec![], "PROOF_MISSING"),
        (&bearer, vec![], "PROOF_MISSING"),
        (&bearer, vec![&two.0], "PROOF_MISSING"),
        (&dpop, vec![&stranger], "PROOF_INVALID"),
        (&dpop, vec![&other], "PROOF_INVALID"),
        (&dpop, vec![&token], "PROOF_INVALID"),
        (&dpop, vec![&two.0, &two.1], "PROOF_INVALID"),
    ];
    for (authorization, proofs, expected) in cases {
        let refused = call(&mut wire, authorization, &proofs).await;
        assert_eq!(
            refused.code(),
            Code::Unauthenticated,
            "{expected}: {refused:?}"
        );
        assert_eq!(reason(&refused), expected);
    }
    let served = call(&mut wire, &dpop, &[&fresh()]).await;
    assert_eq!(served.code(), Code::Ok, "{served:?}");
}

async fn call(wire: &mut Wire, authorization: &str, proofs: &[&str]) -> Status {
    let mut headers = vec![("authorization", authorization)];
    headers.extend(proofs.iter().map(|proof| ("dpop", *proof)));
    let answer = wire.send(VERIFY, &headers, frame(&question())).await;
    answer.unwrap().status()
}
