//! Whatever is altered in the databases of a log is found, and where it is.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use varco_proto::audit::v1::{Details, Record, RecordKind, Subject};
use varco_runtime::on;
use varco_runtime::store::Db;

use super::*;
use crate::audit::committer::{Receipt, Register};
use crate::audit::deposit::Deposit;
use crate::audit::testing::{Place, anchor, each_place, outcome, signers};

/// A column of bytes whose bits are flipped: where it is read and written by rowid, and whose leaves it is
/// about.
struct Column {
    name: &'static str,
    rows: &'static str,
    write: &'static str,
    range: Range,
}

/// Which indices may be named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Range {
    /// Those of the batch.
    Batch,
    /// Any: it is about the whole log.
    Any,
}

const EVIDENCE: [Column; 6] = [
    Column {
        name: "batch.body",
        rows: "SELECT rowid, body, first, count FROM batch ORDER BY first",
        write: "UPDATE batch SET body = $2 WHERE rowid = $1",
        range: Range::Batch,
    },
    Column {
        name: "batch.checks",
        rows: "SELECT rowid, checks, first, count FROM batch ORDER BY first",
        write: "UPDATE batch SET checks = $2 WHERE rowid = $1",
        range: Range::Batch,
    },
    Column {
        name: "batch.sealed_a",
        rows: "SELECT rowid, sealed_a, first, count FROM batch WHERE sealed_a IS NOT NULL ORDER BY first",
        write: "UPDATE batch SET sealed_a = $2 WHERE rowid = $1",
        range: Range::Batch,
    },
    Column {
        name: "seal_key.sealed",
        rows: "SELECT rowid, sealed, 0, 0 FROM seal_key",
        write: "UPDATE seal_key SET sealed = $2 WHERE rowid = $1",
        range: Range::Any,
    },
    Column {
        name: "log.root",
        rows: "SELECT id, root, 0, 0 FROM log",
        write: "UPDATE log SET root = $2 WHERE id = $1",
        range: Range::Any,
    },
    Column {
        name: "log.note",
        rows: "SELECT id, CAST(note AS BLOB), 0, 0 FROM log",
        write: "UPDATE log SET note = CAST($2 AS TEXT) WHERE id = $1",
        range: Range::Any,
    },
];

const INDEX: [Column; 3] = [
    Column {
        name: "tile.data",
        rows: "SELECT rowid, data, 0, 0 FROM tile",
        write: "UPDATE tile SET data = $2 WHERE rowid = $1",
        range: Range::Any,
    },
    Column {
        name: "posting.data",
        rows: "SELECT rowid, data, 0, 0 FROM posting",
        write: "UPDATE posting SET data = $2 WHERE rowid = $1",
        range: Range::Any,
    },
    Column {
        name: "segment.open",
        rows: "SELECT rowid, open, 0, 0 FROM segment WHERE length(open) > 0",
        write: "UPDATE segment SET open = $2 WHERE rowid = $1",
        range: Range::Any,
    },
];

/// A log with details, on SQLite, whose guards an attacker has taken away.
async fn attacked(records: u128) -> (Place, Register) {
    let place = each_place().await.remove(0);
    let register = place.open().await.unwrap();
    for n in 0..records {
        let kind = match n % 5 {
            0 => RecordKind::Intent,
            _ => RecordKind::Outcome,
        };
        let record = Record {
            kind: kind.into(),
            subject_refs: vec![vec![u8::try_from(n % 9).unwrap(); 16].into()],
            ..outcome(n)
        };
        let details = Details {
            subjects: vec![Subject::default()],
            ..Details::default()
        };
        let details = (n % 3 == 0).then_some(details);
        // Some stand alone, some in a group.
        let deposits = (0..=n % 4).map(|_| Deposit {
            record: record.clone(),
            details: details.clone(),
        });
        let commits = deposits.map(|deposit| register.commit(deposit));
        futures_util::future::try_join_all(commits).await.unwrap();
    }
    for guard in [
        "DROP TRIGGER batch_no_update",
        "DROP TRIGGER batch_no_delete",
        "DROP TRIGGER log_only_grows",
    ] {
        run(&place.db(), guard).await;
    }
    (place, register)
}

async fn run(db: &Db, sql: &'static str) {
    let mut tx = db.begin().await.unwrap();
    on!(&mut tx, |db| sqlx::query(sql).execute(db).await.map(drop)).unwrap();
    tx.commit().await.unwrap();
}

async fn rows(db: &Db, column: &Column) -> Vec<(i64, Vec<u8>, i64, i64)> {
    let mut tx = db.read().await.unwrap();
    on!(&mut tx, |db| sqlx::query_as(column.rows)
        .fetch_all(db)
        .await)
    .unwrap()
}

async fn write(db: &Db, column: &Column, rowid: i64, value: &[u8]) {
    let mut tx = db.begin().await.unwrap();
    on!(&mut tx, |db| sqlx::query(column.write)
        .bind(rowid)
        .bind(value)
        .execute(db)
        .await
        .map(drop))
    .unwrap();
    tx.commit().await.unwrap();
}

/// Flips one bit, verifies, and puts it back.
async fn flip(
    (place, register): (&Place, &Register),
    db: &Db,
    column: &Column,
    random: &mut ChaCha8Rng,
) {
    let rows = rows(db, column).await;
    let pick = |random: &mut ChaCha8Rng, of: usize| {
        usize::try_from(random.next_u64()).unwrap_or(usize::MAX) % of
    };
    let (rowid, value, first, count) = rows[pick(random, rows.len())].clone();
    let (place_of, bit) = (pick(random, value.len()), random.next_u32() % 8);
    let mut flipped = value.clone();
    flipped[place_of] ^= 1 << bit;
    // A text that is no UTF-8 could not be stored by an attacker who wants it read.
    if column.name == "log.note" && std::str::from_utf8(&flipped).is_err() {
        return;
    }
    write(db, column, rowid, &flipped).await;

    let found = place.verify(register).await;

    let told = format!(
        "{} row {rowid} byte {place_of} bit {bit}: {found:?}",
        column.name
    );
    let found = found.expect_err(&told);
    if column.range == Range::Batch {
        let Error::Damaged { index, .. } = found else {
            panic!("{told}");
        };
        let index = index.cast_signed();
        assert!((first..first + count).contains(&index), "{told}");
        if column.name == "batch.body" {
            assert_eq!(index, leaf_of(&value, place_of, first), "{told}");
        }
    }
    write(db, column, rowid, &value).await;
}

/// The leaf to which a byte of a batch belongs; the first, where it is a length.
fn leaf_of(body: &[u8], place: usize, first: i64) -> i64 {
    let (mut at, mut index) = (0, first);
    while at < body.len() {
        let length = usize::from(u16::from_be_bytes([body[at], body[at + 1]]));
        if place < at + 2 {
            return first;
        }
        if place < at + 2 + length {
            return index;
        }
        at += 2 + length;
        index += 1;
    }
    unreachable!()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flipped_bit_of_the_records_is_found_where_it_is() {
    let (place, register) = attacked(24).await;
    let mut random = ChaCha8Rng::seed_from_u64(1);
    place.verify(&register).await.unwrap();

    for turn in 0..1900 {
        let column = &EVIDENCE[turn % EVIDENCE.len()];
        flip((&place, &register), &place.db(), column, &mut random).await;
    }

    place.verify(&register).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flipped_bit_of_the_index_is_found() {
    let (place, register) = attacked(240).await;
    wait_for_index(&place, 2).await;
    let mut random = ChaCha8Rng::seed_from_u64(2);
    place.verify(&register).await.unwrap();

    for turn in 0..150 {
        let column = &INDEX[turn % INDEX.len()];
        flip((&place, &register), &place.index(), column, &mut random).await;
    }

    place.verify(&register).await.unwrap();
}

async fn wait_for_index(place: &Place, segments: i64) {
    loop {
        let mut tx = place.index().read().await.unwrap();
        let counted = on!(&mut tx, |db| sqlx::query_as("SELECT count(*) FROM segment")
            .fetch_one(db)
            .await);
        let (count,): (i64,) = counted.unwrap();
        if count >= segments {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_swapped_inserted_and_moved_rows_are_found() {
    for attack in [
        "DELETE FROM batch WHERE first = (SELECT MAX(first) FROM batch)",
        "DELETE FROM batch WHERE first = 0",
        "DELETE FROM batch WHERE first = 3",
        "DELETE FROM seal_key",
        "UPDATE batch SET sealed_a = NULL WHERE first = 0",
        "UPDATE batch SET sealed_b = sealed_a WHERE first = 0",
        "UPDATE batch SET newest = newest + 1 WHERE first = 3",
        "UPDATE batch SET count = count + 1 WHERE first = 3",
        "UPDATE batch SET first = first + 1 WHERE first = (SELECT MAX(first) FROM batch)",
        "UPDATE batch SET body = (SELECT b.body FROM batch b WHERE b.first = 0), \
         checks = (SELECT b.checks FROM batch b WHERE b.first = 0) WHERE first = 10 AND count = 1",
        "INSERT INTO batch (log, first, count, newest, checks, body) \
         SELECT MAX(log), MAX(first) + 100, 1, 0, x'00', x'00' FROM batch",
        "UPDATE log SET size = size - 1",
        "UPDATE log SET size = size + 1",
        "UPDATE log SET pruned = 256",
    ] {
        let (place, register) = attacked(24).await;
        place.verify(&register).await.unwrap();

        run(&place.db(), attack).await;

        let found = place.verify(&register).await;
        assert!(found.is_err(), "not found: {attack}");
    }
}

#[tokio::test]
async fn anchored_checkpoint_must_be_a_head_of_the_log() {
    for place in each_place().await {
        let register = place.open().await.unwrap();
        let receipt = register.commit(outcome(1)).await.unwrap();
        register
            .commit(anchor(&receipt, "protocollo"))
            .await
            .unwrap();
        let anchored = place.verify(&register).await.unwrap().anchors;

        // What the log's key has signed beside this log.
        let forked = Checkpoint {
            origin: register.log().origin.clone(),
            size: 2,
            root: Hash::leaf(b"another history"),
        };
        let signer = signers(7)(&forked.origin).unwrap();
        let other = Receipt {
            index: 1,
            checkpoint: forked.sign(&signer).unwrap().into(),
            ..receipt
        };
        let told = register.commit(anchor(&other, "albo")).await.unwrap();
        let found = place.verify(&register).await.unwrap_err();

        assert_eq!(anchored, 1);
        assert!(
            matches!(found, Error::Damaged { index, .. } if index == told.index),
            "{found}"
        );
    }
}
