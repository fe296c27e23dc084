//! How often one may ask: told on every answer, and no weapon in a stranger's hand.

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use varco_runtime::clock::Clock;
use varco_tests::assertion::Asker;
use varco_tests::comune::Comune;
use varco_tests::wire::{Answer, Wire};

use super::PURPOSE;

const LIMIT: u32 = 1;

async fn post(wire: &mut Wire, form: String) -> Answer {
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    wire.send("token.oauth2", &kind, Bytes::from(form))
        .await
        .unwrap()
}

fn number(answer: &Answer, name: &str) -> u32 {
    answer.headers[name].to_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn stranger_is_turned_away_and_its_neighbours_are_not() {
    let comune = Comune::start_with(Clock::system(), |config| {
        config.gateway.limits.tokens_per_second = LIMIT;
    })
    .await;
    let asker = Asker::open(&comune.client_folder("tributi"), None, &comune.ca());
    let purpose = comune.purpose_id("tributi", PURPOSE);
    let good = || asker.form(&asker.sign(&asker.claims(&purpose)));
    let address = comune.config().gateway.token;
    let mut wire = Wire::connect(address, None, &comune.ca()).await.unwrap();

    // Garbage faster than the measure: every answer says what is left.
    let mut turned_away = post(&mut wire, asker.form("x.y.z")).await;
    for _ in 0..100 {
        assert_eq!(number(&turned_away, "x-rate-limit-limit"), LIMIT);
        assert_eq!(number(&turned_away, "x-rate-limit-interval"), 1000);
        if turned_away.http == StatusCode::TOO_MANY_REQUESTS {
            break;
        }
        turned_away = post(&mut wire, asker.form("x.y.z")).await;
    }

    assert_eq!(turned_away.http, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(number(&turned_away, "x-rate-limit-remaining"), 0);
    assert!(number(&turned_away, "retry-after") >= 1);
    let body: Value = serde_json::from_slice(&turned_away.body).unwrap();
    assert_eq!(body["reason"], "RATE");
    // From the very same address an office still gets its voucher.
    let answer = post(&mut wire, good()).await;
    assert_eq!(answer.http, StatusCode::OK, "{:?}", answer.body);
    assert_eq!(number(&answer, "x-rate-limit-limit"), LIMIT);
    assert_eq!(number(&answer, "x-rate-limit-remaining"), LIMIT - 1);
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_that_asks_too_often_is_told_to_wait() {
    let comune = Comune::start_with(Clock::system(), |config| {
        config.gateway.limits.tokens_per_second = LIMIT;
    })
    .await;
    let asker = comune.asker("tributi");
    let purpose = comune.purpose_id("tributi", PURPOSE);
    let forms: Vec<String> = (0..20)
        .map(|_| asker.form(&asker.sign(&asker.claims(&purpose))))
        .collect();

    let answers = futures_util::future::join_all(forms.iter().map(|form| asker.post(form))).await;

    let refused: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS)
        .collect();
    assert!(answers.iter().any(|answer| answer.status == StatusCode::OK));
    assert!(!refused.is_empty());
    for answer in refused {
        assert_eq!(answer.text("reason"), "RATE");
        assert!(!answer.text("error_description_it").is_empty());
    }
    comune.stop().await;
}
