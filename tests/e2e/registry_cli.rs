//! The registry from the command line: export, prune, problems, verbs, events.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use varco_runtime::pki::{self, KeyKind};
use varco_tests::PATIENCE;
use varco_tests::comune::Comune;
use varco_tests::folder;
use varco_tests::program::Program;

use crate::PROGRAM;

#[tokio::test(flavor = "multi_thread")]
async fn exported_registry_applies_without_a_difference() {
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);
    let exports = tempfile::tempdir().unwrap();
    let (first, second) = (exports.path().join("first"), exports.path().join("second"));
    // A suspension is part of what a registry holds.
    program
        .done(&["suspend", "purpose", "accertamento-famiglia"])
        .await;

    program.done(&["export", "--to", &text(&first)]).await;
    let file = text(&first.join("registro.toml"));
    let plan = program.json(&["apply", "-f", &file, "--dry-run"]).await;
    let applied = program.json(&["apply", "-f", &file]).await;
    program.done(&["export", "--to", &text(&second)]).await;
    let printed = program.done(&["export"]).await;

    for answer in [&plan, &applied] {
        let changes = answer["changes"].as_array().unwrap();
        let other = changes.iter().find(|it| it["action"] != "unchanged");
        assert_eq!(other, None);
        // Seven offices, four e-services of one version, eight clients, nine agreements, ten
        // purposes, two operators.
        assert!(changes.len() >= 7 + 4 + 4 + 8 + 9 + 10 + 2, "{answer:#}");
    }
    assert_eq!(applied["epoch"], plan["epoch"]);
    assert_eq!(contents(&first), contents(&second));
    assert_eq!(printed, fs::read_to_string(&file).unwrap());
    assert!(printed.contains("suspended = true"), "{printed}");
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pruning_asks_and_archives_only_what_is_not_declared() {
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);
    let sample = text(&comune.path().join("registro.toml"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tenant.toml");
    fs::write(&file, TENANT).unwrap();

    let made = program
        .done(&["create", "tenant", "-f", &text(&file)])
        .await;
    let plain = program.done(&["apply", "-f", &sample]).await;
    let shown = program
        .done(&["apply", "-f", &sample, "--prune", "--dry-run"])
        .await;
    let refused = program.refused(&["apply", "-f", &sample, "--prune"]).await;
    let kept = state(&program, "tenant", "passeggero").await;
    let pruned = program
        .done(&["apply", "-f", &sample, "--prune", "--yes"])
        .await;

    assert!(made.starts_with("tenant passeggero is "), "{made}");
    assert!(!plain.contains("passeggero"), "{plain}");
    assert_eq!(archived(&shown), ["- tenant passeggero"], "{shown}");
    assert!(refused.contains("--yes"), "{refused}");
    assert_eq!(kept, "ACTIVE");
    assert_eq!(archived(&pruned), ["- tenant passeggero"], "{pruned}");
    assert_eq!(state(&program, "tenant", "passeggero").await, "ARCHIVED");
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn problems_of_file_and_registry_are_told_together_with_their_lines() {
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("registro.toml");
    fs::write(&file, WRONG).unwrap();
    let file = text(&file);
    let before = program.json(&["get", "tenant"]).await;

    let ran = program.run(&["apply", "-f", &file]).await;
    let listed = program
        .run(&["apply", "-f", &file, "--dry-run", "--output", "json"])
        .await;

    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    let lines: Vec<&str> = ran.err.lines().collect();
    for expected in [
        format!("{file}:4: tenant nuovo: colore is unknown"),
        format!("{file}:7: agreement ufficio-fantasma/anagrafe: consumer "),
        format!("{file}:10: purpose tributi/x: legal_basis is missing"),
        format!("{file}:13: purpose tributi/x: eservice "),
    ] {
        let told = lines.iter().filter(|line| line.starts_with(&expected));
        assert_eq!(told.count(), 1, "{expected}: {}", ran.err);
    }
    assert!(lines.last().unwrap().starts_with("varco: "), "{}", ran.err);
    assert_eq!(listed.code, Some(1), "{}", listed.err);
    let listed: Value = serde_json::from_str(&listed.out).unwrap();
    let problems = listed["problems"].as_array().unwrap();
    assert_eq!(problems.len(), lines.len() - 1);
    let missing = json!({
        "file": file,
        "line": 10,
        "kind": "purpose",
        "name": "tributi/x",
        "field": "legal_basis",
        "what": "is missing",
    });
    assert!(problems.contains(&missing), "{listed:#}");
    assert_eq!(program.json(&["get", "tenant"]).await, before);
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agreement_and_purpose_go_their_way_by_verbs() {
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);
    let folder = tempfile::tempdir().unwrap();
    let agreement = folder.path().join("agreement.toml");
    let purpose = folder.path().join("purpose.toml");
    fs::write(&agreement, AGREEMENT).unwrap();
    fs::write(&purpose, PURPOSE).unwrap();
    let create = ["create", "agreement", "-f", &text(&agreement)];

    let made = program.done(&create).await;
    let deleted = said(&program, "delete", "agreement", &[]).await;
    program.done(&create).await;
    let submitted = said(&program, "submit", "agreement", &[]).await;
    let drafted = program
        .done(&["create", "purpose", "-f", &text(&purpose)])
        .await;
    let activated = said(&program, "activate", "purpose", &[]).await;
    let seen = program.json(&["describe", "agreement", NAME]).await;
    let by_consumer = said(&program, "suspend", "agreement", &["--side", "consumer"]).await;
    let by_both = said(&program, "suspend", "agreement", &["--side", "producer"]).await;
    let lifted = said(&program, "unsuspend", "agreement", &["--side", "consumer"]).await;
    let open = said(&program, "unsuspend", "agreement", &["--side", "producer"]).await;
    let stale = seen["etag"].as_str().unwrap();
    let overtaken = program
        .refused(&["suspend", "agreement", NAME, "--etag", stale])
        .await;
    let illegal = program.refused(&["submit", "agreement", NAME]).await;
    let archived = said(&program, "archive", "purpose", &["--reason", "concluso"]).await;

    assert_eq!(made.trim(), "agreement sportello/albo is DRAFT");
    assert_eq!(deleted, "agreement sportello/albo is deleted");
    assert_eq!(submitted, "agreement sportello/albo is ACTIVE");
    assert_eq!(drafted.trim(), "purpose sportello/affissione is DRAFT");
    assert_eq!(activated, "purpose sportello/affissione is ACTIVE");
    assert_eq!(
        by_consumer,
        "agreement sportello/albo is SUSPENDED by consumer"
    );
    assert_eq!(
        by_both,
        "agreement sportello/albo is SUSPENDED by consumer, producer"
    );
    assert_eq!(lifted, "agreement sportello/albo is SUSPENDED by producer");
    assert_eq!(open, "agreement sportello/albo is ACTIVE");
    assert!(overtaken.starts_with("ABORTED"), "{overtaken}");
    assert!(illegal.contains("ACTIVE"), "{illegal}");
    assert_eq!(archived, "purpose sportello/affissione is ARCHIVED");
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_go_on_from_a_cursor() {
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);

    let all = events(&program, &[]).await;
    let cursor = all.last().unwrap()["cursor"].as_str().unwrap().to_owned();
    let nothing_new = events(&program, &["--from", &cursor]).await;
    program.done(&["suspend", "client", "legacy"]).await;
    let news = events(&program, &["--from", &cursor]).await;
    let of_purposes = events(&program, &["purposes", "--from", &cursor]).await;
    let line = program
        .done(&["watch", "client", "--from", &cursor, "--until-now"])
        .await;

    // Every entry of the sample has been made by an event.
    assert!(all.len() >= 7 + 4 + 4 + 8 + 9 + 10 + 2, "{}", all.len());
    assert_eq!(nothing_new, Vec::<Value>::new());
    assert_eq!(news.len(), 1, "{news:#?}");
    let (entry, operator) = (&news[0]["entry"], &news[0]["operator"]);
    assert_eq!(
        (&entry["kind"], &entry["name"], &entry["state"]),
        (&json!("client"), &json!("legacy"), &json!("SUSPENDED"))
    );
    assert_eq!(operator, "amministratore");
    assert_eq!(of_purposes, Vec::<Value>::new());
    assert!(line.contains("client legacy is SUSPENDED"), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_sees_what_comes_and_ends_on_a_signal() {
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);
    let mut watching = Command::new(PROGRAM)
        .args(["watch", "client", "--data", &text(comune.path())])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();

    program.done(&["suspend", "client", "legacy"]).await;
    let seen = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains("client legacy is SUSPENDED") {
                return line;
            }
        }
        panic!("the stream has ended");
    };
    let seen = tokio::time::timeout(PATIENCE, seen).await.unwrap();
    let id = watching.id().unwrap().to_string();
    let told = Command::new("kill").args(["-INT", &id]).status().await;
    let ended = tokio::time::timeout(PATIENCE, watching.wait()).await;

    assert!(seen.contains(" by amministratore: "), "{seen}");
    assert!(told.unwrap().success());
    assert_eq!(ended.unwrap().unwrap().code(), Some(0));
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn key_is_added_to_a_client_and_revoked_alone() {
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);
    let folder = tempfile::tempdir().unwrap();
    let key = pki::generate_key(KeyKind::EcP256).unwrap();
    let public = pki::public_key(&key).unwrap();
    fs::write(folder.path().join("nuova.pem"), public).unwrap();
    fs::write(folder.path().join("private.pem"), key.as_bytes()).unwrap();
    let file = folder.path().join("key.toml");
    fs::write(&file, KEY).unwrap();
    let wrong = folder.path().join("wrong.toml");
    fs::write(&wrong, KEY.replace("nuova", "private")).unwrap();

    let refused = program.run(&["create", "key", "-f", &text(&wrong)]).await;
    let made = program.json(&["create", "key", "-f", &text(&file)]).await;
    let kid = made["name"].as_str().unwrap();
    let shown = program.done(&["get", "key", kid]).await;
    program.done(&["archive", "key", kid]).await;

    assert_eq!(refused.code, Some(1));
    let told = format!("{}:3: client tributi: keys.file names ", text(&wrong));
    assert!(refused.err.starts_with(&told), "{}", refused.err);
    assert_eq!(made["state"], "ACTIVE");
    assert!(shown.contains("tributi"), "{shown}");
    assert!(shown.contains("2028-01-01 00:00"), "{shown}");
    assert_eq!(state(&program, "key", kid).await, "ARCHIVED");
    assert_eq!(state(&program, "client", "tributi").await, "ACTIVE");
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attribute_is_assigned_and_revoked() {
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("attribute.toml");
    fs::write(&file, ATTRIBUTE).unwrap();
    program
        .done(&["create", "attribute", "-f", &text(&file)])
        .await;
    let held = ["attribute", "tributi", "comune"];

    let assigned = program.json(&[&["assign"], &held[..]].concat()).await;
    let exported = program.done(&["export"]).await;
    let revoked = program.json(&[&["revoke"], &held[..]].concat()).await;

    let count = |tenant: &Value| {
        tenant["fields"]["attributes"]
            .as_array()
            .map_or(0, Vec::len)
    };
    assert_eq!((count(&assigned), count(&revoked)), (1, 0), "{assigned:#}");
    assert!(exported.contains("attributes = [\"comune\"]"), "{exported}");
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered_and_show_names() {
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);
    program.done(&["suspend", "client", "legacy"]).await;

    let suspended = program
        .json(&["get", "clients", "--filter", "state=SUSPENDED"])
        .await;
    let named = program
        .json(&["get", "client", "--filter", "name=se"])
        .await;
    let newest = program.json(&["get", "client", "--newest"]).await;
    let clients = program.done(&["get", "client"]).await;
    let keys = program.done(&["get", "keys"]).await;

    assert_eq!(names(&suspended), ["legacy"]);
    assert_eq!(names(&named), ["segreteria"]);
    assert_eq!(names(&newest).first(), Some(&"legacy"));
    let legacy = clients.lines().find(|line| line.starts_with("legacy "));
    assert!(legacy.unwrap().contains("tributi"), "{clients}");
    assert_eq!(keys.lines().count(), 1 + 10, "{keys}");
    assert!(keys.contains("segreteria"), "{keys}");
    comune.stop().await;
}

/// What a verb says of the agreement or the purpose of these tests.
async fn said(program: &Program, verb: &str, kind: &str, more: &[&str]) -> String {
    let name = if kind == "agreement" {
        NAME
    } else {
        "affissione"
    };
    let out = program.done(&[&[verb, kind, name], more].concat()).await;
    out.trim().to_owned()
}

async fn state(program: &Program, kind: &str, name: &str) -> String {
    let entry = program.json(&["describe", kind, name]).await;
    entry["state"].as_str().unwrap().to_owned()
}

/// The events until now, in the order in which they came.
async fn events(program: &Program, more: &[&str]) -> Vec<Value> {
    let watch = ["watch", "--until-now", "--output", "json"];
    let out = program.done(&[&watch[..], more].concat()).await;
    let events = out.lines().map(|line| serde_json::from_str(line).unwrap());
    events.collect()
}

fn archived(told: &str) -> Vec<&str> {
    told.lines().filter(|line| line.starts_with("- ")).collect()
}

fn names(entries: &Value) -> Vec<&str> {
    let entries = entries.as_array().unwrap().iter();
    entries.map(|it| it["name"].as_str().unwrap()).collect()
}

/// Every file with its content, by its path within the folder.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<(String, Vec<u8>)> = folder::files(folder)
        .into_iter()
        .map(|file| {
            let name = text(file.strip_prefix(folder).unwrap());
            (name, fs::read(&file).unwrap())
        })
        .collect();
    found.sort();
    found
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

const NAME: &str = "sportello/albo";

const KEY: &str = r#"[[client]]
name = "tributi"
keys = [{ file = "nuova.pem", not_after = 2027-12-31 }]
"#;

const ATTRIBUTE: &str = r#"[[attribute]]
name = "comune"
description = "Comune della provincia"
kind = "certified"
"#;

const TENANT: &str = r#"[[tenant]]
name = "passeggero"
title = "Ente di passaggio"
ipa = "c_z999"
"#;

const AGREEMENT: &str = r#"[[agreement]]
consumer = "sportello"
eservice = "albo"
"#;

const PURPOSE: &str = r#"[[purpose]]
name = "affissione"
consumer = "sportello"
eservice = "albo"
legal_basis = "L. 69/2009 art. 32: pubblicità legale degli atti"
methods = ["varco.albo.v1.AlboService/ListPubblicazioni"]
data_classes = ["pubblico"]
daily_calls = 1000
clients = ["sportello"]
"#;

/// Problems that the file shows, and others that only the registry knows.
const WRONG: &str = r#"[[tenant]]
name = "nuovo"
title = "Nuovo"
colore = "blu"
ipa = "c_z999"
[[agreement]]
consumer = "ufficio-fantasma"
eservice = "anagrafe"

[[purpose]]
name = "x"
consumer = "tributi"
eservice = "anagrefe"
methods = ["varco.anagrafe.v1.AnagrafeService/VerifyResidenza"]
data_classes = ["esito"]
daily_calls = 1
clients = ["tributi"]
"#;
