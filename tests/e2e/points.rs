//! The process dies at each named point of a call of each kind: the register of accesses is whole
//! afterwards, and nobody has got what it does not tell.
//!
//! The tests must be able to fail: with each fault that the feature knows, the same look finds it.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use varco_gateway::points::{ALL, Point, Spoiled};

use calls::{KINDS, Kind, Seen};
use invariants::violations;
use lane::Lane;

mod alone;
mod calls;
mod invariants;
mod lane;

/// Towns that die side by side.
const LANES: usize = 2;

#[test]
fn register_is_whole_wherever_the_process_dies() {
    let lanes: Vec<_> = (0..LANES)
        .map(|lane| ALL.into_iter().skip(lane).step_by(LANES).collect())
        .map(|points| std::thread::spawn(|| runtime().block_on(die_at(points))))
        .collect();

    let died = lanes.into_iter().flat_map(|lane| lane.join().unwrap());
    let died: Vec<(Point, Kind)> = died.collect();

    eprintln!("{} deaths at {} points", died.len(), ALL.len());
    for point in ALL {
        let kinds: Vec<_> = died.iter().filter(|(at, _)| *at == point).collect();
        assert_eq!(kinds.len(), reaching(point), "{point:?}: {kinds:?}");
    }
}

/// One for each town: starting one waits, and must not hold the other up.
fn runtime() -> Runtime {
    let runtime = Builder::new_multi_thread().enable_all().build();
    runtime.unwrap()
}

/// How many kinds of calls come by a point.
fn reaching(point: Point) -> usize {
    match point {
        Point::IntentBefore | Point::IntentAfter | Point::AnswerHeld | Point::ReleaseBefore => 2,
        Point::ForwardBefore | Point::ForwardAfter => 3,
        Point::ProgressBefore
        | Point::ProgressAfter
        | Point::PieceBefore
        | Point::PieceAfter
        | Point::OutcomeBefore
        | Point::TrailersBefore
        | Point::TrailersAfter
        | Point::RefusalBefore
        | Point::RefusalAfter => 1,
        _ => KINDS.len(),
    }
}

/// Has a town die at points of each kind of call; gives where it did.
async fn die_at(points: Vec<Point>) -> Vec<(Point, Kind)> {
    let mut lane = Lane::start().await;
    let mut died = Vec::new();
    for point in points {
        for kind in KINDS {
            lane.arm(point);
            let seen = kind.call(&lane).await;
            if lane.has_died(patience(point)).await {
                died.push((point, kind));
            }
            assert_whole(&lane, &seen, format!("{point:?}, {kind}")).await;
        }
    }
    let told = lane.town.program().json(&["audit", "reconcile"]).await;
    assert_eq!(told["differences"], 0, "{told:#}");
    assert_eq!(lane.town.terminate(), Some(0));
    died
}

async fn assert_whole(lane: &Lane, seen: &Seen, at: String) {
    // The last record of a call that nobody waits for comes by itself.
    let whole = async {
        while !violations(&lane.config(), seen).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    if tokio::time::timeout(varco_tests::PATIENCE, whole)
        .await
        .is_err()
    {
        panic!("{at}: {:?}", violations(&lane.config(), seen).await);
    }
}

/// How long after a call the process may come by: the mark is set every few seconds.
fn patience(point: Point) -> Duration {
    match point {
        Point::MarkBefore | Point::MarkAfter => Duration::from_secs(15),
        _ => Duration::from_millis(300),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_before_its_record_would_be_noticed() {
    let mut lane = Lane::start_spoiled(Spoiled::DataFirst).await;

    lane.arm(Point::CommitBefore);
    let seen = Kind::Read.call(&lane).await;

    assert!(lane.has_died(varco_tests::PATIENCE).await);
    let found = violations(&lane.config(), &seen).await;
    let noticed = found
        .iter()
        .any(|it| it.starts_with("released and not recorded"));
    assert!(noticed, "{seen:?}: {found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn record_that_is_not_in_the_tree_would_be_noticed() {
    let lane = Lane::start_spoiled(Spoiled::Unpushed).await;

    let seen = Kind::Read.call(&lane).await;

    assert!(seen.index.is_some(), "{seen:?}");
    let found = violations(&lane.config(), &seen).await;
    assert!(
        found.iter().any(|it| it.starts_with("the log: ")),
        "{found:?}"
    );
}
