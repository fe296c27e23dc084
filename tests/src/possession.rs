//! Proofs of possession (RFC 9449), good and bad, as a client makes them.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use varco_runtime::clock::Clock;
use varco_runtime::jose::PrivateKey;
use varco_runtime::pki::{KeyKind, generate_key};

/// A key whose possession is proven.
pub struct Holder {
    key: PrivateKey,
    clock: Clock,
}

impl Holder {
    /// A holder of a fresh P-256 key.
    ///
    /// # Panics
    ///
    /// When no key can be made.
    #[must_use]
    pub fn new() -> Self {
        let pem = generate_key(KeyKind::EcP256).expect("a key");
        Self {
            key: PrivateKey::from_pem(&pem).expect("a key"),
            clock: Clock::system(),
        }
    }

    /// RFC 7638 thumbprint of the key.
    #[must_use]
    pub fn jkt(&self) -> &str {
        self.key.public().kid()
    }

    /// The claims of a good proof for an address, and for a voucher where there is one.
    #[must_use]
    pub fn claims(&self, htu: &str, voucher: Option<&str>) -> Value {
        let mut claims = json!({
            "htm": "POST",
            "htu": htu,
            "iat": self.clock.unix(),
            "jti": self.clock.uuid(),
        });
        if let Some(voucher) = voucher {
            claims["ath"] = json!(URL_SAFE_NO_PAD.encode(digest(&SHA256, voucher.as_bytes())));
        }
        claims
    }

    /// A good proof for an address, and for a voucher where there is one.
    #[must_use]
    pub fn proof(&self, htu: &str, voucher: Option<&str>) -> String {
        self.sign(&self.claims(htu, voucher))
    }

    /// Signs claims as a proof.
    ///
    /// # Panics
    ///
    /// When the key refuses.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> String {
        let jwk = serde_json::to_value(self.key.public().jwk()).expect("a jwk");
        let members = ["kty", "crv", "x", "y"].map(|name| (name.to_owned(), jwk[name].clone()));
        let jwk: serde_json::Map<_, _> = members.into_iter().collect();
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(&header), encode(claims));
        let signature = self.key.sign_message(&message).expect("a signature");
        format!("{message}.{signature}")
    }
}

impl Default for Holder {
    fn default() -> Self {
        Self::new()
    }
}
