//! Windows on times that pass as the test says, and what is written of them.

use super::*;

const EACH: u32 = 3;

fn client(number: usize) -> Sender {
    Sender::Client(Uuid::from_u128(number.try_into().unwrap()))
}

fn sort(reason: &'static str, voucher: Option<usize>) -> Sort {
    Sort {
        outcome: "REFUSED",
        reason,
        voucher: voucher.map(|it| Uuid::from_u128(it.try_into().unwrap())),
    }
}

/// Windows whose ids are 1, 2, 3… and whose clock stands still until it is moved.
struct Counted {
    windows: Windows,
    now: Instant,
    next: u128,
}

impl Counted {
    fn new() -> Self {
        Self {
            windows: Windows::new(EACH),
            now: Instant::now(),
            next: 0,
        }
    }

    fn refuse(&mut self, sender: &Sender, sort: Sort) -> Option<Uuid> {
        self.next += 1;
        let record = Record {
            client_id: format!("{sender:?}"),
            deny_reason: sort.reason.to_owned(),
            voucher_jti: sort.voucher.map(|it| it.to_string()).unwrap_or_default(),
            trace_id: vec![7; 16].into(),
            ..Record::default()
        };
        let id = Uuid::from_u128(self.next);
        self.windows
            .count((sender, sort), (id, self.now), || record)
    }

    /// Ends what is over and takes the records: reason and count, in order.
    fn end_after(&mut self, passed: Duration) -> Vec<(String, u64)> {
        self.now += passed;
        self.windows.end(self.now);
        let ended = self.windows.ended.clone();
        self.windows.forget(&vec![true; ended.len()]);
        let told = ended
            .into_iter()
            .map(|it| (it.deny_reason, it.records_count));
        let mut told: Vec<_> = told.collect();
        told.sort();
        told
    }
}

#[test]
fn first_of_a_minute_stand_alone_and_the_rest_are_counted_once() {
    let (mut counted, one) = (Counted::new(), client(1));

    for _ in 0..EACH {
        assert_eq!(counted.refuse(&one, sort("A", None)), None);
    }
    let ids: Vec<_> = (0..5)
        .map(|_| counted.refuse(&one, sort("A", None)))
        .collect();
    let other = counted.refuse(&one, sort("B", None));

    assert_eq!(ids, vec![Some(Uuid::from_u128(4)); 5]);
    assert_eq!(other, Some(Uuid::from_u128(9)));
    assert_eq!(counted.end_after(Duration::from_secs(59)), []);
    let told = counted.end_after(Duration::from_secs(1));
    assert_eq!(told, [("A".to_owned(), 5), ("B".to_owned(), 1)]);
    assert_eq!((counted.windows.held, counted.windows.of.len()), (0, 0));
    assert_eq!(counted.refuse(&one, sort("A", None)), None);
}

#[test]
fn flood_of_one_takes_nothing_from_another() {
    let mut counted = Counted::new();

    for _ in 0..100 {
        counted.refuse(&client(1), sort("A", None));
    }

    assert_eq!(counted.refuse(&client(2), sort("A", None)), None);
}

#[test]
fn minute_that_nobody_ended_is_written_with_the_next_one() {
    let (mut counted, one) = (Counted::new(), client(1));
    for _ in 0..=EACH {
        counted.refuse(&one, sort("A", None));
    }

    counted.now += MINUTE;
    let after = counted.refuse(&one, sort("A", None));

    assert_eq!(after, None);
    assert_eq!(counted.end_after(Duration::ZERO), [("A".to_owned(), 1)]);
}

#[test]
fn record_says_whose_it_is_and_nothing_of_a_single_call() {
    let mut counted = Counted::new();
    for _ in 0..=EACH {
        counted.refuse(&client(1), sort("A", Some(9)));
    }

    counted.windows.end_all();

    let [record] = counted.windows.ended.as_slice() else {
        panic!("one record");
    };
    assert_eq!(record.kind(), RecordKind::AggregateGarbage);
    assert_eq!(record.audit_id, Uuid::from_u128(4).as_bytes().as_slice());
    assert_eq!(record.voucher_jti, Uuid::from_u128(9).to_string());
    assert!(record.client_id.starts_with("Client") && record.trace_id.is_empty());
}

#[test]
fn too_many_senders_and_sorts_are_one_and_none_is_lost() {
    let mut counted = Counted::new();
    let all = 3 * MOST;

    for number in 0..all {
        counted.refuse(&client(number), sort("A", None));
    }
    let mut singles = MOST + usize::try_from(EACH).unwrap();
    for voucher in 0..all {
        let id = counted.refuse(&client(0), sort("B", Some(voucher)));
        singles += usize::from(id.is_none());
    }

    assert!(counted.windows.of.len() <= MOST + 1);
    assert!(counted.windows.held <= MOST + 2, "{}", counted.windows.held);
    let told = counted.end_after(MINUTE);
    let told: u64 = told.iter().map(|(_, count)| count).sum();
    assert_eq!(usize::try_from(told).unwrap() + singles, 2 * all);
    assert_eq!(counted.windows.held, 0);
}

#[test]
fn what_cannot_be_written_stays_bounded_and_is_not_lost() {
    let mut counted = Counted::new();
    let (mut refused, mut singles) = (0, 0);

    for minute in 0..5 {
        for voucher in 0..MOST {
            let id = counted.refuse(&client(1), sort("A", Some(minute * MOST + voucher)));
            singles += u64::from(id.is_none());
            refused += 1;
        }
        counted.now += MINUTE;
        counted.windows.end(counted.now);
    }

    assert!(counted.windows.ended.len() <= MOST + 2);
    counted.windows.end_all();
    let told: u64 = counted
        .windows
        .ended
        .iter()
        .map(|it| it.records_count)
        .sum();
    assert_eq!(told + singles, refused);
}

#[test]
fn what_was_written_beside_what_was_not_is_not_written_again() {
    let mut counted = Counted::new();
    for reason in ["A", "B", "C"] {
        for _ in 0..=EACH {
            counted.refuse(&client(1), sort(reason, None));
        }
    }
    counted.windows.end_all();
    let reasons = |windows: &Windows| -> Vec<String> {
        let ended = windows.ended.iter();
        ended.map(|it| it.deny_reason.clone()).collect()
    };
    let ended = reasons(&counted.windows);

    counted.windows.forget(&[true, false]);

    assert_eq!(ended.len(), 3);
    assert_eq!(reasons(&counted.windows), ended[1..]);
    assert_eq!(counted.windows.held, 2);
}
