//! The DPO's key ceremony: who holds what, and what is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;
use varco_gateway::keys::ratchet::YearKey;
use varco_gateway::keys::subjects;
use varco_runtime::secret::dpo::{DpoKey, Recipients};
use varco_runtime::secret::{self, Vault};
use varco_tests::program::Program;
use varco_tests::real::{Real, text};

use crate::PROGRAM;

#[tokio::test(flavor = "multi_thread")]
async fn dpo_alone_holds_the_private_key_and_the_first_key_of_the_register() {
    let place = TempDir::new().unwrap();
    let comune = Real::make(PROGRAM, place.path()).await;
    let config = varco::configuration::load(&comune.data.join("varco.toml")).unwrap();
    let vault = Vault::open(&config).unwrap();

    let dpo = DpoKey::read(&comune.dpo).unwrap();
    let (year, file) = subjects::files(&comune.data.join("keys"))
        .unwrap()
        .remove(0);
    let own = YearKey::parse(&vault.read(&file).unwrap()).unwrap();
    let safe = fs::read(comune.data.join(format!("dpo/subject-{year}.age"))).unwrap();

    assert_eq!(YearKey::parse(&dpo.open(&safe).unwrap()), Some(own));
    assert!(secret::is_sealed(&file).unwrap());
    let recipients = Recipients::read(&comune.data.join("dpo.recipient")).unwrap();
    assert_eq!(recipients.text(), dpo.recipients().text());
    let mode = fs::metadata(&comune.dpo).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for file in varco_tests::folder::files(&comune.data) {
        let content = fs::read(&file).unwrap();
        let found = content.windows(15).any(|part| part == b"AGE-SECRET-KEY-");
        assert!(!found, "a private key of the DPO's in {}", file.display());
    }
}

fn init<'a>(option: &'a [&'a str]) -> Vec<&'a str> {
    [&["init", "--ipa", "c_e648"], option].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn ceremony_is_refused_where_the_key_would_be_lost_or_exposed() {
    let place = TempDir::new().unwrap();
    let data = place.path().join("comune");
    let program = Program::new(PROGRAM, &data);
    let held = place.path().join("held.key");
    fs::write(&held, "a key").unwrap();
    let inside = data.join("dpo.key");
    let private = DpoKey::generate().text();
    let private = private.lines().last().unwrap();

    let none = program.run(&init(&[])).await;
    let overwritten = program.refused(&init(&["--dpo-key-to", text(&held)])).await;
    let exposed = program
        .refused(&init(&["--dpo-key-to", text(&inside)]))
        .await;
    let given = program.refused(&init(&["--dpo-recipient", private])).await;

    assert_eq!(none.code, Some(2));
    assert!(none.err.contains("--dpo-recipient"), "{}", none.err);
    assert!(
        overwritten.contains("stands there already"),
        "{overwritten}"
    );
    assert!(exposed.contains("it lies in the data folder"), "{exposed}");
    assert!(
        given.contains("is a private key") && !given.contains(private),
        "{given}"
    );
    assert_eq!(fs::read_to_string(&held).unwrap(), "a key");
    assert!(!data.join("varco.toml").exists() && !inside.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_without_a_dpo_or_a_subject_key_does_not_start_and_says_what_to_do() {
    let place = TempDir::new().unwrap();
    let comune = Real::make(PROGRAM, place.path()).await;
    let config = comune.data.join("varco.toml");
    let start = ["serve", "gateway", "--config", text(&config)];
    let recipient = comune.data.join("dpo.recipient");
    let named = fs::read(&recipient).unwrap();
    let (_, key) = subjects::files(&comune.data.join("keys"))
        .unwrap()
        .remove(0);

    fs::remove_file(&recipient).unwrap();
    let nobody = comune.program.refused(&start).await;
    let doctor = comune.program.run(&["doctor"]).await;
    fs::write(&recipient, "nessuno\n").unwrap();
    let somebody = comune.program.refused(&start).await;
    fs::write(&recipient, named).unwrap();
    fs::remove_file(&key).unwrap();
    let keyless = comune.program.refused(&start).await;

    assert!(nobody.contains("dpo.recipient is missing"), "{nobody}");
    assert!(nobody.contains("write the DPO's public key"), "{nobody}");
    assert!(
        doctor.out.contains("dpo.recipient is missing"),
        "{}",
        doctor.out
    );
    assert!(
        somebody.contains("line 1 is no age recipient"),
        "{somebody}"
    );
    assert!(keyless.contains(".key is missing"), "{keyless}");
}
