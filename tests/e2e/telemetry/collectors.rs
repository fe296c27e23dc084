//! Collectors that are down, slow or wrong cost spans, which are counted, and nothing else (T-C5).

use std::net::TcpListener;

use varco_proto::anagrafe::v1::anagrafe_service_client::AnagrafeServiceClient;
use varco_runtime::clock::Clock;
use varco_runtime::telemetry::collecting::Count;
use varco_tests::calls::{audit_index, question};
use varco_tests::collector::{Babbler, Collector, Manner};
use varco_tests::comune::Comune;

#[tokio::test(flavor = "multi_thread")]
async fn collector_that_takes_everything_loses_nothing() {
    let collector = Collector::start();

    let count = spans_of_calls(&collector.address).await;

    assert_eq!((count.delivered, count.dropped), (count.offered, 0));
    assert_eq!(
        u64::try_from(collector.spans().len()).unwrap(),
        count.offered
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn collector_that_is_down_costs_spans_alone() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);

    let count = spans_of_calls(&address).await;

    assert_eq!((count.delivered, count.dropped), (0, count.offered));
}

#[tokio::test(flavor = "multi_thread")]
async fn collector_that_never_answers_costs_spans_alone() {
    let collector = Collector::that(Manner::Hangs);

    let count = spans_of_calls(&collector.address).await;

    assert_eq!((count.delivered, count.dropped), (0, count.offered));
}

#[tokio::test(flavor = "multi_thread")]
async fn collector_that_refuses_costs_spans_alone() {
    let collector = Collector::that(Manner::Refuses);

    let count = spans_of_calls(&collector.address).await;

    assert_eq!((count.delivered, count.dropped), (0, count.offered));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_collector_claims_to_have_rejected_is_counted_within_reason() {
    for (claimed, all_lost) in [(i64::MAX, true), (i64::MIN, false)] {
        let collector = Collector::that(Manner::Rejects(claimed));

        let count = spans_of_calls(&collector.address).await;

        let lost = if all_lost { count.offered } else { 0 };
        assert_eq!(
            (count.delivered, count.dropped),
            (count.offered - lost, lost)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_collector_costs_spans_alone() {
    for bytes in [b"HTTP/1.1 200 OK\r\n\r\nhello".as_slice(), &[0xff; 64]] {
        let babbler = Babbler::start(bytes).await;

        let count = spans_of_calls(&babbler.address).await;

        assert_eq!((count.delivered, count.dropped), (0, count.offered));
    }
}

/// Makes calls in a comune that sends its spans to an address, each of which must have its record;
/// gives what became of the spans when the comune has stopped.
async fn spans_of_calls(address: &str) -> Count {
    let comune = Comune::start_with(Clock::system(), |config| {
        config.telemetry.otlp = Some(address.to_owned());
    })
    .await;
    let collecting = comune.collecting().clone();
    let tax_office = comune.client("tributi");
    let channel = tax_office.purpose("verifica-residenza").unwrap();
    let mut anagrafe = AnagrafeServiceClient::new(channel);
    let mut last = None;
    for _ in 0..CALLS {
        let answer = anagrafe.verify_residenza(question()).await.unwrap();
        let index = audit_index(answer.metadata());
        assert!(index.is_some() && index > last, "{index:?} after {last:?}");
        last = index;
    }
    comune.stop().await;
    let counts = collecting.counts();
    let (_, count) = counts
        .iter()
        .find(|(name, _)| *name == "collector")
        .unwrap();
    // The gateway's two, the office's one, and at least one statement.
    assert!(count.offered >= 4 * CALLS, "{count:?}");
    *count
}

const CALLS: u64 = 50;
