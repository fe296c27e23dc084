//! What a witness promises on each database: forward only, one history, durable before said.

use std::collections::BTreeSet;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::task::JoinSet;
use varco_runtime::on;
use varco_runtime::store::testing::each_db;

use super::*;
use crate::MIGRATIONS;
use crate::testing::{Log, ORIGIN, clock, open, settings, time_of};

fn honest() -> Log {
    Log::new(ORIGIN, 1)
}

fn refusal(answer: Result<String, Error>) -> Refusal {
    match answer {
        Err(Error::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

async fn stored(witness: &Witness) -> u64 {
    witness.latest(ORIGIN).await.unwrap().unwrap().size
}

#[tokio::test]
async fn checkpoint_is_cosigned_with_the_time_and_kept() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let folder = TempDir::new().unwrap();
        let witness = open(folder.path(), &fresh.db).await.unwrap();
        let log = honest();

        let line = witness.add_checkpoint(&log.request(0, 5)).await.unwrap();

        let now = u64::try_from(clock().unix()).unwrap();
        assert_eq!(time_of(&line, &log, 5, &witness), Some(now));
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, ORIGIN.as_bytes());
        let shown = witness.checkpoint(hash.as_ref()).await.unwrap();
        assert_eq!(shown, Some(log.note(5) + &line), "{}", fresh.name);
        assert_eq!(witness.checkpoint(&[0; 32]).await.unwrap(), None);
    }
}

#[tokio::test]
async fn every_refusal_leaves_the_state_as_it_was() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let folder = TempDir::new().unwrap();
        let witness = open(folder.path(), &fresh.db).await.unwrap();
        let (log, other) = (honest(), Log::new(ORIGIN, 2));
        witness.add_checkpoint(&log.request(0, 5)).await.unwrap();
        let stranger = log.request(5, 9).replace("c_z999", "c_z998");
        let cases = [
            (String::new(), Refusal::Malformed),
            (stranger, Refusal::UnknownLog),
            (
                log.request(5, 9).replace("\n9\n", "\n8\n"),
                Refusal::Untrusted,
            ),
            (log.request(6, 5), Refusal::Shrinking),
            (log.request(0, 9), Refusal::Stale(5)),
            (log.request(4, 4), Refusal::Stale(5)),
            (log.request(9, 9), Refusal::Stale(5)),
            (other.request(5, 9), Refusal::Inconsistent),
            (other.request(5, 5), Refusal::Inconsistent),
        ];

        for (body, expected) in cases {
            let refused = refusal(witness.add_checkpoint(&body).await);

            assert_eq!(refused, expected, "{}: {body}", fresh.name);
        }
        assert_eq!(stored(&witness).await, 5);
        assert!(witness.add_checkpoint(&log.request(5, 9)).await.is_ok());
    }
}

#[tokio::test]
async fn each_year_of_a_log_has_a_state_of_its_own() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let folder = TempDir::new().unwrap();
        let witness = open(folder.path(), &fresh.db).await.unwrap();
        let next = Log::new("c_z999.audit/gw1/2027-e2", 7);
        witness
            .add_checkpoint(&honest().request(0, 9))
            .await
            .unwrap();

        let line = witness.add_checkpoint(&next.request(0, 2)).await.unwrap();

        assert!(time_of(&line, &next, 2, &witness).is_some());
        assert_eq!(stored(&witness).await, 9);
    }
}

/// T-L6: a thousand requests at once, of an honest log and of one that rewrites itself.
#[tokio::test(flavor = "multi_thread")]
async fn race_of_a_thousand_requests_never_rolls_back() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let folder = TempDir::new().unwrap();
        let witness = Arc::new(open(folder.path(), &fresh.db).await.unwrap());
        let logs = [honest(), Log::new(ORIGIN, 2)].map(Arc::new);
        let mut racing = JoinSet::new();

        // Each asks from where the witness said to be, as logs do, until it is cosigned or refused.
        for nth in 0..1_000_u64 {
            let (witness, log) = (
                Arc::clone(&witness),
                Arc::clone(&logs[usize::from(nth % 3 == 0)]),
            );
            racing.spawn(
                async move { persist(&witness, &log, nth % 3 == 0, 1 + nth * 7 % 256).await },
            );
        }
        let accepted: Vec<Accepted> = racing.join_all().await.into_iter().flatten().collect();

        let histories: BTreeSet<bool> = accepted.iter().map(|it| it.rewritten).collect();
        assert_eq!(
            histories.len(),
            1,
            "{}: two histories were cosigned",
            fresh.name
        );
        // Steps that grew follow each other: each begins where another ended, and none twice.
        let mut grown: Vec<&Accepted> = accepted.iter().filter(|it| it.old < it.new).collect();
        grown.sort_by_key(|it| it.old);
        let mut at = 0;
        for step in &grown {
            assert_eq!(step.old, at, "{}", fresh.name);
            at = step.new;
        }
        assert_eq!(stored(&witness).await, at);
        assert!(!grown.is_empty());
    }
}

/// A request that was cosigned.
#[derive(Debug)]
struct Accepted {
    rewritten: bool,
    old: u64,
    new: u64,
}

async fn persist(witness: &Witness, log: &Log, rewritten: bool, new: u64) -> Option<Accepted> {
    let mut old = 0;
    loop {
        match witness.add_checkpoint(&log.request(old, new)).await {
            Ok(line) => {
                assert!(time_of(&line, log, new, witness).is_some());
                return Some(Accepted {
                    rewritten,
                    old,
                    new,
                });
            }
            Err(Error::Refused(Refusal::Stale(size))) if size <= new => {
                assert!(size > old, "went back from {old} to {size}");
                old = size;
            }
            Err(Error::Refused(Refusal::Stale(_) | Refusal::Inconsistent)) => return None,
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[tokio::test]
async fn restarted_witness_knows_what_it_has_cosigned() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let folder = TempDir::new().unwrap();
        let witness = open(folder.path(), &fresh.db).await.unwrap();
        witness
            .add_checkpoint(&honest().request(0, 9))
            .await
            .unwrap();
        let vkey = witness.vkey();
        drop(witness);

        let again = open(folder.path(), &fresh.db).await.unwrap();

        assert_eq!(again.vkey(), vkey);
        let refused = refusal(again.add_checkpoint(&honest().request(0, 4)).await);
        assert_eq!(refused, Refusal::Stale(9), "{}", fresh.name);
    }
}

#[tokio::test]
async fn state_refuses_to_go_back_whoever_asks() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let folder = TempDir::new().unwrap();
        let witness = open(folder.path(), &fresh.db).await.unwrap();
        witness
            .add_checkpoint(&honest().request(0, 9))
            .await
            .unwrap();

        for statement in [
            "UPDATE head SET size = 8",
            "UPDATE head SET root = (SELECT origin_hash FROM head)",
            "UPDATE head SET origin = 'another'",
            "DELETE FROM head",
            "UPDATE identity SET vkey = 'another'",
            "DELETE FROM identity",
        ] {
            let mut tx = fresh.db.begin().await.unwrap();
            let done = on!(&mut tx, |db| sqlx::query(statement)
                .execute(db)
                .await
                .map(drop));
            assert!(done.is_err(), "{}: {statement}", fresh.name);
        }
        assert_eq!(stored(&witness).await, 9);
    }
}

#[tokio::test]
async fn key_is_made_once_and_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let folder = TempDir::new().unwrap();

        let first = open(folder.path(), &fresh.db).await.unwrap().vkey();

        let file = folder.path().join("witness.key");
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(open(folder.path(), &fresh.db).await.unwrap().vkey(), first);
    }
}

#[tokio::test]
async fn state_without_its_key_is_refused() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        drop(open(folder.path(), &fresh.db).await.unwrap());
        let elsewhere = each_db(MIGRATIONS).await.unwrap().remove(0);
        drop(open(other.path(), &elsewhere.db).await.unwrap());
        let file = folder.path().join("witness.key");

        let mut renamed = settings();
        renamed.name = "another.example".to_owned();
        let renamed = Witness::open(&renamed, folder.path(), fresh.db.clone(), clock()).await;
        let strange = open(other.path(), &fresh.db).await;
        std::fs::write(&file, "no key").unwrap();
        let torn = open(folder.path(), &fresh.db).await;
        std::fs::remove_file(&file).unwrap();
        let missing = open(folder.path(), &fresh.db).await;

        assert!(matches!(renamed, Err(Error::AnotherKey(_))));
        assert!(matches!(strange, Err(Error::AnotherKey(_))));
        assert!(matches!(torn, Err(Error::Key(_))));
        assert!(matches!(missing, Err(Error::KeyMissing(_))));
        assert!(!file.exists());
    }
}

#[tokio::test]
async fn name_that_no_cosignature_can_carry_is_refused() {
    let fresh = each_db(MIGRATIONS).await.unwrap().remove(0);
    let folder = TempDir::new().unwrap();
    let mut bad = settings();
    bad.name = "il testimone".to_owned();

    let refused = Witness::open(&bad, folder.path(), fresh.db.clone(), clock()).await;

    assert!(matches!(refused, Err(Error::Name)));
}
