//! Calls that have ended, by method, code and purpose: never more label sets than a fixed number.
//!
//! Who calls chooses none of the labels. A method or a purpose that the registry does not know is
//! `unknown`, and what finds no room counts under `other`. Counting a call is a few look-ups and
//! additions to atomic numbers; only a label set that is new waits for a lock. A page that is read
//! forgets what has left the registry.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tonic::Code;
use uuid::Uuid;
use varco_runtime::telemetry::span;

use super::histogram::{Histogram, Spread};

/// Calls that have ended.
#[derive(Debug, Default)]
pub struct Calls {
    table: ArcSwap<Table>,
    /// Label sets in use; held by whoever changes the table.
    used: Mutex<usize>,
    /// Whether a label set found no room since the table was last tidied.
    full: AtomicBool,
    other: (Codes, Durations),
}

/// A call that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// `pkg.Service/Method` of the registry, or `unknown`.
    pub method: &'a str,
    /// What for.
    pub purpose: Purpose,
    /// Number of its gRPC code.
    pub status: u32,
    /// How long it took, where it was allowed.
    pub took: Option<(Kind, Duration)>,
}

/// What a call was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// It brought no voucher that verifies.
    None,
    /// The purpose of its voucher.
    Of(Uuid),
    /// A purpose that the registry does not know any more.
    Unknown,
}

/// What a call is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One message for one.
    Unary,
    /// A stream in either direction.
    Stream,
}

/// What a page shows of calls.
#[derive(Debug, Default)]
pub struct Shown {
    /// How many have ended, by method, purpose and code.
    pub counts: BTreeMap<(String, String, &'static str), u64>,
    /// How long those took that were allowed, by method and kind.
    pub durations: BTreeMap<(String, &'static str), Spread>,
    /// Label sets that are in use, without those of `other`.
    pub sets: usize,
}

/// Label sets that are in use; it is replaced when there is a new one.
#[derive(Clone, Debug, Default)]
struct Table(HashMap<Arc<str>, Arc<Method>>);

#[derive(Clone, Debug, Default)]
struct Method {
    purposes: HashMap<Purpose, Arc<Codes>>,
    durations: Arc<Durations>,
}

/// How many ended with each code; a label set is in use once its number is more than zero.
#[derive(Debug, Default)]
struct Codes([AtomicU64; CODES]);

/// How long unary calls took, and streams.
#[derive(Debug, Default)]
struct Durations([Histogram; 2]);

impl Calls {
    /// Counts a call; `is_known` tells of a purpose whether the registry has it.
    pub fn count(&self, ended: Ended<'_>, is_known: impl FnOnce(Uuid) -> bool) {
        if self.table.load().add(&ended) {
            return;
        }
        let purpose = match ended.purpose {
            Purpose::Of(id) if !is_known(id) => Purpose::Unknown,
            purpose => purpose,
        };
        let ended = Ended { purpose, ..ended };
        if !self.table.load().add(&ended) && !self.count_new(&ended) {
            let (codes, durations) = &self.other;
            codes.count(ended.status);
            durations.note(ended.took);
        }
    }

    /// Counts the first call of a label set; false when there is no room for it.
    fn count_new(&self, ended: &Ended<'_>) -> bool {
        if self.full.load(Ordering::Relaxed) || !self.table.load().has_room_for(ended.method) {
            return false;
        }
        let mut used = self.used();
        let table = self.table.load_full();
        // Another call may have been quicker.
        if table.add(ended) {
            return true;
        }
        if *used >= MOST_SETS {
            self.full.store(true, Ordering::Relaxed);
            return false;
        }
        if !table.has_room_for(ended.method) {
            return false;
        }
        *used += 1;
        let table = table.with(ended);
        self.table.store(Arc::new(table));
        true
    }

    /// Forgets methods and purposes that the registry does not know any more.
    pub fn tidy(&self, has_method: impl Fn(&str) -> bool, has_purpose: impl Fn(Uuid) -> bool) {
        let mut used = self.used();
        let table = self.table.load_full();
        let keeps = |purpose: &Purpose| match purpose {
            Purpose::Of(id) => has_purpose(*id),
            Purpose::None | Purpose::Unknown => true,
        };
        let knows = |method: &str| method == UNKNOWN || has_method(method);
        let is_tidy = |(name, method): (&Arc<str>, &Arc<Method>)| {
            knows(name) && method.purposes.keys().all(keeps)
        };
        if table.0.iter().all(is_tidy) {
            return;
        }
        let mut next = Table::clone(&table);
        next.0.retain(|name, _| knows(name));
        for method in next.0.values_mut() {
            let purposes = &mut Arc::make_mut(method).purposes;
            purposes.retain(|purpose, _| keeps(purpose));
        }
        *used = next.sets();
        self.full.store(false, Ordering::Relaxed);
        self.table.store(Arc::new(next));
    }

    /// What there is to show.
    #[must_use]
    pub fn show(&self) -> Shown {
        let table = self.table.load();
        let mut shown = Shown::default();
        for (name, method) in &table.0 {
            for (purpose, codes) in &method.purposes {
                codes.show((name, &purpose.label()), &mut shown);
            }
            method.durations.show(name, &mut shown);
        }
        shown.sets = shown.counts.len();
        let (codes, durations) = &self.other;
        codes.show((OTHER, OTHER), &mut shown);
        durations.show(OTHER, &mut shown);
        shown
    }

    fn used(&self) -> MutexGuard<'_, usize> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Counts a call of a label set that is in use; false where it is not.
    fn add(&self, ended: &Ended<'_>) -> bool {
        let Some(method) = self.0.get(ended.method) else {
            return false;
        };
        let codes = method.purposes.get(&ended.purpose);
        let is_used = codes.is_some_and(|codes| codes.add(ended.status));
        if is_used {
            method.durations.note(ended.took);
        }
        is_used
    }

    /// The table in which the label set of a call is in use, and the call counted.
    fn with(&self, ended: &Ended<'_>) -> Self {
        let mut next = self.clone();
        let method = next.0.entry(ended.method.into()).or_default();
        let method = Arc::make_mut(method);
        let codes = method.purposes.entry(ended.purpose).or_default();
        codes.count(ended.status);
        method.durations.note(ended.took);
        next
    }

    fn has_room_for(&self, method: &str) -> bool {
        self.0.len() < MOST_METHODS || self.0.contains_key(method)
    }

    fn sets(&self) -> usize {
        let codes = self.0.values().flat_map(|method| method.purposes.values());
        codes.map(|codes| codes.used().count()).sum()
    }
}

impl Codes {
    fn count(&self, status: u32) {
        if let Some(count) = self.of(status) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts one more; false where there was none before.
    fn add(&self, status: u32) -> bool {
        let count = self.of(status).filter(|it| it.load(Ordering::Relaxed) > 0);
        count.is_some_and(|count| count.fetch_add(1, Ordering::Relaxed) > 0)
    }

    /// A number that is no code is UNKNOWN, as callers see it.
    fn of(&self, status: u32) -> Option<&AtomicU64> {
        let place = usize::try_from(status).ok();
        let known = place.and_then(|place| self.0.get(place));
        known.or_else(|| self.0.get(Code::Unknown as usize))
    }

    /// The codes with which calls have ended, and how many.
    fn used(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        let counts = (0..).map(Code::from_i32).map(span::name).zip(counts);
        counts.filter(|(_, count)| *count > 0)
    }

    fn show(&self, (method, purpose): (&str, &str), shown: &mut Shown) {
        for (code, count) in self.used() {
            let labels = (method.to_owned(), purpose.to_owned(), code);
            shown.counts.insert(labels, count);
        }
    }
}

impl Durations {
    fn note(&self, took: Option<(Kind, Duration)>) {
        let Self([unary, stream]) = self;
        match took {
            Some((Kind::Unary, took)) => unary.note(took),
            Some((Kind::Stream, took)) => stream.note(took),
            None => {}
        }
    }

    fn show(&self, method: &str, shown: &mut Shown) {
        let Self([unary, stream]) = self;
        for (kind, histogram) in [("unary", unary), ("stream", stream)] {
            let spread = histogram.read();
            if spread.count() > 0 {
                shown.durations.insert((method.to_owned(), kind), spread);
            }
        }
    }
}

impl Purpose {
    fn label(self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::Of(id) => id.to_string(),
            Self::Unknown => UNKNOWN.to_owned(),
        }
    }
}

/// Most label sets that are in use at once, beside the few of `other`.
pub const MOST_SETS: usize = 2000;
/// Most methods with label sets and durations of their own.
pub const MOST_METHODS: usize = 200;
/// Codes of gRPC: 0 to 16.
const CODES: usize = 17;
const OTHER: &str = "other";
const UNKNOWN: &str = "unknown";

#[cfg(test)]
mod tests;
