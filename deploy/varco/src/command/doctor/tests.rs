//! What doctor finds in a folder that is not well.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

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
