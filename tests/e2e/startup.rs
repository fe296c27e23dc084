//! Starts that must fail: one line that says what, why and how to mend it, and nothing lost.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use varco::data_folder::DataFolder;
use varco::town::Town;
use varco_runtime::clock::Clock;
use varco_runtime::on;
use varco_runtime::pki::Ca;
use varco_runtime::server::inherited::Inherited;
use varco_runtime::store::Db;
use varco_tests::calls::{register, store};
use varco_tests::folder::{copy, digests};
use varco_tests::process::Process;
use varco_tests::program::Program;

use crate::PROGRAM;

#[tokio::test(flavor = "multi_thread")]
async fn folder_that_cannot_be_used_is_told_and_left_alone() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("file"), "x").unwrap();
    fs::create_dir(place.path().join("foreign")).unwrap();
    fs::write(place.path().join("foreign/tesi.odt"), "x").unwrap();
    let before = digests(place.path());

    for (folder, words) in [
        (
            place.path().join("file/dir"),
            ["Not a directory", "choose a folder"],
        ),
        (
            place.path().join("file"),
            ["Not a directory", "choose a folder"],
        ),
        (
            place.path().join("foreign"),
            ["not a Varco data folder", "empty or new folder"],
        ),
        ("/proc/varco".into(), ["No such file", "choose a folder"]),
    ] {
        let line = Program::new(PROGRAM, &folder)
            .refused(&["up", "--port-base", "0"])
            .await;

        assert!(line.starts_with(folder.to_str().unwrap()), "{line}");
        assert!(words.iter().all(|word| line.contains(word)), "{line}");
    }
    assert_eq!(digests(place.path()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn town_starts_stops_and_starts_again_with_what_it_had() {
    let mut town = Process::new(PROGRAM);
    leave_an_unfinished_folder(&town.data());
    town.start();
    let ports = ports(&town.data());
    let first = register_one(&town, "uno").await;

    let second_town = town.program().refused(&["up"]).await;
    let interrupted = town.end("INT");
    let taken = TcpListener::bind(("127.0.0.1", ports[5])).unwrap();
    let before = digests(&town.data());
    let port_taken = town.program().refused(&["up"]).await;
    let unchanged = digests(&town.data()) == before;
    drop(taken);
    town.start();
    let second = register_one(&town, "due").await;
    let terminated = town.terminate();

    assert!(
        second_town.contains("already running on this folder"),
        "{second_town}"
    );
    assert!(second_town.contains("stop it first"), "{second_town}");
    assert!(port_taken.contains(&format!("port {} on 127.0.0.1 is taken", ports[5])));
    assert!(
        port_taken.contains("stop what listens there"),
        "{port_taken}"
    );
    assert!(unchanged, "a start that found its port taken changed files");
    assert_eq!((first, second), (1, 2));
    assert_eq!((interrupted, terminated), (Some(0), Some(0)));
    assert_eq!(
        fs::read_to_string(town.log()).unwrap(),
        "",
        "something alarming was said"
    );
    assert!(
        !town.data().join(".new-0").exists(),
        "the unfinished folder is still there"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_told_and_mended_without_loss() {
    let mut town = Process::new(PROGRAM);
    town.start();
    register_one(&town, "uno").await;
    assert_eq!(town.terminate(), Some(0));
    let kept = tempfile::tempdir().unwrap();
    let backup = kept.path().join("backup");
    copy(&town.data(), &backup);

    missing_files_are_named(&town, &backup).await;
    damaged_databases_are_named(&town, &backup).await;
    unknown_keys_are_named(&town).await;
    Box::pin(wrong_clock_is_told(&town, &backup)).await;

    town.start();
    assert_eq!(register_one(&town, "due").await, 2);
    assert_eq!(town.terminate(), Some(0));
    town.program().done(&["audit", "verify"]).await;
}

async fn missing_files_are_named(town: &Process, backup: &Path) {
    for file in [
        "ca.pem",
        "ca.key",
        "keys/audit.key",
        "services/gateway/tls.key",
        "clients/tributi/client.json",
        "registro.toml",
        "gateway.db",
        "audit/audit.db",
        "protocollo.db",
    ] {
        fs::remove_file(town.data().join(file)).unwrap();

        let line = refused_without_loss(town).await;

        assert!(
            line.contains(&format!("{file}: the file is missing")),
            "{line}"
        );
        assert!(line.contains("restore it from a backup"), "{line}");
        restore(town, backup, file);
    }
    fs::remove_file(town.data().join("varco.toml")).unwrap();
    let line = refused_without_loss(town).await;
    assert!(line.contains("varco.toml"), "{line}");
    restore(town, backup, "varco.toml");
    // Without its marker a folder may be a real comune's.
    fs::remove_file(town.data().join("CAMPIONE")).unwrap();
    let line = refused_without_loss(town).await;
    assert!(line.contains("varco serve"), "{line}");
    restore(town, backup, "CAMPIONE");
}

async fn damaged_databases_are_named(town: &Process, backup: &Path) {
    for file in ["gateway.db", "audit/audit.db", "anagrafe.db"] {
        let path = town.data().join(file);
        let mut bytes = fs::read(&path).unwrap();
        let garbage = bytes.len().min(3 * 4096);
        bytes[..garbage].fill(0xa5);
        fs::write(&path, bytes).unwrap();

        let line = refused_without_loss(town).await;

        assert!(line.contains(file) && line.contains("is damaged"), "{line}");
        assert!(line.contains("move it aside and restore it"), "{line}");
        doctor_finds(town, &format!("{file} is damaged")).await;
        restore(town, backup, file);
    }
    flipped_bytes_are_found(town, backup).await;
    forged_entry_is_found(town).await;
}

/// An entry that was changed in the database, past the registry and its history.
async fn forged_entry_is_found(town: &Process) {
    let set = async |state: &str| {
        let schema = varco_gateway::REGISTRY_MIGRATIONS;
        let db = Db::open("sqlite:gateway.db", &town.data(), schema)
            .await
            .unwrap();
        let mut tx = db.begin().await.unwrap();
        on!(&mut tx, |db| sqlx::query(
            "UPDATE entry SET state = $1 WHERE kind = 'client' AND name = 'tributi'"
        )
        .bind(state)
        .execute(db)
        .await
        .map(|_| ()))
        .unwrap();
        tx.commit().await.unwrap();
        db.close().await;
    };
    set("SUSPENDED").await;
    doctor_finds(town, "client tributi is not as its history says").await;
    set("ACTIVE").await;
}

async fn doctor_finds(town: &Process, what: &str) {
    let doctor = town.program().run(&["doctor"]).await;
    let found = doctor.out.lines().find(|line| line.starts_with("fail"));
    assert!(
        found.is_some_and(|line| line.contains(what)),
        "{what}: {}",
        doctor.out
    );
    assert_eq!(
        (doctor.code, doctor.err.lines().count()),
        (Some(1), 1),
        "{}",
        doctor.err
    );
}

/// Bytes in the middle: a page that no longer is one, and a record that is not the one recorded.
async fn flipped_bytes_are_found(town: &Process, backup: &Path) {
    let path = town.data().join("audit/audit.db");
    let good = fs::read(&path).unwrap();
    let mut bytes = good.clone();
    bytes[good.len() / PAGE / 2 * PAGE] ^= 0xff;
    fs::write(&path, &bytes).unwrap();
    let page = refused_without_loss(town).await;
    // The tag and the length of the field `method` in a record, and its name.
    let method = b"\xda\x01\x37varco.protocollo.v1.ProtocolloService/RegisterInEntrata";
    let places = good
        .windows(method.len())
        .enumerate()
        .filter(|(_, window)| window == method);
    let mut bytes = good.clone();
    places.for_each(|(place, _)| bytes[place + method.len() - 1] ^= 1);
    assert_ne!(bytes, good);
    fs::write(&path, &bytes).unwrap();
    let record = town.program().refused(&["audit", "verify"]).await;
    restore(town, backup, "audit/audit.db");

    assert!(page.contains("audit.db is damaged"), "{page}");
    assert!(record.contains("damaged at index"), "{record}");
    assert!(record.contains("restore a backup"), "{record}");
}

async fn unknown_keys_are_named(town: &Process) {
    let file = town.data().join("varco.toml");
    let good = fs::read_to_string(&file).unwrap();
    fs::write(&file, good.replace("[gateway]\n", "[gateway]\nporta = 1\n")).unwrap();
    let in_the_file = refused_without_loss(town).await;
    fs::write(&file, good).unwrap();
    let environment = town.program().with("VARCO_GATEWAY__PORTA", "1");
    let in_the_environment = environment.refused(&["up"]).await;
    let environment = town.program().with("VARCO_GATEWAY__TOKEN", "ovunque");
    let value = environment.refused(&["up"]).await;

    assert!(
        in_the_file.contains("varco.toml") && in_the_file.contains("porta"),
        "{in_the_file}"
    );
    assert!(
        in_the_environment.contains("VARCO_GATEWAY__PORTA"),
        "{in_the_environment}"
    );
    assert!(value.contains("VARCO_GATEWAY__TOKEN"), "{value}");
}

async fn wrong_clock_is_told(town: &Process, backup: &Path) {
    let clock = Clock::fixed(Clock::system().now() + Duration::from_hours(48));
    let (tomorrow, key) = Ca::generate("Comune di Esempio", clock.now()).unwrap();
    fs::write(town.data().join("ca.pem"), tomorrow.pem()).unwrap();
    fs::write(town.data().join("ca.key"), key.as_bytes()).unwrap();
    let before_certificates = refused_without_loss(town).await;
    restore(town, backup, "ca.pem");
    restore(town, backup, "ca.key");

    let data = town.data();
    let folder = DataFolder::open(&data, None, &Clock::system())
        .await
        .unwrap();
    Town::start(folder.config.clone(), clock, Inherited::default())
        .await
        .unwrap()
        .stop()
        .await;
    drop(folder);
    let before_records = refused_without_loss(town).await;
    restore(town, backup, "audit/audit.db");

    for line in [&before_certificates, &before_records] {
        assert!(line.contains("clock"), "{line}");
        assert!(line.contains("set "), "{line}");
    }
    assert!(
        before_certificates.contains("ca.pem was made"),
        "{before_certificates}"
    );
}

/// A start that must fail and leave every file as it was.
async fn refused_without_loss(town: &Process) -> String {
    let before = digests(&town.data());
    let line = town.program().refused(&["up"]).await;
    let mut after = digests(&town.data());
    if line.starts_with("anagrafe: ") {
        // The gateway had started by then, and says so: its register is longer by a start and a stop.
        for longer in ["audit/audit.db", "audit/gw1.checkpoint"] {
            let longer = town.data().join(longer);
            after.insert(longer.clone(), before[&longer].clone());
        }
        town.program().done(&["audit", "verify"]).await;
    }
    let changed = before
        .iter()
        .find(|(file, digest)| after.get(*file) != Some(*digest));
    assert_eq!(changed, None, "{line}");
    assert_eq!(after.len(), before.len(), "{line}");
    line
}

fn restore(town: &Process, backup: &Path, file: &str) {
    for beside in ["-wal", "-shm"] {
        let _ = fs::remove_file(town.data().join(format!("{file}{beside}")));
    }
    // What the gateway has marked since goes with the rest.
    for file in [file, "audit/gw1.checkpoint"] {
        fs::copy(backup.join(file), town.data().join(file)).unwrap();
    }
}

/// What an interrupted first start leaves.
fn leave_an_unfinished_folder(data: &Path) {
    let unfinished = data.join(".new-0");
    fs::create_dir_all(&unfinished).unwrap();
    fs::write(unfinished.join("CAMPIONE"), "").unwrap();
    fs::write(unfinished.join("ca.pem"), "half").unwrap();
}

/// Stores and registers a document, and gives its number.
async fn register_one(town: &Process, key: &str) -> u64 {
    let (desk, content) = (town.client("sportello"), key.as_bytes());
    let documento = store(&desk, content, key).await.unwrap();
    let registered = register(&desk, &documento, content, key)
        .await
        .unwrap()
        .into_inner();
    registered
        .registrazione
        .unwrap()
        .identificatore
        .unwrap()
        .numero
        .unwrap()
}

/// The ports of a data folder, lowest first.
fn ports(data: &Path) -> Vec<u16> {
    let config = varco::configuration::load(&data.join("varco.toml")).unwrap();
    let all = varco::data_folder::ports::addresses(&config);
    let mut ports: Vec<u16> = all.iter().map(|(_, address)| address.port()).collect();
    ports.sort_unstable();
    ports
}

/// Size of a page of `SQLite`.
const PAGE: usize = 4096;
