//! What changes while a call waits: for its own message, or for a service that has begun to answer.

use bytes::Bytes;
use tonic::Code;
use varco_proto::registry::v1::Kind as Entry;
use varco_runtime::tls;
use varco_runtime::trace::TraceContext;
use varco_tests::calls::raw::Tonic;
use varco_tests::comune::Comune;
use varco_tests::eco::v1::FollowRequest;
use varco_tests::eco::v1::eco_service_client::EcoServiceClient;
use varco_tests::eco::{self, Eco};
use varco_tests::foreign::{ForeignCall, Kind, Outcome};
use varco_tests::hasty::Hasty;

use super::channel;

/// A call that never ends by itself, and the trace that its records are found by.
async fn endless(comune: &Comune, kind: Kind, method: &str) -> (ForeignCall, TraceContext) {
    let purpose = comune.id(Entry::Purpose, "tributi/prova").await;
    let voucher = comune.voucher("tributi", &purpose).await;
    let trace = TraceContext::start();
    let call = ForeignCall {
        method: method.to_owned(),
        messages: Vec::new(),
        keep_open: true,
        ..ForeignCall::new(comune, "tributi", kind)
    };
    let call = call.with("authorization", &format!("Bearer {voucher}"));
    (call.with("traceparent", &trace.header()), trace)
}

/// Checks how a call ends whose purpose is suspended once it has begun.
async fn suspended(comune: &Comune, (call, trace): &(ForeignCall, TraceContext)) {
    let mut tonic = Tonic::default();
    let (outcome, ()) = tokio::join!(tonic.call(call), async {
        comune.begun(&trace.trace_id).await;
        comune.suspend(Entry::Purpose, "tributi/prova").await;
    });
    refused(&outcome, Code::PermissionDenied, "PURPOSE_SUSPENDED");
}

fn refused(outcome: &Outcome, code: Code, reason: &str) {
    assert_eq!(outcome.refusal(), (code, reason, "varco"), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn call_whose_message_is_long_in_coming_is_decided_as_things_are_then() {
    let comune = Comune::start().await;
    let eco = Eco::start();
    comune.apply(eco.document("write")).await;
    // A stream on the wire, though the method takes one message: it is never sent.
    let call = endless(&comune, Kind::Bidi, "eco.v1.EcoService/Echo").await;

    suspended(&comune, &call).await;

    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn upload_ends_with_its_permission_though_its_service_has_begun_to_answer() {
    let comune = Comune::start().await;
    let hasty = Hasty::start().await;
    comune.apply(eco::document(hasty.address(), "write")).await;

    // Field 99 stands in no contract.
    let (call, _) = endless(&comune, Kind::Client, COLLECT).await;
    let outside = ForeignCall {
        messages: vec![Bytes::new(), Bytes::from_static(&[0x98, 0x06, 0x01])],
        ..call
    };
    let outcome = Tonic::default().call(&outside).await;
    refused(&outcome, Code::PermissionDenied, "FIELD_NOT_IN_PURPOSE");

    let call = endless(&comune, Kind::Client, COLLECT).await;
    suspended(&comune, &call).await;
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_ends_with_the_certificate_that_opened_it() {
    let comune = Comune::start().await;
    let eco = Eco::start();
    comune.apply(eco.document("read")).await;
    // The first certificate stands in no registry; what was issued does.
    comune.client("tributi").renew().await.unwrap();
    let mut client = EcoServiceClient::new(channel(&comune, "tributi", "tributi/prova").await);
    let one = FollowRequest {
        messages: 1,
        characters: 3,
    };
    let mut followed = client.follow(one).await.unwrap().into_inner();
    assert!(followed.message().await.unwrap().is_some());

    let pem = std::fs::read_to_string(comune.client_folder("tributi").join("tls.pem"));
    let thumbprint = hex::encode(tls::thumbprint(&pem.unwrap()).unwrap());
    comune.archive(Entry::Certificate, &thumbprint).await;

    let ended = followed.message().await.unwrap_err();
    comune
        .assert_refused(&ended, Code::PermissionDenied, "KEY_REVOKED")
        .await;
    eco.open(0).await;
    comune.stop().await;
}

const COLLECT: &str = "eco.v1.EcoService/Collect";
