//! The register of accesses as files, verified by a program that shares nothing with Varco.

use std::fs;
use std::path::Path;
use std::process::Command;

use futures_util::{StreamExt as _, stream};
use varco_tests::calls::verify;
use varco_tests::comune::Comune;

use crate::PROGRAM;

#[tokio::test(flavor = "multi_thread")]
async fn exported_tiles_are_verified_by_an_independent_program() {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: there is no python3");
        return;
    }
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);
    let tax_office = comune.client("tributi");
    let calls = stream::iter(0..RECORDS).map(|_| verify(&tax_office, "verifica-residenza"));
    let outcomes: Vec<_> = calls.buffer_unordered(16).collect().await;
    outcomes.into_iter().collect::<Result<(), _>>().unwrap();
    let folder = comune.path().join("tiles");
    let export = [
        "audit",
        "export",
        "--format",
        "tiles",
        "--to",
        folder.to_str().unwrap(),
    ];

    let exported = program.json(&export).await;

    let size = exported["records"].as_u64().unwrap();
    assert!(size > u64::try_from(RECORDS).unwrap(), "{exported}");
    let verified = independently(&folder);
    let own = program.json(&["audit", "verify"]).await;
    let told = format!(
        "verified: {size} records of {}",
        own["origin"].as_str().unwrap()
    );
    assert!(
        verified.as_ref().is_ok_and(|out| out.starts_with(&told)),
        "{verified:?}"
    );

    for (file, place, words) in [
        ("tile/entries/001", 1000, "index 25"),
        ("tile/0/000", 32 * 7, "index 7 "),
        ("tile/1/000.p/2", 5, "index 0 "),
        ("checkpoint", 3, "signature of the checkpoint"),
        ("vkey", 24, "key is not the one"),
    ] {
        let good = fs::read(folder.join(file)).unwrap();
        let mut bytes = good.clone();
        bytes[place] ^= 1;
        fs::write(folder.join(file), &bytes).unwrap();
        let found = independently(&folder).unwrap_err();
        assert!(
            found.starts_with("not verified: ") && found.contains(words),
            "{file}: {found}"
        );
        fs::write(folder.join(file), good).unwrap();
    }
    assert_eq!(independently(&folder), verified);
    comune.stop().await;
}

/// What the independent program prints, or how it refuses.
fn independently(folder: &Path) -> Result<String, String> {
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/clients/python/verify_tiles.py"
    );
    let ended = Command::new("python3")
        .arg(script)
        .arg(folder)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if ended.status.success() {
        Ok(text(ended.stdout))
    } else {
        Err(text(ended.stderr))
    }
}

/// Two whole tiles and a part of a third.
const RECORDS: usize = 620;
