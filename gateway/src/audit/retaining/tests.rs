//! What has been kept long enough goes, on both databases, and what remains is still proven.

use futures_util::future::try_join_all;
use varco_proto::audit::v1::{Details, Record, RecordKind, Subject};
use varco_runtime::on;
use varco_runtime::store::Db;
use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::hash::Hash;
use varco_tlog::proof;

use super::*;
use crate::audit::committer::Run;
use crate::audit::deposit::Deposit;
use crate::audit::index::word::Word;
use crate::audit::proofs;
use crate::audit::testing::{Place, each_place, outcome, run, signers};
use crate::audit::verify::{Report, verify_log};

/// A town with a log on a database, and a clock that is moved.
struct Town {
    place: Place,
    register: Register,
    clock: Clock,
    first: Log,
}

impl Town {
    async fn at(place: Place, now: &str) -> Self {
        let clock = Clock::fixed(now.parse().unwrap());
        let clocked = Run {
            clock: clock.clone(),
            ..run()
        };
        let register = place.open_with(clocked, signers(7)).await.unwrap();
        let first = Log::clone(&register.log());
        Self {
            place,
            register,
            clock,
            first,
        }
    }

    /// Records of a kind, each with details.
    async fn commit(&self, kind: RecordKind, count: u128) {
        let deposit = |n| Deposit {
            record: Record {
                kind: kind.into(),
                retention_class: retention::class(kind).into(),
                ..outcome(n)
            },
            details: Some(Details {
                subjects: vec![Subject::default()],
                ..Details::default()
            }),
        };
        let commits = (0..count).map(|n| self.register.commit(deposit(n)));
        try_join_all(commits).await.unwrap();
    }

    fn retaining(&self, kept: Retention) -> Retaining {
        Retaining::of(&self.register, &self.clock, ("gw1", kept))
    }

    async fn retain(&self, now: &str, kept: Retention) {
        self.clock.set(now.parse().unwrap());
        self.retaining(kept).run().await.unwrap();
    }

    /// Verifies a log as another process does.
    async fn verify(&self, log: &Log) -> Result<Report, Error> {
        let db = beside(self.place.db()).await;
        let index = beside(self.place.index()).await;
        verify_log(&db, &index, log).await
    }

    async fn read(&self) -> Reading {
        let log = self.first.clone();
        let reading = Reading::of(self.place.db(), self.place.index(), log).await;
        reading.unwrap()
    }

    /// How many records say that something was destroyed, in the log that is written now.
    async fn told(&self) -> usize {
        let reading = self.register.reading();
        let word = Word::Kind(RecordKind::Retention.into());
        reading.indices(word, (0, u64::MAX)).await.unwrap().len()
    }

    async fn wait_for_index(&self, wanted: u64) {
        while index::segments(&mut self.place.index().read().await.unwrap(), &self.first)
            .await
            .unwrap()
            < wanted
        {
            tokio::task::yield_now().await;
        }
    }
}

const KEPT: Retention = Retention {
    calls_months: 24,
    refusals_months: 6,
    evidence_months: 120,
    record_months: 120,
};

/// As the tests of records keep them.
const SHORT: Retention = Retention {
    calls_months: 2,
    refusals_months: 1,
    evidence_months: 2,
    record_months: 2,
};

/// A database as it is opened to be read: on SQLite with one connection.
async fn beside(db: Db) -> Db {
    match &db {
        Db::Postgres(_) => db,
        Db::Sqlite { write, .. } => {
            let options = write.connect_options();
            Db::open_to_read(options.get_filename()).await.unwrap()
        }
    }
}

async fn change(db: &Db, sql: &'static str) {
    let mut tx = db.begin().await.unwrap();
    on!(&mut tx, |db| sqlx::query(sql).execute(db).await.map(drop)).unwrap();
    tx.commit().await.unwrap();
}

async fn count(db: &Db, sql: &'static str) -> i64 {
    let mut tx = db.read().await.unwrap();
    let (count,) = on!(&mut tx, |db| sqlx::query_as(sql).fetch_one(db).await).unwrap();
    count
}

/// Proves every record from an index on under the signed head.
async fn prove_from(reading: &Reading, from: u64) {
    let head = reading.head().await.unwrap().unwrap();
    let signed = Checkpoint::open(&head.note, &reading.log.vkey.parse().unwrap()).unwrap();
    for (at, leaf) in reading.leaves(from, 5000).await.unwrap() {
        let path = proofs::inclusion(reading, at, signed.size).await.unwrap();
        let hash = Hash::leaf(&leaf);
        proof::verify_inclusion(&hash, at, signed.size, &path, &signed.root).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn details_of_refusals_go_after_their_months_and_those_of_calls_stay() {
    for place in each_place().await {
        let town = Town::at(place, "2026-01-10T10:00:00Z").await;
        town.commit(RecordKind::Outcome, 20).await;
        town.commit(RecordKind::Deny, 30).await;

        town.retain("2026-07-09T10:00:00Z", KEPT).await;
        assert_eq!(town.verify(&town.first).await.unwrap().details, 50);
        town.retain("2026-07-11T10:00:00Z", KEPT).await;

        let report = town.verify(&town.first).await.unwrap();
        assert_eq!((report.details, report.details_destroyed), (20, 30));
        let reading = town.read().await;
        let a = reading.details(0, RetentionClass::A).await.unwrap();
        let b = reading.details(45, RetentionClass::B).await.unwrap();
        assert!(a.is_some() && b.is_none(), "{}", town.place.name);
        prove_from(&reading, 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn details_of_a_year_that_is_over_go_with_their_keys_and_the_new_log_says_so() {
    for place in each_place().await {
        let town = Town::at(place, "2026-01-10T10:00:00Z").await;
        town.commit(RecordKind::Outcome, 20).await;
        town.commit(RecordKind::Deny, 30).await;
        let db = town.place.db();
        assert!(count(&db, "SELECT count(*) FROM seal_key").await > 0);

        town.retain("2028-02-01T10:00:00Z", KEPT).await;

        let report = town.verify(&town.first).await.unwrap();
        assert_eq!((report.details, report.details_destroyed), (0, 50));
        assert_ne!(*town.register.log(), town.first);
        assert_eq!(town.told().await, 2);
        assert_eq!(count(&db, "SELECT count(*) FROM seal_key").await, 0);
        town.verify(&town.register.log()).await.unwrap();
        prove_from(&town.read().await, 0).await;
        town.retain("2028-02-02T10:00:00Z", KEPT).await;
        assert_eq!(town.told().await, 2, "nothing is told twice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn key_of_details_that_are_kept_for_good_stays() {
    for place in each_place().await {
        let town = Town::at(place, "2026-01-10T10:00:00Z").await;
        town.commit(RecordKind::PolicyChange, 1).await;
        town.commit(RecordKind::Deny, 1).await;

        town.retain("2028-02-01T10:00:00Z", KEPT).await;

        let report = town.verify(&town.first).await.unwrap();
        assert_eq!((report.details, report.details_destroyed), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_go_by_whole_segments_and_the_rest_is_read_found_and_proven() {
    for place in each_place().await {
        let town = Town::at(place, "2026-01-10T10:00:00Z").await;
        town.commit(RecordKind::Intent, 100).await;
        town.commit(RecordKind::Deny, 500).await;
        town.wait_for_index(2).await;

        town.retain("2026-05-10T10:00:00Z", SHORT).await;

        let report = town.verify(&town.first).await.unwrap();
        assert_eq!(report.pruned, 512, "{}", town.place.name);
        let reading = town.read().await;
        prove_from(&reading, 512).await;
        assert!(matches!(reading.leaf(3).await, Err(Error::OutOfRange)));
        let all = (0, u64::MAX);
        let refusals = Word::Kind(RecordKind::Deny.into());
        let found = reading.indices(refusals, all).await.unwrap();
        assert_eq!(found, (512..600).collect::<Vec<u64>>());
        let leaves = reading.leaves_at(&[3, 599]).await.unwrap();
        assert_eq!(leaves.len(), 1);
        assert!(
            reading
                .details(3, RetentionClass::A)
                .await
                .unwrap()
                .is_none()
        );
        // The index is all that proofs and searches need, and it is built again.
        for part in [
            "DELETE FROM tile",
            "DELETE FROM segment",
            "DELETE FROM posting",
        ] {
            change(&town.place.index(), part).await;
        }
        let again = Town::reopened(town).await;
        prove_from(&again.register.reading(), 512).await;
        again.commit(RecordKind::Deny, 300).await;
        again.wait_for_index(3).await;
        again.verify(&again.first).await.unwrap();
        prove_from(&again.read().await, 512).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn log_whose_records_are_all_gone_is_still_accounted_for_years_later() {
    for place in each_place().await {
        let town = Town::at(place, "2026-01-10T10:00:00Z").await;
        town.commit(RecordKind::Deny, 300).await;
        let db = town.place.db();

        for (turn, now) in [
            ("2027-01-02T10:00:00Z", "2027-06-01T10:00:00Z"),
            ("2028-01-02T10:00:00Z", "2028-06-01T10:00:00Z"),
        ] {
            town.clock.set(turn.parse().unwrap());
            town.register.commit(outcome(1)).await.unwrap();
            town.retain(now, SHORT).await;

            let report = town.verify(&town.first).await.unwrap();
            assert_eq!((report.pruned, report.size), (301, 301), "{now}");
            let reading = town.read().await;
            assert_eq!(reading.leaves(0, 10).await.unwrap(), []);
            assert!(reading.leaf(300).await.is_err());
        }
        town.verify(&town.register.log()).await.unwrap();
        let logs = store_log::logs(&mut db.read().await.unwrap())
            .await
            .unwrap();
        assert_eq!(logs.len(), 3);
        assert!(town.verify(&logs[1]).await.unwrap().pruned > 0);
        let left = "SELECT count(*) FROM batch b JOIN log l ON l.id = b.log WHERE l.pruned > 0";
        assert_eq!(count(&db, left).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_destroyed_without_a_record_is_found() {
    for attack in [
        "UPDATE batch SET sealed_b = NULL",
        "UPDATE log SET pruned = 256",
        "UPDATE log SET pruned = size",
    ] {
        for place in each_place().await {
            let town = Town::at(place, "2026-01-10T10:00:00Z").await;
            town.commit(RecordKind::Deny, 300).await;
            town.wait_for_index(1).await;
            // A record that speaks of less does not cover it.
            let log = &town.first;
            let class = RetentionClass::B;
            let told = town.retaining(KEPT).tell(Part { log, class }, 10).await;
            told.unwrap();

            change(&town.place.db(), attack).await;

            let found = town.verify(&town.first).await;
            assert!(matches!(found, Err(Error::Damaged { .. })), "{attack}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn process_that_was_killed_after_its_record_goes_on() {
    for place in each_place().await {
        let town = Town::at(place, "2026-01-10T10:00:00Z").await;
        town.commit(RecordKind::Deny, 30).await;
        town.clock.set("2026-08-01T10:00:00Z".parse().unwrap());
        let (log, class) = (&town.first, RetentionClass::B);
        let told = town.retaining(KEPT).tell(Part { log, class }, 30).await;
        told.unwrap();
        assert_eq!(town.verify(&town.first).await.unwrap().details, 30);

        town.retaining(KEPT).run().await.unwrap();

        let report = town.verify(&town.first).await.unwrap();
        assert_eq!((report.details, report.details_destroyed), (0, 30));
        assert_eq!(town.told().await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn process_that_was_killed_while_records_went_goes_on() {
    for place in each_place().await {
        let town = Town::at(place, "2026-01-10T10:00:00Z").await;
        town.commit(RecordKind::Deny, 600).await;
        town.wait_for_index(2).await;
        town.clock.set("2026-05-10T10:00:00Z".parse().unwrap());
        let (log, class) = (&town.first, RetentionClass::Unspecified);
        let told = town.retaining(SHORT).tell(Part { log, class }, 512).await;
        told.unwrap();
        let (db, part) = (town.place.db(), Part { log, class });
        let edge = Edge::at(512, &town.register.reading()).await.unwrap();
        slices::give_up(&db, part, (512, &edge)).await.unwrap();
        assert_eq!(town.verify(&town.first).await.unwrap().pruned, 512);

        town.retaining(SHORT).run().await.unwrap();

        let first = "SELECT MIN(first + count) FROM batch";
        assert!(count(&town.place.db(), first).await > 512);
        assert_eq!(town.verify(&town.first).await.unwrap().pruned, 512);
    }
}

impl Town {
    /// The same place, opened by another process.
    async fn reopened(self) -> Self {
        let Self {
            place,
            register,
            clock,
            ..
        } = self;
        drop(register);
        let now = clock.now().to_string();
        Self::at(place, &now).await
    }
}
