//! Purposes: what a tenant uses an e-service for, and how much of it.
//!
//! What a purpose gives access to is its content. A change of content is a new version: within the
//! quotas it takes the place of the one in force, beyond them, or where somebody else must agree,
//! it waits and the one in force works on.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::entry::{State, SuspendedBy};
use super::law::{ANYONE, Action, LIVE, OFFERER, OWNER, Transition};

/// What a tenant uses an e-service for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Purpose {
    /// The tenant.
    pub consumer: Uuid,
    /// The e-service.
    pub eservice: Uuid,
    /// The rule of law, or the task, that it serves.
    pub legal_basis: String,
    /// Who sets it off.
    pub trigger: Trigger,
    /// Class of retention of its records.
    pub retention: Option<String>,
    /// Short risk analysis.
    pub risk_analysis: Option<RiskAnalysis>,
    /// What the version in force gives access to; before any is, what the draft asks for.
    #[serde(flatten)]
    pub content: Content,
    /// Number of the version in force; zero before any is.
    pub version: u32,
    /// The version that waits for approval beside the one in force.
    pub waiting: Option<Content>,
    /// Who has suspended it.
    pub suspended_by: SuspendedBy,
    /// Who asked for what waits for approval.
    pub asked_by: Option<String>,
    /// Why it was rejected last, until it is asked for again.
    pub rejected_for: Option<String>,
    /// Who brought the change of contract for which the platform has suspended it.
    pub stopped_by: Option<String>,
}

/// A purpose as its fields are stored, side by side. Read so and put together afterwards it takes a
/// fraction of the time that a flattened part does, and there are thousands of them.
#[derive(Deserialize)]
struct Stored {
    consumer: Uuid,
    eservice: Uuid,
    legal_basis: String,
    trigger: Trigger,
    retention: Option<String>,
    risk_analysis: Option<RiskAnalysis>,
    methods: Vec<String>,
    data_classes: Vec<String>,
    daily_calls: u64,
    clients: Vec<Uuid>,
    chained: bool,
    valid_from: Option<i64>,
    valid_until: Option<i64>,
    version: u32,
    waiting: Option<Content>,
    suspended_by: SuspendedBy,
    asked_by: Option<String>,
    rejected_for: Option<String>,
    stopped_by: Option<String>,
}

impl From<Stored> for Purpose {
    fn from(stored: Stored) -> Self {
        Self {
            consumer: stored.consumer,
            eservice: stored.eservice,
            legal_basis: stored.legal_basis,
            trigger: stored.trigger,
            retention: stored.retention,
            risk_analysis: stored.risk_analysis,
            content: Content {
                methods: stored.methods,
                data_classes: stored.data_classes,
                daily_calls: stored.daily_calls,
                clients: stored.clients,
                chained: stored.chained,
                valid_from: stored.valid_from,
                valid_until: stored.valid_until,
            },
            version: stored.version,
            waiting: stored.waiting,
            suspended_by: stored.suspended_by,
            asked_by: stored.asked_by,
            rejected_for: stored.rejected_for,
            stopped_by: stored.stopped_by,
        }
    }
}

/// What a version of a purpose gives access to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Methods, `pkg.Service/Method`.
    pub methods: Vec<String>,
    /// Classes of data that it may see.
    pub data_classes: Vec<String>,
    /// Calls a day.
    pub daily_calls: u64,
    /// The clients that may act for it.
    pub clients: Vec<Uuid>,
    /// Whether a service may use it to serve another call.
    pub chained: bool,
    /// From when it counts, in seconds since the Unix epoch.
    pub valid_from: Option<i64>,
    /// Until when it counts, in seconds since the Unix epoch.
    pub valid_until: Option<i64>,
}

/// Who sets a use of the data off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// A citizen asks (istanza di parte).
    Istanza,
    /// The office acts by itself (d'ufficio).
    Ufficio,
}

/// What a purpose means for those concerned, in short (GDPR art. 35).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskAnalysis {
    /// Why the data is needed.
    pub need: String,
    /// What could go wrong.
    pub risk: String,
    /// What is done against it.
    pub measures: String,
}

/// How many calls a day are left for one more purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Of the consumer on this e-service.
    pub consumer: u64,
    /// Of everybody on this e-service.
    pub total: u64,
}

impl Content {
    /// Whether it gives access to something that another does not.
    #[must_use]
    pub fn widens(&self, before: &Self) -> bool {
        let more = |new: &[String], old: &[String]| new.iter().any(|it| !old.contains(it));
        more(&self.methods, &before.methods)
            || more(&self.data_classes, &before.data_classes)
            || self.clients.iter().any(|it| !before.clients.contains(it))
            || self.daily_calls > before.daily_calls
            || (self.chained && !before.chained)
            || self.valid_from.unwrap_or(i64::MIN) < before.valid_from.unwrap_or(i64::MIN)
            || self.valid_until.unwrap_or(i64::MAX) > before.valid_until.unwrap_or(i64::MAX)
    }
}

impl Room {
    /// Whether so many calls fit; a full use of the room does.
    #[must_use]
    pub fn fits(self, calls: u64) -> bool {
        calls <= self.consumer && calls <= self.total
    }
}

impl Purpose {
    /// Whether it counts at a time (Unix seconds).
    #[must_use]
    pub fn is_valid_at(&self, now: i64) -> bool {
        self.content.valid_from.is_none_or(|from| from <= now)
            && self.content.valid_until.is_none_or(|until| now < until)
    }
}

/// What may be done to a purpose (PDND §3.5). Approving and rejecting in force concern the version
/// that waits.
pub const LAW: &[Transition] = &[
    Transition {
        action: Action::Activate,
        actors: OWNER,
        from: &[State::Draft],
        to: &[State::Active, State::WaitingForApproval],
    },
    Transition {
        action: Action::Approve,
        actors: OFFERER,
        from: &[State::WaitingForApproval],
        to: &[State::Active],
    },
    Transition {
        action: Action::Approve,
        actors: OFFERER,
        from: LIVE,
        to: LIVE,
    },
    Transition {
        action: Action::Reject,
        actors: OFFERER,
        from: &[State::WaitingForApproval],
        to: &[State::Rejected],
    },
    Transition {
        action: Action::Reject,
        actors: OFFERER,
        from: LIVE,
        to: LIVE,
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
        action: Action::Confirm,
        actors: OFFERER,
        from: &[State::Suspended],
        to: LIVE,
    },
    Transition {
        action: Action::Clone,
        actors: OWNER,
        from: &[
            State::Active,
            State::Rejected,
            State::Suspended,
            State::WaitingForApproval,
        ],
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
        from: &[State::Draft, State::WaitingForApproval],
        to: &[State::Archived],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> Content {
        Content {
            methods: vec!["a.B/C".to_owned()],
            data_classes: vec!["esito".to_owned()],
            daily_calls: 10,
            clients: vec![Uuid::from_u128(1)],
            chained: false,
            valid_from: None,
            valid_until: Some(100),
        }
    }

    #[test]
    fn more_of_anything_widens_and_less_does_not() {
        let wider: [fn(&mut Content); 6] = [
            |it| it.methods.push("a.B/D".to_owned()),
            |it| it.data_classes.push("residenza".to_owned()),
            |it| it.clients.push(Uuid::from_u128(2)),
            |it| it.daily_calls += 1,
            |it| it.chained = true,
            |it| it.valid_until = None,
        ];
        for change in wider {
            let mut changed = content();
            change(&mut changed);

            assert!(changed.widens(&content()), "{changed:?}");
            assert!(!content().widens(&changed), "{changed:?}");
        }
        assert!(!content().widens(&content()));
    }

    #[test]
    fn quota_may_be_used_up_but_not_exceeded() {
        let room = Room {
            consumer: 10,
            total: 100,
        };

        assert!(room.fits(10));
        assert!(!room.fits(11));
        assert!(!Room { total: 9, ..room }.fits(10));
    }

    #[test]
    fn purpose_counts_from_its_first_to_before_its_last_moment() {
        let mut purpose = sample();
        purpose.content.valid_from = Some(50);

        assert!(!purpose.is_valid_at(49));
        assert!(purpose.is_valid_at(50));
        assert!(purpose.is_valid_at(99));
        assert!(!purpose.is_valid_at(100));
    }

    fn sample() -> Purpose {
        Purpose {
            consumer: Uuid::nil(),
            eservice: Uuid::nil(),
            legal_basis: String::new(),
            trigger: Trigger::Ufficio,
            retention: None,
            risk_analysis: None,
            content: content(),
            version: 1,
            waiting: None,
            suspended_by: SuspendedBy::default(),
            asked_by: None,
            rejected_for: None,
            stopped_by: None,
        }
    }
}
