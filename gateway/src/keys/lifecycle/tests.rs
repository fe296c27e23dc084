//! The life of keys over any course of time, orders, losses and crashes.

use std::collections::HashMap;

use proptest::prelude::*;
use varco_runtime::jose::PrivateKey;
use varco_runtime::pki::{KeyKind, generate_key};

use super::*;

const DAY: i64 = 86_400 * SECOND;
const START: i64 = 1_795_000_000 * SECOND;

/// What may happen to an installation of two gateways.
#[derive(Clone, Debug)]
enum Event {
    /// Time passes, in seconds; the gateways look meanwhile.
    Wait(i64),
    /// An operator asks for other keys.
    Rotate(Role),
    /// An operator ends all keys, through one of the gateways.
    Emergency(Role, usize),
    /// A gateway loses the private halves that it holds.
    Lose(usize),
    /// A gateway publishes a key and dies before it has the private half at hand.
    Crash(usize),
    /// A gateway is configured anew.
    Algorithm(usize, SigningAlgorithm),
    /// A gateway does not look until the next event.
    Sleep(usize),
}

/// A database, two gateways, and what they have signed.
struct World {
    now: i64,
    published: Published,
    policies: [Policy; 2],
    held: [HashSet<String>; 2],
    made: usize,
    /// What was signed: key, until when it lives, and whether an emergency has ended it.
    signed: Vec<(String, i64)>,
    revoked_at: HashMap<&'static str, i64>,
    asleep: Option<usize>,
    jwk: Jwk,
}

impl World {
    fn new() -> Self {
        let policy = |instance: &str| Policy {
            instance: instance.to_owned(),
            algorithms: Algorithms {
                voucher: SigningAlgorithm::Es256,
                grant: SigningAlgorithm::EdDsa,
            },
            rotation: 90 * DAY,
        };
        let pem = generate_key(KeyKind::EcP256).unwrap();
        Self {
            now: START,
            published: Published::default(),
            policies: [policy("gw1"), policy("gw2")],
            held: Default::default(),
            made: 0,
            signed: Vec::new(),
            revoked_at: HashMap::new(),
            asleep: None,
            jwk: PrivateKey::from_pem(&pem).unwrap().public().jwk().clone(),
        }
    }

    fn happens(&mut self, event: &Event) {
        self.asleep = None;
        match event {
            Event::Wait(seconds) => self.wait(*seconds),
            Event::Rotate(role) => {
                self.order(*role).asked = self.after(*role);
            }
            Event::Emergency(role, gateway) => self.end_all(*role, *gateway),
            Event::Lose(gateway) => {
                self.held[*gateway].clear();
                self.start(*gateway);
            }
            Event::Crash(gateway) => {
                let at = self.after(Role::Voucher);
                self.make(*gateway, Role::Voucher, at, at + CACHE);
                let kid = format!("k{}", self.made);
                self.held[*gateway].remove(&kid);
                self.start(*gateway);
            }
            Event::Algorithm(gateway, algorithm) => {
                self.policies[*gateway].algorithms = Algorithms {
                    voucher: *algorithm,
                    grant: *algorithm,
                };
            }
            Event::Sleep(gateway) => self.asleep = Some(*gateway),
        }
        self.look();
    }

    fn start(&mut self, gateway: usize) {
        self.settle(gateway);
        let policy = &self.policies[gateway];
        for step in self.published.losses(policy, &self.held[gateway]) {
            self.take(gateway, &step);
        }
    }

    /// Time passes in steps, for a gateway that looks now and then.
    fn wait(&mut self, seconds: i64) {
        for _ in 0..4 {
            self.now += seconds * SECOND / 4;
            self.look();
        }
    }

    fn after(&self, role: Role) -> i64 {
        let keys = self.published.keys.iter().filter(|key| key.role == role);
        let last = keys.map(|key| key.published + 1).max().unwrap_or(0);
        self.now.max(last)
    }

    fn order(&mut self, role: Role) -> &mut Order {
        let orders = &mut self.published.orders;
        if orders.iter().all(|order| order.role != role) {
            orders.push(Order {
                role,
                asked: 0,
                revoked: 0,
            });
        }
        orders.iter_mut().find(|order| order.role == role).unwrap()
    }

    fn end_all(&mut self, role: Role, gateway: usize) {
        let at = self.after(role);
        *self.order(role) = Order {
            role,
            asked: at,
            revoked: at,
        };
        let keys = self.published.keys.iter_mut();
        for key in keys.filter(|key| key.role == role) {
            key.removed_at.get_or_insert(at);
        }
        self.make(gateway, role, at, at);
        self.revoked_at.insert(role.name(), at);
    }

    fn make(&mut self, gateway: usize, role: Role, published: i64, active_from: i64) {
        self.made += 1;
        let kid = format!("k{}", self.made);
        self.held[gateway].insert(kid.clone());
        self.published.keys.push(Key {
            kid,
            role,
            instance: self.policies[gateway].instance.clone(),
            algorithm: self.policies[gateway].algorithms.of(role).name().to_owned(),
            jwk: self.jwk.clone(),
            published,
            active_from,
            longest: 300,
            retired_at: None,
            removed_at: None,
        });
    }

    /// Both gateways do what is due, sign, and the world is as it should be.
    fn look(&mut self) {
        for gateway in [0, 1] {
            if self.asleep == Some(gateway) {
                continue;
            }
            self.settle(gateway);
            self.sign(gateway);
        }
        self.check();
    }

    fn settle(&mut self, gateway: usize) {
        for _ in 0..4 {
            let policy = self.policies[gateway].clone();
            let steps = self.published.plan(&policy, &self.held[gateway], self.now);
            if steps.is_empty() {
                return;
            }
            for step in steps {
                self.take(gateway, &step);
            }
        }
        panic!("a plan that never ends");
    }

    fn take(&mut self, gateway: usize, step: &Step) {
        let now = self.now;
        match step {
            Step::Make {
                role,
                published,
                active_from,
            } => self.make(gateway, *role, *published, *active_from),
            Step::Retire { kid } => {
                self.find(kid).retired_at.get_or_insert(now);
            }
            Step::Remove { kid } => {
                self.find(kid).removed_at.get_or_insert(now);
            }
        }
    }

    fn find(&mut self, kid: &str) -> &mut Key {
        let mut keys = self.published.keys.iter_mut();
        keys.find(|key| key.kid == kid).unwrap()
    }

    fn sign(&mut self, gateway: usize) {
        for role in Role::ALL {
            let instance = &self.policies[gateway].instance;
            let held = &self.held[gateway];
            let key = self.published.signs(role, instance, held, self.now);
            let key = key.expect("a gateway that has looked has a key");

            assert_eq!((key.role, &key.instance), (role, instance));
            assert!(held.contains(&key.kid), "{key:?}");
            assert!(self.published.verifies(key, self.now), "{key:?}");
            assert_eq!(key.retired_at, None);
            // It was published for as long as caches last, or nothing else could have signed.
            let known = self.now - key.published >= CACHE || key.active_from == key.published;
            let alone = self.published.keys.iter().all(|other| {
                let usable = held.contains(&other.kid) && other.retired_at.is_none();
                let same = other.role == role && other.removed_at.is_none();
                other.kid == key.kid || !usable || !same || other.active_from > self.now
            });
            assert!(known || alone, "{key:?} at {}", self.now);
            let lives = self.now + key.longest * SECOND;
            self.signed.push((key.kid.clone(), lives));
        }
    }

    /// What was signed is good for as long as it lives, unless an emergency has ended it.
    fn check(&self) {
        for (kid, lives) in &self.signed {
            let keys = &self.published.keys;
            let key = keys.iter().find(|key| key.kid == *kid).unwrap();
            let revoked = self.revoked_at.get(key.role.name()).copied().unwrap_or(0);
            let ended = key.published < revoked;
            let verifies = self.published.verifies(key, self.now);
            assert!(!(ended && verifies), "{key:?} outlives the emergency");
            if self.now < *lives {
                assert!(ended || verifies, "{key:?} ends too early at {}", self.now);
            }
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    let role = || prop_oneof![Just(Role::Voucher), Just(Role::Grant)];
    let algorithm = prop_oneof![
        Just(SigningAlgorithm::Es256),
        Just(SigningAlgorithm::EdDsa),
        Just(SigningAlgorithm::Rs256)
    ];
    prop_oneof![
        4 => (0_i64..700).prop_map(Event::Wait),
        2 => (0_i64..120 * 86_400).prop_map(Event::Wait),
        3 => role().prop_map(Event::Rotate),
        2 => (role(), 0_usize..2).prop_map(|(role, n)| Event::Emergency(role, n)),
        1 => (0_usize..2).prop_map(Event::Lose),
        1 => (0_usize..2).prop_map(Event::Crash),
        1 => (0_usize..2, algorithm).prop_map(|(n, it)| Event::Algorithm(n, it)),
        2 => (0_usize..2).prop_map(Event::Sleep),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..Default::default() })]

    #[test]
    fn nothing_that_was_signed_is_lost_before_its_time(
        events in proptest::collection::vec(event(), 1..40)
    ) {
        let mut world = World::new();
        world.look();
        for event in &events {
            world.happens(event);
        }
        world.asleep = None;
        // Much later, each gateway has one key that signs and at most one that waits.
        world.wait(4 * 400 * 86_400);
        world.wait(4 * 90 * 86_400);
        world.wait(8 * 86_400);
        let live = world.published.keys.iter().filter(|key| key.removed_at.is_none());
        prop_assert!(live.count() <= 12);
    }
}

#[test]
fn first_key_signs_at_once_and_the_next_when_caches_know_it() {
    let mut world = World::new();
    world.look();
    let signs = |world: &World| {
        let held = &world.held[0];
        let key = world.published.signs(Role::Voucher, "gw1", held, world.now);
        key.unwrap().kid.clone()
    };
    let first = signs(&world);

    world.order(Role::Voucher).asked = world.now + 1;
    world.look();
    let after_rotation = signs(&world);
    world.now += CACHE - SECOND;
    world.look();
    let before_caches = signs(&world);
    world.now += 2 * SECOND;
    world.look();
    let after_caches = signs(&world);

    assert_eq!((&after_rotation, &before_caches), (&first, &first));
    assert_ne!(after_caches, first);
    let now = world.now;
    assert_eq!(world.find(&first).state(now), State::Retired);
    assert_eq!(world.find(&after_caches).state(now), State::Active);
    world.now += 300 * SECOND + CACHE + SECOND;
    world.look();
    let now = world.now;
    assert_eq!(world.find(&first).state(now), State::Removed);
}

#[test]
fn emergency_ends_every_key_of_the_role_and_no_other() {
    let mut world = World::new();
    world.look();
    let before = world.published.keys.clone();

    world.end_all(Role::Voucher, 0);
    world.look();

    for key in &before {
        let verifies = world
            .published
            .verifies(world_key(&world, &key.kid), world.now);
        assert_eq!(verifies, key.role == Role::Grant, "{key:?}");
    }
}

fn world_key<'a>(world: &'a World, kid: &str) -> &'a Key {
    let mut keys = world.published.keys.iter();
    keys.find(|key| key.kid == kid).unwrap()
}

#[test]
fn schedule_brings_the_next_key_after_the_period() {
    let mut world = World::new();
    world.look();
    let count = |world: &World| world.published.keys.len();
    let first = count(&world);

    world.now += 89 * DAY - SECOND;
    world.look();
    assert_eq!(count(&world), first);
    world.now += SECOND;
    world.look();
    world.now += DAY - SECOND;
    world.look();

    // A day ahead they stand in the key set, and sign in their time.
    assert_eq!(count(&world), first + 4);
    let signs = |world: &World| {
        let held = &world.held[0];
        let key = world.published.signs(Role::Voucher, "gw1", held, world.now);
        key.unwrap().published
    };
    let before = signs(&world);
    world.now += SECOND;
    world.look();
    assert_eq!(count(&world), first + 4);
    assert!(signs(&world) > before);
}

#[test]
fn order_goes_before_the_schedule() {
    let mut world = World::new();
    world.look();
    let signs = |world: &World| {
        let held = &world.held[0];
        let key = world.published.signs(Role::Voucher, "gw1", held, world.now);
        key.unwrap().published
    };
    world.now += 89 * DAY;
    world.look();

    let asked = world.now + SECOND;
    world.order(Role::Voucher).asked = asked;
    world.now = asked;
    world.look();
    world.now += CACHE;
    world.look();
    let ordered = signs(&world);
    world.now += DAY;
    world.look();

    assert!(ordered >= asked);
    assert_eq!(signs(&world), ordered);
}

#[test]
fn two_gateways_of_one_name_do_not_end_each_others_keys() {
    let mut world = World::new();
    world.policies[1].instance = "gw1".to_owned();
    world.start(0);
    world.start(1);
    world.look();
    let made = world.made;

    world.wait(60);

    assert_eq!(world.made, made);
}

#[test]
fn key_of_a_gateway_that_is_gone_is_retired_by_the_others() {
    let mut world = World::new();
    world.look();
    world.asleep = Some(1);

    for _ in 0..181 {
        world.now += DAY;
        world.look();
    }

    let gone = world
        .published
        .keys
        .iter()
        .filter(|key| key.instance == "gw2");
    assert!(gone.into_iter().all(|key| key.retired_at.is_some()));
}
