//! What a comparison makes of any pair of a call and its link, and of the edges of a window.

use varco_proto::audit::v1::{Record, RecordKind};
use varco_runtime::clock::Clock;

use super::window::SECOND;
use super::*;
use crate::audit::by_time;
use crate::audit::committer::Run;
use crate::audit::reading::Reading;
use crate::audit::testing::{self, Place, each_place};

const WRITE: &str = "pkg.S/Write";
const WINDOW: Window = Window {
    from: 1000 * SECOND,
    until: 2000 * SECOND,
};

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn call(end: End) -> Call {
    Call {
        eservice: id(100),
        method: WRITE.to_owned(),
        end,
    }
}

fn link(n: u128, second: i64) -> Link {
    Link {
        audit_id: id(n),
        instance: "uno".to_owned(),
        method: WRITE.to_owned(),
        at: second * SECOND,
        replayed: false,
    }
}

fn compared(calls: &[(u128, Call)], links: &[Link]) -> Comparison {
    let service = Service {
        eservice: id(100),
        writes: HashSet::from([WRITE.to_owned()]),
    };
    let gateways = Gateways {
        own: "uno".to_owned(),
        known: HashSet::from(["uno".to_owned(), "due".to_owned()]),
    };
    let calls = calls.iter().map(|(n, call)| (id(*n), call.clone()));
    compare(&service, (&calls.collect(), links), WINDOW, &gateways)
}

#[test]
fn call_with_its_link_is_no_difference() {
    let found = compared(&[(1, call(End::Ok(1500 * SECOND)))], &[link(1, 1499)]);

    assert_eq!((found.calls, found.links, found.differences()), (1, 1, 0));
}

#[test]
fn answered_call_without_a_link_stands_only_in_the_register() {
    let found = compared(&[(1, call(End::Ok(1500 * SECOND)))], &[]);

    assert_eq!(found.only_in_register, [id(1)]);
}

#[test]
fn link_without_a_call_stands_only_in_the_service() {
    let found = compared(&[], &[link(1, 1500), link(1, 1500)]);

    assert_eq!(found.only_in_service, [id(1)]);
    assert!(found.only_in_register.is_empty());
}

#[test]
fn link_of_another_method_than_its_call_is_not_its_link() {
    let other = Link {
        method: "pkg.S/Other".to_owned(),
        ..link(1, 1500)
    };

    let found = compared(&[(1, call(End::Open))], &[other]);

    assert_eq!(found.only_in_service, [id(1)]);
}

#[test]
fn call_of_unknown_outcome_is_explained_with_and_without_a_link() {
    let unknown = call(End::Otherwise(1500 * SECOND));

    let found = compared(&[(1, unknown.clone()), (2, unknown)], &[link(1, 1400)]);

    assert_eq!((found.unknown_but_done, found.differences()), (1, 0));
}

#[test]
fn what_is_under_way_at_the_edges_of_the_window_is_no_difference() {
    // Done before the window and answered within it; done within it and not answered yet.
    let calls = [
        (1, call(End::Ok(1000 * SECOND))),
        (2, call(End::Open)),
        (3, call(End::Ok(2001 * SECOND))),
    ];
    let links = [link(1, 999), link(2, 1999), link(3, 1999)];

    let found = compared(&calls, &links);

    assert_eq!((found.calls, found.links, found.differences()), (1, 2, 0));
}

#[test]
fn every_call_and_link_is_counted_in_one_window() {
    let calls = [(1, call(End::Ok(WINDOW.until)))];

    let found = compared(&calls, &[link(2, 2000), link(3, 999)]);

    assert_eq!(found, Comparison::default());
}

#[test]
fn links_of_other_gateways_are_theirs_to_compare_unless_nobody_knows_them() {
    let of = |instance: &str| Link {
        instance: instance.to_owned(),
        ..link(1, 1500)
    };

    let known = compared(&[], &[of("due")]);
    let invented = compared(&[], &[of("tre")]);

    assert_eq!((known.of_others, known.differences()), (1, 0));
    assert_eq!(invented.only_in_service, [id(1)]);
}

#[test]
fn calls_of_another_service_are_not_missed() {
    let mut elsewhere = call(End::Ok(1500 * SECOND));
    elsewhere.eservice = id(101);
    let mut read = call(End::Ok(1500 * SECOND));
    read.method = "pkg.S/Read".to_owned();

    let found = compared(&[(1, elsewhere), (2, read)], &[]);

    assert_eq!(found, Comparison::default());
}

fn record(kind: RecordKind, n: u128, outcome: &str) -> Record {
    Record {
        kind: kind.into(),
        audit_id: id(n).as_bytes().to_vec().into(),
        eservice_id: id(100).to_string(),
        method: WRITE.to_owned(),
        outcome: outcome.to_owned(),
        ..Record::default()
    }
}

/// A log of records, each made at its second.
async fn log(place: &Place, records: Vec<(i64, Record)>) -> Reading {
    let clock = Clock::fixed("1970-01-01T00:00:00Z".parse().unwrap());
    let run = Run {
        clock: clock.clone(),
        ..testing::run()
    };
    let register = place.open_with(run, testing::signers(7)).await.unwrap();
    for (second, record) in records {
        clock.set(jiff::Timestamp::from_second(second).unwrap());
        register.commit(record).await.unwrap();
    }
    register.reading()
}

#[tokio::test]
async fn calls_of_a_window_are_found_with_their_end() {
    for place in each_place().await {
        let records = vec![
            (10, record(RecordKind::Outcome, 9, "OK")),
            (1000, record(RecordKind::Intent, 1, "")),
            (1001, record(RecordKind::Intent, 2, "")),
            (1002, record(RecordKind::Outcome, 1, "OK")),
            (1003, record(RecordKind::Intent, 3, "")),
            (1004, record(RecordKind::Outcome, 3, "UNKNOWN")),
            (1005, record(RecordKind::Deny, 4, "REFUSED")),
            (3000, record(RecordKind::Outcome, 2, "OK")),
        ];
        let reading = log(&place, records).await;
        let methods = HashSet::from([WRITE.to_owned()]);

        let found = register::calls(&reading, WINDOW, &methods).await.unwrap();

        let ends: HashMap<u128, End> = found
            .iter()
            .map(|(id, it)| (id.as_u128(), it.end))
            .collect();
        let expected = HashMap::from([
            (1, End::Ok(1002 * SECOND)),
            // One page holds what lies beyond the window too.
            (2, End::Ok(3000 * SECOND)),
            (3, End::Otherwise(1004 * SECOND)),
        ]);
        assert_eq!(ends, expected, "{}", place.name);
    }
}

#[tokio::test]
async fn first_record_of_a_time_is_found_wherever_it_lies() {
    for place in each_place().await {
        let records = (0..9).map(|n| (1000 + 10 * n, record(RecordKind::Intent, 1, "")));
        let reading = log(&place, records.collect()).await;
        let since = async |second| {
            let found = by_time::since(&reading, second * SECOND).await;
            found.unwrap()
        };

        assert_eq!(since(0).await, 0);
        assert_eq!(since(1000).await, 0);
        for n in 0..9_u64 {
            let second = 1000 + 10 * i64::try_from(n).unwrap();
            assert_eq!(since(second).await, n, "{}", place.name);
            assert_eq!(since(second + 1).await, n + 1, "{}", place.name);
        }
        assert_eq!(since(9_000_000).await, 9);
    }
}
