//! How long the answer to a person who asks about their own data takes (GDPR art. 15).
//!
//! A town in this process answers real calls, so that records are as long as they are and their
//! details sealed: 1 000 about one person among those about others, `VARCO_BENCH_CALLS` in all (20 000
//! when it is not set). Then the program makes the report as the DPO does, from its start to its end:
//! anagrafe asked, the register searched, PDF and CSV written; once more with every sealed detail
//! opened. Run it in release, on a machine that does nothing else:
//! `cargo bench -p varco-tests --bench subject`.

#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark reads its size from the environment, prints its figures and fails by panicking"
)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::task::JoinSet;
use varco::sample::{SEED, popolazione};
use varco_proto::anagrafe::v1::anagrafe_service_client::AnagrafeServiceClient;
use varco_proto::anagrafe::v1::{FamigliaView, GetFamigliaRequest};
use varco_runtime::client::Authorized;
use varco_runtime::clock::Clock;
use varco_tests::comune::Comune;

const ABOUT_THE_PERSON: usize = 1000;
const CALLERS: usize = 32;
const PROGRAM: &str = env!("CARGO_BIN_EXE_varco-under-test");
const RUNS: usize = 5;

#[tokio::main]
async fn main() {
    let people = popolazione::popolazione(SEED);
    let (person, _) = popolazione::applicant(&people).unwrap();
    let person = person.codice_fiscale.as_str();
    let everybody = people.persone.iter();
    let codes: Vec<String> = everybody
        .map(|it| it.codice_fiscale.as_str().to_owned())
        .filter(|it| it != person)
        .collect();
    let comune = Comune::start_with(Clock::system(), |config| {
        config.gateway.limits.calls_per_second = 100_000;
    })
    .await;
    fill(&comune, plan(person, &codes)).await;
    for (what, more) in [
        ("report", &[][..]),
        ("report with operators", &["--with-operators"]),
    ] {
        measure(&comune, what, &[&["--cf", person], more].concat()).await;
    }
    println!("bound: 10 s");
    comune.stop().await;
}

/// Whom each call is about: the person's calls lie spread among the others'.
fn plan(person: &str, others: &[String]) -> Vec<String> {
    let wanted = std::env::var("VARCO_BENCH_CALLS");
    let wanted: usize = wanted.map_or(20_000, |it| it.parse().unwrap());
    let every = (wanted / ABOUT_THE_PERSON).max(1);
    let calls = 0..wanted.max(ABOUT_THE_PERSON);
    let about = |call: usize| {
        if call.is_multiple_of(every) && call / every < ABOUT_THE_PERSON {
            person.to_owned()
        } else {
            others[call % others.len()].clone()
        }
    };
    calls.map(about).collect()
}

async fn fill(comune: &Comune, plan: Vec<String>) {
    let purpose = comune.client("tributi").purpose("accertamento-famiglia");
    let client = AnagrafeServiceClient::new(purpose.unwrap());
    let (plan, next) = (Arc::new(plan), Arc::new(AtomicUsize::new(0)));
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..CALLERS {
        running.spawn(call(client.clone(), Arc::clone(&plan), Arc::clone(&next)));
    }
    running.join_all().await;
    let (count, lasted) = (plan.len(), begun.elapsed().as_secs_f64());
    println!("{count} calls, {ABOUT_THE_PERSON} about the person, in {lasted:.1} s");
}

/// Takes call after call, whatever comes of it: who has died has no family any more.
async fn call(
    mut client: AnagrafeServiceClient<Authorized>,
    plan: Arc<Vec<String>>,
    next: Arc<AtomicUsize>,
) {
    while let Some(code) = plan.get(next.fetch_add(1, Ordering::Relaxed)) {
        let request = GetFamigliaRequest {
            codice_fiscale: Some(code.clone()),
            view: Some(FamigliaView::Count.into()),
            data: None,
        };
        let _ = client.get_famiglia(request).await;
    }
}

async fn measure(comune: &Comune, what: &str, arguments: &[&str]) {
    let program = comune.program(PROGRAM);
    let folder = comune.path().join("istanza");
    let to = ["--to", folder.to_str().unwrap()];
    let mut took = Vec::new();
    for _ in 0..RUNS {
        let begun = Instant::now();
        program
            .done(&[&["audit", "subject"], arguments, &to].concat())
            .await;
        took.push(begun.elapsed().as_secs_f64());
    }
    took.sort_by(f64::total_cmp);
    println!(
        "{what:24} {:7.2} s   ({:.2} to {:.2}): {} accesses, PDF {} kB, CSV {} kB",
        took[RUNS / 2],
        took[0],
        took[RUNS - 1],
        rows(&folder.join("accessi.csv")),
        kilobytes(&folder.join("accessi.pdf")),
        kilobytes(&folder.join("accessi.csv")),
    );
}

fn rows(csv: &Path) -> usize {
    std::fs::read_to_string(csv).unwrap().lines().count() - 1
}

fn kilobytes(file: &Path) -> u64 {
    std::fs::metadata(file).unwrap().len() / 1024
}
