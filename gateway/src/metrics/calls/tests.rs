//! The bounds of the series under hostile input, and that counting forgets nothing within them.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn unary(method: &str, purpose: Purpose, status: u32) -> Ended<'_> {
    Ended {
        method,
        purpose,
        status,
        took: Some((Kind::Unary, Duration::from_millis(1))),
    }
}

fn total(shown: &Shown) -> u64 {
    shown.counts.values().sum()
}

fn methods(shown: &Shown) -> BTreeSet<&str> {
    let named = shown.counts.keys().map(|(method, ..)| method.as_str());
    named.collect()
}

#[test]
fn call_counts_under_its_method_its_code_and_its_purpose() {
    let (calls, known) = (Calls::default(), Uuid::from_u128(7));

    for status in [0, 0, 7, 99] {
        calls.count(unary("a.B/C", Purpose::Of(known), status), |id| id == known);
    }
    let gone = Purpose::Of(Uuid::from_u128(8));
    calls.count(unary("a.B/C", gone, 0), |id| id == known);
    let refused = Ended {
        took: None,
        ..unary("a.B/C", Purpose::None, 16)
    };
    calls.count(refused, |id| id == known);

    let shown = calls.show();
    let known = known.to_string();
    let expected = [
        ((known.as_str(), "OK"), 2),
        ((&known, "PERMISSION_DENIED"), 1),
        ((&known, "UNKNOWN"), 1),
        (("none", "UNAUTHENTICATED"), 1),
        (("unknown", "OK"), 1),
    ];
    let expected = expected
        .map(|((purpose, code), count)| (("a.B/C".to_owned(), purpose.to_owned(), code), count));
    assert_eq!(shown.counts, BTreeMap::from(expected));
    assert_eq!(shown.sets, 5);
    let [(labels, spread)] = shown.durations.iter().collect::<Vec<_>>()[..] else {
        panic!("{shown:?}");
    };
    assert_eq!((labels.1, spread.count()), ("unary", 5));
}

#[test]
fn what_finds_no_room_counts_under_other_and_what_has_a_place_keeps_it() {
    let calls = Calls::default();
    let purpose = |n: usize| Purpose::Of(Uuid::from_u128(n as u128));
    for n in 0..MOST_SETS + 50 {
        calls.count(unary("a.B/C", purpose(n), 0), |_| true);
    }
    calls.count(unary("a.B/C", purpose(3), 0), |_| true);

    let shown = calls.show();

    assert_eq!(shown.sets, MOST_SETS);
    let other = ("other".to_owned(), "other".to_owned(), "OK");
    assert_eq!(shown.counts[&other], 50);
    assert_eq!(total(&shown), (MOST_SETS + 51) as u64);
    let third = ("a.B/C".to_owned(), Uuid::from_u128(3).to_string(), "OK");
    assert_eq!(shown.counts[&third], 2);
}

#[test]
fn methods_beyond_their_number_count_under_other() {
    let calls = Calls::default();
    for n in 0..MOST_METHODS + 5 {
        calls.count(unary(&format!("a.B/M{n}"), Purpose::None, 0), |_| true);
    }

    let shown = calls.show();

    assert_eq!(methods(&shown).len(), MOST_METHODS + 1);
    assert_eq!(shown.durations.len(), MOST_METHODS + 1);
    assert_eq!(shown.durations[&("other".to_owned(), "unary")].count(), 5);
    assert_eq!(total(&shown), (MOST_METHODS + 5) as u64);
}

#[test]
fn what_has_left_the_registry_is_forgotten_and_makes_room() {
    let calls = Calls::default();
    let purpose = |n: usize| Uuid::from_u128(n as u128);
    for n in 0..=MOST_SETS {
        calls.count(unary("a.B/C", Purpose::Of(purpose(n)), 0), |_| true);
    }
    calls.count(unary("a.B/Old", Purpose::None, 0), |_| true);
    let stays = |id: Uuid| id == purpose(0);

    calls.tidy(|method| method == "a.B/C", stays);
    calls.count(unary("a.B/C", Purpose::Of(purpose(0)), 0), stays);
    calls.count(unary("unknown", Purpose::None, 12), stays);
    calls.count(unary("a.B/C", Purpose::Of(purpose(1)), 0), stays);

    let shown = calls.show();
    let count = |method: &str, purpose: &str, code| {
        let labels = (method.to_owned(), purpose.to_owned(), code);
        shown.counts.get(&labels).copied()
    };
    assert_eq!(shown.sets, 3);
    assert_eq!(count("a.B/C", &purpose(0).to_string(), "OK"), Some(2));
    assert_eq!(count("unknown", "none", "UNIMPLEMENTED"), Some(1));
    assert_eq!(count("a.B/C", "unknown", "OK"), Some(1));
    assert_eq!(count("a.B/Old", "none", "OK"), None);
}

#[test]
fn calls_of_many_threads_are_all_counted() {
    let calls = Calls::default();
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                for n in 0..3000_u32 {
                    let purpose = Purpose::Of(Uuid::from_u128(u128::from(n % 200)));
                    calls.count(unary("a.B/C", purpose, n % 17), |_| true);
                }
            });
        }
    });

    let shown = calls.show();

    assert_eq!(total(&shown), 12_000);
    assert!(shown.sets <= MOST_SETS, "{}", shown.sets);
    let spread = shown.durations.values().map(Spread::count);
    assert_eq!(spread.sum::<u64>(), 12_000);
}

/// A call as hostile as a caller could make it, were every label the caller's own text.
fn hostile() -> impl Strategy<Value = (String, Option<u128>, u32)> {
    let method = prop_oneof![
        6 => Just("unknown".to_owned()),
        1 => "[a-z]{1,2}\\.S/[A-Z]",
        1 => "\\PC{0,40}",
    ];
    let purpose = proptest::option::weighted(0.95, any::<u128>());
    (method, purpose, any::<u32>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn label_sets_never_exceed_their_number_and_no_call_is_lost(
        sent in proptest::collection::vec(hostile(), 3500..4000),
    ) {
        let calls = Calls::default();
        for (method, purpose, status) in &sent {
            let purpose = purpose.map_or(Purpose::None, |id| Purpose::Of(Uuid::from_u128(id)));
            calls.count(unary(method, purpose, *status), |id| id.as_u128() % 16 != 0);
        }

        let shown = calls.show();

        prop_assert_eq!(total(&shown), sent.len() as u64);
        // So many were sent that there was room for all of it only without a bound.
        prop_assert_eq!(shown.sets, MOST_SETS);
        prop_assert!(shown.counts.len() <= MOST_SETS + CODES);
        prop_assert!(methods(&shown).len() <= MOST_METHODS + 1);
        prop_assert!(shown.durations.len() <= MOST_METHODS + 1);
    }
}
