//! A stream goes on with a new voucher, and only with its own client's for its own purpose.

use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use uuid::Uuid;
use varco_proto::gateway::v1::stream_service_client::StreamServiceClient;
use varco_proto::gateway::v1::{ExtendStreamRequest, ExtendStreamResponse};
use varco_proto::registry::v1::Kind;
use varco_runtime::clock::Clock;
use varco_tests::calls::reason;
use varco_tests::comune::Comune;
use varco_tests::eco::v1::FollowRequest;
use varco_tests::eco::v1::eco_service_client::EcoServiceClient;
use varco_tests::eco::{Eco, beside};

use super::ending::short_voucher;
use super::{Bearer, audit_id};
use tonic::service::interceptor::InterceptedService;

#[tokio::test(flavor = "multi_thread")]
async fn stream_goes_on_with_a_new_voucher_of_its_own() {
    let comune = Comune::start().await;
    let eco = Eco::start();
    comune.apply(eco.document("read")).await;
    comune.apply(beside(eco.document("read"), "-altro")).await;
    let purpose = comune.id(Kind::Purpose, "tributi/prova").await;
    let other = comune.id(Kind::Purpose, "tributi/prova-altro").await;
    let good = comune.voucher("tributi", &purpose).await;
    let bare = comune.client("tributi").bare();
    let short = Bearer(format!("Bearer {}", short_voucher(&comune, &purpose).await));
    let one = FollowRequest {
        messages: 1,
        characters: 3,
    };

    let opened = EcoServiceClient::with_interceptor(bare.clone(), short.clone())
        .follow(one)
        .await
        .unwrap();
    let kept = EcoServiceClient::with_interceptor(bare.clone(), short)
        .follow(one)
        .await
        .unwrap();
    let (ends, goes_on) = (audit_id(&opened), audit_id(&kept));
    let (mut opened, mut kept) = (opened.into_inner(), kept.into_inner());
    assert!(opened.message().await.unwrap().is_some());
    assert!(kept.message().await.unwrap().is_some());

    let strangers = comune.purpose_id("sportello", "istanze-documenti");
    let strangers = comune.voucher("sportello", &strangers).await;
    let desk = comune.client("sportello").bare();
    let refusals = [
        (extend(&desk, &strangers, goes_on).await, "STREAM_UNKNOWN"),
        (extend(&bare, &good, Uuid::nil()).await, "STREAM_UNKNOWN"),
        (
            extend(&bare, &comune.voucher("tributi", &other).await, goes_on).await,
            "VOUCHER_AUDIENCE",
        ),
        (extend(&bare, "a.b.c", goes_on).await, "VOUCHER_MALFORMED"),
    ];
    for (refused, expected) in refusals {
        assert_eq!(reason(&refused.unwrap_err()), expected);
    }

    let extended = extend(&bare, &good, goes_on).await.unwrap();
    assert!(extended.voucher_expires_at > comune.clock().unix() + 200);
    assert!(extended.stream_ends_at > extended.voucher_expires_at);
    let ended = opened.message().await.unwrap_err();
    comune
        .assert_refused(&ended, Code::Unauthenticated, "VOUCHER_EXPIRED")
        .await;
    comune.ended(ends.as_bytes()).await;
    eco.open(1).await;

    // The stream lives on the voucher of now, and ends with what that one rests on.
    comune.suspend(Kind::Purpose, "tributi/prova").await;
    let ended = kept.message().await.unwrap_err();
    comune
        .assert_refused(&ended, Code::PermissionDenied, "PURPOSE_SUSPENDED")
        .await;
    let gone = extend(&bare, &good, goes_on).await.unwrap_err();
    assert_eq!(reason(&gone), "STREAM_UNKNOWN");
    comune.stop().await;
}

async fn extend(
    channel: &Channel,
    voucher: &str,
    audit_id: Uuid,
) -> Result<ExtendStreamResponse, Status> {
    let bearer = Bearer(format!("Bearer {voucher}"));
    let channel = InterceptedService::new(channel.clone(), bearer);
    let request = Request::new(ExtendStreamRequest {
        audit_id: audit_id.to_string(),
    });
    let answer = StreamServiceClient::new(channel)
        .extend_stream(request)
        .await?;
    assert!(answer.metadata().get("varco-audit-index").is_some());
    Ok(answer.into_inner())
}

#[tokio::test(flavor = "multi_thread")]
async fn client_whose_places_are_all_taken_can_go_on() {
    let comune = Comune::start_with(Clock::system(), |config| {
        config.gateway.limits.streams_per_client = 1;
    });
    let comune = comune.await;
    let eco = Eco::start();
    comune.apply(eco.document("read")).await;
    let purpose = comune.id(Kind::Purpose, "tributi/prova").await;
    let good = comune.voucher("tributi", &purpose).await;
    let bare = comune.client("tributi").bare();
    let bearer = Bearer(format!("Bearer {good}"));
    let one = FollowRequest {
        messages: 1,
        characters: 3,
    };
    let opened = EcoServiceClient::with_interceptor(bare.clone(), bearer)
        .follow(one)
        .await
        .unwrap();

    let extended = extend(&bare, &good, audit_id(&opened)).await;

    assert!(extended.is_ok(), "{extended:?}");
    drop(opened);
    eco.open(0).await;
    comune.stop().await;
}
