//! The writer of a log on both databases: order, recovery, and what it notices.

use std::collections::HashSet;

use varco_runtime::on;
use varco_runtime::store::testing::each_db;

use super::*;
use crate::audit::{proofs, verify};

fn signer(origin: &str) -> Result<Signer, crate::Error> {
    Ok(Signer::from_seed(origin, &[7; 32])?)
}

fn run() -> Run {
    Run {
        instance: "gw1".to_owned(),
        boot_id: Uuid::from_u128(1),
        started: Instant::now(),
        clock: Clock::fixed("2026-11-22T10:00:00Z".parse().unwrap()),
    }
}

async fn open(db: &Db, tasks: &Tasks) -> Result<Register, crate::Error> {
    Register::open(db.clone(), run(), "c_z999.audit/gw1/2026", signer, tasks).await
}

fn record(n: u128) -> Record {
    Record {
        kind: RecordKind::Outcome.into(),
        audit_id: Uuid::from_u128(n).as_bytes().to_vec().into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn concurrent_records_get_contiguous_indices_and_verify() {
    for fresh in each_db(crate::audit::MIGRATIONS).await.unwrap() {
        let register = open(&fresh.db, &Tasks::default()).await.unwrap();

        let commits = (0..600).map(|n| register.commit(record(n)));
        let receipts = futures_util::future::join_all(commits).await;

        let indices: HashSet<u64> = receipts.iter().map(|r| r.as_ref().unwrap().index).collect();
        assert_eq!(indices, (0..600).collect(), "{}", fresh.name);
        let report = verify::verify_log(&fresh.db, register.log()).await.unwrap();
        assert_eq!(report.size, 600);
    }
}

#[tokio::test]
async fn reopened_log_goes_on_where_it_was() {
    for fresh in each_db(crate::audit::MIGRATIONS).await.unwrap() {
        let first = open(&fresh.db, &Tasks::default()).await.unwrap();
        for n in 0..300 {
            first.commit(record(n)).await.unwrap();
        }
        drop(first);

        let second = open(&fresh.db, &Tasks::default()).await.unwrap();
        let receipt = second.commit(record(300)).await.unwrap();

        assert_eq!(receipt.index, 300);
        assert_eq!(
            verify::verify_log(&fresh.db, second.log())
                .await
                .unwrap()
                .size,
            301
        );
    }
}

#[tokio::test]
async fn receipt_is_provable_under_its_checkpoint() {
    for fresh in each_db(crate::audit::MIGRATIONS).await.unwrap() {
        let register = open(&fresh.db, &Tasks::default()).await.unwrap();
        register.commit(record(1)).await.unwrap();
        let receipt = register.commit(record(2)).await.unwrap();
        let verifier = register.log().vkey.parse().unwrap();

        let signed = Checkpoint::open(&receipt.checkpoint, &verifier).unwrap();
        let proof = proofs::inclusion(&fresh.db, register.log(), receipt.index, signed.size);

        let mut tx = fresh.db.read().await.unwrap();
        let origin = &register.log().origin;
        let leaves = store_log::leaves(&mut tx, origin, receipt.index, 1)
            .await
            .unwrap();
        let leaf = Hash::leaf(&leaves[0].body);
        let proof = proof.await.unwrap();
        varco_tlog::proof::verify_inclusion(
            &leaf,
            receipt.index,
            signed.size,
            &proof,
            &signed.root,
        )
        .unwrap();
    }
}

#[tokio::test]
async fn open_calls_of_a_dead_process_are_closed_once() {
    for fresh in each_db(crate::audit::MIGRATIONS).await.unwrap() {
        let register = open(&fresh.db, &Tasks::default()).await.unwrap();
        let intent = Record {
            kind: RecordKind::Intent.into(),
            ..record(5)
        };
        register.commit(intent).await.unwrap();

        assert_eq!(close_dangling(&register).await.unwrap(), 1);
        assert_eq!(close_dangling(&register).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn record_handed_over_while_the_database_is_held_stands_afterwards() {
    let fresh = each_db(crate::audit::MIGRATIONS).await.unwrap().remove(0);
    let register = open(&fresh.db, &Tasks::default()).await.unwrap();
    let held = fresh.db.begin().await.unwrap();

    let refused = register.commit(record(1)).await;
    drop(held);
    let receipt = register.commit(record(2)).await;

    assert_eq!(refused, Err(Unavailable));
    assert_eq!(receipt.unwrap().index, 1);
    let report = verify::verify_log(&fresh.db, register.log()).await.unwrap();
    assert_eq!(report.size, 2);
}

#[tokio::test]
async fn second_writer_of_one_log_is_noticed_and_loses_nothing() {
    for fresh in each_db(crate::audit::MIGRATIONS).await.unwrap() {
        let one = open(&fresh.db, &Tasks::default()).await.unwrap();
        let two = open(&fresh.db, &Tasks::default()).await.unwrap();

        one.commit(record(1)).await.unwrap();
        two.commit(record(2)).await.unwrap();

        let report = verify::verify_log(&fresh.db, one.log()).await.unwrap();
        assert_eq!(report.size, 2, "{}", fresh.name);
    }
}

#[tokio::test]
async fn records_cannot_be_changed_or_deleted() {
    for fresh in each_db(crate::audit::MIGRATIONS).await.unwrap() {
        let register = open(&fresh.db, &Tasks::default()).await.unwrap();
        register.commit(record(1)).await.unwrap();

        for attack in ["UPDATE entry SET method = 'x'", "DELETE FROM entry"] {
            let mut tx = fresh.db.begin().await.unwrap();
            let done = on!(&mut tx, |db| sqlx::query(attack)
                .execute(db)
                .await
                .map(|done| done.rows_affected()));
            assert!(done.is_err(), "{} let through: {attack}", fresh.name);
        }
    }
}

#[tokio::test]
async fn altered_database_is_found_with_its_index() {
    for fresh in each_db(crate::audit::MIGRATIONS).await.unwrap() {
        let register = open(&fresh.db, &Tasks::default()).await.unwrap();
        for n in 0..10 {
            register.commit(record(n)).await.unwrap();
        }
        let drop_guard = match fresh.name {
            "sqlite" => "DROP TRIGGER entry_no_update",
            _ => "DROP TRIGGER entry_append_only ON entry",
        };
        let mut tx = fresh.db.begin().await.unwrap();
        let attack = "UPDATE entry SET body = leaf WHERE idx = 4";
        for sql in [drop_guard, attack] {
            on!(&mut tx, |db| sqlx::query(sql)
                .execute(db)
                .await
                .map(|done| done.rows_affected()))
            .unwrap();
        }
        tx.commit().await.unwrap();

        let found = verify::verify_log(&fresh.db, register.log())
            .await
            .unwrap_err();

        assert!(matches!(found, Error::Damaged { index: 4, .. }), "{found}");
    }
}

#[tokio::test]
async fn clock_before_the_newest_record_is_refused() {
    for fresh in each_db(crate::audit::MIGRATIONS).await.unwrap() {
        let register = open(&fresh.db, &Tasks::default()).await.unwrap();
        register.commit(record(1)).await.unwrap();
        let early = Run {
            clock: Clock::fixed("2020-01-01T00:00:00Z".parse().unwrap()),
            ..run()
        };

        let refused = Register::open(fresh.db, early, "x", signer, &Tasks::default())
            .await
            .unwrap_err();

        assert!(refused.to_string().contains("set the clock"), "{refused}");
    }
}

#[tokio::test]
async fn record_hidden_from_searches_is_found_with_its_index() {
    for fresh in each_db(crate::audit::MIGRATIONS).await.unwrap() {
        let register = open(&fresh.db, &Tasks::default()).await.unwrap();
        for n in 0..5 {
            register.commit(record(n)).await.unwrap();
        }
        let drop_guard = match fresh.name {
            "sqlite" => "DROP TRIGGER entry_no_update",
            _ => "DROP TRIGGER entry_append_only ON entry",
        };
        let mut tx = fresh.db.begin().await.unwrap();
        for sql in [
            drop_guard,
            "UPDATE entry SET client_id = 'nobody' WHERE idx = 3",
        ] {
            on!(&mut tx, |db| sqlx::query(sql)
                .execute(db)
                .await
                .map(|done| done.rows_affected()))
            .unwrap();
        }
        tx.commit().await.unwrap();

        let found = verify::verify_log(&fresh.db, register.log())
            .await
            .unwrap_err();

        assert!(matches!(found, Error::Damaged { index: 3, .. }), "{found}");
    }
}

#[tokio::test]
async fn key_of_another_log_is_refused() {
    for fresh in each_db(crate::audit::MIGRATIONS).await.unwrap() {
        drop(open(&fresh.db, &Tasks::default()).await.unwrap());
        let other = |origin: &str| Ok(Signer::from_seed(origin, &[8; 32])?);

        let refused = Register::open(fresh.db, run(), "x", other, &Tasks::default()).await;

        assert!(refused.unwrap_err().to_string().contains("audit.key"));
    }
}
