//! Operators: named persons with a certificate and roles.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::entry::{Kind, State};
use super::law::{Action, INSTALLATION, LIVE, Transition};

/// A person who administers or audits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// admin, security, api, auditor, viewer.
    pub roles: Vec<String>,
    /// The tenant for which the operator acts; none for the whole installation.
    pub tenant: Option<Uuid>,
    /// Who asked for it, while it waits for approval.
    pub asked_by: Option<String>,
}

/// The roles that there are.
pub const ROLES: [&str; 5] = ["admin", "security", "api", "auditor", "viewer"];

impl Operator {
    /// Whether it administers the whole installation, in such a state: in force, or suspended, from
    /// which it may come back.
    #[must_use]
    pub fn administers(&self, state: State) -> bool {
        let stands = matches!(state, State::Active | State::Suspended);
        stands && self.tenant.is_none() && self.roles.iter().any(|role| role == "admin")
    }
}

/// Whether one of these roles may change entries of a kind (PDND: e-services are the api
/// operators', keys the security operators', everything is the administrators').
#[must_use]
pub fn may_change(roles: &[String], kind: Kind) -> bool {
    let extra = match kind {
        Kind::Eservice | Kind::Descriptor => "api",
        Kind::Client | Kind::Key | Kind::Certificate => "security",
        _ => "admin",
    };
    roles.iter().any(|role| role == "admin" || role == extra)
}

/// Whether one of these roles may do an action to an entry of a kind.
#[must_use]
pub fn may_act(roles: &[String], kind: Kind, action: Action) -> bool {
    let stops = action.narrows() && roles.iter().any(|role| role == "security");
    // Who may name operators may make himself anything.
    (stops && kind != Kind::Operator) || may_change(roles, kind)
}

/// What may be done to an operator.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_reach_as_far_as_their_office() {
        let role = |name: &str| vec![name.to_owned()];

        assert!(may_change(&role("admin"), Kind::Purpose));
        assert!(may_change(&role("api"), Kind::Descriptor));
        assert!(may_change(&role("security"), Kind::Key));
        assert!(!may_change(&role("api"), Kind::Key));
        assert!(!may_change(&role("security"), Kind::Purpose));
        assert!(!may_change(&role("viewer"), Kind::Tenant));
        assert!(!may_change(&role("auditor"), Kind::Tenant));
    }

    #[test]
    fn security_may_stop_anything_but_start_nothing() {
        let security = vec!["security".to_owned()];

        assert!(may_act(&security, Kind::Purpose, Action::Suspend));
        assert!(!may_act(&security, Kind::Purpose, Action::Unsuspend));
        assert!(!may_act(&security, Kind::Purpose, Action::Approve));
        assert!(!may_act(&security, Kind::Operator, Action::Suspend));
    }
}
