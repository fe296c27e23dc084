//! What one gateway does with what it was given.

use super::*;
use crate::limit::subject::Subject;
use crate::limit::tests::needs_of;

const NOON: Duration = Duration::from_hours(12);

fn needs(limit: u64) -> [Ask; 3] {
    needs_of(jiff::civil::date(2026, 11, 22), [limit, 1000, 1000])
}

fn granted(life: u64, granted: u64, total: u64) -> Granted {
    Granted {
        total,
        life,
        granted,
    }
}

/// A ledger that holds the same of each subject.
fn holding(calls: u64, asks: &[Ask; 3], now: Instant) -> Ledger {
    let mut ledger = Ledger::default();
    for ask in asks {
        let asked = ledger.ask(ask, 1, now).unwrap();
        ledger.settle(ask, granted(asked.next, calls, calls), now);
    }
    ledger
}

fn token(told: Taken) -> Token {
    match told {
        Taken::Call(token) => token,
        other => panic!("{other:?}"),
    }
}

/// Reports everything, and hears that so much was given of each.
fn report(ledger: &mut Ledger, total: u64) {
    for report in ledger.report(|_| true) {
        ledger.reported(&report, Some(Heard { noted: true, total }));
    }
}

#[test]
fn call_takes_one_of_each_until_one_lacks() {
    let (now, asks) = (Instant::now(), needs(1000));
    let mut ledger = holding(2, &asks, now);

    let first = token(ledger.take(&asks, now));
    let second = token(ledger.take(&asks, now));

    assert_eq!((first.remaining, second.remaining), (999, 998));
    assert_eq!(ledger.take(&asks, now), Taken::Lacks(asks[0]));
}

#[test]
fn day_without_more_is_not_asked_for_again_at_once() {
    let (now, asks) = (Instant::now(), needs(1));
    let mut ledger = holding(1, &asks, now);
    token(ledger.take(&asks, now));
    let asked = ledger.ask(&asks[0], 1, now).unwrap();
    ledger.settle(&asks[0], granted(asked.life, 1, 1), now);

    assert_eq!(ledger.take(&asks, now), Taken::Spent(asks[0]));
    assert_eq!(ledger.take(&needs(2), now), Taken::Lacks(needs(2)[0]));
    assert_eq!(ledger.take(&asks, now + RECHECK), Taken::Lacks(asks[0]));
}

#[test]
fn lease_is_closed_while_the_database_is_asked() {
    let (now, asks) = (Instant::now(), needs(1000));
    let mut ledger = holding(10, &asks, now);
    report(&mut ledger, 900);

    let asked = ledger.ask(&needs(500)[0], 1, now).unwrap();

    assert_eq!(asked.used, 0);
    assert_eq!(ledger.take(&asks, now), Taken::Lacks(asks[0]));
}

#[test]
fn call_of_a_lease_that_is_gone_is_not_given_back() {
    let (now, asks) = (Instant::now(), needs(1000));
    let mut ledger = holding(1, &asks, now);
    let old = token(ledger.take(&asks, now));
    for ask in &asks {
        let asked = ledger.ask(ask, 1, now).unwrap();
        ledger.settle(ask, granted(asked.next, 1, 2), now);
    }
    let new = token(ledger.take(&asks, now));

    ledger.give_back(&old);
    assert_eq!(ledger.take(&asks, now), Taken::Lacks(asks[0]));

    ledger.give_back(&new);
    assert!(matches!(ledger.take(&asks, now), Taken::Call(_)));
}

#[test]
fn narrower_window_counts_before_it_is_noted() {
    let (now, asks) = (Instant::now(), needs(1000));
    let mut ledger = holding(80, &asks, now);

    let reports = ledger.report(|_| true);

    assert!(reports.iter().all(|it| it.may == 10 && it.changed));
    for _ in 0..10 {
        token(ledger.take(&asks, now));
    }
    assert_eq!(ledger.take(&asks, now), Taken::Lacks(asks[0]));
}

#[test]
fn wider_window_counts_only_once_it_is_noted() {
    let (now, asks) = (Instant::now(), needs(1000));
    let mut ledger = holding(80, &asks, now);
    report(&mut ledger, 80);
    for _ in 0..10 {
        token(ledger.take(&asks, now));
    }

    let wider = ledger.report(|_| true);
    assert_eq!(ledger.take(&asks, now), Taken::Lacks(asks[0]));
    for report in wider {
        let heard = Heard {
            noted: true,
            total: 80,
        };
        ledger.reported(&report, Some(heard));
    }

    assert!(matches!(ledger.take(&asks, now), Taken::Call(_)));
}

#[test]
fn lease_that_others_have_reclaimed_is_forgotten() {
    let (now, asks) = (Instant::now(), needs(1000));
    let mut ledger = holding(80, &asks, now);

    for report in ledger.report(|_| true) {
        let gone = Heard {
            noted: false,
            total: 90,
        };
        ledger.reported(&report, Some(gone));
    }

    assert!(asks.iter().all(|ask| !ledger.holds(&ask.key)));
}

#[test]
fn remaining_follows_what_the_others_take() {
    let (now, asks) = (Instant::now(), needs(900));
    let mut ledger = holding(10, &asks, now);
    report(&mut ledger, 500);

    let token = token(ledger.take(&asks, now));

    assert_eq!((token.tightest, token.remaining), (asks[0], 409));
}

#[test]
fn subject_that_somebody_asks_for_is_left_alone() {
    let (now, asks) = (Instant::now(), needs(1000));
    let mut ledger = holding(80, &asks, now);
    let free = |key: &Key| matches!(key.subject, Subject::Purpose(_));

    let reports = ledger.report(free);
    let returns = ledger.idle((now, Duration::ZERO), free);

    assert_eq!((reports.len(), returns.len()), (1, 1));
}

#[test]
fn unused_lease_goes_back_and_is_remembered_until_it_has() {
    let (now, asks) = (Instant::now(), needs(1000));
    let mut ledger = holding(10, &asks, now);
    token(ledger.take(&asks, now));
    let later = now + NOON;
    assert!(ledger.idle((later, NOON * 2), |_| true).is_empty());

    let returns = ledger.idle((later, NOON), |_| true);

    assert!(returns.iter().all(|it| it.used == 1));
    assert_eq!(ledger.take(&asks, later), Taken::Lacks(asks[0]));
    assert_eq!(ledger.ask(&asks[0], 1, later).unwrap().used, 1);
    ledger.returned(&asks[1].key);
    assert!(!ledger.holds(&asks[1].key));
}
