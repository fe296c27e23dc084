//! Signing and verifying JSON Web Signatures (RFC 7515) with keys that say what they are.
//!
//! A key carries its one algorithm and its RFC 7638 thumbprint, so that a token's header can
//! never choose how it is verified. It is parsed once, when it is read: parsing it again for each
//! token would halve the rate. Claims are checked by whoever knows what they mean: this file looks
//! at signatures only.

use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

mod pair;
mod strict;

use pair::Pair;

/// A public key with its one algorithm, parsed once.
#[derive(Clone)]
pub struct PublicKey {
    parsed: Arc<ParsedPublicKey>,
    algorithm: Algorithm,
    jwk: Jwk,
    kid: String,
}

/// A private key, parsed once.
///
/// Another place for keys, such as a token of PKCS#11, would be another kind of pair within.
#[derive(Clone)]
pub struct PrivateKey {
    pair: Arc<Pair>,
    public: PublicKey,
}

/// Ways that a key or a token is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither EC P-256, nor Ed25519, nor RSA of at least 2048 bits.
    #[error("key must be EC P-256, Ed25519 or RSA of at least 2048 bits, in PEM")]
    Key,
    /// A key of an accepted kind that is too weak.
    #[error("key is RSA of fewer than 2048 or more than 8192 bits, or with an unsafe exponent")]
    KeyWeak,
    /// What stands for a public key is something else.
    #[error("{0}")]
    NoPublicKey(&'static str),
    /// The token is no compact JWS, or is too large.
    #[error("token is malformed")]
    Malformed,
    /// No key stands ready to sign.
    #[error("no key stands ready to sign")]
    NoKey,
    /// The token could not be signed.
    #[error("token could not be signed")]
    Sign,
    /// The signature does not verify under this key and its algorithm.
    #[error("signature does not verify")]
    Signature,
}

impl PublicKey {
    /// Parses a PEM public key (SPKI).
    ///
    /// # Errors
    ///
    /// When it is no public key of an accepted kind.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        let bytes = pem.as_bytes();
        if let Some(instead) = instead_of_a_public_key(pem) {
            return Err(Error::NoPublicKey(instead));
        }
        if let Ok(key) = DecodingKey::from_ec_pem(bytes) {
            return Self::new(&key);
        }
        if let Ok(key) = DecodingKey::from_ed_pem(bytes) {
            return Self::new(&key);
        }
        let key = DecodingKey::from_rsa_pem(bytes).map_err(|_| Error::Key)?;
        Self::new(&key)
    }

    /// Takes a key of a published set (RFC 7517).
    ///
    /// # Errors
    ///
    /// When it is of no accepted kind.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, Error> {
        let key = DecodingKey::from_jwk(jwk).map_err(|_| Error::Key)?;
        Self::new(&key)
    }

    fn new(key: &DecodingKey) -> Result<Self, Error> {
        let algorithm = match key.family() {
            AlgorithmFamily::Ec => Algorithm::ES256,
            AlgorithmFamily::Ed => Algorithm::EdDSA,
            AlgorithmFamily::Rsa => Algorithm::RS256,
            AlgorithmFamily::Hmac => return Err(Error::Key),
        };
        let mut jwk = Jwk::from_decoding_key(key, Some(algorithm)).map_err(|_| Error::Key)?;
        let parsed = parse(&jwk, key)?;
        let kid = jwk
            .thumbprint(ThumbprintHash::SHA256)
            .map_err(|_| Error::Key)?;
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self {
            parsed: Arc::new(parsed),
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
    /// [`Error::Signature`] when it was not signed by this key with its algorithm;
    /// [`Error::Malformed`] when it is no compact JWS, or a claim is given twice.
    pub fn verify<T: DeserializeOwned>(&self, token: &str) -> Result<T, Error> {
        if !self.takes(&header(token)?) {
            return Err(Error::Signature);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Error::Malformed)?;
        self.check(message, signature)?;
        let (_, claims) = message.split_once('.').ok_or(Error::Malformed)?;
        let claims = strict::object(claims)?;
        serde_json::from_value(Value::Object(claims)).map_err(|_| Error::Malformed)
    }

    /// Checks the signature of a message, for tokens whose header [`header`] does not take.
    ///
    /// # Errors
    ///
    /// [`Error::Signature`] when it is not this key's, with its algorithm.
    pub fn check(&self, message: &str, signature: &str) -> Result<(), Error> {
        let signature = strict::decode(signature).map_err(|_| Error::Signature)?;
        self.parsed
            .verify_sig(message.as_bytes(), &signature)
            .map_err(|_| Error::Signature)
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
        let pair = Pair::from_pem(pem)?;
        let public = PublicKey::new(&pair.public())?;
        Ok(Self {
            pair: Arc::new(pair),
            public,
        })
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
        let header = serde_json::to_vec(&header).map_err(|_| Error::Sign)?;
        let claims = serde_json::to_vec(claims).map_err(|_| Error::Sign)?;
        let mut token = String::with_capacity((header.len() + claims.len() + 300) * 4 / 3);
        URL_SAFE_NO_PAD.encode_string(header, &mut token);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.pair.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// Signs a message whose header somebody else wrote, and gives the signature in base64url.
    ///
    /// # Errors
    ///
    /// When the key refuses.
    #[cfg(any(test, feature = "testing"))]
    pub fn sign_message(&self, message: &str) -> Result<String, Error> {
        let signature = self.pair.sign(message.as_bytes())?;
        Ok(URL_SAFE_NO_PAD.encode(signature))
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
#[derive(Clone, Debug)]
pub struct Header {
    /// The algorithm that the token claims.
    pub alg: String,
    /// What kind of token it claims to be.
    pub typ: Option<String>,
    /// The key that it names.
    pub kid: Option<String>,
}

impl Header {
    /// A header that says nothing but its algorithm.
    #[must_use]
    pub fn naming(alg: &str) -> Self {
        Self {
            alg: alg.to_owned(),
            typ: None,
            kid: None,
        }
    }
}

/// Reads the header of a token that nobody has verified yet.
///
/// # Errors
///
/// When the token is larger than 8 KiB, no compact JWS, names a member twice, brings keys of its
/// own choosing, or asks for extensions (RFC 7515 §4.1.11, RFC 7797).
pub fn header(token: &str) -> Result<Header, Error> {
    if token.len() > MAX_TOKEN || token.split('.').count() != 3 {
        return Err(Error::Malformed);
    }
    let (first, _) = token.split_once('.').ok_or(Error::Malformed)?;
    let mut members = strict::object(first)?;
    if FOREIGN.iter().any(|name| members.contains_key(*name)) {
        return Err(Error::Malformed);
    }
    let mut text = |name: &str| match members.remove(name) {
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Error::Malformed),
        None => Ok(None),
    };
    Ok(Header {
        alg: text("alg")?.ok_or(Error::Malformed)?,
        typ: text("typ")?,
        kid: text("kid")?,
    })
}

/// What a text holds instead of exactly one public key (SPKI) in PEM.
fn instead_of_a_public_key(pem: &str) -> Option<&'static str> {
    let has = |label: &str| {
        pem.lines()
            .any(|line| line.starts_with("-----BEGIN") && line.contains(label))
    };
    if has("PRIVATE KEY") {
        return Some("key is a private key, which its owner shows nobody: make another pair");
    }
    if has("CERTIFICATE") {
        return Some("key is a certificate: give the public key alone");
    }
    match pem.matches("-----BEGIN").count() {
        0 => Some("key is no PEM"),
        1 if has(" PUBLIC KEY-----") && !has("RSA ") => None,
        1 => Some("key must be a PUBLIC KEY in PEM (RFC 7468 §13)"),
        _ => Some("key is more than one PEM block"),
    }
}

/// Parses what verifies, for a key of sufficient strength.
fn parse(jwk: &Jwk, key: &DecodingKey) -> Result<ParsedPublicKey, Error> {
    let parsed = match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => {
            let point = key.try_get_as_bytes().map_err(|_| Error::Key)?;
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        }
        AlgorithmParameters::OctetKeyPair(_) => {
            let point = key.try_get_as_bytes().map_err(|_| Error::Key)?;
            ParsedPublicKey::new(&ED25519, point)
        }
        AlgorithmParameters::RSA(rsa) => {
            let decode = |text| strict::decode(text).map_err(|_| Error::Key);
            let (n, e) = (decode(&rsa.n)?, decode(&rsa.e)?);
            if !is_strong(&n) || !is_exponent(&e) {
                return Err(Error::KeyWeak);
            }
            RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
        }
        _ => return Err(Error::Key),
    };
    parsed.map_err(|_| Error::Key)
}

/// Whether a modulus has 2048 to 8192 bits. Zeros in front would make a weak one look strong, and
/// one key bear two names (RFC 7518 §6.3.1.1).
fn is_strong(modulus: &[u8]) -> bool {
    let bits = match modulus.first() {
        None | Some(0) => 0,
        Some(first) => modulus.len() * 8 - first.leading_zeros() as usize,
    };
    (2048..=8192).contains(&bits)
}

/// Whether an exponent is odd and at least 65537 (NIST SP 800-56B §6.2): with 1 anybody could sign.
fn is_exponent(exponent: &[u8]) -> bool {
    let odd = exponent.last().is_some_and(|last| last % 2 == 1);
    let long = exponent.len() >= 3 && exponent.first() != Some(&0);
    odd && long
}

/// Header members that bring a key along, change how the rest is to be read, or belong to an
/// encrypted token (RFC 7516 §4.1).
const FOREIGN: [&str; 8] = ["jku", "jwk", "x5u", "x5c", "crit", "b64", "enc", "zip"];
const MAX_TOKEN: usize = 8 * 1024;

#[cfg(test)]
mod tests;
