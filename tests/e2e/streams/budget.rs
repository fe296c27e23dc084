//! What streams hold of the memory for answers.

use varco_runtime::clock::Clock;
use varco_tests::comune::Comune;
use varco_tests::eco::Eco;
use varco_tests::eco::v1::FollowRequest;
use varco_tests::eco::v1::eco_service_client::EcoServiceClient;

use super::channel;

#[tokio::test(flavor = "multi_thread")]
async fn stream_that_waits_holds_nothing_of_what_has_passed() {
    let comune = Comune::start_with(Clock::system(), |config| {
        config.gateway.limits.answer_bytes = 1 << 20;
    });
    let comune = comune.await;
    let eco = Eco::start();
    comune.apply(eco.document("read")).await;
    let mut client = EcoServiceClient::new(channel(&comune, "tributi", "tributi/prova").await);
    // Most of the memory, in a message that comes in many pieces.
    let large = FollowRequest {
        messages: 1,
        characters: 700_000,
    };

    let mut open = Vec::new();
    for _ in 0..4 {
        let mut followed = client.follow(large).await.unwrap().into_inner();
        let message = followed.message().await.unwrap().unwrap();
        assert_eq!(message.text.len(), 700_000);
        open.push(followed);
    }

    eco.open(4).await;
    drop(open);
    comune.stop().await;
}
