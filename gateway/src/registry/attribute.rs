//! Attributes: qualities of a tenant that e-services ask for, and whether they are met.
//!
//! A requirement is a list of groups: every group must be met, and a group is met by any one of its
//! attributes. A group holds attributes of one kind.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::entry::State;
use super::law::{Action, INSTALLATION, Transition};
use super::tenant::Held;

/// A quality of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// Who says that a tenant has it.
    pub kind: AttributeKind,
    /// What it says.
    pub description: String,
    /// Daily calls that it gives a consumer beyond the descriptor's own.
    pub daily_calls_per_consumer: Option<u64>,
}

/// Who says that a tenant has an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttributeKind {
    /// An authority; the installation's operators enter it.
    Certified,
    /// The tenant itself.
    Declared,
    /// A producer, for itself.
    Verified,
}

/// Which kinds of attributes a tenant has all of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Met {
    /// Certified ones.
    pub certified: bool,
    /// Declared ones.
    pub declared: bool,
    /// Verified ones.
    pub verified: bool,
}

impl AttributeKind {
    /// The kind that a word names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "certified" => Some(Self::Certified),
            "declared" => Some(Self::Declared),
            "verified" => Some(Self::Verified),
            _ => None,
        }
    }
}

impl Met {
    /// Nothing is missing: the standing of a tenant that uses its own e-service.
    pub const ALL: Self = Self {
        certified: true,
        declared: true,
        verified: true,
    };

    /// Whether nothing is missing.
    #[must_use]
    pub fn all(self) -> bool {
        self == Self::ALL
    }
}

/// Whether what a tenant holds meets a requirement of a producer at `now` (Unix seconds).
///
/// An attribute that `known` does not have is held by nobody.
#[must_use]
pub fn met(
    groups: &[Vec<Uuid>],
    held: &[Held],
    producer: Uuid,
    known: impl Fn(Uuid) -> Option<AttributeKind>,
    now: i64,
) -> Met {
    let mut met = Met::ALL;
    for group in groups.iter().filter(|group| !group.is_empty()) {
        let any = group
            .iter()
            .any(|id| counts(*id, held, producer, known(*id), now));
        if any {
            continue;
        }
        match group.first().and_then(|id| known(*id)) {
            Some(AttributeKind::Declared) => met.declared = false,
            Some(AttributeKind::Verified) => met.verified = false,
            Some(AttributeKind::Certified) | None => met.certified = false,
        }
    }
    met
}

/// Whether a tenant holds an attribute in the eyes of a producer.
fn counts(id: Uuid, held: &[Held], producer: Uuid, kind: Option<AttributeKind>, now: i64) -> bool {
    let Some(kind) = kind else {
        return false;
    };
    held.iter().any(|held| {
        let fresh = held.expires.is_none_or(|end| now < end);
        let told = match kind {
            AttributeKind::Verified => held.verifier == Some(producer),
            AttributeKind::Certified | AttributeKind::Declared => held.verifier.is_none(),
        };
        held.attribute == id && fresh && told
    })
}

/// What may be done to an attribute.
pub const LAW: &[Transition] = &[Transition {
    action: Action::Archive,
    actors: INSTALLATION,
    from: &[State::Active],
    to: &[State::Archived],
}];

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const NOW: i64 = 1_800_000_000;
    const PRODUCER: Uuid = Uuid::from_u128(90);

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn known(attribute: Uuid) -> Option<AttributeKind> {
        let known = HashMap::from([
            (id(1), AttributeKind::Certified),
            (id(2), AttributeKind::Certified),
            (id(3), AttributeKind::Certified),
            (id(4), AttributeKind::Verified),
            (id(5), AttributeKind::Declared),
        ]);
        known.get(&attribute).copied()
    }

    fn holds(ids: &[u128]) -> Vec<Held> {
        let held = |n: &u128| Held {
            attribute: id(*n),
            verifier: None,
            expires: None,
        };
        ids.iter().map(held).collect()
    }

    #[test]
    fn every_group_needs_one_of_its_attributes() {
        let groups = [vec![id(1), id(2)], vec![id(3)], Vec::new()];
        let met = |ids: &[u128]| met(&groups, &holds(ids), PRODUCER, known, NOW).all();

        assert!(met(&[1, 3]));
        assert!(met(&[2, 3]));
        assert!(!met(&[1, 2]));
        assert!(!met(&[3]));
    }

    #[test]
    fn verified_attribute_counts_for_its_verifier_until_it_expires() {
        let verified = |verifier, expires| {
            let held = Held {
                attribute: id(4),
                verifier,
                expires,
            };
            met(&[vec![id(4)]], &[held], PRODUCER, known, NOW).verified
        };

        assert!(verified(Some(PRODUCER), None));
        assert!(verified(Some(PRODUCER), Some(NOW + 1)));
        assert!(!verified(Some(PRODUCER), Some(NOW)));
        assert!(!verified(Some(id(91)), None));
        assert!(!verified(None, None));
    }

    #[test]
    fn what_is_missing_is_told_by_kind() {
        let groups = [vec![id(1)], vec![id(5)]];

        let missing = met(&groups, &holds(&[1]), PRODUCER, known, NOW);

        assert!(missing.certified && !missing.declared && missing.verified);
    }
}
