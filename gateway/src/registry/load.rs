//! How many calls a day an e-service must bear: of one consumer, and of all.
//!
//! The quotas of a descriptor decide what comes into force by itself; what somebody has approved
//! beyond them is in force as well, and must be served. So neither limit lies below the sum of the
//! purposes in force. It still holds where purposes change within a day: an archived one's calls
//! count, and what takes its place does not get them once more.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::attribute::{Attribute, AttributeKind};
use super::descriptor::Descriptor;
use super::entry::{Entry, State};
use super::purpose::Purpose;
use super::snapshot::Snapshot;
use super::tenant::Tenant;

/// What the purposes in force may call a day.
#[derive(Debug, Default)]
pub struct Load {
    by_pair: HashMap<(Uuid, Uuid), u64>,
    by_eservice: HashMap<Uuid, u64>,
}

/// Calls a day on an e-service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of one consumer.
    pub per_consumer: u64,
    /// Of everybody.
    pub total: u64,
}

impl Load {
    /// Sums up purposes. Suspended ones count: they come back as they were.
    #[must_use]
    pub fn of<'a>(purposes: impl Iterator<Item = &'a Entry<Purpose>>) -> Self {
        let mut load = Self::default();
        for entry in purposes {
            if !matches!(entry.state, State::Active | State::Suspended) {
                continue;
            }
            let (purpose, calls) = (&entry.body, entry.body.content.daily_calls);
            let pair = (purpose.consumer, purpose.eservice);
            for sum in [
                load.by_pair.entry(pair).or_default(),
                load.by_eservice.entry(purpose.eservice).or_default(),
            ] {
                *sum = sum.saturating_add(calls);
            }
        }
        load
    }
}

/// The limits that hold for a purpose on a version of an e-service at a time (Unix seconds).
#[must_use]
pub fn limits(purpose: &Purpose, version: &Descriptor, snapshot: &Snapshot, now: i64) -> Limits {
    let load = snapshot.load();
    let pair = (purpose.consumer, purpose.eservice);
    let own = load.by_pair.get(&pair).copied().unwrap_or(0);
    let all = load.by_eservice.get(&purpose.eservice).copied();
    let tenant = snapshot.tenants.get(&purpose.consumer);
    let quota = tenant.map_or(version.daily_per_consumer, |tenant| {
        let attribute = |id| snapshot.attributes.get(&id).map(Arc::clone);
        most_per_consumer(version, &tenant.body, attribute, now)
    });
    let per_consumer = quota.max(own);
    Limits {
        per_consumer,
        total: version.daily_total.max(all.unwrap_or(0)),
    }
}

/// The highest quota that a tenant's certified attributes give it among those asked for.
pub fn most_per_consumer(
    version: &Descriptor,
    tenant: &Tenant,
    attribute: impl Fn(Uuid) -> Option<Arc<Entry<Attribute>>>,
    now: i64,
) -> u64 {
    let mut most = version.daily_per_consumer;
    for id in version.attributes.iter().flatten() {
        let held = tenant
            .attributes
            .iter()
            .any(|held| held.attribute == *id && held.expires.is_none_or(|end| now < end));
        let given = attribute(*id).filter(|it| {
            held && it.body.kind == AttributeKind::Certified && it.state == State::Active
        });
        let calls = given.and_then(|it| it.body.daily_calls_per_consumer);
        most = most.max(calls.unwrap_or(0));
    }
    most
}

#[cfg(test)]
mod tests {
    use varco_proto::registry::v1 as proto;

    use super::*;
    use crate::registry::testing::{NOW, Town, town};

    /// The limits of the one purpose in force.
    fn told(town: &Town) -> (u64, u64) {
        let purpose = town.entry::<Purpose>("tributi/verifica").body;
        let version = town.entry::<Descriptor>("anagrafe/1").body;
        let limits = limits(&purpose, &version, &town.snapshot, NOW);
        (limits.per_consumer, limits.total)
    }

    #[test]
    fn quotas_of_the_version_hold_where_less_is_in_force() {
        let town = Town::holding(&town());

        assert_eq!(told(&town), (1000, 5000));
    }

    #[test]
    fn what_was_approved_beyond_the_quotas_is_served_while_it_stands() {
        let mut town = Town::holding(&town());
        town.bend::<Purpose>("verifica", |it| it.body.content.daily_calls = 7000);

        let in_force = told(&town);
        town.bend::<Purpose>("verifica", |it| it.state = State::Suspended);
        let suspended = told(&town);
        town.bend::<Purpose>("verifica", |it| it.state = State::Archived);

        assert_eq!((in_force, suspended), ((7000, 7000), (7000, 7000)));
        assert_eq!(told(&town), (1000, 5000));
    }

    #[test]
    fn certified_attribute_that_is_asked_for_raises_the_quota_of_its_holder() {
        let mut document = town();
        document.attributes = vec![proto::Attribute {
            name: "capoluogo".into(),
            kind: "certified".into(),
            description: "capoluogo".into(),
            daily_calls_per_consumer: 3000,
        }];
        document.eservices[0].descriptors[0].attributes = vec![proto::AttributeGroup {
            any_of: vec!["capoluogo".into()],
        }];
        document.tenants[0].attributes = vec!["capoluogo".into()];
        let mut town = Town::holding(&document);
        let held = told(&town);

        town.bend::<Attribute>("capoluogo", |it| it.state = State::Archived);

        assert_eq!((held, told(&town)), ((3000, 5000), (1000, 5000)));
    }
}
