//! One client that fills what it has: its quota, its proofs, its open calls.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::JoinSet;
use varco_tests::calls::reason;
use varco_tests::eco::v1::EchoRequest;
use varco_tests::h2raw::{call, flag, frame, kind};
use varco_tests::possession::Holder;
use varco_tests::wire;

use super::{Attacker, ECHO, WAIT};

/// Calls of a purpose that has one a day.
pub(super) async fn quota(by: Attacker, end: Instant) -> String {
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let by = by.clone();
        callers.spawn(async move {
            let mut wire = by.wire().await;
            let mut reasons = Vec::new();
            let question = EchoRequest::default();
            while Instant::now() < end {
                let status = wire.call(&ECHO[1..], &by.once, &question).await;
                reasons.push(reason(&status));
            }
            reasons
        });
    }
    let reasons = told(callers.join_all().await.concat());
    assert!(
        reasons.get("").is_none_or(|answered| *answered <= 1),
        "{reasons:?}"
    );
    assert!(reasons.contains_key("QUOTA_DAILY"), "{reasons:?}");
    format!("{reasons:?}")
}

/// A proof for each call, each made durable as used before its call goes on.
pub(super) async fn proofs(by: Attacker, end: Instant) -> String {
    let holder = Holder::new();
    let htu = by.asker.file.token_url.clone();
    let voucher = bound(&by, &holder, &htu).await;
    let address = format!("{}{ECHO}", by.config.gateway_address());
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (by, voucher) = (by.clone(), voucher.clone());
        let proofs: Vec<String> = (0..PROOFS)
            .map(|_| holder.proof(&address, Some(&voucher)))
            .collect();
        callers.spawn(async move {
            let mut wire = by.wire().await;
            let authorization = format!("DPoP {voucher}");
            let mut reasons = Vec::new();
            let body = wire::frame(&EchoRequest::default());
            for proof in proofs {
                let headers = [("authorization", authorization.as_str()), ("dpop", &proof)];
                let answer = wire.send(&ECHO[1..], &headers, body.clone()).await;
                reasons.push(reason(&answer.unwrap().status()));
                if Instant::now() >= end {
                    break;
                }
            }
            reasons
        });
    }
    let reasons = told(callers.join_all().await.concat());
    let known = |reason: &String| ["", "RATE_CLIENT"].contains(&reason.as_str());
    assert!(reasons.keys().all(known), "{reasons:?}");
    format!("{reasons:?}")
}

/// A voucher that is bound to the holder's key.
async fn bound(by: &Attacker, holder: &Holder, htu: &str) -> String {
    let form = by.asker.form(&by.asker.sign(&by.asker.claims(&by.purpose)));
    let token = by.config.gateway.token;
    let mut wire = wire::Wire::connect(token, Some(&by.folder), &by.ca)
        .await
        .unwrap();
    let proof = holder.proof(htu, None);
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("dpop", &proof),
    ];
    let answer = wire.send("token.oauth2", &headers, Bytes::from(form)).await;
    let answer: serde_json::Value = serde_json::from_slice(&answer.unwrap().body).unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

/// Calls that are never answered, more than a client may have open, on several connections.
pub(super) async fn streams(by: Attacker, end: Instant) -> String {
    let bearer = by.bearer();
    let block = call(WAIT, &[("authorization", &bearer)]);
    let mut held = Vec::new();
    for _ in 0..5 {
        let mut raw = by.connect().await;
        for stream in (1..200).step_by(2) {
            raw.open(stream, &block, false).await.unwrap();
            let message = frame(kind::DATA, flag::END_STREAM, stream, &[0; 5]);
            raw.write(&message).await.unwrap();
        }
        held.push(raw);
    }
    let mut refused = 0;
    let late = Instant::now() + PATIENCE;
    while refused < 400 && Instant::now() < late {
        for raw in &mut held {
            while let Ok(Some(frame)) = tokio::time::timeout(SOON, raw.next()).await {
                let ends = frame.kind == kind::HEADERS && frame.flags & flag::END_STREAM != 0;
                refused += u32::from(ends);
            }
        }
    }
    assert!((400..500).contains(&refused), "{refused} of 500 refused");
    tokio::time::sleep_until(end.into()).await;
    format!("{refused} of 500 calls refused")
}

fn told(reasons: Vec<String>) -> BTreeMap<String, u32> {
    let mut told = BTreeMap::new();
    for reason in reasons {
        *told.entry(reason).or_default() += 1;
    }
    told
}

const CALLERS: usize = 4;
const PROOFS: usize = 300;
const SOON: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(20);
