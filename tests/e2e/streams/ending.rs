//! How an open stream ends: with its permission, with its caller, with its service.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tonic::{Code, Request};
use varco_gateway::keys::lifecycle::Role;
use varco_gateway::voucher::Vouchers;
use varco_proto::audit::v1::{Record, RecordKind};
use varco_proto::documenti::v1::documenti_service_client::DocumentiServiceClient;
use varco_proto::registry::v1::Kind;
use varco_runtime::clock::Clock;
use varco_runtime::trace::TraceContext;
use varco_tests::calls::{heading, keyed, upload};
use varco_tests::comune::Comune;
use varco_tests::eco::v1::eco_service_client::EcoServiceClient;
use varco_tests::eco::v1::{FollowRequest, WaitRequest};
use varco_tests::eco::{Eco, beside};

use super::{Bearer, audit_id, channel};

#[tokio::test(flavor = "multi_thread")]
async fn open_stream_ends_with_its_permission() {
    let comune = Comune::start().await;
    let eco = Eco::start();
    comune.apply(eco.document("read")).await;
    let mut client = EcoServiceClient::new(channel(&comune, "tributi", "tributi/prova").await);
    let one = FollowRequest {
        messages: 1,
        characters: 3,
    };
    // More than windows and buffers hold on their way to a caller that does not read.
    let flood = FollowRequest {
        messages: 1000,
        characters: 64 * 1024,
    };

    let reading = client.follow(one).await.unwrap();
    let id = audit_id(&reading);
    let mut reading = reading.into_inner();
    assert_eq!(reading.message().await.unwrap().unwrap().text, "xxx");
    let stalled = client.follow(flood).await.unwrap();
    eco.open(2).await;
    comune.suspend(Kind::Purpose, "tributi/prova").await;
    let suspended = Instant::now();
    let ended = reading.message().await.unwrap_err();
    eco.open(0).await;
    assert!(suspended.elapsed() < PROMPT, "{:?}", suspended.elapsed());
    comune
        .assert_refused(&ended, Code::PermissionDenied, "PURPOSE_SUSPENDED")
        .await;
    for id in [id, audit_id(&stalled)] {
        let records = comune.ended(id.as_bytes()).await;
        let last = records.last().unwrap();
        assert_eq!(
            (last.outcome.as_str(), last.deny_reason.as_str()),
            ("ENDED", "PURPOSE_SUSPENDED")
        );
    }
    drop(stalled);
    comune
        .unsuspend(Kind::Purpose, "tributi/prova")
        .await
        .unwrap();

    // A voucher's own end is the end of what it opened.
    let purpose = comune.id(Kind::Purpose, "tributi/prova").await;
    let short = short_voucher(&comune, &purpose).await;
    let mut bearer = Bearer(format!("Bearer {short}"));
    let mut request = Request::new(one);
    let authorized = tonic::service::Interceptor::call(&mut bearer, Request::new(())).unwrap();
    *request.metadata_mut() = authorized.metadata().clone();
    let bare = comune.client("tributi").bare();
    let mut expiring = EcoServiceClient::new(bare)
        .follow(request)
        .await
        .unwrap()
        .into_inner();
    expiring.message().await.unwrap().unwrap();
    let ended = expiring.message().await.unwrap_err();
    comune
        .assert_refused(&ended, Code::Unauthenticated, "VOUCHER_EXPIRED")
        .await;
    eco.open(0).await;

    // An upload has no answer yet: it ends all the same.
    let desk = comune.client("sportello");
    let channel = desk.purpose("istanze-documenti").unwrap();
    let messages = upload(heading(b"abc"), b"ab", 2);
    let messages = tokio_stream::iter(messages).chain(futures_util::stream::pending());
    let mut client = DocumentiServiceClient::new(channel);
    let mut request = keyed(messages, "k1");
    let trace = TraceContext::start();
    request
        .metadata_mut()
        .insert("traceparent", trace.header().parse().unwrap());
    let uploading = client.upload_documento(request);
    let (ended, ()) = tokio::join!(tokio::time::timeout(PROMPT, uploading), async {
        comune.begun(&trace.trace_id).await;
        comune
            .suspend(Kind::Purpose, "sportello/istanze-documenti")
            .await;
    });
    let ended = ended.expect("the upload goes on").unwrap_err();
    comune
        .assert_refused(&ended, Code::PermissionDenied, "PURPOSE_SUSPENDED")
        .await;
    comune.stop().await;
}

/// A voucher that ends in a moment.
pub(super) async fn short_voucher(comune: &Comune, purpose: &str) -> String {
    let key = comune.signing_key(Role::Voucher);
    let vouchers = Vouchers::new(key, comune.config().issuer());
    let good = comune.voucher("tributi", purpose).await;
    let now = Clock::system().unix();
    let mut claims = (*vouchers.verdict(&good, now).unwrap().claims).clone();
    claims.exp = now + 2;
    vouchers.sign(&claims).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn end_of_either_side_is_the_end_of_the_call_and_recorded() {
    let comune = Comune::start().await;

    caller_goes_away(&comune).await;
    service_dies(&comune).await;

    comune.stop().await;
}

async fn caller_goes_away(comune: &Comune) {
    let eco = Eco::start();
    comune.apply(eco.document("read")).await;
    let mut client = EcoServiceClient::new(channel(comune, "tributi", "tributi/prova").await);

    let one = FollowRequest {
        messages: 1,
        characters: 3,
    };
    let mut followed = client.follow(one).await.unwrap();
    let id = audit_id(&followed);
    followed.get_mut().message().await.unwrap();
    eco.open(1).await;
    drop(followed);
    eco.open(0).await;
    assert_cancelled(&comune.ended(id.as_bytes()).await);

    let mut request = Request::new(WaitRequest {});
    let trace = TraceContext::start();
    request
        .metadata_mut()
        .insert("traceparent", trace.header().parse().unwrap());
    tokio::select! {
        answer = client.wait(request) => panic!("{answer:?}"),
        () = eco.open(1) => {}
    }
    eco.open(0).await;
    assert_cancelled(&comune.ended(&trace.trace_id).await);
}

async fn service_dies(comune: &Comune) {
    let cases = [
        ("read", "", Code::Unavailable, "UPSTREAM_UNAVAILABLE"),
        ("write", "-scrive", Code::Unknown, "OUTCOME_UNKNOWN"),
    ];

    for (effect, suffix, code, reason) in cases {
        let eco = Eco::start();
        comune.apply(beside(eco.document(effect), suffix)).await;
        let purpose = format!("tributi/prova{suffix}");
        let mut client = EcoServiceClient::new(channel(comune, "tributi", &purpose).await);
        let one = FollowRequest {
            messages: 1,
            characters: 3,
        };
        let mut followed = client.follow(one).await.unwrap().into_inner();
        followed.message().await.unwrap().unwrap();
        drop(eco);
        let ended = followed.message().await.unwrap_err();
        comune.assert_refused(&ended, code, reason).await;
    }
}

fn assert_cancelled(records: &[Record]) {
    let last = records.last().unwrap();
    assert_eq!(
        (last.kind(), last.outcome.as_str()),
        (RecordKind::Outcome, "CANCELLED")
    );
    assert_eq!(last.grpc_status, 1);
}

/// The promise is one second; the rest is for a machine that does other work too.
const PROMPT: Duration = Duration::from_secs(3);
