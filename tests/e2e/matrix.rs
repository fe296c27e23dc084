//! Every refusal of the data plane, by every kind of call, to a client of ours and a foreign one.

use std::time::Duration;

use tonic::Code;
use varco_proto::registry::v1 as registry;
use varco_tests::calls::raw::Tonic;
use varco_tests::comune::Comune;
use varco_tests::foreign::{ForeignCall, Kind, Python};
use varco_tests::interop::Interop;

#[tokio::test(flavor = "multi_thread")]
async fn call_without_a_voucher_is_refused_alike_in_every_kind_and_to_either_client() {
    let comune = Comune::start().await;
    let interop = Interop::start();
    comune.apply(interop.document("write")).await;
    let (mut tonic, mut python) = (Tonic::default(), Python::start());

    for kind in Kind::ALL {
        let call = ForeignCall::new(&comune, "tributi", kind);
        let mut outcomes = vec![tonic.call(&call).await];
        if let Some(python) = &mut python {
            outcomes.push(python.call(&call).await);
        }
        for outcome in outcomes {
            let expected = (Code::Unauthenticated, "VOUCHER_MISSING", "varco");
            assert_eq!(outcome.refusal(), expected, "{kind:?}: {outcome:?}");
            assert!(outcome.metadatum("varco-audit-id").is_some());
        }
    }

    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn call_with_a_voucher_is_answered_alike_in_every_kind_and_to_either_client() {
    let comune = Comune::start().await;
    let interop = Interop::start();
    comune.apply(interop.document("write")).await;
    let purpose = comune.id(registry::Kind::Purpose, "tributi/prova").await;
    let bearer = format!("Bearer {}", comune.voucher("tributi", &purpose).await);
    let (mut tonic, mut python) = (Tonic::default(), Python::start());

    for kind in Kind::ALL {
        let call = ForeignCall::new(&comune, "tributi", kind).with("authorization", &bearer);
        let ours = tonic.call(&call).await;
        assert_eq!(ours.refusal(), (Code::Ok, "", ""), "{kind:?}: {ours:?}");
        if let Some(python) = &mut python {
            let theirs = python.call(&call).await;
            assert_eq!(theirs.refusal(), ours.refusal(), "{kind:?}: {theirs:?}");
            assert_eq!(theirs.messages, ours.messages, "{kind:?}");
        }
    }
    let open = ForeignCall {
        timeout: Some(Duration::from_millis(300)),
        keep_open: true,
        ..ForeignCall::new(&comune, "tributi", Kind::Client).with("authorization", &bearer)
    };
    assert_eq!(tonic.call(&open).await.code, Code::DeadlineExceeded);
    if let Some(python) = &mut python {
        assert_eq!(python.call(&open).await.code, Code::DeadlineExceeded);
    }

    interop.open(0).await;
    comune.stop().await;
}
