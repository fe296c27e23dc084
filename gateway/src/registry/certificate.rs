//! Certificates: those that the comune's authority issued, and listed ones of other authorities.
//!
//! Each is named by its SHA-256 thumbprint in hexadecimal. A revoked one ends like a revoked key:
//! within a second no connection and no voucher bound to it is of use.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::client;
use super::law::Transition;

/// A TLS certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Its URI (`spiffe://…`), when the comune's authority wrote it; empty for a listed one.
    pub holder: String,
    /// The client that presents it, where it is a client's.
    pub client: Option<Uuid>,
    /// Where it comes from.
    pub source: Source,
    /// When it ends, in seconds since the Unix epoch, as far as it is known.
    pub not_after: Option<i64>,
}

/// Where a certificate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The comune's own authority.
    Issued,
    /// Another one; it counts because it is listed.
    Listed,
}

/// What may be done to a certificate: as to a client.
pub const LAW: &[Transition] = client::LAW;
