//! The writer of a log on both databases: order, recovery, and what it notices.

use std::collections::HashSet;

use varco_proto::audit::v1::{Anchor, Details, LogLink, Record, RetentionClass};
use varco_runtime::on;
use varco_runtime::secret::dpo::DpoKey;
use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::hash::Hash;

use super::*;
use crate::audit::seal;
use crate::audit::testing::{each_place, outcome, run, signers};
use crate::audit::{Error, proofs};

#[tokio::test]
async fn concurrent_records_get_contiguous_indices_and_verify() {
    for place in each_place().await {
        let register = place.open().await.unwrap();

        let commits = (0..600).map(|n| register.commit(outcome(n)));
        let receipts = futures_util::future::join_all(commits).await;

        let indices: HashSet<u64> = receipts.iter().map(|r| r.as_ref().unwrap().index).collect();
        assert_eq!(indices, (0..600).collect(), "{}", place.name);
        assert_eq!(place.verify(&register).await.unwrap().size, 600);
    }
}

#[tokio::test]
async fn reopened_log_goes_on_where_it_was() {
    for place in each_place().await {
        let first = place.open().await.unwrap();
        for n in 0..300 {
            first.commit(outcome(n)).await.unwrap();
        }
        drop(first);

        let second = place.open().await.unwrap();
        let receipt = second.commit(outcome(300)).await.unwrap();

        assert_eq!(receipt.index, 300);
        assert_eq!(place.verify(&second).await.unwrap().size, 301);
    }
}

#[tokio::test]
async fn receipt_is_provable_under_its_checkpoint() {
    for place in each_place().await {
        let register = place.open().await.unwrap();
        register.commit(outcome(1)).await.unwrap();
        let receipt = register.commit(outcome(2)).await.unwrap();
        let verifier = register.log().vkey.parse().unwrap();

        let signed = Checkpoint::open(&receipt.checkpoint, &verifier).unwrap();
        let reading = register.reading();
        let proof = proofs::inclusion(&reading, receipt.index, signed.size).await;

        let leaf = Hash::leaf(&reading.leaf(receipt.index).await.unwrap());
        let proof = proof.unwrap();
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
async fn record_handed_over_while_the_database_is_held_stands_afterwards() {
    let place = each_place().await.remove(0);
    let register = place.open().await.unwrap();
    let held = place.db().begin().await.unwrap();

    let refused = register.commit(outcome(1)).await;
    drop(held);
    let receipt = register.commit(outcome(2)).await;

    assert_eq!(refused, Err(Unavailable));
    assert_eq!(receipt.unwrap().index, 1);
    assert_eq!(place.verify(&register).await.unwrap().size, 2);
}

#[tokio::test]
async fn second_writer_of_one_instance_is_refused() {
    for place in each_place().await {
        let one = place.open().await.unwrap();

        let two = place.open().await;

        let said = two.unwrap_err().to_string();
        assert!(said.contains("another gateway writes"), "{said}");
        one.commit(outcome(1)).await.unwrap();
        assert_eq!(place.verify(&one).await.unwrap().size, 1, "{}", place.name);
    }
}

#[tokio::test]
async fn batch_behind_another_head_is_refused_by_the_database_itself() {
    for place in each_place().await {
        let register = place.open().await.unwrap();
        register.commit(outcome(1)).await.unwrap();

        for first in [0_i64, 2] {
            let mut tx = place.db().begin().await.unwrap();
            let done = on!(&mut tx, |db| sqlx::query(
                "INSERT INTO appended (log, first, count, newest, checks, body, root, note) \
                 SELECT id, $1, 1, 0, $2, $2, $2, 'x' FROM log"
            )
            .bind(first)
            .bind([7_u8].as_slice())
            .execute(db)
            .await
            .map(|done| done.rows_affected()));
            assert!(
                done.is_err(),
                "{} took a second head at {first}",
                place.name
            );
        }
    }
}

#[tokio::test]
async fn records_cannot_be_changed_or_deleted() {
    for place in each_place().await {
        let register = place.open().await.unwrap();
        register.commit(outcome(1)).await.unwrap();

        for attack in [
            "UPDATE batch SET newest = 1",
            "UPDATE batch SET sealed_a = body",
            "DELETE FROM batch",
            "UPDATE log SET size = 0",
            "UPDATE log SET note = 'x'",
            "UPDATE log SET pruned = 5",
            "DELETE FROM log",
        ] {
            let mut tx = place.db().begin().await.unwrap();
            let done = on!(&mut tx, |db| sqlx::query(attack)
                .execute(db)
                .await
                .map(|done| done.rows_affected()));
            assert!(done.is_err(), "{} let through: {attack}", place.name);
        }
    }
}

#[tokio::test]
async fn details_are_sealed_beside_the_record_and_only_the_dpo_opens_them() {
    for place in each_place().await {
        let dpo = DpoKey::generate();
        let mut run = run();
        run.recipients = dpo.recipients();
        let register = place.open_with(run, signers(7)).await.unwrap();
        let details = Details {
            actor: "m.rossi".to_owned(),
            ..Default::default()
        };
        let deposit = Deposit {
            record: outcome(1),
            details: Some(details.clone()),
        };

        let receipt = register.commit(deposit).await.unwrap();

        let reading = place.read(&register).await.unwrap();
        let found = reading.details(receipt.index, RetentionClass::A).await;
        let (sealed, key) = found.unwrap().unwrap();
        assert!(!sealed.windows(7).any(|it| it == b"m.rossi"));
        let key = seal::open_key(&key, &dpo).unwrap();
        let opened = seal::open(&key, &outcome(1).audit_id, &sealed).unwrap();
        assert_eq!(Details::decode(opened.as_slice()).unwrap(), details);
        let report = place.verify(&register).await.unwrap();
        assert_eq!((report.details, report.details_destroyed), (1, 0));
    }
}

#[tokio::test]
async fn log_of_another_year_is_continued_by_a_linked_one() {
    for place in each_place().await {
        let mut run = run();
        run.clock = Clock::fixed("2026-12-31T22:59:59Z".parse().unwrap());
        let clock = run.clock.clone();
        let register = place.open_with(run, signers(7)).await.unwrap();
        register.commit(outcome(1)).await.unwrap();
        let old = register.reading();

        clock.set("2026-12-31T23:00:00Z".parse().unwrap());
        let receipt = register.commit(outcome(2)).await.unwrap();

        let new = register.reading();
        assert_eq!(receipt.index, 1);
        assert_eq!(new.log.origin, "c_z999.audit/gw1/2027");
        let last = old.record(1).await.unwrap();
        assert_eq!(last.next_origin, new.log.origin);
        let previous = new.record(0).await.unwrap().previous.unwrap();
        let head = old.head().await.unwrap().unwrap();
        assert_eq!(
            (previous.origin, previous.size, previous.root.to_vec()),
            (old.log.origin.clone(), 2, head.root)
        );
        assert_eq!(place.verify(&register).await.unwrap().size, 2);
    }
}

#[tokio::test]
async fn clock_before_the_newest_record_is_refused() {
    for place in each_place().await {
        let register = place.open().await.unwrap();
        register.commit(outcome(1)).await.unwrap();
        drop(register);
        let mut early = run();
        early.clock = Clock::fixed("2020-01-01T00:00:00Z".parse().unwrap());

        let refused = place.open_with(early, signers(7)).await.unwrap_err();

        assert!(refused.to_string().contains("set the clock"), "{refused}");
    }
}

#[tokio::test]
async fn key_of_another_log_is_refused() {
    for place in each_place().await {
        drop(place.open().await.unwrap());

        let refused = place.open_with(run(), signers(8)).await;

        assert!(refused.unwrap_err().to_string().contains("audit.key"));
    }
}

#[tokio::test]
async fn record_that_is_too_long_for_a_leaf_is_kept_without_what_others_said() {
    for place in each_place().await {
        let register = place.open().await.unwrap();
        let long = "x".repeat(70_000);
        let anchor = Anchor {
            reference: long.clone(),
            ..Anchor::default()
        };
        let previous = LogLink {
            lost_checkpoint: long,
            ..LogLink::default()
        };
        let anchored = Record {
            anchor: Some(anchor),
            ..outcome(1)
        };
        let linked = Record {
            previous: Some(previous),
            ..outcome(2)
        };

        let first = register.commit(anchored).await.unwrap();
        register.commit(linked).await.unwrap();

        assert_eq!(place.verify(&register).await.unwrap().size, 2);
        let kept = register.reading().record(first.index).await.unwrap();
        assert_eq!((kept.anchor, kept.flags), (None, 1));
    }
}

#[tokio::test]
async fn queue_is_bounded_by_bytes() {
    let place = each_place().await.remove(0);
    let register = place.open().await.unwrap();
    let held = place.db().begin().await.unwrap();
    let large = Record {
        detail: "x".repeat(1 << 20),
        ..outcome(1)
    };

    let commits = (0..40).map(|_| register.commit(large.clone()));
    let started = Instant::now();
    let refused = futures_util::future::select_ok(
        commits.map(|it| Box::pin(async move { it.await.map_or(Ok(()), |_| Err(())) })),
    )
    .await;

    // Those beyond the bound are refused at once, not after the deadline.
    assert!(refused.is_ok() && started.elapsed() < DEADLINE);
    drop(held);
    assert!(register.commit(outcome(2)).await.is_ok());
}

#[tokio::test]
async fn call_waits_a_moment_for_room_and_goes_when_there_is_none() {
    let place = each_place().await.remove(0);
    let register = place.open().await.unwrap();
    let held = place.db().begin().await.unwrap();
    let large = Record {
        detail: "x".repeat(1 << 20),
        ..outcome(1)
    };
    assert!(register.has_room().await);
    // The writer takes one and cannot write it; what comes after stays.
    register.leave(outcome(2));
    while register.shared.waiting.0.load(Ordering::Relaxed) > 0 {
        tokio::task::yield_now().await;
    }

    (0..13).for_each(|_| register.leave(large.clone()));
    let full = register.has_room().await;
    let (waited, ()) = tokio::join!(register.has_room(), async { drop(held) });

    assert!(!full);
    // Whether it came within the moment is for the disk to say; that it comes is not.
    let room = async {
        while !register.has_room().await {
            tokio::task::yield_now().await;
        }
    };
    assert!(waited || tokio::time::timeout(DEADLINE * 5, room).await.is_ok());
}

#[tokio::test]
async fn damage_is_found_where_it_is() {
    for place in each_place().await {
        let register = place.open().await.unwrap();
        for n in 0..10 {
            register.commit(outcome(n)).await.unwrap();
        }
        let drop_guard = match place.name {
            "sqlite" => "DROP TRIGGER batch_no_update",
            _ => "DROP TRIGGER batch_append_only ON batch",
        };
        let attack = "UPDATE batch SET body = (SELECT b.body FROM batch b WHERE b.first = 3) \
                      WHERE first = 4";
        for sql in [drop_guard, attack] {
            let mut tx = place.db().begin().await.unwrap();
            on!(&mut tx, |db| sqlx::query(sql)
                .execute(db)
                .await
                .map(|done| done.rows_affected()))
            .unwrap();
            tx.commit().await.unwrap();
        }

        let found = place.verify(&register).await.unwrap_err();

        assert!(matches!(found, Error::Damaged { index: 4, .. }), "{found}");
    }
}
