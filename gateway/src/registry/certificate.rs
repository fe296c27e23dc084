//! Certificates: those that the comune's authority issued, and listed ones of other authorities.
//!
//! Each is named by its SHA-256 thumbprint in hexadecimal. A revoked one ends like a revoked key:
//! within a second no connection and no voucher bound to it is of use.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::entry::{Entry, State};
use super::law::{Action, INSTALLATION, LIVE, OWNER, Transition};
use super::snapshot::Snapshot;

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

/// The newest certificates of their holders that end, or have ended, within thirty days of `now`
/// (Unix seconds), the first to end first.
#[must_use]
pub fn ending(snapshot: &Snapshot, now: i64) -> Vec<&Entry<Certificate>> {
    let holder = |it: &Certificate| {
        (
            it.client,
            it.client.map_or(it.holder.clone(), |_| String::new()),
        )
    };
    let mut newest: HashMap<_, &Entry<Certificate>> = HashMap::new();
    // One whose end nobody knows is the last to end.
    let end = |it: &Entry<Certificate>| it.body.not_after.unwrap_or(i64::MAX);
    let all = snapshot.certificates.values().map(Arc::as_ref);
    for entry in all.filter(|it| it.state == State::Active) {
        let known = newest.entry(holder(&entry.body)).or_insert(entry);
        if end(entry) > end(known) {
            *known = entry;
        }
    }
    let soon = (now - SOON)..(now + SOON);
    let mut ending: Vec<_> = newest
        .into_values()
        .filter(|it| soon.contains(&end(it)))
        .collect();
    ending.sort_by_key(|it| (end(it), it.id));
    ending
}

/// How close to its end a certificate is worth a warning, in seconds.
const SOON: i64 = 30 * 24 * 3600;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::client::Client;
    use crate::registry::testing::{NOW, Town, admin, town};

    #[test]
    fn certificate_that_ends_is_told_until_a_newer_one_is_known() {
        let mut town = Town::holding(&town());
        let client = town.entry::<Client>("tributi").id;
        let mut list = |n: u8, days: i64| {
            let name = format!("{n:02x}").repeat(32);
            let entry = Entry {
                id: Uuid::from_u128(1000 + u128::from(n)),
                name: name.clone(),
                state: State::Active,
                body: Certificate {
                    holder: "spiffe://c_z999/client/x".to_owned(),
                    client: Some(client),
                    source: Source::Issued,
                    not_after: Some(NOW + days * 24 * 3600),
                    asked_by: None,
                },
            };
            town.change(&admin("root"), |draft| draft.update("issued", &entry))
                .unwrap();
            let told = ending(&town.snapshot, NOW);
            told.iter().map(|it| it.name.clone()).collect::<Vec<_>>()
        };

        let first = list(1, 20);
        let newer = list(2, 25);
        let long = list(3, 80);

        assert_eq!(first, ["01".repeat(32)]);
        assert_eq!(newer, ["02".repeat(32)]);
        assert!(long.is_empty(), "{long:?}");
    }
}
