//! Signing and verifying JSON Web Signatures (RFC 7515) with keys that say what they are.
//!
//! A key carries its one algorithm and its RFC 7638 thumbprint, so that a token's header can
//! never choose how it is verified. Claims are checked by whoever knows what they mean: this file
//! looks at signatures only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

/// A public key with its one algorithm.
#[derive(Clone)]
pub struct PublicKey {
    decoding: DecodingKey,
    algorithm: Algorithm,
    jwk: Jwk,
    kid: String,
}

/// A private key, parsed once.
#[derive(Clone)]
pub struct PrivateKey {
    encoding: EncodingKey,
    public: PublicKey,
}

/// Ways that a key or a token is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither EC P-256, nor Ed25519, nor RSA of at least 2048 bits.
    #[error("key must be EC P-256, Ed25519 or RSA of at least 2048 bits, in PEM")]
    Key,
    /// The token is no compact JWS, or is too large.
    #[error("token is malformed")]
    Malformed,
    /// The signature does not verify under this key and its algorithm.
    #[error("signature does not verify")]
    Signature,
    /// The token could not be signed.
    #[error("token could not be signed")]
    Sign(#[source] jsonwebtoken::errors::Error),
}

impl PublicKey {
    /// Parses a PEM public key (SPKI).
    ///
    /// # Errors
    ///
    /// When it is no public key of an accepted kind.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        let bytes = pem.as_bytes();
        if pem.matches("-----BEGIN").count() != 1 || !pem.contains("-----BEGIN PUBLIC KEY-----") {
            return Err(Error::Key);
        }
        if let Ok(key) = DecodingKey::from_ec_pem(bytes) {
            return Self::new(key, Algorithm::ES256);
        }
        if let Ok(key) = DecodingKey::from_ed_pem(bytes) {
            return Self::new(key, Algorithm::EdDSA);
        }
        let key = DecodingKey::from_rsa_pem(bytes).map_err(|_| Error::Key)?;
        Self::new(key, Algorithm::RS256)
    }

    /// Takes a key of a published set (RFC 7517).
    ///
    /// # Errors
    ///
    /// When it is of no accepted kind.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, Error> {
        let key = DecodingKey::from_jwk(jwk).map_err(|_| Error::Key)?;
        let algorithm = match key.family() {
            jsonwebtoken::AlgorithmFamily::Ec => Algorithm::ES256,
            jsonwebtoken::AlgorithmFamily::Ed => Algorithm::EdDSA,
            jsonwebtoken::AlgorithmFamily::Rsa => Algorithm::RS256,
            jsonwebtoken::AlgorithmFamily::Hmac => return Err(Error::Key),
        };
        Self::new(key, algorithm)
    }

    fn new(decoding: DecodingKey, algorithm: Algorithm) -> Result<Self, Error> {
        let mut jwk = Jwk::from_decoding_key(&decoding, Some(algorithm)).map_err(|_| Error::Key)?;
        check_strength(&jwk)?;
        let kid = jwk
            .thumbprint(ThumbprintHash::SHA256)
            .map_err(|_| Error::Key)?;
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(jsonwebtoken::jwk::PublicKeyUse::Signature);
        Ok(Self {
            decoding,
            algorithm,
            jwk,
            kid,
        })
    }

    /// RFC 7638 thumbprint, base64url.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The key as it is published.
    #[must_use]
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// The one algorithm that this key verifies.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Verifies a compact JWS and gives its claims, none of which has been checked yet.
    ///
    /// # Errors
    ///
    /// [`Error::Signature`] when it was not signed by this key with its algorithm.
    pub fn verify<T: DeserializeOwned>(&self, token: &str) -> Result<T, Error> {
        if !self.takes(&header(token)?) {
            return Err(Error::Signature);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Error::Malformed)?;
        self.check(message, signature)?;
        let (_, claims) = message.split_once('.').ok_or(Error::Malformed)?;
        part(claims)
    }

    /// Checks the signature of a message, for tokens whose header [`header`] does not take.
    ///
    /// # Errors
    ///
    /// [`Error::Signature`] when it is not this key's, with its algorithm.
    pub fn check(&self, message: &str, signature: &str) -> Result<(), Error> {
        let verified = jsonwebtoken::crypto::verify(
            signature,
            message.as_bytes(),
            &self.decoding,
            self.algorithm,
        );
        if matches!(verified, Ok(true)) {
            Ok(())
        } else {
            Err(Error::Signature)
        }
    }

    /// Whether a header names this key's one algorithm; RFC 9864 calls `EdDSA` on this curve
    /// `Ed25519`.
    #[must_use]
    pub fn takes(&self, header: &Header) -> bool {
        match self.algorithm {
            Algorithm::EdDSA => matches!(header.alg.as_str(), "EdDSA" | "Ed25519"),
            Algorithm::ES256 => header.alg == "ES256",
            _ => header.alg == "RS256",
        }
    }
}

impl PrivateKey {
    /// Parses a PKCS#8 PEM private key.
    ///
    /// # Errors
    ///
    /// When it is no private key of an accepted kind.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        let pair = rcgen::KeyPair::from_pem(pem).map_err(|_| Error::Key)?;
        let public = PublicKey::from_pem(&pair.public_key_pem())?;
        let encoding = match public.algorithm {
            Algorithm::ES256 => EncodingKey::from_ec_pem(pem.as_bytes()),
            Algorithm::EdDSA => EncodingKey::from_ed_pem(pem.as_bytes()),
            _ => EncodingKey::from_rsa_pem(pem.as_bytes()),
        }
        .map_err(|_| Error::Key)?;
        Ok(Self { encoding, public })
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs claims as a compact JWS whose header says `typ` and this key's `kid`.
    ///
    /// # Errors
    ///
    /// When the claims cannot be written or the key refuses.
    pub fn sign<T: Serialize>(&self, typ: &str, claims: &T) -> Result<String, Error> {
        let mut header = jsonwebtoken::Header::new(self.public.algorithm);
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.public.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.encoding).map_err(Error::Sign)
    }

    /// Signs a message whose header somebody else wrote, and gives the signature in base64url.
    ///
    /// # Errors
    ///
    /// When the key refuses.
    #[cfg(any(test, feature = "testing"))]
    pub fn sign_message(&self, message: &str) -> Result<String, Error> {
        let algorithm = self.public.algorithm;
        jsonwebtoken::crypto::sign(message.as_bytes(), &self.encoding, algorithm)
            .map_err(Error::Sign)
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({})", self.kid)
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PrivateKey({})", self.public.kid)
    }
}

/// The header of a token that nobody has verified yet (RFC 7515 §4).
#[derive(Clone, Debug, Deserialize)]
pub struct Header {
    /// The algorithm that the token claims.
    pub alg: String,
    /// What kind of token it claims to be.
    pub typ: Option<String>,
    /// The key that it names.
    pub kid: Option<String>,
    jku: Option<IgnoredAny>,
    jwk: Option<IgnoredAny>,
    x5u: Option<IgnoredAny>,
    x5c: Option<IgnoredAny>,
    crit: Option<IgnoredAny>,
}

impl Header {
    /// A header that says nothing but its algorithm.
    #[must_use]
    pub fn naming(alg: &str) -> Self {
        Self {
            alg: alg.to_owned(),
            typ: None,
            kid: None,
            jku: None,
            jwk: None,
            x5u: None,
            x5c: None,
            crit: None,
        }
    }
}

/// Reads the header of a token that nobody has verified yet.
///
/// # Errors
///
/// When the token is larger than 8 KiB, no compact JWS, or refers to keys of its own choosing.
pub fn header(token: &str) -> Result<Header, Error> {
    if token.len() > MAX_TOKEN || token.split('.').count() != 3 {
        return Err(Error::Malformed);
    }
    let (first, _) = token.split_once('.').ok_or(Error::Malformed)?;
    let header: Header = part(first)?;
    let foreign_key = header.jku.is_some()
        || header.jwk.is_some()
        || header.x5u.is_some()
        || header.x5c.is_some()
        || header.crit.is_some();
    if foreign_key {
        Err(Error::Malformed)
    } else {
        Ok(header)
    }
}

/// Parses a part of a compact JWS.
fn part<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| Error::Malformed)
}

fn check_strength(jwk: &Jwk) -> Result<(), Error> {
    use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve};
    match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => Ok(()),
        AlgorithmParameters::OctetKeyPair(_) => Ok(()),
        // 2048 bits are 256 bytes, 342 characters of base64url; at most 8192 bits.
        AlgorithmParameters::RSA(rsa) if (342..=1366).contains(&rsa.n.len()) => Ok(()),
        _ => Err(Error::Key),
    }
}

const MAX_TOKEN: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{KeyKind, generate_key};

    #[derive(serde::Serialize, serde::Deserialize, Clone, PartialEq, Debug)]
    struct Claims {
        sub: String,
    }

    #[test]
    fn every_kind_of_key_signs_and_verifies() {
        for kind in [KeyKind::EcP256, KeyKind::Ed25519, KeyKind::Rsa2048] {
            let key = PrivateKey::from_pem(&generate_key(kind).unwrap()).unwrap();
            let claims = Claims {
                sub: "x".to_owned(),
            };

            let token = key.sign("JWT", &claims).unwrap();

            assert_eq!(key.public().verify::<Claims>(&token).unwrap(), claims);
            assert_eq!(
                header(&token).unwrap().kid.as_deref(),
                Some(key.public().kid())
            );
        }
    }

    #[test]
    fn token_of_another_key_does_not_verify() {
        let one = PrivateKey::from_pem(&generate_key(KeyKind::EcP256).unwrap()).unwrap();
        let two = PrivateKey::from_pem(&generate_key(KeyKind::EcP256).unwrap()).unwrap();
        let token = one
            .sign(
                "JWT",
                &Claims {
                    sub: "x".to_owned(),
                },
            )
            .unwrap();

        let refused = two.public().verify::<Claims>(&token).unwrap_err();

        assert!(matches!(refused, Error::Signature));
    }

    #[test]
    fn newer_name_of_eddsa_is_taken() {
        let key = PrivateKey::from_pem(&generate_key(KeyKind::Ed25519).unwrap()).unwrap();
        let kid = key.public().kid();
        let header = format!(r#"{{"alg":"Ed25519","typ":"JWT","kid":"{kid}"}}"#);
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let message = format!("{}.{}", encode(&header), encode(r#"{"sub":"x"}"#));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &key.encoding, Algorithm::EdDSA);

        let token = format!("{message}.{}", signature.unwrap());

        assert_eq!(key.public().verify::<Claims>(&token).unwrap().sub, "x");
    }

    #[test]
    fn header_cannot_choose_another_algorithm() {
        let key = PrivateKey::from_pem(&generate_key(KeyKind::EcP256).unwrap()).unwrap();
        let claims = Claims {
            sub: "x".to_owned(),
        };
        let token = key.sign("JWT", &claims).unwrap();
        let rest = token.split_once('.').unwrap().1;
        for alg in ["none", "HS256", "RS256", "EdDSA", "ES384"] {
            let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{alg}"}}"#));
            let bent = format!("{header}.{rest}");
            assert!(key.public().verify::<Claims>(&bent).is_err(), "{alg}");
        }
    }

    #[test]
    fn private_key_is_no_public_key() {
        let pem = generate_key(KeyKind::EcP256).unwrap();

        assert!(PublicKey::from_pem(&pem).is_err());
    }
}
