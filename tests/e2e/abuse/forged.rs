//! Vouchers that are well formed, name the right key and were signed by nobody.

use std::collections::BTreeMap;
use std::time::Instant;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde_json::Value;
use tokio::task::JoinSet;
use varco_tests::calls::reason;

use super::{Attacker, ECHO};

/// Each costs a signature to look at, until too many have not verified.
pub(super) async fn vouchers(by: Attacker, end: Instant) -> String {
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        callers.spawn(forge(by.clone(), end));
    }
    let mut reasons = BTreeMap::<String, u32>::new();
    for reason in callers.join_all().await.concat() {
        *reasons.entry(reason).or_default() += 1;
    }
    let known = |reason: &String| ["RATE_CLIENT", "VOUCHER_SIGNATURE"].contains(&reason.as_str());
    assert!(reasons.keys().all(known), "{reasons:?}");
    format!("{reasons:?}")
}

async fn forge(by: Attacker, end: Instant) -> Vec<String> {
    let mut wire = by.wire().await;
    let mut reasons = Vec::new();
    while Instant::now() < end {
        let bearer = format!("Bearer {}", forged(&by.voucher));
        let headers = [("authorization", bearer.as_str())];
        let answer = wire.send(&ECHO[1..], &headers, Bytes::new()).await;
        reasons.push(reason(&answer.unwrap().status()));
    }
    reasons
}

/// A voucher as it was issued, with another id and a signature of random bytes.
fn forged(voucher: &str) -> String {
    let parts: Vec<&str> = voucher.split('.').collect();
    let claims = URL_SAFE_NO_PAD.decode(parts[1]).unwrap();
    let mut claims: Value = serde_json::from_slice(&claims).unwrap();
    let mut random = [0; 80];
    rand::fill(&mut random).unwrap();
    let (id, signature) = random.split_at(16);
    claims["jti"] = uuid::Uuid::from_slice(id).unwrap().to_string().into();
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let claims = encode(claims.to_string().as_bytes());
    format!("{}.{claims}.{}", parts[0], encode(signature))
}

const CALLERS: usize = 8;
