//! Agreements: a tenant's leave to use an e-service, with PDND's seven states and three flags.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::attribute::Met;
use super::descriptor::Approval;
use super::entry::{State, SuspendedBy};
use super::law::{ANYONE, Action, Actor, LIVE, OFFERER, OWNER, Transition};

/// A tenant's leave to use an e-service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// The tenant.
    pub consumer: Uuid,
    /// The e-service.
    pub eservice: Uuid,
    /// The version that it is on.
    pub descriptor: Uuid,
    /// Number of that version.
    pub version: u32,
    /// Who has suspended it.
    pub suspended_by: SuspendedBy,
    /// Who submitted it, while it waits for approval.
    pub asked_by: Option<String>,
    /// Why it was rejected last, until it is asked for again.
    #[serde(default)]
    pub rejected_for: Option<String>,
    /// Whether it has ever been in force.
    #[serde(default)]
    pub was_in_force: bool,
}

/// Why an agreement does not move on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// Certified attributes are missing.
    Certified,
    /// Declared attributes are missing.
    Declared,
    /// Verified attributes are missing.
    Verified,
}

/// Where a submitted draft goes.
///
/// # Errors
///
/// When the tenant has yet to declare something; it stays a draft then.
pub fn submitted(met: Met, approval: Approval) -> Result<State, Unmet> {
    match (met, approval) {
        (met, _) if !met.certified => Ok(State::MissingCertifiedAttributes),
        (met, Approval::Automatic) if met.all() => Ok(State::Active),
        (met, _) if met.declared => Ok(State::Pending),
        _ => Err(Unmet::Declared),
    }
}

/// Where a pending agreement goes when the producer approves it.
///
/// # Errors
///
/// When verified attributes are missing: the producer verifies first.
pub fn approved(met: Met) -> Result<State, Unmet> {
    match met {
        met if !met.certified => Ok(State::MissingCertifiedAttributes),
        met if !met.declared => Ok(State::Draft),
        met if !met.verified => Err(Unmet::Verified),
        _ => Ok(State::Active),
    }
}

/// Where an agreement stands after the tenant's attributes, or what is asked for, have changed.
#[must_use]
pub fn recomputed(state: State, by: SuspendedBy, met: Met) -> (State, SuspendedBy) {
    match state {
        State::Active | State::Suspended => {
            let by = SuspendedBy {
                platform: !met.all(),
                ..by
            };
            (standing(by), by)
        }
        State::Pending if !met.certified => (State::MissingCertifiedAttributes, by),
        State::Pending if !met.declared => (State::Draft, by),
        State::MissingCertifiedAttributes if met.certified => (State::Draft, by),
        other => (other, by),
    }
}

/// The flag of an actor, set or cleared. The installation uses the producer's, and so does a
/// tenant that is both sides.
#[must_use]
pub fn flagged(by: SuspendedBy, actor: Actor, both: bool, set: bool) -> SuspendedBy {
    match actor {
        Actor::Consumer if !both => SuspendedBy {
            consumer: set,
            ..by
        },
        _ => SuspendedBy {
            producer: set,
            ..by
        },
    }
}

/// Whether an entry with these flags is in force.
#[must_use]
pub fn standing(by: SuspendedBy) -> State {
    if by.any() {
        State::Suspended
    } else {
        State::Active
    }
}

/// What may be done to an agreement (PDND §3.4).
pub const LAW: &[Transition] = &[
    Transition {
        action: Action::Submit,
        actors: OWNER,
        from: &[State::Draft],
        to: &[
            State::Active,
            State::MissingCertifiedAttributes,
            State::Pending,
        ],
    },
    Transition {
        action: Action::Approve,
        actors: OFFERER,
        from: &[State::Pending],
        to: &[
            State::Active,
            State::Draft,
            State::MissingCertifiedAttributes,
        ],
    },
    Transition {
        action: Action::Reject,
        actors: OFFERER,
        from: &[State::Pending],
        to: &[State::Rejected],
    },
    Transition {
        action: Action::Suspend,
        actors: ANYONE,
        from: LIVE,
        to: &[State::Suspended],
    },
    Transition {
        action: Action::Unsuspend,
        actors: ANYONE,
        from: &[State::Suspended],
        to: LIVE,
    },
    Transition {
        action: Action::Upgrade,
        actors: OWNER,
        from: LIVE,
        to: &[State::Active, State::Draft, State::Suspended],
    },
    Transition {
        action: Action::Clone,
        actors: OWNER,
        from: &[State::Rejected],
        to: &[State::Draft],
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
        from: &[
            State::Draft,
            State::MissingCertifiedAttributes,
            State::Pending,
        ],
        to: &[State::Archived],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    const MET: [Met; 4] = [
        Met::ALL,
        Met {
            certified: false,
            ..Met::ALL
        },
        Met {
            declared: false,
            ..Met::ALL
        },
        Met {
            verified: false,
            ..Met::ALL
        },
    ];

    #[test]
    fn submission_follows_attributes_and_policy() {
        let automatic = MET.map(|met| submitted(met, Approval::Automatic));
        let manual = MET.map(|met| submitted(met, Approval::Manual));

        let missing = Ok(State::MissingCertifiedAttributes);
        let undeclared = Err(Unmet::Declared);
        assert_eq!(
            automatic,
            [Ok(State::Active), missing, undeclared, Ok(State::Pending)]
        );
        assert_eq!(
            manual,
            [Ok(State::Pending), missing, undeclared, Ok(State::Pending)]
        );
    }

    #[test]
    fn approval_follows_attributes() {
        assert_eq!(
            MET.map(approved),
            [
                Ok(State::Active),
                Ok(State::MissingCertifiedAttributes),
                Ok(State::Draft),
                Err(Unmet::Verified),
            ]
        );
    }

    #[test]
    fn three_flags_are_independent_and_each_side_clears_its_own() {
        for bits in 0..8_u8 {
            let by = SuspendedBy {
                consumer: bits & 1 != 0,
                producer: bits & 2 != 0,
                platform: bits & 4 != 0,
            };
            assert_eq!(standing(by) == State::Active, bits == 0);

            let lifted = flagged(by, Actor::Consumer, false, false);
            assert_eq!(
                (lifted.producer, lifted.platform),
                (by.producer, by.platform)
            );
            assert!(!lifted.consumer);
            let lifted = flagged(by, Actor::Producer, false, false);
            assert_eq!(
                (lifted.consumer, lifted.platform),
                (by.consumer, by.platform)
            );
            assert!(!lifted.producer);

            for met in MET {
                let (state, after) = recomputed(standing(by), by, met);
                assert_eq!(after.platform, !met.all());
                assert_eq!((after.consumer, after.producer), (by.consumer, by.producer));
                assert_eq!(state, standing(after));
            }
        }
    }

    #[test]
    fn tenant_that_is_both_sides_uses_one_flag() {
        let by = flagged(SuspendedBy::default(), Actor::Consumer, true, true);

        assert!(by.producer && !by.consumer);
    }
}
