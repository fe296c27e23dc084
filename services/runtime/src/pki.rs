//! The comune's own certification authority, and keys.
//!
//! Leaves live at most 90 days, and their serial numbers are random. What a certificate's holder is stands in its one URI:
//! `spiffe://<comune>/client/<id>`, `/operator/<name>`, `/gateway` or `/service/<name>`.

use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use jiff::Timestamp;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _,
    RsaKeySize, SanType, SerialNumber,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::{Zeroize as _, Zeroizing};

pub mod csr;
mod wiped;

use wiped::Wiped;

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
    /// The authority's certificate does not parse, or its key is another's.
    #[error("the authority's certificate and its key do not belong together")]
    Authority,
    /// The library refused a name, a key or a date.
    #[error("certificate cannot be made")]
    Certificate(#[from] rcgen::Error),
    /// The current time is out of range of a certificate's dates.
    #[error("the clock shows a date that no certificate can bear")]
    Date,
    /// The certificate would end at once, or live too long.
    #[error("a certificate lives at least an hour and at most 90 days")]
    Life,
    /// What was sent holds a private key.
    #[error("it holds a private key: make a new one, which stays where it is, and send a request")]
    PrivateKey,
    /// The system gives no randomness.
    #[error("the system gives no random numbers")]
    Random,
    /// What was sent is no request.
    #[error("it is no certificate signing request (PKCS#10) in PEM")]
    Request,
    /// The key of a request is weak or of a kind that is not taken.
    #[error("its key is {0}: make one on P-256 or P-384, Ed25519, or RSA of at least 2048 bits")]
    RequestKey(String),
    /// The signature of a request is not made with its key.
    #[error("its signature does not verify: sign the request with the key that it is for")]
    RequestSignature,
}

/// A certification authority.
pub struct Ca {
    issuer: Issuer<'static, Wiped>,
    pem: String,
    end: i64,
}

/// What a certificate says of its holder.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// A certificate that was issued for somebody else's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The certificate in PEM.
    pub certificate: String,
    /// SHA-256 of the certificate.
    pub thumbprint: [u8; 32],
    /// Serial number in hexadecimal.
    pub serial: String,
    /// When it ends.
    pub not_after: Timestamp,
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
    Ok(Wiped::from_pem(private)?.0.public_key_pem())
}

impl Holder {
    /// A client, by its id in the registry; `domain` is the start of every URI of the comune.
    #[must_use]
    pub fn client(domain: &str, id: &str) -> Self {
        Self::of(domain, "client", id)
    }

    /// The gateway, which also serves under `host`.
    #[must_use]
    pub fn gateway(domain: &str, host: &str) -> Self {
        let names = Some(host).filter(|host| *host != LOCALHOST);
        Self {
            name: "gateway".to_owned(),
            uri: format!("{domain}/gateway"),
            serves: Some(names.into_iter().map(str::to_owned).collect()),
        }
    }

    /// An operator, by name.
    #[must_use]
    pub fn operator(domain: &str, name: &str) -> Self {
        Self::of(domain, "operator", name)
    }

    /// A service, by its name; it serves under a name that no other certificate bears, so that the
    /// gateway takes no service for another.
    #[must_use]
    pub fn service(domain: &str, name: &str) -> Self {
        Self {
            serves: Some(vec![service_host(name)]),
            ..Self::of(domain, "service", name)
        }
    }

    fn of(domain: &str, kind: &str, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            uri: format!("{domain}/{kind}/{name}"),
            serves: None,
        }
    }
}

/// The name under which a service of the comune serves.
#[must_use]
pub fn service_host(name: &str) -> String {
    format!("{name}{SERVICES}")
}

/// The service that serves under a name.
#[must_use]
pub fn service_of(host: &str) -> Option<&str> {
    let name = host.strip_suffix(SERVICES)?;
    (!name.is_empty() && !name.contains('.')).then_some(name)
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
        let pem = params.self_signed(&Wiped::from_pem(&key)?)?.pem();
        Ok((Self::load(pem, &key)?, key))
    }

    /// Loads an authority from its certificate and key.
    ///
    /// # Errors
    ///
    /// When one of them does not parse, or they are not a pair.
    pub fn load(pem: String, key: &str) -> Result<Self, Error> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| Error::Authority)?;
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| Error::Authority)?;
        let end = parsed.validity().not_after.timestamp();
        let key = Wiped::from_pem(key)?;
        if *parsed.public_key().subject_public_key.data != *key.der_bytes() {
            return Err(Error::Authority);
        }
        let issuer = Issuer::from_ca_cert_der(&der, key)?;
        Ok(Self { issuer, pem, end })
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
        let params = self.leaf(holder, now, LONGEST_LIFE)?;
        let certificate = params
            .signed_by(&Wiped::from_pem(&key)?, &self.issuer)?
            .pem();
        Ok(Leaf { certificate, key })
    }

    /// Issues a certificate for the key of a request in PEM; what else the request says is not
    /// looked at. It ends with the authority at the latest.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the request or the life.
    pub fn issue_from_csr(
        &self,
        csr: &str,
        holder: &Holder,
        now: Timestamp,
        life: Duration,
    ) -> Result<Issued, Error> {
        let key = csr::requested_key(csr)?;
        if life < SHORTEST_LIFE || life > LONGEST_LIFE {
            return Err(Error::Life);
        }
        let params = self.leaf(holder, now, life)?;
        issued(&params.signed_by(&key, &self.issuer)?, &params)
    }

    fn leaf(
        &self,
        holder: &Holder,
        now: Timestamp,
        life: Duration,
    ) -> Result<CertificateParams, Error> {
        let mut params = params(&holder.name, now, life)?;
        let end = time::OffsetDateTime::from_unix_timestamp(self.end).map_err(|_| Error::Date)?;
        params.not_after = params.not_after.min(end);
        params
            .subject_alt_names
            .push(SanType::URI(holder.uri.as_str().try_into()?));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        if let Some(names) = &holder.serves {
            serve_as(&mut params, names)?;
        }
        Ok(params)
    }
}

/// Lets a certificate serve TLS on loopback and under names.
fn serve_as(params: &mut CertificateParams, names: &[String]) -> Result<(), Error> {
    params
        .extended_key_usages
        .push(ExtendedKeyUsagePurpose::ServerAuth);
    for name in [LOCALHOST]
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
    Ok(())
}

fn issued(certificate: &Certificate, params: &CertificateParams) -> Result<Issued, Error> {
    let mut thumbprint = [0; 32];
    thumbprint.copy_from_slice(digest(&SHA256, certificate.der()).as_ref());
    let serial = params.serial_number.as_ref().ok_or(Error::Random)?;
    Ok(Issued {
        certificate: certificate.pem(),
        thumbprint,
        serial: hex::encode(serial.as_ref()),
        not_after: Timestamp::from_second(params.not_after.unix_timestamp())
            .map_err(|_| Error::Date)?,
    })
}

fn params(name: &str, now: Timestamp, life: Duration) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(serial()?);
    // An hour back, for machines whose clocks lag.
    params.not_before = moment(now, -HOUR)?;
    params.not_after = moment(now, i64::try_from(life.as_secs()).map_err(|_| Error::Date)?)?;
    Ok(params)
}

/// A random serial number, positive and of 127 bits (RFC 5280 §4.1.2.2).
fn serial() -> Result<SerialNumber, Error> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::Random)?;
    let [first, ..] = &mut bytes;
    *first = *first & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn moment(now: Timestamp, offset: i64) -> Result<time::OffsetDateTime, Error> {
    time::OffsetDateTime::from_unix_timestamp(now.as_second() + offset).map_err(|_| Error::Date)
}

impl std::fmt::Debug for Ca {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ca")
    }
}

const HOUR: i64 = 3600;
const LOCALHOST: &str = "localhost";
/// Longest life of a certificate: 90 days.
pub const LONGEST_LIFE: Duration = Duration::from_hours(2160);
/// End of the names under which services serve.
const SERVICES: &str = ".varco.internal";
const SHORTEST_LIFE: Duration = Duration::from_hours(1);
const TEN_YEARS: Duration = Duration::from_hours(87648);

#[cfg(test)]
mod tests;
