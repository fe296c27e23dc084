//! What the vault of a real installation takes, and what it refuses.

use std::fs;

use tempfile::TempDir;

use super::*;

const EXAMPLE: &str = include_str!("../../../../deploy/varco.toml");
const SECRET: &str = "-----BEGIN PRIVATE KEY-----";

/// An installation without keys, whose passphrase is in a file.
fn installation(passphrase: &str) -> (TempDir, Config) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("varco.toml");
    fs::write(&file, "[vault]\npassphrase = \"passphrase\"\n").unwrap();
    fs::write(folder.path().join("passphrase"), passphrase).unwrap();
    fs::create_dir(folder.path().join("keys")).unwrap();
    let config = Config::load(&file, EXAMPLE, std::iter::empty()).unwrap();
    (folder, config)
}

#[test]
fn sealed_secret_is_read_again_and_does_not_show_on_the_disk() {
    let (folder, config) = installation("corretto cavallo batteria\n");
    let file = folder.path().join("keys/voucher.key");

    Vault::create(&config)
        .unwrap()
        .write(&file, SECRET.as_bytes())
        .unwrap();

    let opened = Vault::open(&config).unwrap();
    let stored = fs::read(&file).unwrap();
    assert_eq!(opened.read(&file).unwrap().as_str(), SECRET);
    assert!(!stored.windows(8).any(|part| part == b"-----BEG"));
    assert!(is_sealed(&file).unwrap());
}

#[test]
fn wrong_passphrase_is_refused() {
    let (folder, config) = installation("corretto cavallo batteria");
    Vault::create(&config).unwrap();
    fs::write(folder.path().join("passphrase"), "un'altra frase d'accesso").unwrap();

    let refused = Vault::open(&config).unwrap_err();

    assert!(matches!(refused, Error::PassphraseWrong(..)), "{refused}");
}

#[test]
fn short_or_missing_passphrase_is_refused() {
    let (_folder, short) = installation("undici car.\n");
    let (_other, mut nowhere) = installation("");
    nowhere.vault.passphrase = None;

    let short = Vault::create(&short).unwrap_err();
    let nowhere = Vault::open(&nowhere).unwrap_err();

    assert!(matches!(short, Error::PassphraseShort(_)), "{short}");
    assert!(matches!(nowhere, Error::Passphrase), "{nowhere}");
}

#[test]
fn plain_key_of_a_real_installation_is_refused_until_it_is_sealed() {
    let (folder, config) = installation("corretto cavallo batteria");
    let vault = Vault::create(&config).unwrap();
    let file = folder.path().join("keys/audit.key");
    write(&file, SECRET.as_bytes()).unwrap();

    let refused = vault.read(&file).unwrap_err();
    let sealed = (vault.seal(&file).unwrap(), vault.seal(&file).unwrap());

    assert!(
        refused.to_string().contains("varco vault seal"),
        "{refused}"
    );
    assert_eq!(sealed, (true, false));
    assert_eq!(vault.read(&file).unwrap().as_str(), SECRET);
}

#[test]
fn damaged_secret_and_one_of_another_installation_are_refused() {
    let (folder, config) = installation("corretto cavallo batteria");
    let (other_folder, other) = installation("corretto cavallo batteria");
    let vault = Vault::create(&config).unwrap();
    let (mine, theirs) = (
        folder.path().join("a.key"),
        other_folder.path().join("a.key"),
    );
    vault.write(&mine, SECRET.as_bytes()).unwrap();
    Vault::create(&other)
        .unwrap()
        .write(&theirs, SECRET.as_bytes())
        .unwrap();

    let mut bytes = fs::read(&mine).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&mine, bytes).unwrap();

    assert!(matches!(vault.read(&mine), Err(Error::Damaged(_))));
    assert!(matches!(vault.read(&theirs), Err(Error::Damaged(_))));
}

#[test]
fn identity_is_never_overwritten_and_named_when_it_is_missing() {
    let (_folder, config) = installation("corretto cavallo batteria");

    let missing = Vault::open(&config).unwrap_err();
    Vault::create(&config).unwrap();
    let again = Vault::create(&config).unwrap_err();

    assert!(
        missing.to_string().contains("identity.age is missing"),
        "{missing}"
    );
    assert!(matches!(again, Error::IdentityExists(_)), "{again}");
}

#[test]
fn credential_of_systemd_opens_the_vault_where_no_file_is_named() {
    let (folder, config) = installation("corretto cavallo batteria");
    Vault::create(&config).unwrap();
    let credentials = folder.path().join("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::rename(
        folder.path().join("passphrase"),
        credentials.join("varco-passphrase"),
    )
    .unwrap();
    fs::write(folder.path().join("varco.toml"), "").unwrap();
    let given = (
        "CREDENTIALS_DIRECTORY".to_owned(),
        credentials.display().to_string(),
    );
    let file = folder.path().join("varco.toml");
    let config = Config::load(&file, EXAMPLE, std::iter::once(given)).unwrap();

    assert!(Vault::open(&config).is_ok());
}

#[test]
fn sample_keeps_plain_files_that_only_their_owner_reads() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, mut config) = installation("");
    config.at_rest = AtRest::Plain;
    let file = folder.path().join("keys/voucher.key");

    let vault = Vault::open(&config).unwrap();
    vault.write(&file, SECRET.as_bytes()).unwrap();

    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(fs::read_to_string(&file).unwrap(), SECRET);
    assert_eq!(mode & 0o777, 0o600);
}
