//! The life of a signing key: published, active, retired, removed. What decides is pure.
//!
//! A key is published for as long as others may keep an old key set before it signs, and verifies
//! for as long as anything that it signed may live after another has taken its place: so that a
//! rotation loses no call. Each gateway acts on its own keys, from what stands in the database that
//! they share; the steps of a plan can be taken again after a crash at any point.

use std::collections::HashSet;

use jsonwebtoken::jwk::Jwk;
use varco_runtime::config::signing::SigningAlgorithm;

/// What a key signs; none signs both, so that neither can be taken for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Vouchers, for clients.
    Voucher,
    /// Grants, for services.
    Grant,
}

/// A signing key as it is published; times are microseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// RFC 7638 thumbprint.
    pub kid: String,
    /// What it signs.
    pub role: Role,
    /// The gateway that holds its private half.
    pub instance: String,
    /// Name of its algorithm.
    pub algorithm: String,
    /// The public half.
    pub jwk: Jwk,
    /// When it was published.
    pub published: i64,
    /// When it may sign.
    pub active_from: i64,
    /// The longest life of anything that it may have signed, in seconds.
    pub longest: i64,
    /// When another took its place.
    pub retired_at: Option<i64>,
    /// When it ceased to verify.
    pub removed_at: Option<i64>,
}

/// Where a key stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Others may learn of it; it does not sign yet.
    Published,
    /// It signs.
    Active,
    /// It verifies what it signed.
    Retired,
    /// Nothing that it signed is good any more.
    Removed,
}

/// What operators have asked of every gateway, for one role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// For which keys.
    pub role: Role,
    /// Each gateway makes a key that is published then or later.
    pub asked: i64,
    /// Keys that were published before are no longer good.
    pub revoked: i64,
}

/// What the database holds: the keys that are not removed, and the orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Keys of all gateways.
    pub keys: Vec<Key>,
    /// Orders.
    pub orders: Vec<Order>,
}

/// Who plans, and by which rules.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The gateway.
    pub instance: String,
    /// What new keys are.
    pub algorithms: Algorithms,
    /// How long a key signs, in microseconds.
    pub rotation: i64,
}

/// What the keys of each role are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Algorithms {
    /// Those that sign vouchers, which libraries of others verify.
    pub voucher: SigningAlgorithm,
    /// Those that sign grants: one for each call.
    pub grant: SigningAlgorithm,
}

impl Algorithms {
    /// That of a role.
    #[must_use]
    pub fn of(self, role: Role) -> SigningAlgorithm {
        match role {
            Role::Voucher => self.voucher,
            Role::Grant => self.grant,
        }
    }
}

/// Something to be done, which does no harm when it is done twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make a key and publish it.
    Make {
        /// What it shall sign.
        role: Role,
        /// When it counts as published.
        published: i64,
        /// When it may sign.
        active_from: i64,
    },
    /// Note that another has taken its place.
    Retire {
        /// Which.
        kid: String,
    },
    /// End it.
    Remove {
        /// Which.
        kid: String,
    },
}

impl Role {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Voucher, Self::Grant];

    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Voucher => "voucher",
            Self::Grant => "grant",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl Key {
    /// Where it stands at `now`.
    #[must_use]
    pub fn state(&self, now: i64) -> State {
        match (self.removed_at, self.retired_at) {
            (Some(_), _) => State::Removed,
            (None, Some(_)) => State::Retired,
            (None, None) if now < self.active_from => State::Published,
            (None, None) => State::Active,
        }
    }

    /// Until when it verifies, once another has taken its place.
    #[must_use]
    pub fn until(&self) -> Option<i64> {
        let retired = self.retired_at?;
        Some(retired + self.longest * SECOND + CACHE)
    }
}

impl Published {
    /// The order for a role.
    #[must_use]
    pub fn order(&self, role: Role) -> Order {
        let found = self.orders.iter().find(|order| order.role == role);
        found.copied().unwrap_or(Order {
            role,
            asked: 0,
            revoked: 0,
        })
    }

    /// Whether what a key signed is good at `now`.
    #[must_use]
    pub fn verifies(&self, key: &Key, now: i64) -> bool {
        let live = key.until().is_none_or(|until| now < until);
        key.removed_at.is_none() && live && key.published >= self.order(key.role).revoked
    }

    /// The key with which a gateway signs at `now`; `held` are those whose private half it has.
    ///
    /// One that may not sign yet is better than none.
    #[must_use]
    pub fn signs(
        &self,
        role: Role,
        instance: &str,
        held: &HashSet<String>,
        now: i64,
    ) -> Option<&Key> {
        let usable = || {
            self.keys.iter().filter(|key| {
                let own = key.role == role && key.instance == instance;
                let ready = key.retired_at.is_none() && held.contains(&key.kid);
                own && ready && self.verifies(key, now)
            })
        };
        let newest = usable()
            .filter(|key| key.active_from <= now)
            // One that an order has brought goes before one that the schedule had brought earlier.
            .max_by_key(|key| (key.published, key.active_from, &key.kid));
        newest.or_else(|| usable().min_by_key(|key| (key.active_from, &key.kid)))
    }

    /// What a gateway has to do at `now`; nothing when all is as it should be.
    #[must_use]
    pub fn plan(&self, policy: &Policy, held: &HashSet<String>, now: i64) -> Vec<Step> {
        let makes = Role::ALL
            .into_iter()
            .filter_map(|role| self.make(role, policy, held, now));
        let retires = self
            .keys
            .iter()
            .filter(|key| self.is_superseded(key, policy, held, now))
            .map(|key| Step::Retire {
                kid: key.kid.clone(),
            });
        let ended = |key: &&Key| key.removed_at.is_none() && !self.verifies(key, now);
        let removes = self.keys.iter().filter(ended).map(|key| Step::Remove {
            kid: key.kid.clone(),
        });
        makes.chain(retires).chain(removes).collect()
    }

    /// What a gateway has to do when it starts and has lost private halves: they never sign again.
    ///
    /// Only then: of two gateways that bear one name by mistake, each would end the other's keys
    /// again and again.
    #[must_use]
    pub fn losses(&self, policy: &Policy, held: &HashSet<String>) -> Vec<Step> {
        let lost = self.keys.iter().filter(|key| {
            let own = key.instance == policy.instance && !held.contains(&key.kid);
            own && key.retired_at.is_none() && key.removed_at.is_none()
        });
        let retire = |key: &Key| Step::Retire {
            kid: key.kid.clone(),
        };
        lost.map(retire).collect()
    }

    fn make(&self, role: Role, policy: &Policy, held: &HashSet<String>, now: i64) -> Option<Step> {
        let order = self.order(role);
        let own = || {
            let keys = self.keys.iter().filter(move |key| key.role == role);
            keys.filter(|key| key.instance == policy.instance)
        };
        // The clocks of two gateways differ: an order counts as carried out by its own time. No two
        // keys are published at once, so that one of them is the newest.
        let last = own().map(|key| key.published + 1).max();
        let published = now.max(order.asked).max(last.unwrap_or(now));
        if self.signs(role, &policy.instance, held, now).is_none() {
            return Some(Step::Make {
                role,
                published,
                active_from: published,
            });
        }
        let newest = own()
            .filter(|key| key.retired_at.is_none() && held.contains(&key.kid))
            .max_by_key(|key| key.published)?;
        let soonest = published + CACHE;
        let algorithm = policy.algorithms.of(role).name();
        let asked = newest.published < order.asked || newest.algorithm != algorithm;
        let scheduled = newest.active_from + policy.rotation;
        let due = scheduled - AHEAD.min(policy.rotation / 2) <= now;
        (asked || due).then_some(Step::Make {
            role,
            published,
            active_from: if asked {
                soonest
            } else {
                soonest.max(scheduled)
            },
        })
    }

    /// Whether another signs in a key's place, or its gateway is gone.
    fn is_superseded(&self, key: &Key, policy: &Policy, held: &HashSet<String>, now: i64) -> bool {
        if key.removed_at.is_some() || key.retired_at.is_some() || !self.verifies(key, now) {
            return false;
        }
        if key.instance != policy.instance || !held.contains(&key.kid) {
            return key.active_from + GONE * policy.rotation <= now;
        }
        let signs = self.signs(key.role, &policy.instance, held, now);
        key.active_from <= now && signs.is_some_and(|signs| signs.kid != key.kid)
    }
}

/// Microseconds in a second.
pub const SECOND: i64 = 1_000_000;
/// How long others may keep a key set, in microseconds; what the set's `max-age` says.
pub const CACHE: i64 = 300 * SECOND;
/// How long before it signs the schedule publishes a key, in microseconds; where keys change more
/// often than every other day, half of their time.
pub const AHEAD: i64 = 86_400 * SECOND;
/// A gateway that has missed its rotation for so many periods is gone.
const GONE: i64 = 2;

#[cfg(test)]
mod tests;
