//! What somebody has suspended, and what a purpose does not include.

use bytes::Bytes;
use tonic::Code;
use varco_proto::registry::v1::{Document, Kind as Entry, Purpose};
use varco_tests::comune::Comune;
use varco_tests::eco::Eco;
use varco_tests::foreign::{ForeignCall, Kind};

use super::{Clients, call, method, voucher};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_permitted_is_refused_alike_in_every_kind_and_to_either_client() {
    let comune = Comune::start().await;
    let eco = Eco::start();
    comune.apply(narrower(eco.document("write"))).await;
    let good = voucher(&comune, "prova").await;
    let narrow = voucher(&comune, "rifiuti").await;
    let mut clients = Clients::start();
    let good_call = |kind| call(&comune, kind, &good);

    suspended(&comune, &mut clients, &good).await;

    let unknown = |kind| ForeignCall {
        method: "eco.v1.EcoService/Inventato".to_owned(),
        ..good_call(kind)
    };
    let expected = (Code::Unimplemented, "METHOD_UNKNOWN");
    clients.assert_all_refused(unknown, expected).await;

    let outside = |kind| call(&comune, kind, &narrow);
    let expected = (Code::PermissionDenied, "METHOD_NOT_IN_PURPOSE");
    clients.assert_all_refused(outside, expected).await;

    // Field 99 stands in no contract, so it has no class.
    let field = |kind| ForeignCall {
        messages: vec![Bytes::from_static(&[0x98, 0x06, 0x01])],
        ..good_call(kind)
    };
    let expected = (Code::PermissionDenied, "FIELD_NOT_IN_PURPOSE");
    clients.assert_all_refused(field, expected).await;

    clients.assert_all_answered(good_call).await;
    comune.stop().await;
}

async fn suspended(comune: &Comune, clients: &mut Clients, good: &str) {
    let key = comune.asker("tributi").file.kid;
    let cases = [
        (Entry::Client, "tributi", "CLIENT_SUSPENDED"),
        (Entry::Key, key.as_str(), "KEY_REVOKED"),
        (Entry::Purpose, "tributi/prova", "PURPOSE_SUSPENDED"),
        (Entry::Agreement, "tributi/eco", "AGREEMENT_SUSPENDED"),
        (Entry::Eservice, "eco", "ESERVICE_SUSPENDED"),
    ];
    for (kind, entry, reason) in cases {
        comune.suspend(kind, entry).await;
        let call = |kind| call(comune, kind, good);
        let expected = (Code::PermissionDenied, reason);
        clients.assert_all_refused(call, expected).await;
        comune.unsuspend(kind, entry).await.unwrap();
    }
}

/// Beside the purpose for all methods, one for another alone.
fn narrower(mut document: Document) -> Document {
    let all = document.purposes[0].clone();
    assert!(
        Kind::ALL
            .iter()
            .all(|kind| !method(*kind).ends_with("Refuse"))
    );
    document.purposes.push(Purpose {
        name: "rifiuti".to_owned(),
        methods: vec!["eco.v1.EcoService/Refuse".to_owned()],
        ..all
    });
    document
}
