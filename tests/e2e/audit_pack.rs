//! What leaves the register for a third party: evidence packs and spans, and checkpoints that callers have kept.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use varco_proto::anagrafe::v1::anagrafe_service_client::AnagrafeServiceClient;
use varco_tests::calls::{question, verify};
use varco_tests::comune::Comune;
use varco_tests::process::Process;
use varco_tests::program::Program;

use crate::PROGRAM;
use crate::audit_proof::{copy_folder, vkey};

/// A program that knows no installation.
fn stranger(place: &TempDir) -> Program {
    Program::new(PROGRAM, &place.path().join("nothing"))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn pack_is_verified_by_the_command_and_by_the_steps_that_it_tells() {
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);
    for _ in 0..3 {
        verify(&comune.client("tributi"), "verifica-residenza")
            .await
            .unwrap();
    }
    let key = vkey(&program).await;
    let place = TempDir::new().unwrap();
    let to = text(place.path());

    let exported = program
        .json(&["audit", "export", "--format", "pack", "--to", to])
        .await;

    let file = exported["file"].as_str().unwrap();
    assert!(file.ends_with("-partial.zip"), "{file}");
    let stranger = stranger(&place);
    let check = ["audit", "verify", "--pack", file, "--vkey", &key];
    let verified = stranger.json(&check).await;
    assert_eq!(verified["verified"], true);
    assert_eq!(verified["logs"][0]["absent"], 0);
    assert_eq!(
        verified["logs"][0]["records"],
        exported["logs"][0]["records"]
    );
    let alone = stranger.json(&["audit", "verify", "--pack", file]).await;
    assert_eq!(
        (&alone["verified"], &alone["consistent"]),
        (&Value::from(false), &Value::from(true))
    );
    let told = stranger.done(&["audit", "verify", "--pack", file]).await;
    assert!(told.contains("nobody has vouched for its key"), "{told}");

    by_hand(Path::new(file), place.path());

    let mut altered = fs::read(file).unwrap();
    // What follows the name is the content; between files lie words of the archive that say nothing.
    let name = b"records.bin".as_slice();
    let named = altered.windows(name.len()).position(|it| it == name);
    altered[named.unwrap() + name.len() + 100] ^= 1;
    fs::write(file, altered).unwrap();
    let refused = stranger.refused(&check).await;
    assert!(refused.contains("does not hold"), "{refused}");
    comune.stop().await;
}

/// Follows the steps of LEGGIMI.txt with public tools, then again with one byte of a record altered.
fn by_hand(file: &Path, place: &Path) {
    let has = |tool: &str| Command::new(tool).arg("--help").output().is_ok();
    if !["unzip", "openssl", "sha256sum", "python3"]
        .into_iter()
        .all(has)
    {
        eprintln!("skipped: LEGGIMI.txt asks for unzip, openssl, sha256sum and python3");
        return;
    }
    let unpacked = place.join("unpacked");
    let unzip = ["-q", "-d", text(&unpacked), text(file)];
    assert!(
        Command::new("unzip")
            .args(unzip)
            .status()
            .unwrap()
            .success()
    );
    let folders = fs::read_dir(&unpacked)
        .unwrap()
        .map(|it| it.unwrap().path());
    let folder = folders.into_iter().find(|it| it.is_dir()).unwrap();

    assert_eq!(step(&unpacked, 1), Ok(String::new()));
    let signed = step(&unpacked, 2).unwrap();
    assert!(
        signed.contains("Signature Verified Successfully"),
        "{signed}"
    );
    let proven = step(&folder, 3).unwrap();
    assert!(proven.contains("in ordine"), "{proven}");

    for (file, step_number, from) in [
        ("records.bin", 1, &unpacked),
        ("records.bin", 3, &folder),
        ("checkpoint", 2, &unpacked),
    ] {
        let path = folder.join(file);
        let good = fs::read(&path).unwrap();
        let mut bytes = good.clone();
        bytes[25] ^= 1;
        fs::write(&path, bytes).unwrap();
        let found = step(from, step_number);
        assert!(found.is_err(), "{file} in step {step_number}: {found:?}");
        fs::write(&path, good).unwrap();
    }
}

/// Runs a step of LEGGIMI.txt as it stands there; `CARTELLA` and `/tmp` are the only words that are filled in.
fn step(folder: &Path, number: u32) -> Result<String, String> {
    let unpacked = folder
        .ancestors()
        .find(|it| it.join("LEGGIMI.txt").exists());
    let unpacked = unpacked.unwrap();
    let read_me = fs::read_to_string(unpacked.join("LEGGIMI.txt")).unwrap();
    let (_, rest) = read_me.split_once(&format!("\n#>{number}\n")).unwrap();
    let (step, _) = rest.split_once(&format!("#<{number}\n")).unwrap();
    let folders = fs::read_dir(unpacked).unwrap().map(|it| it.unwrap().path());
    let log = folders.into_iter().find(|it| it.is_dir()).unwrap();
    let step = step.replace("/tmp/", &format!("{}/", text(unpacked.parent().unwrap())));
    let step = step.replace("CARTELLA", text(&log));
    let ended = Command::new("sh")
        .args(["-e", "-c", &step])
        .current_dir(folder)
        .output()
        .unwrap();
    let said = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    if ended.status.success() {
        Ok(said(ended.stdout))
    } else {
        Err(said(ended.stderr))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pack_of_one_call_holds_its_records_and_no_others() {
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);
    for _ in 0..2 {
        verify(&comune.client("tributi"), "verifica-residenza")
            .await
            .unwrap();
    }
    let search = ["audit", "search", "--kind", "OUTCOME"];
    let found = program.json(&search).await;
    let call = found[0]["audit_id"].as_str().unwrap();
    let trace = found[0]["trace_id"].as_str().unwrap();
    let place = TempDir::new().unwrap();
    let to = text(place.path());

    let export = ["audit", "export", "--format", "pack", "--to", to];
    let of_call = program
        .json(&[&export[..], &["--call", call]].concat())
        .await;
    let of_trace = program
        .json(&[&export[..], &["--trace", trace]].concat())
        .await;
    let unknown = "01980000-0000-7000-8000-000000000000";
    let nothing = program
        .refused(&[&export[..], &["--call", unknown]].concat())
        .await;

    assert_eq!(of_call["logs"][0]["records"], 1, "{of_call}");
    assert!(
        of_call["file"]
            .as_str()
            .unwrap()
            .ends_with(&format!("evidence-{call}.zip"))
    );
    assert!(
        of_trace["logs"][0]["records"].as_u64() >= Some(1),
        "{of_trace}"
    );
    assert!(nothing.contains("holds no record of that"), "{nothing}");
    comune.stop().await;
}

/// T-L5: the log is cut off with every mark of it that stands on the machine.
#[tokio::test(flavor = "multi_thread")]
async fn log_that_was_cut_off_is_found_from_a_receipt_that_a_caller_kept() {
    let mut town = Process::new(PROGRAM);
    town.start();
    assert_eq!(town.terminate(), Some(0));
    let copy = town.data().join("copy");
    copy_folder(&town.data().join("audit"), &copy);
    town.start();
    let channel = town
        .client("tributi")
        .purpose("verifica-residenza")
        .unwrap();
    let mut client = AnagrafeServiceClient::new(channel);
    let answer = client.verify_residenza(question()).await.unwrap();
    let receipt = answer.metadata().get_bin("varco-audit-checkpoint-bin");
    let kept = town.data().join("receipt");
    fs::write(&kept, receipt.unwrap().to_bytes().unwrap()).unwrap();
    assert_eq!(town.terminate(), Some(0));
    let program = town.program();
    let tree = town.data().join("tree");
    let check = ["audit", "verify", "--checkpoint", text(&kept)];
    let of_tree = [&check[..], &["--tree", text(&tree)]].concat();
    let export = ["audit", "export", "--format", "tiles", "--to", text(&tree)];
    let key = vkey(&program).await;
    program.done(&export).await;
    let whole = program.json(&check).await;
    assert!(
        whole["records"].as_u64() > whole["kept"].as_u64(),
        "{whole}"
    );
    assert_eq!(program.json(&of_tree).await["kept"], whole["kept"]);

    let audit = town.data().join("audit");
    fs::remove_dir_all(&audit).unwrap();
    copy_folder(&copy, &audit);

    // By itself what is left agrees with itself.
    let left = program.json(&["audit", "verify"]).await;
    let last = left["records"].as_u64().unwrap() - 1;
    let told = format!("what lay after index {last} was cut off or rewritten");
    let refused = program.refused(&check).await;
    assert!(refused.contains(&told), "{refused}");
    fs::remove_dir_all(&tree).unwrap();
    program.done(&export).await;
    let refused = program.refused(&of_tree).await;
    assert!(refused.contains(&told), "{refused}");
    let named = [&check[..], &["--vkey", &key]].concat();
    assert!(program.refused(&named).await.contains(&told));
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_of_a_day_are_lines_of_otlp_json() {
    let mut town = Process::new(PROGRAM);
    town.start();
    verify(&town.client("tributi"), "verifica-residenza")
        .await
        .unwrap();
    // What was gathered is kept at the stop.
    assert_eq!(town.terminate(), Some(0));
    let program = town.program();
    let to = town.data();
    let export = ["audit", "export", "--format", "otlp", "--to", text(&to)];

    let exported = program.json(&export).await;
    let yesterday = program
        .json(&[&export[..], &["--date", "2020-01-01"]].concat())
        .await;

    let lines = fs::read_to_string(exported["file"].as_str().unwrap()).unwrap();
    let documents = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let spans: usize = documents.map(|document: Value| spans_in(&document)).sum();
    assert!(spans > 1, "{exported}");
    assert_eq!(exported["spans"], spans);
    assert!(!lines.contains("RSSMRA80A01H501U"));
    assert_eq!(yesterday["spans"], 0);
    assert_eq!(yesterday["partial"], false);
    assert!(
        yesterday["file"]
            .as_str()
            .unwrap()
            .ends_with("spans-2020-01-01.jsonl")
    );
}

fn spans_in(document: &Value) -> usize {
    let resources = document["resourceSpans"].as_array().unwrap();
    let scopes = resources
        .iter()
        .flat_map(|it| it["scopeSpans"].as_array().unwrap());
    scopes
        .map(|scope| scope["spans"].as_array().unwrap().len())
        .sum()
}
