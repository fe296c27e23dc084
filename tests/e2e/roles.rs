//! `varco serve`: each role in a process of its own, from the same configuration.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use varco::data_folder::DataFolder;
use varco_runtime::clock::Clock;
use varco_tests::folder::{copy, make_real};
use varco_tests::process::Running;
use varco_tests::program::Program;
use varco_tests::traces::Kept;

use crate::PROGRAM;

#[tokio::test(flavor = "multi_thread")]
async fn town_of_five_processes_plays_the_journey() {
    let place = TempDir::new().unwrap();
    let sample = place.path().join("sample");
    drop(
        DataFolder::open(&sample, Some(0), &Clock::system())
            .await
            .unwrap(),
    );
    let real = place.path().join("real");
    copy(&sample, &real);
    make_real(&real);

    let config = sample.join("varco.toml");
    let program = Program::new(PROGRAM, &sample);
    let mut refusals = Vec::new();
    for role in ROLES {
        refusals.push(
            program
                .refused(&["serve", role, "--config", text(&config)])
                .await,
        );
    }
    let running: Vec<Running> = ROLES.iter().map(|role| serve(role, &real)).collect();
    // The journey wants a sample: the folder that was copied knows the same addresses.
    let demo = program.json(&["demo"]).await;
    let ends: Vec<Option<i32>> = running
        .into_iter()
        .rev()
        .map(|role| role.end("TERM"))
        .collect();

    for refused in refusals {
        assert!(
            refused.contains("sample municipality (CAMPIONE"),
            "{refused}"
        );
        assert!(
            refused.contains("varco up") && refused.contains("--config"),
            "{refused}"
        );
    }
    assert_eq!(demo["ok"], true, "{demo:#}");
    assert_eq!(ends, [Some(0); 5]);
    let log = std::fs::read_to_string(log(&real)).unwrap();
    assert!(!log.contains("ERROR") && !log.contains("WARN"), "{log}");
    Program::new(PROGRAM, &real)
        .done(&["audit", "verify"])
        .await;
    let config = varco::configuration::load(&real.join("varco.toml")).unwrap();
    let kept = Kept::read(&config).await;
    let spans = kept.spans().await;
    for role in ROLES {
        let mut of_role = spans.iter().filter(|it| it.role == role);
        assert!(of_role.next().is_some(), "no span of {role}");
    }
    let report = kept.traces.verify(kept.seals).await.unwrap();
    assert_eq!(report.changed, []);
}

/// Runs a role on a folder.
pub fn serve(role: &str, data: &Path) -> Running {
    let mut command = Command::new(PROGRAM);
    command
        .args(["serve", role, "--config"])
        .arg(data.join("varco.toml"));
    Running::start(command, &format!("varco {role} is ready"), &log(data))
}

fn log(data: &Path) -> PathBuf {
    data.with_extension("log")
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

const ROLES: [&str; 5] = ["gateway", "anagrafe", "protocollo", "albo", "documenti"];
