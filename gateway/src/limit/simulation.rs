//! Several gateways over one database, with crashes, pauses, lost answers and clocks that differ.
//!
//! A while around midnight, in steps of a fifth of a second to two seconds. Whatever happens, no day
//! of any subject is used beyond its limit; and as more is asked for than the day has, the day is
//! used up but for a hundredth.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use uuid::Uuid;
use varco_runtime::clock::day;
use varco_runtime::store::testing::each_db;

use super::keeping::IDLE;
use super::ledger::{Taken, Token};
use super::subject::{Ask, Key, Subject};

mod base;
mod node;

use base::{Base, Model};
use node::{Dice, Late, Node};

/// What a run of the simulation is made of.
#[derive(Clone, Copy)]
struct Plan {
    seed: u64,
    /// Of the first purpose, the second, the consumer, the e-service.
    limits: [u64; 4],
    /// How long it takes; midnight in Rome is in the middle.
    length: Duration,
    crashes: u32,
    pauses: u32,
}

struct World {
    plan: Plan,
    dice: Dice,
    base: Base,
    nodes: Vec<Node>,
    began: Instant,
    now: Duration,
    used: HashMap<Key, u64>,
    /// The same for each lease: holder, subject and number.
    used_of: HashMap<(String, Key, u64), u64>,
    /// When something is due to crash, or to pause.
    crashes: Vec<Duration>,
    pauses: Vec<Duration>,
    runs: u32,
}

impl Plan {
    /// Times spread over the first half.
    fn spread(self, times: u32) -> Vec<Duration> {
        let part = self.length / 2 / (times + 1);
        (1..=times).rev().map(|nth| part * nth).collect()
    }

    /// Calls that one gateway is asked for in a step, in millionths: in all three times the limit.
    fn demand(self, step: Duration) -> u64 {
        let (step, half) = (step.as_millis(), (self.length / 2).as_millis());
        let calls = u128::from(self.limits[2]) * 3_000_000 / 4;
        u64::try_from(calls * step / half).unwrap()
    }
}

impl World {
    fn new(plan: Plan, base: Base) -> Self {
        let skews = [0, 170, -140, 45];
        let nodes = (0..).zip(skews);
        Self {
            plan,
            dice: Dice(plan.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            base,
            nodes: nodes
                .map(|(run, skew)| Node::new(run, skew, Duration::ZERO))
                .collect(),
            began: Instant::now(),
            now: Duration::ZERO,
            used: HashMap::new(),
            used_of: HashMap::new(),
            crashes: plan.spread(plan.crashes),
            pauses: plan.spread(plan.pauses),
            runs: 4,
        }
    }

    async fn run(mut self) -> Self {
        while self.now < self.plan.length {
            let step = Duration::from_millis(200 + self.dice.below(1800));
            self.now += step;
            for place in 0..self.nodes.len() {
                self.nodes[place].demand += self.plan.demand(step);
                if self.nodes[place].wakes <= self.now {
                    self.live(place).await;
                }
            }
        }
        self.close().await;
        self
    }

    async fn live(&mut self, place: usize) {
        if self.pauses.last().is_some_and(|due| *due <= self.now) {
            self.pauses.pop();
            let asleep = Duration::from_secs(5 + self.dice.below(60));
            self.nodes[place].wakes = self.now + asleep;
            return;
        }
        self.hear(place);
        // What wants to be made at one gateway may come at once, or at another.
        while self.nodes[place].demand >= 1_000_000 && self.dice.chance(900) {
            self.nodes[place].demand -= 1_000_000;
            self.call(place).await;
        }
        let now = self.now;
        self.nodes[place].open.retain(|(until, _)| *until > now);
        if self.dice.chance(100) && !self.nodes[place].open.is_empty() {
            let (_, token) = self.nodes[place].open.remove(0);
            self.give_back(place, &token);
        }
        if now >= self.nodes[place].rounded + Duration::from_secs(1) {
            self.nodes[place].rounded = now;
            self.round(place).await;
        }
        self.perhaps_crash(place);
    }

    fn hear(&mut self, place: usize) {
        let (now, instant) = (self.now, self.began + self.now);
        let node = &mut self.nodes[place];
        let late = std::mem::take(&mut node.late);
        for (when, late) in late {
            if when <= now {
                node.hear(late, instant);
            } else {
                node.late.push((when, late));
            }
        }
    }

    fn today(&self, place: usize) -> Date {
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap();
        let since = seconds(self.now) - seconds(self.plan.length / 2) + self.nodes[place].skew;
        let midnight: Timestamp = MIDNIGHT.parse().unwrap();
        day(Timestamp::from_second(midnight.as_second() + since).unwrap())
    }

    async fn call(&mut self, place: usize) {
        let which = usize::from(self.dice.chance(400));
        let asks = asks(self.today(place), which, self.plan.limits);
        let now = self.began + self.now;
        for _ in 0..6 {
            match self.nodes[place].ledger.take(&asks, now) {
                Taken::Call(token) => return self.count(place, token, &asks),
                Taken::Spent(_) => return,
                Taken::Lacks(ask) => {
                    if self.nodes[place].busy().contains(&ask.key) {
                        return;
                    }
                    self.lease(place, ask).await;
                }
            }
        }
    }

    fn count(&mut self, place: usize, token: Token, asks: &[Ask; 3]) {
        for ask in asks {
            let used = self.used.entry(ask.key).or_default();
            *used += 1;
            assert!(*used <= ask.limit, "seed {}: {ask:?}", self.plan.seed);
        }
        for (key, life) in token.calls() {
            let lease = (self.nodes[place].holder.clone(), key, life);
            *self.used_of.entry(lease).or_default() += 1;
        }
        // What a call comes to is known long before its lease is idle.
        let until = self.now + IDLE / 2;
        self.nodes[place].open.push((until, token));
    }

    fn give_back(&mut self, place: usize, token: &Token) {
        self.nodes[place].ledger.give_back(token);
        for (key, life) in token.calls() {
            let lease = (self.nodes[place].holder.clone(), key, life);
            *self.used.get_mut(&key).unwrap() -= 1;
            *self.used_of.get_mut(&lease).unwrap() -= 1;
        }
    }

    async fn lease(&mut self, place: usize, ask: Ask) {
        let now = self.began + self.now;
        let Some(asked) = self.nodes[place].ledger.ask(&ask, 1, now) else {
            return;
        };
        if self.dice.chance(20) {
            return;
        }
        let holder = self.nodes[place].holder.clone();
        let granted = self.base.lease(&holder, &ask.key, asked).await;
        self.answer(place, Late::Lease(ask, granted));
    }

    /// An answer comes at once, late, or never; or whom it is for has crashed.
    fn answer(&mut self, place: usize, answer: Late) {
        if self.perhaps_crash(place) {
            return;
        }
        let (now, instant) = (self.now, self.began + self.now);
        match self.dice.below(100) {
            0..90 => self.nodes[place].hear(answer, instant),
            90..96 => {
                let when = now + Duration::from_millis(self.dice.below(5000));
                self.nodes[place].late.push((when, answer));
            }
            _ => {}
        }
    }

    fn perhaps_crash(&mut self, place: usize) -> bool {
        let due = self.crashes.last().is_some_and(|due| *due <= self.now);
        let crashes = due && self.dice.chance(100);
        if crashes {
            self.crashes.pop();
            self.runs += 1;
            let skew = self.nodes[place].skew;
            let mut fresh = Node::new(self.runs, skew, self.now);
            fresh.wakes = self.now + Duration::from_secs(self.dice.below(30));
            self.nodes[place] = fresh;
        }
        crashes
    }

    async fn round(&mut self, place: usize) {
        let now = self.began + self.now;
        let busy = self.nodes[place].busy();
        let free = |key: &Key| !busy.contains(key);
        let holder = self.nodes[place].holder.clone();
        let reports = self.nodes[place].ledger.report(free);
        if !self.nodes[place].ledger.is_empty() && !self.dice.chance(20) {
            let heard = self.base.report(&holder, &reports).await;
            self.answer(place, Late::Report(reports, heard));
        }
        if self.nodes[place].holder != holder {
            return;
        }
        let busy = self.nodes[place].busy();
        let free = |key: &Key| !busy.contains(key);
        let returns = self.nodes[place].ledger.idle((now, IDLE), free);
        if !returns.is_empty() && !self.dice.chance(20) {
            self.base.give_back(&holder, &returns).await;
            self.answer(place, Late::Return(returns));
        }
        let beats = self.base.beats(&holder).await;
        let dead = self.nodes[place].watch.dead(beats, now);
        for dead in &dead {
            self.base.bury(dead).await;
        }
        self.base.reclaim().await;
    }

    /// All that live give back what they hold.
    async fn close(&mut self) {
        for node in &mut self.nodes {
            let end = (self.began + self.now, Duration::ZERO);
            let returns = node.ledger.idle(end, |_| true);
            self.base.give_back(&node.holder, &returns).await;
        }
    }

    /// That no more was used of any lease than was counted when it ended.
    fn check_leases(&self) {
        let Base::Model(model) = &self.base else {
            return;
        };
        for (lease, counted) in &model.settled {
            let used = self.used_of.get(lease).copied().unwrap_or(0);
            assert!(used <= *counted, "{lease:?}: {used} of {counted}");
        }
    }

    /// What was used of the consumer's first day, in thousandths of the limit.
    fn used_per_mille(&self) -> u64 {
        let [_, _, limit, _] = self.plan.limits;
        let first = day(MIDNIGHT.parse().unwrap()).yesterday().unwrap();
        let consumer = |key: &Key| matches!(key.subject, Subject::Consumer(..)) && key.day == first;
        let used = self.used.iter().filter(|(key, _)| consumer(key));
        used.map(|(_, used)| used * 1000 / limit).sum()
    }
}

fn asks(day: Date, which: usize, limits: [u64; 4]) -> [Ask; 3] {
    let [one, two, consumer, eservice] = limits;
    let ask = |subject, limit| Ask {
        key: Key { subject, day },
        limit,
    };
    let purposes = [(Uuid::from_u128(1), one), (Uuid::from_u128(2), two)];
    let (purpose, limit) = purposes[which];
    let (tenant, at) = (Uuid::from_u128(3), Uuid::from_u128(4));
    [
        ask(Subject::Purpose(purpose), limit),
        ask(Subject::Consumer(tenant, at), consumer),
        ask(Subject::Eservice(at), eservice),
    ]
}

const MIDNIGHT: &str = "2026-11-22T23:00:00Z";

fn plan(seed: u64, crashes: u32, pauses: u32) -> Plan {
    Plan {
        seed,
        limits: [6000, 5000, 9000, 50_000],
        length: Duration::from_hours(1),
        crashes,
        pauses,
    }
}

#[tokio::test]
async fn whatever_happens_no_day_is_exceeded_and_little_is_lost() {
    for seed in 1..=5 {
        let world = World::new(plan(seed, 5, 3), Base::Model(Model::default()));

        let world = world.run().await;

        let used = world.used_per_mille();
        println!("seed {seed}: {used} of 1000 used, 5 crashes, 3 pauses");
        assert!(used >= 990, "seed {seed}: {used} of 1000");
        world.check_leases();
        assert!(world.crashes.is_empty() && world.pauses.is_empty());
    }
}

#[tokio::test]
async fn without_crashes_what_is_counted_is_what_was_used() {
    for seed in 1..=3 {
        let world = World::new(plan(seed, 0, 0), Base::Model(Model::default()));

        let mut world = world.run().await;

        for (key, used) in std::mem::take(&mut world.used) {
            assert_eq!(world.base.total(&key).await, used, "seed {seed}: {key:?}");
        }
    }
}

#[tokio::test]
async fn gateways_that_sleep_too_long_use_only_what_was_counted() {
    for seed in 1..=3 {
        let world = World::new(plan(seed, 0, 200), Base::Model(Model::default()));

        let world = world.run().await;

        world.check_leases();
        assert!(world.pauses.is_empty());
    }
}

#[tokio::test]
async fn real_database_keeps_the_same_promises() {
    let fresh = each_db(crate::REGISTRY_MIGRATIONS).await.unwrap().remove(0);
    let plan = Plan {
        limits: [400, 300, 600, 50_000],
        length: Duration::from_mins(6),
        ..plan(7, 2, 1)
    };

    let world = World::new(plan, Base::Real(fresh.db.clone())).run().await;

    let used = world.used_per_mille();
    assert!(used >= 990, "{used} of 1000");
}
