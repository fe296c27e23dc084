//! What doctor finds in a folder that is not well.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use varco_runtime::clock::standing::Standing;

use super::*;
use crate::configuration;

#[test]
fn a_key_that_others_may_read_fails_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("keys/gw1")).unwrap();
    let key = folder.path().join("keys/gw1/voucher-kid.key");
    fs::write(&key, "x").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(folder.path().join(configuration::FILE), "").unwrap();
    let config = configuration::load(&folder.path().join(configuration::FILE)).unwrap();

    let findings = credentials::keys(&config);

    let found = findings
        .iter()
        .find(|finding| finding.check.ends_with("voucher-kid.key"))
        .unwrap();
    assert_eq!(
        (found.level, found.detail.as_str()),
        (Level::Fail, "mode 644")
    );
    assert!(found.remedy.contains("chmod 600"));
}

#[test]
fn clock_that_nobody_keeps_right_is_worth_a_warning() {
    let level = |standing| machine::standing(standing).level;

    assert_eq!(level(Standing::Synchronised(3)), Level::Ok);
    assert_eq!(level(Standing::Unsynchronised), Level::Warn);
    assert_eq!(level(Standing::Unknown), Level::Warn);
}

#[tokio::test]
async fn a_damaged_database_fails() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("gateway.db"), [7; 8192]).unwrap();
    fs::write(folder.path().join(configuration::FILE), "").unwrap();
    let config = configuration::load(&folder.path().join(configuration::FILE)).unwrap();

    let findings = databases::check(&config).await;

    let found = findings
        .iter()
        .find(|finding| finding.check == "database gateway")
        .unwrap();
    assert_eq!(found.level, Level::Fail);
}

#[test]
fn plain_key_of_a_real_comune_fails_and_a_samples_does_not() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("keys")).unwrap();
    fs::write(folder.path().join("keys/voucher.key"), "x").unwrap();
    let file = folder.path().join(configuration::FILE);
    fs::write(&file, "[vault]\npassphrase = \"passphrase\"\n").unwrap();
    let passphrase = folder.path().join("passphrase");
    fs::write(&passphrase, "corretto cavallo batteria").unwrap();
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o644)).unwrap();

    let real = sealing::check(&configuration::load(&file).unwrap());
    fs::write(folder.path().join("CAMPIONE"), "").unwrap();
    let sample = sealing::check(&configuration::load(&file).unwrap());

    let failed: Vec<&str> = real
        .iter()
        .filter(|finding| finding.level == Level::Fail)
        .map(|finding| finding.detail.as_str())
        .collect();
    assert_eq!(
        failed,
        ["it is missing", "others may read it", "it is a plain key"]
    );
    assert!(sample.iter().all(|finding| finding.level == Level::Ok));
}

#[test]
fn certificate_within_thirty_days_of_its_end_is_worth_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(configuration::FILE);
    fs::write(&file, "").unwrap();
    let config = configuration::load(&file).unwrap();
    let now = Clock::system().now();
    let (ca, _) = varco_runtime::pki::Ca::generate("prova", now).unwrap();
    let holder = varco_runtime::pki::Holder::operator("spiffe://c_z999", "rossi");
    let leaf = ca.issue(&holder, now).unwrap();
    fs::create_dir_all(folder.path().join("operators/rossi")).unwrap();
    fs::write(
        folder.path().join("operators/rossi/tls.pem"),
        leaf.certificate,
    )
    .unwrap();
    let level = |days: i64| {
        let then = jiff::Timestamp::from_second(now.as_second() + days * 24 * 3600).unwrap();
        let findings = credentials::certificates(&config, then);
        let found = findings.into_iter().find(|it| it.check.contains("rossi"));
        found.unwrap().level
    };

    assert_eq!(level(59), Level::Ok);
    assert_eq!(level(61), Level::Warn);
    assert_eq!(level(91), Level::Fail);
}
