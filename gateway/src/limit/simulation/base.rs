//! The database of the simulation: a model in memory, or a real one.

use std::collections::HashMap;

use varco_runtime::store::Db;

use crate::limit::grant::{Asked, Granted, Stands, decide};
use crate::limit::ledger::{Heard, Report, Return};
use crate::limit::store_quota;
use crate::limit::subject::Key;
use crate::limit::watch::Beat;

/// Where the gateways of a simulation meet.
pub enum Base {
    Model(Model),
    Real(Db),
}

/// What `store_quota` does, in a few lines.
#[derive(Default)]
pub struct Model {
    totals: HashMap<Key, u64>,
    leases: HashMap<(String, Key), Lease>,
    beats: HashMap<String, i64>,
    /// Leases that have ended: holder, subject and number, with what was counted as used.
    pub settled: Vec<((String, Key, u64), u64)>,
}

#[derive(Clone, Copy)]
struct Lease {
    life: u64,
    granted: u64,
    may: u64,
}

impl Base {
    pub async fn lease(&mut self, holder: &str, key: &Key, asked: Asked) -> Granted {
        match self {
            Self::Model(model) => model.lease(holder, key, asked),
            Self::Real(db) => store_quota::lease(db, holder, key, asked).await.unwrap().0,
        }
    }

    pub async fn report(&mut self, holder: &str, reports: &[Report]) -> HashMap<Key, Heard> {
        match self {
            Self::Model(model) => model.report(holder, reports),
            Self::Real(db) => store_quota::report(db, holder, reports).await.unwrap(),
        }
    }

    pub async fn give_back(&mut self, holder: &str, returns: &[Return]) {
        match self {
            Self::Model(model) => model.give_back(holder, returns),
            Self::Real(db) => store_quota::give_back(db, holder, returns).await.unwrap(),
        }
    }

    pub async fn beats(&mut self, holder: &str) -> Vec<Beat> {
        match self {
            Self::Model(model) => model.beats(holder),
            Self::Real(db) => store_quota::beats(db, holder).await.unwrap(),
        }
    }

    pub async fn bury(&mut self, dead: &Beat) {
        match self {
            Self::Model(model) => model.beats.retain(|holder, beat| {
                (holder.as_str(), *beat) != (dead.holder.as_str(), dead.beat)
            }),
            Self::Real(db) => drop(store_quota::bury(db, dead).await.unwrap()),
        }
    }

    pub async fn reclaim(&mut self) {
        match self {
            Self::Model(model) => model.reclaim(),
            Self::Real(db) => while store_quota::reclaim(db).await.unwrap() {},
        }
    }

    /// What was given of a key and has not come back.
    pub async fn total(&mut self, key: &Key) -> u64 {
        match self {
            Self::Model(model) => model.totals.get(key).copied().unwrap_or(0),
            Self::Real(_) => {
                let report = Report {
                    key: *key,
                    life: 0,
                    may: 0,
                    changed: false,
                };
                let told = self.report("observer", &[report]).await;
                told.get(key).map_or(0, |heard| heard.total)
            }
        }
    }
}

impl Model {
    fn lease(&mut self, holder: &str, key: &Key, asked: Asked) -> Granted {
        let named = (holder.to_owned(), *key);
        let total = self.totals.entry(*key).or_default();
        let lease = self.leases.get(&named).map(|it| (it.life, it.granted));
        let stands = Stands {
            total: *total,
            lease,
        };
        let granted = decide(asked, stands);
        if granted.granted > 0 || lease.is_some() {
            *total = granted.total;
            let lease = Lease {
                life: granted.life,
                granted: granted.granted,
                may: granted.granted,
            };
            self.leases.insert(named, lease);
            self.beats.entry(holder.to_owned()).or_default();
        }
        granted
    }

    fn report(&mut self, holder: &str, reports: &[Report]) -> HashMap<Key, Heard> {
        *self.beats.entry(holder.to_owned()).or_default() += 1;
        let mut heard = HashMap::new();
        for report in reports {
            let lease = self.leases.get_mut(&(holder.to_owned(), report.key));
            let lease = lease.filter(|it| it.life == report.life && report.changed);
            let noted = lease.is_some();
            if let Some(lease) = lease {
                assert!(report.may <= lease.granted);
                lease.may = report.may;
            }
            if let Some(total) = self.totals.get(&report.key).copied() {
                heard.insert(report.key, Heard { noted, total });
            }
        }
        heard
    }

    fn give_back(&mut self, holder: &str, returns: &[Return]) {
        for it in returns {
            if let Some(lease) = self.leases.remove(&(holder.to_owned(), it.key)) {
                let used = if lease.life == it.life { it.used } else { 0 };
                *self.totals.get_mut(&it.key).unwrap() -= lease.granted - used;
                let ended = (holder.to_owned(), it.key, lease.life);
                self.settled.push((ended, used));
            }
        }
    }

    fn beats(&self, holder: &str) -> Vec<Beat> {
        let others = self.beats.iter().filter(|(it, _)| *it != holder);
        let beat = |(holder, beat): (&String, &i64)| Beat {
            holder: holder.clone(),
            beat: *beat,
        };
        others.map(beat).collect()
    }

    fn reclaim(&mut self) {
        let Self {
            totals,
            leases,
            beats,
            settled,
        } = self;
        leases.retain(|(holder, key), lease| {
            let alive = beats.contains_key(holder);
            if !alive {
                *totals.get_mut(key).unwrap() -= lease.granted - lease.may;
                settled.push(((holder.clone(), *key, lease.life), lease.may));
            }
            alive
        });
    }
}
