//! A client's certificate, renewed by the client before it ends.
//!
//! In the last third of its life a fresh key is made here, its request goes to the gateway over a
//! connection that presents the certificate of now, and the pair on disk is replaced. The private
//! key never leaves the machine.

use std::path::Path;

use tonic::{Code, Status};
use varco_proto::gateway::v1::RenewCertificateRequest;
use varco_proto::gateway::v1::renewal_service_client::RenewalServiceClient;

use crate::pki::{self, KeyKind, Leaf, csr, generate_key};
use crate::secret;
use crate::tls::{self, pair};

/// Ways that a certificate is not renewed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What came back is no certificate for the key.
    #[error("the gateway answered with a certificate that does not fit the key")]
    Answer(#[source] tls::Error),
    /// No key or request can be made.
    #[error(transparent)]
    Pki(#[from] pki::Error),
    /// The gateway refused, or cannot be reached.
    #[error("the gateway did not renew the certificate: {}", .0.message())]
    Refused(#[from] Status),
    /// The new pair cannot be written.
    #[error(transparent)]
    Secret(#[from] secret::Error),
    /// The gateway's address cannot be used.
    #[error("gateway address cannot be used")]
    Transport(#[from] tonic::transport::Error),
}

impl Error {
    /// Whether asking again in some hours may help.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Refused(status) => !matches!(
                status.code(),
                Code::FailedPrecondition | Code::Unauthenticated | Code::Unimplemented
            ),
            _ => true,
        }
    }
}

/// Asks for a new certificate at `origin` and replaces the pair in `folder`.
///
/// # Errors
///
/// Says what was refused or failed; the old pair then stays.
pub async fn renew(
    origin: &str,
    folder: &Path,
    ca: &Path,
    identity: &tls::Identity,
) -> Result<(), super::Error> {
    let channel = super::way::channel(origin, identity, ca)?;
    Ok(ask(channel, folder).await?)
}

async fn ask(channel: tonic::transport::Channel, folder: &Path) -> Result<(), Error> {
    let key = generate_key(KeyKind::EcP256)?;
    let request = RenewCertificateRequest {
        csr_pem: csr::request(&key)?,
    };
    let mut service = RenewalServiceClient::new(channel);
    let answer = service.renew_certificate(request).await?.into_inner();
    let certificate = answer.certificate.unwrap_or_default().pem;
    let leaf = Leaf { certificate, key };
    pair::check(&leaf).map_err(Error::Answer)?;
    Ok(pair::replace(
        &folder.join("tls.pem"),
        &folder.join("tls.key"),
        &leaf,
    )?)
}
