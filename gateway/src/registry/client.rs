//! Clients: the systems that sign assertions, each of one tenant.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::entry::State;
use super::law::{Action, LIVE, OWNER, Transition};

/// A system that signs assertions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// The tenant that it belongs to.
    pub consumer: Uuid,
    /// What its vouchers are for.
    pub kind: ClientKind,
    /// Name of the operator in whose name an `api` client acts.
    pub admin: Option<String>,
    /// Whether its assertions may live 30 days.
    pub legacy: bool,
}

/// What a client's vouchers are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientKind {
    /// The control plane, in the name of an operator.
    Api,
    /// E-services, for a purpose.
    Consumer,
}

/// What may be done to a client.
pub const LAW: &[Transition] = &[
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
