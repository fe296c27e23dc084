//! Certificates: those that the comune's authority issued, and listed ones of other authorities.
//!
//! Each is named by its SHA-256 thumbprint in hexadecimal. A revoked one ends like a revoked key:
//! within a second no connection and no voucher bound to it is of use.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::entry::State;
use super::law::{Action, INSTALLATION, LIVE, OWNER, Transition};

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
    /// Who issued it to another person, while somebody else has to approve that.
    #[serde(default)]
    pub asked_by: Option<String>,
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

/// What may be done to a certificate: as to a client, and what lets somebody act as an operator may
/// have to be approved by another one.
pub const LAW: &[Transition] = &[
    Transition {
        action: Action::Approve,
        actors: INSTALLATION,
        from: &[State::WaitingForApproval],
        to: &[State::Active],
    },
    Transition {
        action: Action::Reject,
        actors: INSTALLATION,
        from: &[State::WaitingForApproval],
        to: &[State::Archived],
    },
    Transition {
        action: Action::Suspend,
        actors: OWNER,
        from: LIVE,
        to: &[State::Suspended],
    },
    Transition {
        action: Action::Unsuspend,
        actors: OWNER,
        from: &[State::Suspended],
        to: &[State::Active],
    },
    Transition {
        action: Action::Archive,
        actors: OWNER,
        from: LIVE,
        to: &[State::Archived],
    },
    Transition {
        action: Action::Delete,
        actors: OWNER,
        from: LIVE,
        to: &[State::Archived],
    },
];
