//! Tenants: the offices of the comune, and other bodies that share the installation.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::entry::State;
use super::law::{Action, INSTALLATION, LIVE, Transition};

/// An office, or another body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Title for people.
    pub title: String,
    /// Code of the body in the IPA.
    pub ipa: String,
    /// Code of the AOO in the IPA, where the tenant is one.
    pub aoo: Option<String>,
    /// Code of the organisational unit in the IPA, where the tenant is one.
    pub uo: Option<String>,
    /// The attributes that it holds.
    pub attributes: Vec<Held>,
}

/// An attribute that a tenant holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The attribute.
    pub attribute: Uuid,
    /// The producer that verified it, for a verified one; it counts for that producer only.
    pub verifier: Option<Uuid>,
    /// Until when it counts, in seconds since the Unix epoch.
    pub expires: Option<i64>,
}

/// What may be done to a tenant.
pub const LAW: &[Transition] = &[
    Transition {
        action: Action::Suspend,
        actors: INSTALLATION,
        from: LIVE,
        to: &[State::Suspended],
    },
    Transition {
        action: Action::Unsuspend,
        actors: INSTALLATION,
        from: &[State::Suspended],
        to: &[State::Active],
    },
    Transition {
        action: Action::Archive,
        actors: INSTALLATION,
        from: LIVE,
        to: &[State::Archived],
    },
];
