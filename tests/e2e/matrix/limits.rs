//! How much a client may: quota, rate, open calls, sizes.

use bytes::Bytes;
use prost::Message as _;
use tonic::Code;
use varco_proto::registry::v1::{Document, Purpose};
use varco_runtime::clock::Clock;
use varco_tests::comune::Comune;
use varco_tests::eco::{Eco, v1};
use varco_tests::foreign::{ForeignCall, Kind};

use super::{Clients, call, text, voucher};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_is_refused_alike_in_every_kind_and_to_either_client() {
    let comune = Comune::start().await;
    let eco = Eco::start();
    comune.apply(once(eco.document("write"))).await;
    let good = voucher(&comune, "prova").await;
    let once = voucher(&comune, "una-volta").await;
    let mut clients = Clients::start();

    let long = "x".repeat(17 * 1024);
    let metadata = |kind| call(&comune, kind, &good).with("x-long", &long);
    let expected = (Code::ResourceExhausted, "METADATA_TOO_LARGE");
    clients.assert_all_refused(metadata, expected).await;

    let large = text(&"x".repeat((4 << 20) + 1));
    let message = |kind| ForeignCall {
        messages: vec![large.clone()],
        ..call(&comune, kind, &good)
    };
    let expected = (Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
    clients.assert_all_refused(message, expected).await;

    let spent = clients.tonic.call(&call(&comune, Kind::Unary, &once)).await;
    assert_eq!(spent.code, Code::Ok, "{spent:?}");
    assert_eq!(spent.metadatum("x-ratelimit-remaining"), Some("0"));
    let quota = |kind| call(&comune, kind, &once);
    let expected = (Code::ResourceExhausted, "QUOTA_DAILY");
    clients.assert_all_refused(quota, expected).await;

    clients
        .assert_all_answered(|kind| call(&comune, kind, &good))
        .await;
    comune.stop().await;
}

/// Beside the purpose of many calls, one of a single call a day.
fn once(mut document: Document) -> Document {
    let many = document.purposes[0].clone();
    document.purposes.push(Purpose {
        name: "una-volta".to_owned(),
        daily_calls: 1,
        ..many
    });
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn client_that_calls_too_often_is_refused_alike_in_every_kind_and_to_either_client() {
    let comune = Comune::start_with(Clock::system(), |config| {
        config.gateway.limits.calls_per_second = 1;
    });
    let comune = comune.await;
    let eco = Eco::start();
    comune.apply(eco.document("write")).await;
    let good = voucher(&comune, "prova").await;
    let mut clients = Clients::start();
    let mut wire = comune.wire("tributi").await;
    let question = v1::EchoRequest::default();

    for kind in Kind::ALL {
        let call = call(&comune, kind, &good);
        // grpcio takes a while to connect: the first time is not looked at.
        clients.make(&call_without_voucher(&call)).await;
        for client in 0..2 {
            while wire.call(ECHO, &good, &question).await.code() == Code::Ok {}
            let outcome = match (client, &mut clients.python) {
                (0, _) => clients.tonic.call(&call).await,
                (_, Some(python)) => python.call(&call).await,
                (_, None) => continue,
            };
            let expected = (Code::ResourceExhausted, "RATE_CLIENT", "varco");
            assert_eq!(outcome.refusal(), expected, "{kind:?}: {outcome:?}");
        }
    }

    comune.stop().await;
}

fn call_without_voucher(call: &ForeignCall) -> ForeignCall {
    ForeignCall {
        metadata: Vec::new(),
        ..call.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn client_with_too_many_open_calls_is_refused_alike_in_every_kind_and_to_either_client() {
    let comune = Comune::start_with(Clock::system(), |config| {
        config.gateway.limits.streams_per_client = 1;
    });
    let comune = comune.await;
    let eco = Eco::start();
    comune.apply(eco.document("write")).await;
    let good = voucher(&comune, "prova").await;
    let mut clients = Clients::start();
    let mut waiting = comune.wire("tributi").await;
    let waiting = waiting.call("eco.v1.EcoService/Wait", &good, &v1::WaitRequest {});
    tokio::pin!(waiting);
    tokio::select! {
        answer = &mut waiting => panic!("{answer:?}"),
        () = eco.open(1) => {}
    }

    let another = |kind| call(&comune, kind, &good);
    let expected = (Code::ResourceExhausted, "STREAMS_CLIENT");
    let ((), ended) = tokio::join!(
        async {
            clients.assert_all_refused(another, expected).await;
            eco.release();
        },
        waiting,
    );

    assert_eq!(ended.code(), Code::Ok);
    comune.stop().await;
}

#[test]
fn messages_of_the_service_are_alike_on_the_wire() {
    let collect = v1::CollectRequest {
        text: "eco".to_owned(),
    };
    assert_eq!(text("eco"), Bytes::from(collect.encode_to_vec()));
}

const ECHO: &str = "eco.v1.EcoService/Echo";
