//! Descriptors: the versions of an e-service, from draft to archive.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::entry::State;
use super::law::{Action, OFFERER, Transition};
use super::rule::MethodRule;

/// A version of an e-service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// The e-service.
    pub eservice: Uuid,
    /// Version, from 1.
    pub version: u32,
    /// Audience of its vouchers, unique.
    pub audience: String,
    /// Where its contract stands.
    pub contract: ContractRef,
    /// Where the service listens.
    pub upstream: Upstream,
    /// Methods, `pkg.Service/Method`.
    pub methods: Vec<String>,
    /// What it asks of calls; of the rules that name a method the first applies.
    #[serde(default)]
    pub rules: Vec<MethodRule>,
    /// Life of a voucher, seconds.
    pub voucher_lifespan: u32,
    /// Daily calls for all purposes of one consumer.
    pub daily_per_consumer: u64,
    /// Daily calls for all consumers.
    pub daily_total: u64,
    /// How agreements on it are approved.
    pub approval: Approval,
    /// Attributes that a consumer needs: one of every group.
    pub attributes: Vec<Vec<Uuid>>,
    /// What it changes of the version before that somebody else must agree to.
    pub sensitive: Vec<Sensitive>,
    /// Who published it, while it waits for approval.
    pub asked_by: Option<String>,
    /// Why it was rejected last, until it is asked for again.
    #[serde(default)]
    pub rejected_for: Option<String>,
    /// Whether it has ever been in force.
    #[serde(default)]
    pub was_in_force: bool,
}

/// How agreements are approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Approval {
    /// When the attributes are met.
    Automatic,
    /// By the producer.
    Manual,
}

/// A change of a contract that may show more than was agreed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Sensitive {
    /// A field has another data class.
    Class {
        /// Full name of the field.
        field: String,
        /// The class before; none when it had none.
        before: Option<String>,
        /// The class now; none when it has none.
        after: Option<String>,
    },
    /// A method has another effect.
    Effect {
        /// `pkg.Service/Method`.
        method: String,
    },
    /// Another field names the data subject, or with another kind of identifier.
    Subject {
        /// Full name of the field.
        field: String,
        /// The methods of the version before, any of which may hold it.
        methods: Vec<String>,
    },
}

/// Where a contract stands, and what is assumed where it carries none of our options.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ContractRef {
    /// SHA-256 of the stored descriptor set in hexadecimal.
    pub set: String,
    /// The package, where the product brought the contract.
    pub builtin: Option<String>,
    /// `read` or `write`, for a contract without options.
    pub default_effect: Option<String>,
    /// Class of every field, for a contract without options.
    pub default_class: Option<String>,
}

/// Where a service listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Upstream {
    /// `https://host:port`, or `http://` on loopback.
    pub address: String,
    /// Name that its certificate must bear.
    pub server_name: String,
    /// PEM of its CA; empty for the comune's own.
    pub ca_pem: String,
    /// Further addresses of the same service.
    #[serde(default)]
    pub replicas: Vec<String>,
}

impl Sensitive {
    /// Whether a purpose with these methods and classes sees the change.
    #[must_use]
    pub fn concerns(&self, methods: &[String], classes: &[String]) -> bool {
        match self {
            Self::Class { after, .. } => {
                after.as_ref().is_some_and(|class| classes.contains(class))
            }
            Self::Effect { method } => methods.contains(method),
            Self::Subject { methods: held, .. } => held.iter().any(|it| methods.contains(it)),
        }
    }

    /// The change in words.
    #[must_use]
    pub fn told(&self) -> String {
        let class = |class: &Option<String>| class.clone().unwrap_or_else(|| "none".to_owned());
        match self {
            Self::Class {
                field,
                before,
                after,
            } => format!("class of {field} {} → {}", class(before), class(after)),
            Self::Effect { method } => format!("effect of {method}"),
            Self::Subject { field, .. } => format!("data subject in {field}"),
        }
    }
}

/// Whether a descriptor in a state is in force, for some or for all, suspended or not.
#[must_use]
pub fn is_in_force(state: State) -> bool {
    state.serves() || matches!(state, State::ArchivingSuspended | State::Suspended)
}

/// Where the version before stands once a newer one is published.
#[must_use]
pub fn superseded(state: State, has_agreements: bool) -> State {
    match (state, has_agreements) {
        (State::Published, true) => State::Deprecated,
        (State::Published, false) => State::Archived,
        (other, _) => other,
    }
}

/// Where a descriptor goes when its archiving is asked for.
#[must_use]
pub fn archived(state: State, has_agreements: bool) -> State {
    match (state, has_agreements) {
        (_, false) => State::Archived,
        (State::Suspended | State::ArchivingSuspended, true) => State::ArchivingSuspended,
        (_, true) => State::Archiving,
    }
}

/// Where a descriptor goes when its last agreement has ended.
#[must_use]
pub fn abandoned(state: State, is_newest: bool) -> State {
    match state {
        State::Archiving | State::ArchivingSuspended | State::Deprecated => State::Archived,
        State::Suspended if !is_newest => State::Archived,
        other => other,
    }
}

/// Where a descriptor goes when its suspension or its archiving is lifted.
#[must_use]
pub fn restored(state: State, is_newest: bool) -> State {
    match state {
        State::ArchivingSuspended => State::Archiving,
        _ if is_newest => State::Published,
        _ => State::Deprecated,
    }
}

/// Where a descriptor goes when it is suspended.
#[must_use]
pub fn suspended(state: State) -> State {
    match state {
        State::Archiving => State::ArchivingSuspended,
        _ => State::Suspended,
    }
}

/// What may be done to a descriptor (PDND; archiving ends by itself with the last agreement).
pub const LAW: &[Transition] = &[
    Transition {
        action: Action::Publish,
        actors: OFFERER,
        from: &[State::Draft],
        to: &[State::Published, State::WaitingForApproval],
    },
    Transition {
        action: Action::Approve,
        actors: OFFERER,
        from: &[State::WaitingForApproval],
        to: &[State::Published],
    },
    Transition {
        action: Action::Reject,
        actors: OFFERER,
        from: &[State::WaitingForApproval],
        to: &[State::Draft],
    },
    Transition {
        action: Action::Suspend,
        actors: OFFERER,
        from: &[State::Archiving, State::Deprecated, State::Published],
        to: &[State::ArchivingSuspended, State::Suspended],
    },
    Transition {
        action: Action::Unsuspend,
        actors: OFFERER,
        from: &[State::ArchivingSuspended, State::Suspended],
        to: &[State::Archiving, State::Deprecated, State::Published],
    },
    Transition {
        action: Action::Archive,
        actors: OFFERER,
        from: &[State::Deprecated, State::Published, State::Suspended],
        to: &[State::Archived, State::Archiving, State::ArchivingSuspended],
    },
    Transition {
        action: Action::Activate,
        actors: OFFERER,
        from: &[State::Archiving],
        to: &[State::Deprecated, State::Published],
    },
    Transition {
        action: Action::Delete,
        actors: OFFERER,
        from: &[State::Draft, State::WaitingForApproval],
        to: &[State::Archived],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_with_agreements_is_deprecated_and_one_without_is_archived() {
        assert_eq!(superseded(State::Published, true), State::Deprecated);
        assert_eq!(superseded(State::Published, false), State::Archived);
        assert_eq!(superseded(State::Suspended, true), State::Suspended);
    }

    #[test]
    fn last_agreement_takes_an_old_version_with_it() {
        assert_eq!(abandoned(State::Deprecated, false), State::Archived);
        assert_eq!(abandoned(State::Archiving, true), State::Archived);
        assert_eq!(abandoned(State::Suspended, false), State::Archived);
        assert_eq!(abandoned(State::Suspended, true), State::Suspended);
        assert_eq!(abandoned(State::Published, true), State::Published);
    }

    #[test]
    fn lowered_class_concerns_whoever_may_see_the_new_one() {
        let lowered = Sensitive::Class {
            field: "a.B.c".to_owned(),
            before: Some("stato_civile".to_owned()),
            after: Some("esito".to_owned()),
        };
        let classes = |class: &str| vec![class.to_owned()];

        assert!(lowered.concerns(&[], &classes("esito")));
        assert!(!lowered.concerns(&[], &classes("stato_civile")));
    }
}
