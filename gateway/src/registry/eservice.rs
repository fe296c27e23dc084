//! E-services: what a tenant offers; its versions are descriptors.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::entry::State;
use super::law::{Action, LIVE, OFFERER, Transition};

/// A service that a tenant offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Eservice {
    /// The tenant.
    pub producer: Uuid,
    /// What it offers, for people.
    pub description: String,
}

/// What may be done to an e-service.
pub const LAW: &[Transition] = &[
    Transition {
        action: Action::Suspend,
        actors: OFFERER,
        from: LIVE,
        to: &[State::Suspended],
    },
    Transition {
        action: Action::Unsuspend,
        actors: OFFERER,
        from: &[State::Suspended],
        to: &[State::Active],
    },
    Transition {
        action: Action::Archive,
        actors: OFFERER,
        from: LIVE,
        to: &[State::Archived],
    },
];
