//! How fast a town comes up, how long the journey takes, how much memory it rests in.
//!
//! Each figure is the median of several runs, with the extremes beside it. Run it in release, on a
//! machine that does nothing else: `cargo bench -p varco-tests --bench town`.

use std::process::Command;
use std::time::{Duration, Instant};

use varco_tests::process::Process;

const PROGRAM: &str = env!("CARGO_BIN_EXE_varco-under-test");
const RUNS: usize = 5;

fn main() {
    let mut figures = Figures::default();
    for _ in 0..RUNS {
        measure(&mut figures);
    }
    say("first up, with seeding", "s", &mut figures.first, "5 s");
    say("restart", "s", &mut figures.restart, "1 s");
    say("journey", "s", &mut figures.journey, "2 s");
    say("memory at rest (PSS)", "MB", &mut figures.memory, "80 MB");
}

#[derive(Default)]
struct Figures {
    first: Vec<f64>,
    restart: Vec<f64>,
    journey: Vec<f64>,
    memory: Vec<f64>,
}

fn measure(figures: &mut Figures) {
    let mut town = Process::new(PROGRAM);
    figures.first.push(timed(|| town.start()));
    town.terminate();
    figures.restart.push(timed(|| town.start()));
    // What came up settles; nothing is timed here.
    std::thread::park_timeout(Duration::from_secs(2));
    figures.memory.push(megabytes(town.id()));
    figures.journey.push(timed(|| {
        let data = town.data();
        let out = Command::new(PROGRAM)
            .args(["demo", "--data"])
            .arg(data)
            .output();
        assert!(
            out.is_ok_and(|out| out.status.success()),
            "the journey failed"
        );
    }));
    town.terminate();
}

fn timed(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// Proportional set size of a process, from the kernel.
fn megabytes(process: u32) -> f64 {
    let rollup = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup"));
    let rollup = rollup.unwrap_or_default();
    let pss = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .unwrap_or_default();
    let kilobytes = pss.trim().trim_end_matches(" kB").parse::<f64>();
    kilobytes.unwrap_or(f64::NAN) / 1024.0
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn say(what: &str, unit: &str, runs: &mut [f64], bound: &str) {
    runs.sort_by(f64::total_cmp);
    let at = |place: usize| runs.get(place).copied().unwrap_or(f64::NAN);
    let (least, median, most) = (at(0), at(runs.len() / 2), at(runs.len() - 1));
    println!("{what:24} {median:7.2} {unit}   ({least:.2} to {most:.2}, bound {bound})");
}
