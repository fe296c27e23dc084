//! The rules of the data folder.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use varco_runtime::server::inherited::Inherited;

use super::*;
use crate::town::{Town, answering};

fn message(outcome: Result<impl std::fmt::Debug, Failure>) -> String {
    outcome.unwrap_err().to_string()
}

#[tokio::test]
async fn a_folder_of_somebody_else_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tesi.odt"), "x").unwrap();

    let refused = message(DataFolder::open(folder.path(), None, &Clock::system()).await);

    assert!(
        refused.contains("it is not a Varco data folder"),
        "{refused}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn two_towns_on_one_folder_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _held = hold(folder.path()).unwrap();

    let refused = message(hold(folder.path()));

    assert!(
        refused.contains("a town is already running on this folder"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_clock_before_this_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::fixed("2001-01-01T00:00:00Z".parse().unwrap());

    let refused = message(DataFolder::open(folder.path(), None, &clock).await);

    assert!(
        refused.starts_with("the clock shows 2001-01-01 01:00"),
        "{refused}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn moving_the_ports_keeps_what_else_was_configured() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(configuration::FILE);
    fs::write(
        &file,
        "[gateway]\ninstance = \"gw7\"\ntoken = \"0.0.0.0:7444\"\n",
    )
    .unwrap();

    let base = ports::free_port_base().unwrap();

    let config = configured(&file, Some(base)).unwrap();

    let albo = &config.services["albo"].settings["base_url"];
    assert_eq!(config.gateway.instance, "gw7");
    assert_eq!(
        config.gateway.token.to_string(),
        format!("0.0.0.0:{}", base + 1)
    );
    assert_eq!(config.services["documenti"].listen.port(), base + 11);
    assert_eq!(
        albo.as_str(),
        Some(format!("http://localhost:{}", base + 5).as_str())
    );
    assert!(ports::stands_at(&config, base));
}

#[test]
fn ports_that_are_taken_are_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(configuration::FILE);
    fs::write(&file, "").unwrap();
    let base = ports::free_port_base().unwrap();
    let _taken = std::net::TcpListener::bind(("127.0.0.1", base + 2)).unwrap();

    let refused = message(configured(&file, Some(base)));

    assert!(
        refused.contains(&format!("port {} on 127.0.0.1 is taken", base + 2)),
        "{refused}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "");
}

#[test]
fn a_missing_file_is_named_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(configuration::FILE);
    fs::write(&file, "").unwrap();
    let config = configured(&file, None).unwrap();

    let refused = message(require_files(&config));

    assert!(
        refused.contains("ca.pem: the file is missing: restore it"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_folder_holds_a_town_that_starts() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("new");
    let clock = Clock::system();

    let opened = DataFolder::open(&folder, Some(0), &clock).await.unwrap();
    let town = Town::start(opened.config.clone(), clock.clone(), Inherited::default())
        .await
        .unwrap();
    answering::wait(&opened.config).await.unwrap();
    town.stop().await;

    for file in CONTRACT {
        assert!(folder.join(file).exists(), "{file}");
    }
    let mode = fs::metadata(folder.join("clients/tributi/assertion.key"))
        .unwrap()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// What other programs look for in the folder.
const CONTRACT: [&str; 9] = [
    "CAMPIONE",
    "audit",
    "ca.pem",
    "clients/amministratore/tls.pem",
    "clients/legacy/client.json",
    "clients/tributi/assertion.key",
    "clients/tributi/client.json",
    "expired.jwt",
    "registro.toml",
];
