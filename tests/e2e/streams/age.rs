//! How long a stream may last, and on which days it counts.

use std::time::Duration;

use tonic::Code;
use tonic_types::StatusExt as _;
use varco_proto::registry::v1::Document;
use varco_runtime::clock::{Clock, midnight};
use varco_tests::comune::Comune;
use varco_tests::eco::Eco;
use varco_tests::eco::v1::FollowRequest;
use varco_tests::eco::v1::eco_service_client::EcoServiceClient;

use super::{audit_id, channel};

const ONE: FollowRequest = FollowRequest {
    messages: 1,
    characters: 3,
};

#[tokio::test(flavor = "multi_thread")]
async fn stream_ends_at_its_greatest_age() {
    let comune = Comune::start_with(Clock::system(), |config| {
        config.gateway.limits.stream_seconds = 1;
    });
    let comune = comune.await;
    let eco = Eco::start();
    comune.apply(eco.document("read")).await;
    let mut client = EcoServiceClient::new(channel(&comune, "tributi", "tributi/prova").await);

    let followed = client.follow(ONE).await.unwrap();
    let id = audit_id(&followed);
    let mut followed = followed.into_inner();
    assert!(followed.message().await.unwrap().is_some());
    let ended = followed.message().await.unwrap_err();

    comune
        .assert_refused(&ended, Code::DeadlineExceeded, "UPSTREAM_SLOW")
        .await;
    let info = ended.get_details_error_info().unwrap();
    assert_eq!(info.metadata["limit"], "stream_seconds");
    let last = comune.ended(id.as_bytes()).await.pop().unwrap();
    assert_eq!(last.outcome, "ENDED");
    eco.open(0).await;
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_that_is_open_at_midnight_counts_on_the_new_day_too() {
    // Certificates are of now, so the day is this one.
    let clock = Clock::fixed(Clock::system().now());
    let midnight = midnight(clock.today().tomorrow().unwrap());
    let comune = Comune::start_with(clock.clone(), |_| {}).await;
    let eco = Eco::start();
    comune.apply(daily(eco.document("read"), 2)).await;
    clock.set(midnight - Duration::from_secs(2));
    let mut client = EcoServiceClient::new(channel(&comune, "tributi", "tributi/prova").await);
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut followed = client.follow(ONE).await.unwrap().into_inner();
        assert!(followed.message().await.unwrap().is_some());
        streams.push(followed);
    }
    comune.apply(daily(eco.document("read"), 1)).await;

    clock.set(midnight + Duration::from_secs(1));

    // One call is left for two streams.
    let mut ended = futures_util::future::select_all(
        streams.iter_mut().map(|stream| Box::pin(stream.message())),
    );
    let (refused, _, others) = (&mut ended).await;
    comune
        .assert_refused(
            &refused.unwrap_err(),
            Code::ResourceExhausted,
            "QUOTA_DAILY",
        )
        .await;
    drop(others);
    eco.open(1).await;
    comune.stop().await;
}

/// The same with so many calls a day.
fn daily(mut document: Document, calls: u64) -> Document {
    document.purposes[0].daily_calls = calls;
    document
}
