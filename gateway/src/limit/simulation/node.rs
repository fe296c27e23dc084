//! One gateway of the simulation, without its tasks, and the dice.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::limit::grant::Granted;
use crate::limit::ledger::{Heard, Ledger, Report, Return, Token};
use crate::limit::subject::{Ask, Key};
use crate::limit::watch::Watch;

/// Chance (xorshift64*).
pub struct Dice(pub u64);

/// An answer that is on its way.
pub enum Late {
    Lease(Ask, Granted),
    Report(Vec<Report>, HashMap<Key, Heard>),
    Return(Vec<Return>),
}

/// One run of a gateway.
pub struct Node {
    pub holder: String,
    pub ledger: Ledger,
    pub watch: Watch,
    /// What its wall clock is ahead, in seconds.
    pub skew: i64,
    pub wakes: Duration,
    pub rounded: Duration,
    /// Calls that want to be made, in millionths.
    pub demand: u64,
    /// Calls that may yet be given back, and until when.
    pub open: Vec<(Duration, Token)>,
    pub late: Vec<(Duration, Late)>,
}

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    pub fn below(&mut self, most: u64) -> u64 {
        self.roll() % most
    }

    /// True so many times in a thousand.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }
}

impl Node {
    pub fn new(run: u32, skew: i64, now: Duration) -> Self {
        Self {
            holder: format!("run-{run}"),
            ledger: Ledger::default(),
            watch: Watch::default(),
            skew,
            wakes: now,
            rounded: now,
            demand: 0,
            open: Vec::new(),
            late: Vec::new(),
        }
    }

    /// The subjects for which an answer is on its way: nobody asks for them meanwhile.
    pub fn busy(&self) -> HashSet<Key> {
        let keys = self.late.iter().flat_map(|(_, late)| match late {
            Late::Lease(ask, _) => vec![ask.key],
            Late::Report(reports, _) => reports.iter().map(|it| it.key).collect(),
            Late::Return(returns) => returns.iter().map(|it| it.key).collect(),
        });
        keys.collect()
    }

    pub fn hear(&mut self, late: Late, now: Instant) {
        match late {
            Late::Lease(ask, granted) => self.ledger.settle(&ask, granted, now),
            Late::Report(reports, heard) => {
                for report in &reports {
                    let heard = heard.get(&report.key).copied();
                    self.ledger.reported(report, heard);
                }
            }
            Late::Return(returns) => {
                for it in &returns {
                    self.ledger.returned(&it.key);
                }
            }
        }
    }
}
