//! Whether the keys that give authority are sealed, and who may read what opens them.
//!
//! The passphrase is not tried: that takes part of a second and its place in memory.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use varco_runtime::config::{AtRest, Config};
use varco_runtime::secret;

use super::Finding;
use super::credentials::OTHERS;
use crate::command::vault;

/// Looks at the vault of a real comune; a sample has none.
pub fn check(config: &Config) -> Vec<Finding> {
    if config.at_rest == AtRest::Plain {
        let detail = "the keys are plain files: this is a sample";
        return vec![Finding::ok("vault", detail)];
    }
    let mut findings = vec![identity(config), passphrase(config)];
    match vault::keys(config) {
        Ok(keys) => findings.extend(keys.iter().filter_map(|key| plain(key))),
        Err(failure) => findings.push(Finding::fail("vault", failure.to_string(), READABLE)),
    }
    findings
}

fn identity(config: &Config) -> Finding {
    let file = secret::identity(config);
    let check = format!("vault {}", file.display());
    if file.exists() {
        return Finding::ok(check, "the identity that opens the keys");
    }
    let remedy = "restore it from a backup, or seal plain keys with `varco vault seal`";
    Finding::fail(check, "it is missing", remedy)
}

fn passphrase(config: &Config) -> Finding {
    let Some(file) = config.passphrase() else {
        let detail = "none is named here";
        let remedy = "give the gateway the systemd credential varco-passphrase, or name its file";
        return Finding::warn("passphrase", detail, remedy);
    };
    let check = format!("passphrase {}", file.display());
    match fs::metadata(&file) {
        Ok(found) if found.permissions().mode() & OTHERS == 0 => {
            Finding::ok(check, "only its owner may read it")
        }
        Ok(_) => Finding::fail(check, "others may read it", "set its mode with chmod 600"),
        Err(error) => Finding::fail(check, error.to_string(), READABLE),
    }
}

/// A key that lies plain; of the sealed ones nothing need be said.
fn plain(key: &Path) -> Option<Finding> {
    let check = format!("sealed {}", key.display());
    match secret::is_sealed(key) {
        Ok(true) => None,
        Ok(false) => Some(Finding::fail(
            check,
            "it is a plain key",
            "seal it with `varco vault seal`",
        )),
        Err(error) => Some(Finding::fail(check, error.to_string(), READABLE)),
    }
}

const READABLE: &str = "check that it exists and that this user may read it";
