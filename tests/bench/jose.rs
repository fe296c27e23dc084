//! How many tokens a second one core signs and verifies: a key that is parsed once, as the product
//! holds it, beside one that is parsed again for each token.
//!
//! Both take turns in one run, so that neighbours of a shared machine disturb both alike:
//! `cargo bench -p varco-tests --bench jose`.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot run has no figures"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde_json::{Value, json};
use varco_runtime::jose::PrivateKey;
use varco_runtime::pki::{KeyKind, generate_key, public_key};

const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_millis(150);

fn main() {
    varco_runtime::tls::install();
    say("algorithm", "", ["parsed anew", "parsed once", "ratio"]);
    for (kind, name) in [
        (KeyKind::EcP256, "ES256"),
        (KeyKind::Ed25519, "EdDSA"),
        (KeyKind::Rsa2048, "RS256"),
    ] {
        measure(kind, name);
    }
}

fn measure(kind: KeyKind, name: &str) {
    let pem = generate_key(kind).expect("a key");
    let public = public_key(&pem).expect("its public half");
    let key = PrivateKey::from_pem(&pem).expect("a key");
    let claims = claims();
    let (anew, algorithm) = (Anew::of(&pem, &public, kind), key.public().algorithm());
    let mut header = Header::new(algorithm);
    header.typ = Some("at+jwt".to_owned());
    header.kid = Some(key.public().kid().to_owned());
    let token = key.sign("at+jwt", &claims).expect("a token");

    let mut signed = [Vec::new(), Vec::new()];
    let mut verified = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        signed[0].push(rate(|| {
            jsonwebtoken::encode(&header, &claims, &anew.private).is_ok()
        }));
        signed[1].push(rate(|| key.sign("at+jwt", &claims).is_ok()));
        verified[0].push(rate(|| anew.verify(&token, algorithm).is_some()));
        verified[1].push(rate(|| key.public().verify::<Value>(&token).is_ok()));
    }
    tell(name, "sign", signed);
    tell(name, "verify", verified);
}

/// A key as jsonwebtoken holds it.
struct Anew {
    private: EncodingKey,
    public: DecodingKey,
}

impl Anew {
    fn of(private: &str, public: &str, kind: KeyKind) -> Self {
        let (private, public) = (private.as_bytes(), public.as_bytes());
        let (private, public) = match kind {
            KeyKind::EcP256 => (
                EncodingKey::from_ec_pem(private),
                DecodingKey::from_ec_pem(public),
            ),
            KeyKind::Ed25519 => (
                EncodingKey::from_ed_pem(private),
                DecodingKey::from_ed_pem(public),
            ),
            KeyKind::Rsa2048 => (
                EncodingKey::from_rsa_pem(private),
                DecodingKey::from_rsa_pem(public),
            ),
        };
        Self {
            private: private.expect("a key"),
            public: public.expect("a key"),
        }
    }
}

impl Anew {
    /// Header, signature and claims, as they were read before.
    fn verify(&self, token: &str, algorithm: Algorithm) -> Option<Value> {
        jsonwebtoken::decode_header(token).ok()?;
        let (message, signature) = token.rsplit_once('.')?;
        let bytes = message.as_bytes();
        let verified = jsonwebtoken::crypto::verify(signature, bytes, &self.public, algorithm);
        verified.ok().filter(|good| *good)?;
        let (_, claims) = message.split_once('.')?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }
}

/// Claims as large as a voucher's.
fn claims() -> Value {
    let id = "0197a3c2-7b1e-7c54-9d3a-5f0e6b1c2d3e";
    json!({
        "iss": "https://varco.comune.example:7444", "sub": id, "client_id": id,
        "aud": "https://anagrafe.comune.example/v1", "jti": id,
        "iat": 1_795_000_000, "nbf": 1_795_000_000, "exp": 1_795_000_300,
        "purposeId": id, "producerId": id, "consumerId": id, "eserviceId": id, "descriptorId": id,
        "client_kid": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", "epoch": 17,
    })
}

/// How often a second something is done.
fn rate(mut work: impl FnMut() -> bool) -> f64 {
    let started = Instant::now();
    let mut done = 0_u32;
    while started.elapsed() < ROUND {
        for _ in 0..8 {
            assert!(black_box(work()));
        }
        done += 8;
    }
    f64::from(done) / started.elapsed().as_secs_f64()
}

fn tell(name: &str, what: &str, rates: [Vec<f64>; 2]) {
    let [anew, once] = rates.map(median);
    let columns = [
        format!("{anew:.0}/s"),
        format!("{once:.0}/s"),
        format!("{:.2}", once / anew),
    ];
    say(name, what, columns.each_ref().map(String::as_str));
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn say(name: &str, what: &str, [anew, once, ratio]: [&str; 3]) {
    println!("{name:10} {what:7} {anew:>12} {once:>12} {ratio:>6}");
}
