//! Vouchers that are not good here.

use tonic::Code;
use varco_tests::comune::Comune;
use varco_tests::eco::Eco;

use super::{Clients, another_version, bent, call, elsewhere, voucher};
use varco_tests::foreign::ForeignCall;

#[tokio::test(flavor = "multi_thread")]
async fn voucher_that_is_not_good_is_refused_alike_in_every_kind_and_to_either_client() {
    let comune = Comune::start().await;
    let eco = Eco::start();
    comune.apply(eco.document("write")).await;
    let good = voucher(&comune, "prova").await;
    let documents = comune.purpose_id("segreteria", "determine-documenti");
    let documents = comune.voucher("segreteria", &documents).await;
    let place = good.len() - 20;
    let other = if good.as_bytes()[place] == b'A' {
        "B"
    } else {
        "A"
    };
    let unsigned = [&good[..place], other, &good[place + 1..]].concat();
    let mut clients = Clients::start();

    let missing = |kind| ForeignCall {
        metadata: Vec::new(),
        ..call(&comune, kind, "")
    };
    let expected = (Code::Unauthenticated, "VOUCHER_MISSING");
    clients.assert_all_refused(missing, expected).await;

    let cases = [
        ("VOUCHER_MALFORMED", "a.b".to_owned()),
        ("VOUCHER_SIGNATURE", unsigned),
        (
            "VOUCHER_EXPIRED",
            bent(&comune, &good, |it| it.exp = it.iat),
        ),
        (
            "VOUCHER_NOT_YET_VALID",
            bent(&comune, &good, |it| it.nbf += 60),
        ),
        ("VOUCHER_AUDIENCE", bent(&comune, &good, another_version)),
        ("VOUCHER_CLIENT", documents),
        ("VOUCHER_BINDING", bent(&comune, &good, elsewhere)),
    ];
    for (reason, voucher) in cases {
        let call = |kind| call(&comune, kind, &voucher);
        let expected = (Code::Unauthenticated, reason);
        clients.assert_all_refused(call, expected).await;
    }
    // A voucher of a registry that this gateway has not read, and cannot.
    let newer = bent(&comune, &good, |it| it.epoch = u64::MAX);
    let newer = |kind| call(&comune, kind, &newer);
    let expected = (Code::Unavailable, "SNAPSHOT_STALE");
    clients.assert_all_refused(newer, expected).await;

    clients
        .assert_all_answered(|kind| call(&comune, kind, &good))
        .await;
    comune.stop().await;
}
