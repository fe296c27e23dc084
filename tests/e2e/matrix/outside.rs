//! What stands behind the gateway, or the gateway itself, is not there or not in time.

use tonic::Code;
use varco_proto::registry::v1::{Document, MethodRule};
use varco_runtime::clock::Clock;
use varco_tests::comune::Comune;
use varco_tests::eco::{self, Eco};
use varco_tests::foreign::Kind;

use super::{Clients, assert_refusal, call, endless, voucher};
use crate::fail_closed::hold;

#[tokio::test(flavor = "multi_thread")]
async fn service_that_is_down_or_slow_is_told_alike_in_every_kind_and_to_either_client() {
    let comune = Comune::start().await;
    // Bound but not listening: nobody can be there, and nobody else can take the port.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let nobody = eco::document(socket.local_addr().unwrap(), "write");
    comune.apply(nobody).await;
    let eco = Eco::start();
    comune
        .apply(eco::beside(quick(eco.document("write")), "-lento"))
        .await;
    let mut clients = Clients::start();

    let down = voucher(&comune, "prova").await;
    let down = |kind| call(&comune, kind, &down);
    let expected = (Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    clients.assert_all_refused(down, expected).await;

    let slow = voucher(&comune, "prova-lento").await;
    let slow = |kind| endless(&comune, kind, &slow);
    for (kind, outcome) in Clients::make_all_at_once(Kind::ALL.map(slow)).await {
        assert_refusal(kind, &outcome, (Code::DeadlineExceeded, "UPSTREAM_SLOW"));
    }
    eco.open(0).await;

    comune.stop().await;
}

/// No call of it may last longer than a second.
fn quick(mut document: Document) -> Document {
    let rule = MethodRule {
        methods: vec!["eco.v1.EcoService/*".to_owned()],
        seconds: 1,
        ..Default::default()
    };
    document.eservices[0].descriptors[0].rules = vec![rule];
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_without_a_record_in_any_kind_and_to_either_client() {
    let comune = Comune::start().await;
    let eco = Eco::start();
    comune.apply(eco.document("write")).await;
    let good = voucher(&comune, "prova").await;

    let calls = Kind::ALL.map(|kind| call(&comune, kind, &good));
    let held = hold(&comune).await;
    for (kind, outcome) in Clients::make_all_at_once(calls).await {
        assert_refusal(kind, &outcome, (Code::Unavailable, "AUDIT_UNAVAILABLE"));
        assert!(outcome.metadatum("varco-audit-index").is_none());
    }
    drop(held);

    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn open_calls_are_told_that_the_gateway_stops_in_every_kind_and_by_either_client() {
    for (effect, expected) in [
        ("read", (Code::Unavailable, "DRAINING", "varco")),
        ("write", (Code::Unknown, "OUTCOME_UNKNOWN", "varco")),
    ] {
        let comune = Comune::start_with(Clock::system(), |config| {
            config.gateway.limits.drain_seconds = 2;
        });
        let comune = comune.await;
        let eco = Eco::start();
        comune.apply(eco.document(effect)).await;
        let good = voucher(&comune, "prova").await;
        let calls = Kind::ALL.map(|kind| endless(&comune, kind, &good));
        let open = Clients::make_all_at_once(calls);
        tokio::pin!(open);
        let counted = if Clients::both() { 8 } else { 4 };
        tokio::select! {
            ended = &mut open => panic!("{ended:?}"),
            () = eco.open(counted) => {}
        }

        let (ended, ()) = tokio::join!(open, comune.stop());

        for (kind, outcome) in ended {
            assert_eq!(
                outcome.refusal(),
                expected,
                "{effect} {kind:?}: {outcome:?}"
            );
        }
    }
}
