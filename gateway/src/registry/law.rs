//! The law of transitions: which action is legal for whom in which state.
//!
//! Each kind has one table in its own file; the tables are the whole truth, and the tests go through
//! every combination of state, action and actor that they allow and that they do not.

use super::entry::{Kind, State};
use super::{agreement, attribute, client, delegation, descriptor, eservice, key, operator};
use super::{certificate, purpose, tenant};

/// What is done to an entry, with PDND's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A draft purpose comes into force, or what it waits with, within the quotas.
    Activate,
    /// What waits for approval is approved.
    Approve,
    /// It ends for good.
    Archive,
    /// A new draft is made from it.
    Clone,
    /// A purpose goes on under the changed contract.
    Confirm,
    /// What never was in force is taken back.
    Delete,
    /// A descriptor comes into force.
    Publish,
    /// What waits for approval is refused.
    Reject,
    /// A draft agreement is handed to the producer.
    Submit,
    /// It stops, until the suspension is lifted.
    Suspend,
    /// The actor's own suspension is lifted.
    Unsuspend,
    /// An agreement moves to the newest published version.
    Upgrade,
}

/// On whose side an action is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The tenant that uses, or to which the entry belongs.
    Consumer,
    /// The tenant that offers.
    Producer,
    /// Whoever answers for the installation as a whole.
    Installation,
}

/// One row of a law.
#[derive(Clone, Copy, Debug)]
pub struct Transition {
    /// What is done.
    pub action: Action,
    /// Who may do it.
    pub actors: &'static [Actor],
    /// The states in which it is legal.
    pub from: &'static [State],
    /// The states to which it may lead.
    pub to: &'static [State],
}

/// Why an action is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Illegal {
    /// Not in this state; it would be legal in those.
    State(&'static [State]),
    /// Not for this actor.
    Actor,
    /// Never for this kind.
    Kind,
}

impl Action {
    /// All actions.
    pub const ALL: [Self; 12] = [
        Self::Activate,
        Self::Approve,
        Self::Archive,
        Self::Clone,
        Self::Confirm,
        Self::Delete,
        Self::Publish,
        Self::Reject,
        Self::Submit,
        Self::Suspend,
        Self::Unsuspend,
        Self::Upgrade,
    ];

    /// What has been done, as events and records say it.
    #[must_use]
    pub fn participle(self) -> &'static str {
        match self {
            Self::Activate => "activated",
            Self::Approve => "approved",
            Self::Archive => "archived",
            Self::Clone => "cloned",
            Self::Confirm => "confirmed",
            Self::Delete => "deleted",
            Self::Publish => "published",
            Self::Reject => "rejected",
            Self::Submit => "submitted",
            Self::Suspend => "suspended",
            Self::Unsuspend => "unsuspended",
            Self::Upgrade => "upgraded",
        }
    }

    /// Its method of the registry service.
    #[must_use]
    pub fn method(self) -> &'static str {
        match self {
            Self::Activate => "ActivateEntry",
            Self::Approve => "ApproveEntry",
            Self::Archive => "ArchiveEntry",
            Self::Clone => "CloneEntry",
            Self::Confirm => "ConfirmEntry",
            Self::Delete => "DeleteEntry",
            Self::Publish => "PublishEntry",
            Self::Reject => "RejectEntry",
            Self::Submit => "SubmitEntry",
            Self::Suspend => "SuspendEntry",
            Self::Unsuspend => "UnsuspendEntry",
            Self::Upgrade => "UpgradeEntry",
        }
    }

    /// Whether it gives access that was not there, so that four eyes may be asked for.
    #[must_use]
    pub fn widens(self) -> bool {
        matches!(self, Self::Approve | Self::Confirm)
    }

    /// Whether it only takes access away: whoever answers for security may do it to anything.
    #[must_use]
    pub fn narrows(self) -> bool {
        matches!(
            self,
            Self::Archive | Self::Delete | Self::Reject | Self::Suspend
        )
    }
}

/// The law of a kind.
#[must_use]
pub fn law(kind: Kind) -> &'static [Transition] {
    match kind {
        Kind::Attribute => attribute::LAW,
        Kind::Tenant => tenant::LAW,
        Kind::Eservice => eservice::LAW,
        Kind::Descriptor => descriptor::LAW,
        Kind::Client => client::LAW,
        Kind::Key => key::LAW,
        Kind::Certificate => certificate::LAW,
        Kind::Agreement => agreement::LAW,
        Kind::Purpose => purpose::LAW,
        Kind::Delegation => delegation::LAW,
        Kind::Operator => operator::LAW,
    }
}

/// The row of the law under which an action is legal.
///
/// # Errors
///
/// What it is refused for: the kind, the actor or the state.
pub fn check(
    kind: Kind,
    state: State,
    action: Action,
    actor: Actor,
) -> Result<&'static Transition, Illegal> {
    let mut rows = law(kind).iter().filter(|row| row.action == action);
    let Some(first) = rows.clone().next() else {
        return Err(Illegal::Kind);
    };
    if let Some(row) = rows.clone().find(|row| row.from.contains(&state)) {
        return if row.actors.contains(&actor) {
            Ok(row)
        } else {
            Err(Illegal::Actor)
        };
    }
    // The states are told only to whom the action is open at all.
    match rows.find(|row| row.actors.contains(&actor)) {
        Some(row) => Err(Illegal::State(row.from)),
        None if first.actors.contains(&actor) => Err(Illegal::State(first.from)),
        None => Err(Illegal::Actor),
    }
}

/// Everybody who may ever act.
pub const ANYONE: &[Actor] = &[Actor::Consumer, Actor::Producer, Actor::Installation];
/// The side to which the entry belongs, and the installation.
pub const OWNER: &[Actor] = &[Actor::Consumer, Actor::Installation];
/// The side that offers, and the installation.
pub const OFFERER: &[Actor] = &[Actor::Producer, Actor::Installation];
/// The installation alone.
pub const INSTALLATION: &[Actor] = &[Actor::Installation];
/// The plain law of suspending and lifting, for kinds with two sides of one coin.
pub const LIVE: &[State] = &[State::Active, State::Suspended];

#[cfg(test)]
mod tests;
