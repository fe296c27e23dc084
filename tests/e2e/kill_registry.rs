//! kill -9 while registry files are applied: what is left is one of them, whole.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::task::JoinSet;
use varco_runtime::store::Db;
use varco_tests::process::Process;
use varco_tests::program::Program;
use varco_tests::wait::until;

use crate::PROGRAM;

const KILLS: usize = 15;
/// Entries that a file changes: enough for a kill to fall between two of them.
const ENTRIES: usize = 60;
const VARIANTS: [&str; 2] = ["variante-a", "variante-b"];

/// What the loop of applications has come to.
#[derive(Default)]
struct Progress {
    /// The variant that was acknowledged last; none before the first.
    acknowledged: Option<usize>,
    /// The variant that is being applied.
    attempted: Option<usize>,
    /// How many were acknowledged, and how long the last one took.
    done: u32,
    took: Duration,
}

/// What the database holds.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    epoch: i64,
    /// The variant of all entries; none when there are no entries yet.
    variant: Option<usize>,
}

#[tokio::test(flavor = "multi_thread")]
async fn registry_that_is_killed_while_it_is_applied_is_one_file_or_the_other() {
    let mut town = Process::new(PROGRAM);
    let folder = tempfile::tempdir().unwrap();
    let files = VARIANTS.map(|variant| {
        let file = folder.path().join(format!("{variant}.toml"));
        std::fs::write(&file, document(variant)).unwrap();
        file
    });
    let progress = Arc::new(Mutex::new(Progress::default()));
    let mut before = Held {
        epoch: 0,
        variant: None,
    };
    let mut in_flight_won = 0;

    town.start();
    for kill in 0..KILLS {
        let mut applying = JoinSet::new();
        applying.spawn(apply(town.program(), files.clone(), Arc::clone(&progress)));
        // Somewhere within an application: after a few that were acknowledged, by a part of the
        // time that one takes.
        let enough = progress.lock().await.done + u32::try_from(kill % 3).unwrap() + 1;
        let reached = async || (progress.lock().await.done >= enough).then_some(());
        until("applied files", reached).await;
        let moment = progress.lock().await.took * u32::try_from(kill % 8).unwrap() / 7;
        tokio::time::sleep(moment).await;
        town.kill();
        applying.join_all().await;

        town.start();
        let held = held(&town).await;
        let progress = progress.lock().await;
        let attempted = progress.attempted;
        assert!(held.epoch >= before.epoch, "{before:?}, then {held:?}");
        assert!(
            held.variant == progress.acknowledged || held.variant == attempted,
            "kill {kill}: {held:?}, acknowledged {:?}, in flight {attempted:?}",
            progress.acknowledged
        );
        in_flight_won += u32::from(held.variant != progress.acknowledged);
        assert_eq!(served(&town).await, held.variant, "kill {kill}");
        before = held;
    }

    eprintln!("{in_flight_won} of {KILLS} applications were whole though nobody was told");
    let last = town.program();
    last.done(&["apply", "-f", files[0].to_str().unwrap()])
        .await;
    assert_eq!(held(&town).await.variant, Some(0));
    assert_eq!(town.terminate(), Some(0));
}

/// Applies one file after the other until the town is gone.
async fn apply(program: Program, files: [PathBuf; 2], progress: Arc<Mutex<Progress>>) {
    let first = progress
        .lock()
        .await
        .acknowledged
        .map_or(0, |last| 1 - last);
    for turn in first.. {
        let (variant, begun) = (turn % 2, Instant::now());
        progress.lock().await.attempted = Some(variant);
        let ran = program
            .run(&["apply", "-f", files[variant].to_str().unwrap()])
            .await;
        if ran.code != Some(0) {
            return;
        }
        let mut progress = progress.lock().await;
        progress.acknowledged = Some(variant);
        progress.took = begun.elapsed();
        progress.done += 1;
    }
}

/// A registry file whose every entry says which file it is.
fn document(variant: &str) -> String {
    let entry = |number| {
        format!(
            "[[tenant]]\nname = \"prova-{number:02}\"\ntitle = \"{variant}\"\nipa = \"c_z999\"\n"
        )
    };
    (0..ENTRIES).map(entry).collect()
}

/// What the database holds, after checking that nothing in it is half done.
async fn held(town: &Process) -> Held {
    let db = Db::open_to_read(&town.data().join("gateway.db")).await;
    let mut tx = db.unwrap().read().await.unwrap();
    let (epoch, newest): (i64, i64) = varco_runtime::on!(&mut tx, |db| sqlx::query_as(
        "SELECT (SELECT ultimo FROM epoch), (SELECT MAX(epoch) FROM event)"
    )
    .fetch_one(db)
    .await)
    .unwrap();
    assert_eq!(epoch, newest, "an epoch without its events");

    let bodies: Vec<(String, String)> = varco_runtime::on!(&mut tx, |db| sqlx::query_as(
        "SELECT entry.body, (SELECT event.body FROM event WHERE event.entry = entry.id \
           ORDER BY event.epoch DESC LIMIT 1) \
         FROM entry WHERE kind = 'tenant' AND name LIKE 'prova-%'"
    )
    .fetch_all(db)
    .await)
    .unwrap();
    for (body, event) in &bodies {
        assert_eq!(body, event, "an entry is not as its last event left it");
    }
    let counts: Vec<(i64,)> = varco_runtime::on!(&mut tx, |db| sqlx::query_as(
        "SELECT COUNT(*) FROM event JOIN entry ON entry.id = event.entry \
         WHERE entry.kind = 'tenant' AND entry.name LIKE 'prova-%' GROUP BY event.epoch"
    )
    .fetch_all(db)
    .await)
    .unwrap();
    let whole = i64::try_from(ENTRIES).unwrap();
    assert!(
        counts.iter().all(|(count,)| *count == whole),
        "epochs of {counts:?} events"
    );

    let of = |variant: &&str| {
        bodies
            .iter()
            .filter(|(body, _)| body.contains(*variant))
            .count()
    };
    let variant = which(VARIANTS.each_ref().map(of));
    Held { epoch, variant }
}

/// The variant that the town itself tells.
async fn served(town: &Process) -> Option<usize> {
    let told = town.program().json(&["get", "tenant"]).await.to_string();
    which(VARIANTS.map(|variant| told.matches(variant).count()))
}

/// The one variant that all entries are of.
fn which(counts: [usize; 2]) -> Option<usize> {
    match counts {
        [0, 0] => None,
        [ENTRIES, 0] => Some(0),
        [0, ENTRIES] => Some(1),
        mixed => panic!("a mixture of both files: {mixed:?}"),
    }
}
