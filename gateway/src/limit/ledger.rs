//! What this gateway holds of the day's calls: who may take one, what to ask the database for, and
//! what to tell it. No I/O; time comes in.
//!
//! Two promises keep the gateways exact, without any clock that they would share:
//!
//! - A call is taken only below `may`, and what the database has as `may_use` is never less. It
//!   counts whole when a gateway is taken for dead, so one that was only asleep, or is cut off,
//!   can still use that much and nothing else.
//! - What is used of a lease is remembered until the database has said that the lease is gone. So a
//!   question whose answer was lost is asked again, and nothing is counted twice.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::grant::{Asked, Granted, window};
use super::subject::{Ask, Key};

/// What this gateway holds.
#[derive(Debug, Default)]
pub struct Ledger {
    leases: HashMap<Key, Lease>,
    lives: u64,
}

/// What this gateway may give of one subject on one day.
#[derive(Clone, Copy, Debug)]
struct Lease {
    life: u64,
    granted: u64,
    may: u64,
    used: u64,
    /// Calls given to all gateways, when the database was last heard.
    total: u64,
    /// Calls used at the last report.
    reported: u64,
    /// Whether the database was asked and has not answered.
    unsure: bool,
    touched: Instant,
    /// When the database had nothing more, and for which limit.
    empty: Option<(Instant, u64)>,
}

/// One call of each subject, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The call may go on.
    Call(Token),
    /// The database must be asked for this.
    Lacks(Ask),
    /// The day has no more of this.
    Spent(Ask),
}

/// A call that was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// The subject of which the least remains.
    pub tightest: Ask,
    /// What remains of that one at least.
    pub remaining: u64,
    calls: [(Key, u64); 3],
}

/// Until where a lease may be used from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The subject and day.
    pub key: Key,
    /// The lease.
    pub life: u64,
    /// Calls that may be used of it.
    pub may: u64,
    /// Whether the database has another number.
    pub changed: bool,
}

/// What the database says to a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Whether what was reported is noted; otherwise the lease is gone.
    pub noted: bool,
    /// Calls given to all gateways.
    pub total: u64,
}

/// A lease that goes back, and what was used of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Return {
    /// The subject and day.
    pub key: Key,
    /// The lease.
    pub life: u64,
    /// Calls that were used of it; of any other lease, none were.
    pub used: u64,
}

#[cfg(test)]
impl Token {
    /// What the call was counted on, and of which lease.
    #[must_use]
    pub fn calls(&self) -> [(Key, u64); 3] {
        self.calls
    }
}

impl Ledger {
    /// Takes a call of each subject, or of none.
    pub fn take(&mut self, asks: &[Ask; 3], now: Instant) -> Taken {
        for ask in asks {
            match self.leases.get(&ask.key) {
                Some(lease) if lease.serves(ask) => {}
                Some(lease) if lease.is_spent(ask, now) => return Taken::Spent(*ask),
                _ => return Taken::Lacks(*ask),
            }
        }
        let calls = asks.map(|ask| (ask.key, self.count(ask.key, now)));
        let (tightest, remaining) = self.tightest(asks);
        Taken::Call(Token {
            tightest,
            remaining,
            calls,
        })
    }

    /// Gives a call back that surely was not processed. Of a lease that is gone it stays counted.
    pub fn give_back(&mut self, token: &Token) {
        for (key, life) in token.calls {
            if let Some(lease) = self.leases.get_mut(&key)
                && lease.life == life
            {
                lease.used = lease.used.saturating_sub(1);
                lease.empty = None;
            }
        }
    }

    /// The subject of which the least remains, and how much of it; nothing where one is unknown.
    #[must_use]
    pub fn peek(&self, asks: &[Ask; 3]) -> Option<(Ask, u64)> {
        let all = asks.iter().all(|ask| self.holds(&ask.key));
        all.then(|| self.tightest(asks))
    }

    /// What to ask the database for; nothing when there is a call meanwhile, or surely none.
    ///
    /// The lease is closed until the answer is settled: of what comes back, nothing may be used.
    pub fn ask(&mut self, ask: &Ask, wanted: u64, now: Instant) -> Option<Asked> {
        let (life, next) = (self.lives + 1, self.lives + 2);
        let lease = self.leases.entry(ask.key).or_insert(Lease {
            life,
            granted: 0,
            may: 0,
            used: 0,
            total: 0,
            reported: 0,
            unsure: false,
            touched: now,
            empty: None,
        });
        if lease.serves(ask) || lease.is_spent(ask, now) {
            return None;
        }
        self.lives = next;
        lease.may = lease.may.min(lease.used);
        lease.unsure = true;
        lease.touched = now;
        Some(Asked {
            limit: ask.limit,
            life: lease.life,
            used: lease.used,
            next,
            wanted,
        })
    }

    /// Takes the answer in.
    pub fn settle(&mut self, ask: &Ask, granted: Granted, now: Instant) {
        let Some(lease) = self.leases.get_mut(&ask.key) else {
            return;
        };
        if lease.life != granted.life {
            lease.life = granted.life;
            lease.used = 0;
            lease.reported = 0;
        }
        lease.granted = granted.granted;
        lease.may = granted.granted;
        lease.total = granted.total;
        lease.unsure = false;
        lease.empty = (!lease.serves(ask)).then_some((now, ask.limit));
    }

    /// How far each lease will be used until the next report; `free` says of which subjects nobody
    /// asks meanwhile.
    pub fn report(&mut self, mut free: impl FnMut(&Key) -> bool) -> Vec<Report> {
        let mut reports = Vec::new();
        for (key, lease) in &mut self.leases {
            if lease.unsure || lease.granted == 0 || !free(key) {
                continue;
            }
            let lately = lease.used.saturating_sub(lease.reported);
            lease.reported = lease.used;
            let may = lease.used + window(lately, lease.granted.saturating_sub(lease.used));
            reports.push(Report {
                key: *key,
                life: lease.life,
                may,
                changed: may != lease.may,
            });
            // Lowered before it is said, raised after.
            lease.may = lease.may.min(may);
        }
        reports
    }

    /// Takes in what the database says to a report; nothing when it has nothing of that day.
    ///
    /// A lease that is gone there is settled, and forgotten.
    pub fn reported(&mut self, report: &Report, heard: Option<Heard>) {
        let Some(lease) = self.leases.get_mut(&report.key) else {
            return;
        };
        if lease.life != report.life || lease.unsure {
            return;
        }
        match heard {
            Some(heard) if heard.noted || !report.changed => {
                lease.total = heard.total;
                lease.may = report.may.min(lease.granted);
            }
            _ => {
                self.leases.remove(&report.key);
            }
        }
    }

    /// How many leases are held.
    #[must_use]
    pub fn leases(&self) -> usize {
        self.leases.len()
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.leases.is_empty()
    }

    /// Whether anything is known of a subject's day.
    #[must_use]
    pub fn holds(&self, key: &Key) -> bool {
        self.leases.contains_key(key)
    }

    /// The leases that nobody has used for a while; they are closed, and stand until it is known that
    /// the database has them back.
    pub fn idle(
        &mut self,
        (now, idle): (Instant, Duration),
        mut free: impl FnMut(&Key) -> bool,
    ) -> Vec<Return> {
        let mut returns = Vec::new();
        for (key, lease) in &mut self.leases {
            if now.saturating_duration_since(lease.touched) >= idle && free(key) {
                lease.may = lease.may.min(lease.used);
                lease.unsure = true;
                returns.push(Return {
                    key: *key,
                    life: lease.life,
                    used: lease.used,
                });
            }
        }
        returns
    }

    /// Forgets a lease that the database has back.
    pub fn returned(&mut self, key: &Key) {
        self.leases.remove(key);
    }

    fn count(&mut self, key: Key, now: Instant) -> u64 {
        self.leases.get_mut(&key).map_or(0, |lease| {
            lease.used += 1;
            lease.touched = now;
            lease.life
        })
    }

    fn tightest(&self, asks: &[Ask; 3]) -> (Ask, u64) {
        let [first, rest @ ..] = asks.map(|ask| (ask, self.remaining(&ask)));
        let less = |least: (Ask, u64), it: (Ask, u64)| if it.1 < least.1 { it } else { least };
        rest.into_iter().fold(first, less)
    }

    /// Calls that remain at least: what others hold counts as used.
    fn remaining(&self, ask: &Ask) -> u64 {
        self.leases.get(&ask.key).map_or(0, |lease| {
            ask.limit.saturating_sub(lease.total) + lease.granted.saturating_sub(lease.used)
        })
    }
}

impl Lease {
    /// Whether a call may be taken. Under a limit that is lower than what was given to all, the
    /// database must be asked first.
    fn serves(&self, ask: &Ask) -> bool {
        self.used < self.may && self.total <= ask.limit
    }

    fn is_spent(&self, ask: &Ask, now: Instant) -> bool {
        self.empty.is_some_and(|(since, limit)| {
            ask.limit <= limit && now.saturating_duration_since(since) < RECHECK
        })
    }
}

/// How often a day that has no more is asked whether something came back.
pub const RECHECK: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests;
