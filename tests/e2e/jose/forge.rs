//! Tokens put together by hand: any header, any claims, any signature.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};
use uuid::Uuid;
use varco_runtime::clock::Clock;
use varco_runtime::jose::PrivateKey;
use varco_runtime::pki::{self, KeyKind};

/// A private key that signs whatever it is given, under whatever header.
pub struct Forge {
    /// The thumbprint of the public half.
    pub kid: String,
    /// The name of its one algorithm.
    pub alg: &'static str,
    /// The public half in PEM.
    pub pem: String,
    /// The public half as a JWK.
    pub jwk: Value,
    algorithm: Algorithm,
    key: EncodingKey,
}

/// A client whose assertions are forged, with what a good one says.
pub struct Client {
    /// Its own key.
    pub forge: Forge,
    /// Its id.
    pub id: String,
    /// The audience that its assertions name.
    pub audience: String,
    /// A purpose of its own.
    pub purpose: String,
    /// The time of the town, seconds.
    pub now: i64,
}

impl Forge {
    /// The forge of a PEM private key.
    pub fn new(pem: &str) -> Self {
        let private = PrivateKey::from_pem(pem).unwrap();
        let algorithm = private.public().algorithm();
        let (alg, key) = match algorithm {
            Algorithm::ES256 => ("ES256", EncodingKey::from_ec_pem(pem.as_bytes())),
            Algorithm::EdDSA => ("EdDSA", EncodingKey::from_ed_pem(pem.as_bytes())),
            _ => ("RS256", EncodingKey::from_rsa_pem(pem.as_bytes())),
        };
        Self {
            kid: private.public().kid().to_owned(),
            alg,
            pem: pki::public_key(pem).unwrap(),
            jwk: serde_json::to_value(private.public().jwk()).unwrap(),
            algorithm,
            key: key.unwrap(),
        }
    }

    /// The header of a good token.
    pub fn header(&self, typ: &str) -> Value {
        json!({"alg": self.alg, "typ": typ, "kid": self.kid})
    }

    /// Signs the bytes of a header and of claims with the key's own algorithm.
    pub fn seal(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        self.seal_as(self.algorithm, header, claims)
    }

    /// Signs with another algorithm of the same family.
    pub fn seal_as(
        &self,
        algorithm: Algorithm,
        header: impl AsRef<[u8]>,
        claims: impl AsRef<[u8]>,
    ) -> String {
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = crypto::sign(message.as_bytes(), &self.key, algorithm).unwrap();
        format!("{message}.{signature}")
    }

    /// The signature of some bytes, in base64url.
    pub fn sign(&self, message: &[u8]) -> String {
        crypto::sign(message, &self.key, self.algorithm).unwrap()
    }

    /// The public half in DER.
    pub fn der(&self) -> Vec<u8> {
        let lines = self.pem.lines().filter(|line| !line.starts_with('-'));
        STANDARD.decode(lines.collect::<String>()).unwrap()
    }
}

impl Client {
    /// The header of a good assertion.
    pub fn header(&self) -> Value {
        self.forge.header("JWT")
    }

    /// The claims of a good assertion, never used before.
    pub fn claims(&self) -> Value {
        json!({
            "iss": self.id,
            "sub": self.id,
            "aud": self.audience,
            "jti": Clock::system().uuid(),
            "iat": self.now,
            "exp": self.now + 60,
            "purposeId": self.purpose,
        })
    }

    /// A good assertion but for some members of its header.
    pub fn with_header(&self, members: &Value) -> String {
        let header = bent(self.header(), members);
        self.forge
            .seal(header.to_string(), self.claims().to_string())
    }

    /// A good assertion but for some of its claims.
    pub fn with_claims(&self, members: &Value) -> String {
        let claims = bent(self.claims(), members);
        self.forge
            .seal(self.header().to_string(), claims.to_string())
    }

    /// A good assertion but for a claim that it lacks.
    pub fn without_claim(&self, name: &str) -> String {
        let claims = without(self.claims(), name);
        self.forge
            .seal(self.header().to_string(), claims.to_string())
    }

    /// A good assertion whose claims are followed by more text, inside the braces.
    pub fn with_more_claims(&self, more: &str) -> String {
        let claims = longer(&self.claims(), more);
        self.forge.seal(self.header().to_string(), claims)
    }

    /// The same client, under another key.
    pub fn under(&self, forge: Forge) -> Self {
        Self {
            forge,
            id: self.id.clone(),
            audience: self.audience.clone(),
            purpose: self.purpose.clone(),
            now: self.now,
        }
    }
}

/// The unpadded base64url of some bytes.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of an unpadded base64url text.
pub fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// An object with some members set.
pub fn bent(mut object: Value, members: &Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        object[name] = value.clone();
    }
    object
}

/// An object without a member.
pub fn without(mut object: Value, name: &str) -> Value {
    object.as_object_mut().unwrap().remove(name).unwrap();
    object
}

/// The text of an object with more text before its closing brace.
pub fn longer(object: &Value, more: &str) -> String {
    let text = object.to_string();
    format!("{},{more}}}", text.strip_suffix('}').unwrap())
}

/// The three parts of a token.
pub fn parts(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().unwrap()
}

/// A token with another signature.
pub fn resigned(token: &str, signature: impl AsRef<[u8]>) -> String {
    let [header, claims, _] = parts(token);
    format!("{header}.{claims}.{}", encode(signature))
}

/// The signature of a token with the SHA-2 of a secret (RFC 7518 §3.2).
pub fn hmac(alg: &str, header: &Value, claims: &Value, secret: &[u8]) -> String {
    let algorithm = match alg {
        "HS256" => Algorithm::HS256,
        "HS384" => Algorithm::HS384,
        _ => Algorithm::HS512,
    };
    let header = bent(header.clone(), &json!({"alg": alg}));
    let message = format!(
        "{}.{}",
        encode(header.to_string()),
        encode(claims.to_string())
    );
    let secret = EncodingKey::from_secret(secret);
    let signature = crypto::sign(message.as_bytes(), &secret, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// A key that nobody registered.
pub fn stranger() -> Forge {
    Forge::new(&pki::generate_key(KeyKind::EcP256).unwrap())
}

/// An id that nothing in the town bears.
pub fn nobody() -> String {
    Uuid::from_u128(1).to_string()
}
