//! What an auditor takes home: proofs and trees that are checked without the comune, and the word of
//! witnesses on machines of others.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use varco::data_folder::ports;
use varco_tests::calls::verify;
use varco_tests::comune::Comune;
use varco_tests::process::Process;
use varco_tests::program::Program;
use varco_tests::wait;

use crate::PROGRAM;
use crate::roles::serve;
use crate::witness::reply;

#[tokio::test(flavor = "multi_thread")]
async fn proof_is_checked_without_the_comune_and_an_altered_one_proves_nothing() {
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);
    verify(&comune.client("tributi"), "verifica-residenza")
        .await
        .unwrap();
    let found = program
        .json(&["audit", "search", "--kind", "OUTCOME"])
        .await;
    let call = found[0]["audit_id"].as_str().unwrap();
    let folder = comune.path().join("proofs");

    let proven = program
        .json(&[
            "audit",
            "prove",
            "--call",
            call,
            "--to",
            folder.to_str().unwrap(),
        ])
        .await;

    let vkey = vkey(&program).await;
    let file = proven[0]["file"].as_str().unwrap();
    let elsewhere = TempDir::new().unwrap();
    let stranger = Program::new(PROGRAM, &elsewhere.path().join("nothing"));
    let check = ["audit", "verify", "--proof", file, "--vkey", &vkey];
    let checked = stranger.json(&check).await;
    assert_eq!(checked["verified"], true);
    assert_eq!(checked["record"]["audit_id"], call);
    assert_eq!(checked["index"], proven[0]["index"]);
    let text = fs::read_to_string(file).unwrap();
    for place in [40, text.len() / 2, text.len() - 4] {
        let mut altered = text.clone().into_bytes();
        altered[place] = if altered[place] == b'A' { b'B' } else { b'A' };
        fs::write(file, altered).unwrap();
        let refused = stranger.refused(&check).await;
        assert!(refused.contains("proves nothing"), "{place}: {refused}");
    }
    fs::write(file, text).unwrap();
    let unnamed = ["audit", "verify", "--proof", file];
    assert!(stranger.refused(&unnamed).await.contains("--vkey"));
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exported_tree_is_verified_without_the_comune_to_the_index_that_is_wrong() {
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);
    let folder = comune.path().join("tree");
    let to = folder.to_str().unwrap();
    program
        .json(&["audit", "export", "--format", "tiles", "--to", to])
        .await;
    let elsewhere = TempDir::new().unwrap();
    let stranger = Program::new(PROGRAM, &elsewhere.path().join("nothing"));
    let check = ["audit", "verify", "--tree", to];

    let checked = stranger.json(&check).await;

    assert_eq!(checked["verified"], true);
    let entries = bundle(&folder);
    let mut altered = fs::read(&entries).unwrap();
    let second = 2 + usize::from(u16::from_be_bytes([altered[0], altered[1]])) + 10;
    altered[second] ^= 1;
    fs::write(&entries, altered).unwrap();
    let refused = stranger.refused(&check).await;
    assert!(refused.contains("index 1"), "{refused}");
    comune.stop().await;
}

fn bundle(folder: &Path) -> std::path::PathBuf {
    let partial = fs::read_dir(folder.join("tile/entries/000.p")).unwrap();
    partial.map(|it| it.unwrap().path()).next().unwrap()
}

pub(crate) async fn vkey(program: &Program) -> String {
    let verified = program.json(&["audit", "verify"]).await;
    verified["logs"][0]["vkey"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn witness_cosigns_and_knows_an_older_copy_when_nothing_else_is_left() {
    let mut town = Process::new(PROGRAM).with("VARCO_TELEMETRY__LOG", "info");
    town.start();
    let key = vkey(&town.program()).await;
    assert_eq!(town.terminate(), Some(0));
    let copy = town.data().join("copy");
    copy_folder(&town.data().join("audit"), &copy);
    let place = TempDir::new().unwrap();
    let witness = place.path().join("witness");
    fs::create_dir(&witness).unwrap();
    let port = ports::free_port_base().unwrap();
    let section = format!(
        "[witness]\nlisten = \"127.0.0.1:{port}\"\nlogs = [{{ vkey = \"{key}\", years = \"all\" }}]\n"
    );
    fs::write(witness.join("varco.toml"), section).unwrap();
    let running = serve("witness", &witness);
    let said = reply(&format!("http://127.0.0.1:{port}/vkey")).await;
    let config = town.data().join("varco.toml");
    let known = format!(
        "\n[[gateway.witnesses]]\naddress = \"http://127.0.0.1:{port}\"\nvkey = \"{}\"\n",
        said.trim()
    );
    fs::write(&config, fs::read_to_string(&config).unwrap() + &known).unwrap();

    town.start();
    verify(&town.client("tributi"), "verifica-residenza")
        .await
        .unwrap();
    let folder = town.data().join("proofs");
    let prove = [
        "audit",
        "prove",
        "--index",
        "3",
        "--to",
        folder.to_str().unwrap(),
    ];
    let proven = wait::until("a cosigned proof", async || {
        let proven = town.program().json(&prove).await;
        (proven[0]["cosigned"] == true).then_some(proven)
    })
    .await;
    let policy = format!(
        "log {key}\nwitness testimone {}\nquorum testimone\n",
        said.trim()
    );
    fs::write(folder.join("policy"), policy).unwrap();
    let file = proven[0]["file"].as_str().unwrap();
    let policy = folder.join("policy");
    let check = [
        "audit",
        "verify",
        "--proof",
        file,
        "--policy",
        policy.to_str().unwrap(),
    ];
    let checked = town.program().json(&check).await;
    assert_eq!(checked["witnesses"][0], "testimone");
    let pack = folder.join("pack.zip");
    let to = pack.to_str().unwrap();
    let export = ["audit", "export", "--format", "pack", "--call"];
    let call = town
        .program()
        .json(&["audit", "search", "--from", "3"])
        .await;
    let call = call[0]["audit_id"].as_str().unwrap();
    let export = [&export[..], &[call, "--to", to]].concat();
    let packed = town.program().json(&export).await;
    let witnesses = packed["logs"][0]["witnesses"].as_array().unwrap();
    assert_eq!(witnesses.len(), 1, "{packed}");
    let check = [
        "audit",
        "verify",
        "--pack",
        to,
        "--policy",
        policy.to_str().unwrap(),
    ];
    let checked = town.program().json(&check).await;
    assert_eq!(checked["logs"][0]["witnesses"][0], "testimone");

    // Everything on the machine is put back to what it was, the gateway's own mark too.
    assert_eq!(town.terminate(), Some(0));
    let audit = town.data().join("audit");
    fs::remove_dir_all(&audit).unwrap();
    copy_folder(&copy, &audit);
    let refused = town.program().run(&["up"]).await;

    assert_eq!(refused.code, Some(1), "{}", refused.err);
    assert!(
        refused.err.contains("an older copy was put in its place"),
        "{}",
        refused.err
    );
    drop(running);
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
