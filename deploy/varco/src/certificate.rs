//! When a certificate in a PEM file begins and ends.

use std::path::Path;

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use varco_runtime::secret;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::failure::Failure;

/// The time in which a certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First instant.
    pub from: Timestamp,
    /// Last instant.
    pub to: Timestamp,
}

/// Reads the validity of the first certificate in a file.
///
/// # Errors
///
/// When the file cannot be read or holds no certificate.
pub fn validity(path: &Path) -> Result<Validity, Failure> {
    let pem = secret::read(path)?;
    parse(&pem).ok_or_else(|| {
        Failure::new(
            path.display(),
            "it holds no certificate",
            "restore it from a backup",
        )
    })
}

fn parse(pem: &str) -> Option<Validity> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, certificate) = X509Certificate::from_der(&der).ok()?;
    let validity = certificate.validity();
    Some(Validity {
        from: Timestamp::from_second(validity.not_before.timestamp()).ok()?,
        to: Timestamp::from_second(validity.not_after.timestamp()).ok()?,
    })
}
