//! The comune's own certification authority, and keys.
//!
//! Leaves live at most 90 days. What a certificate's holder is stands in its one URI:
//! `spiffe://<comune>/client/<id>`, `/operator/<name>`, `/gateway` or `/service/<name>`.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, RsaKeySize, SanType,
};
use zeroize::{Zeroize as _, Zeroizing};

/// The kinds of keys that are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// EC P-256, for ES256 and TLS.
    EcP256,
    /// Ed25519, for `EdDSA`.
    Ed25519,
    /// RSA of 2048 bits, for RS256.
    Rsa2048,
}

/// Ways that a certificate cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The library refused a name, a key or a date.
    #[error("certificate cannot be made")]
    Certificate(#[from] rcgen::Error),
    /// The current time is out of range of a certificate's dates.
    #[error("the clock shows a date that no certificate can bear")]
    Date,
}

/// A certification authority.
pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// What a certificate says of its holder.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Common name, for people.
    pub name: String,
    /// The one URI.
    pub uri: String,
    /// Whether it also serves TLS as `localhost` and on loopback, with these extra names.
    pub serves: Option<Vec<String>>,
}

/// A certificate and its private key, both in PEM.
pub struct Leaf {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: Zeroizing<String>,
}

/// Makes a private key in PKCS#8 PEM.
///
/// # Errors
///
/// When the system gives no randomness.
pub fn generate_key(kind: KeyKind) -> Result<Zeroizing<String>, Error> {
    let mut pair = match kind {
        KeyKind::EcP256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?,
        KeyKind::Ed25519 => return generate_ed25519(),
        KeyKind::Rsa2048 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048)?,
    };
    let pem = Zeroizing::new(pair.serialize_pem());
    pair.zeroize();
    Ok(pem)
}

/// Makes an Ed25519 key in the first form of RFC 8410 §7: OpenSSL, and with it Node and Python,
/// reads none that holds the public half too (RFC 5958).
fn generate_ed25519() -> Result<Zeroizing<String>, Error> {
    use aws_lc_rs::{rand::SystemRandom, signature::Ed25519KeyPair};
    use base64::Engine as _;

    let der = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new())
        .map_err(|_| rcgen::Error::RingUnspecified)?;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let text = Zeroizing::new(text);
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        *text
    );
    Ok(Zeroizing::new(pem))
}

/// The public half of a PEM private key, in PEM.
///
/// # Errors
///
/// When the private key does not parse.
pub fn public_key(private: &str) -> Result<String, Error> {
    Ok(KeyPair::from_pem(private)?.public_key_pem())
}

impl Ca {
    /// Makes an authority that lives ten years, with its private key in PEM.
    ///
    /// # Errors
    ///
    /// When the system gives no randomness.
    pub fn generate(name: &str, now: Timestamp) -> Result<(Self, Zeroizing<String>), Error> {
        let key = generate_key(KeyKind::EcP256)?;
        let mut params = params(name, now, TEN_YEARS)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&KeyPair::from_pem(&key)?)?.pem();
        Ok((Self::load(pem, &key)?, key))
    }

    /// Loads an authority from its certificate and key.
    ///
    /// # Errors
    ///
    /// When one of them does not parse.
    pub fn load(pem: String, key: &str) -> Result<Self, Error> {
        let issuer = Issuer::from_ca_cert_pem(&pem, KeyPair::from_pem(key)?)?;
        Ok(Self { issuer, pem })
    }

    /// The authority's certificate.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Issues a certificate for 90 days with a fresh key.
    ///
    /// # Errors
    ///
    /// When a name cannot stand in a certificate.
    pub fn issue(&self, holder: &Holder, now: Timestamp) -> Result<Leaf, Error> {
        let key = generate_key(KeyKind::EcP256)?;
        let mut params = params(&holder.name, now, LEAF_LIFE)?;
        params
            .subject_alt_names
            .push(SanType::URI(holder.uri.as_str().try_into()?));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        if let Some(names) = &holder.serves {
            params
                .extended_key_usages
                .push(ExtendedKeyUsagePurpose::ServerAuth);
            for name in ["localhost"]
                .into_iter()
                .chain(names.iter().map(String::as_str))
            {
                params
                    .subject_alt_names
                    .push(SanType::DnsName(name.try_into()?));
            }
            for address in ["127.0.0.1", "::1"]
                .iter()
                .filter_map(|a| a.parse::<IpAddr>().ok())
            {
                params.subject_alt_names.push(SanType::IpAddress(address));
            }
        }
        let certificate = params
            .signed_by(&KeyPair::from_pem(&key)?, &self.issuer)?
            .pem();
        Ok(Leaf { certificate, key })
    }
}

fn params(name: &str, now: Timestamp, life: Duration) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    // An hour back, for machines whose clocks lag.
    params.not_before = moment(now, -HOUR)?;
    params.not_after = moment(now, i64::try_from(life.as_secs()).map_err(|_| Error::Date)?)?;
    Ok(params)
}

fn moment(now: Timestamp, offset: i64) -> Result<time::OffsetDateTime, Error> {
    time::OffsetDateTime::from_unix_timestamp(now.as_second() + offset).map_err(|_| Error::Date)
}

const HOUR: i64 = 3600;
const LEAF_LIFE: Duration = Duration::from_hours(2160);
const TEN_YEARS: Duration = Duration::from_hours(87648);
