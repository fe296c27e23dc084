//! Certificate signing requests (PKCS#10, RFC 2986): made, and judged.
//!
//! Of a request only its key counts. Its signature proves that the sender holds that key; names and
//! extensions are the sender's wishes and are not looked at, so that nobody is certified as what
//! they claim to be.

use rcgen::{CertificateParams, DistinguishedName, SubjectPublicKeyInfo};
use rustls_pki_types::CertificateSigningRequestDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_PKCS1_RSAENCRYPTION,
    OID_SIG_ED25519,
};
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo as ParsedKey;

use super::Error;
use super::wiped::Wiped;

/// Makes a request for a private key in PEM; it names nobody, because the authority decides that.
///
/// # Errors
///
/// When the private key does not parse.
pub fn request(private: &str) -> Result<String, Error> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name = DistinguishedName::new();
    Ok(params
        .serialize_request(&Wiped::from_pem(private)?)?
        .pem()?)
}

/// The key that a request in PEM asks to be certified.
///
/// # Errors
///
/// Says what is wrong with the request, its signature or its key.
pub(super) fn requested_key(pem: &str) -> Result<SubjectPublicKeyInfo, Error> {
    if pem.contains("PRIVATE KEY-----") {
        return Err(Error::PrivateKey);
    }
    if pem.len() > LONGEST {
        return Err(Error::Request);
    }
    let der =
        CertificateSigningRequestDer::from_pem_slice(pem.as_bytes()).map_err(|_| Error::Request)?;
    let (rest, request) = X509CertificationRequest::from_der(&der).map_err(|_| Error::Request)?;
    if !rest.is_empty() {
        return Err(Error::Request);
    }
    let key = &request.certification_request_info.subject_pki;
    require_strong(key)?;
    request
        .verify_signature()
        .map_err(|_| Error::RequestSignature)?;
    Ok(SubjectPublicKeyInfo::from_der(key.raw)?)
}

/// The common name that a request in PEM wishes for; nothing may be granted because of it.
#[must_use]
pub fn common_name(pem: &str) -> Option<String> {
    let der = CertificateSigningRequestDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, request) = X509CertificationRequest::from_der(&der).ok()?;
    let subject = &request.certification_request_info.subject;
    let name = subject.iter_common_name().next()?;
    name.as_str().ok().map(str::to_owned)
}

fn require_strong(key: &ParsedKey<'_>) -> Result<(), Error> {
    let kind = &key.algorithm.algorithm;
    if *kind == OID_SIG_ED25519 {
        return Ok(());
    }
    if *kind == OID_PKCS1_RSAENCRYPTION {
        return match key.parsed() {
            Ok(PublicKey::RSA(rsa)) if bits(rsa.modulus) >= RSA_BITS => Ok(()),
            Ok(PublicKey::RSA(rsa)) => Err(Error::RequestKey(format!(
                "RSA of {} bits",
                bits(rsa.modulus)
            ))),
            _ => Err(Error::Request),
        };
    }
    if *kind != OID_KEY_TYPE_EC_PUBLIC_KEY {
        return Err(Error::RequestKey(format!("of kind {kind}")));
    }
    let curve = key.algorithm.parameters.as_ref();
    match curve.and_then(|curve| curve.as_oid().ok()) {
        Some(curve) if curve == OID_EC_P256 || curve == OID_NIST_EC_P384 => Ok(()),
        Some(curve) => Err(Error::RequestKey(format!("EC on curve {curve}"))),
        None => Err(Error::Request),
    }
}

fn bits(modulus: &[u8]) -> u32 {
    let digits = modulus.iter().skip_while(|byte| **byte == 0);
    let mut digits = digits.copied();
    let first = digits.next().unwrap_or_default();
    let rest = u32::try_from(digits.count()).unwrap_or(u32::MAX / 8);
    (8 - first.leading_zeros()) + rest * 8
}

/// Longest request, in bytes of PEM: RSA of 8192 bits with room for what is not looked at.
const LONGEST: usize = 16 * 1024;
const RSA_BITS: u32 = 2048;
