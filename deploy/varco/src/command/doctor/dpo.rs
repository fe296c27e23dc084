//! Whether details can be sealed to the DPO, and data subjects named.
//!
//! Keys are not opened: whether others may read them stands in `credentials`, whether they are
//! sealed in `sealing`.

use jiff::Timestamp;
use varco_gateway::keys::subjects;
use varco_runtime::clock;
use varco_runtime::config::{AtRest, Config};
use varco_runtime::secret::dpo::Recipients;

use super::Finding;
use crate::data_folder::dpo;

/// Looks at the DPO's recipient, and at the year's key for data subjects.
pub fn check(config: &Config, now: Timestamp) -> Vec<Finding> {
    let mut findings = vec![recipients(config), subject_key(config, now)];
    findings.extend(private_half(config));
    findings
}

fn recipients(config: &Config) -> Finding {
    let file = config.path(&config.gateway.dpo);
    let check = format!("dpo {}", file.display());
    match Recipients::read(&file) {
        Ok(recipients) => {
            let count = recipients.iter().count();
            Finding::ok(
                check,
                format!("details are sealed to {count} of age's recipients"),
            )
        }
        Err(error) => {
            let told = error.to_string();
            let (found, remedy) = told.split_once("; ").unwrap_or((&told, ""));
            Finding::fail(check, found, remedy)
        }
    }
}

fn subject_key(config: &Config, now: Timestamp) -> Finding {
    let folder = config.path(&config.gateway.keys);
    let year = clock::day(now).year();
    let check = format!("subject key {}", folder.display());
    let files = match subjects::files(&folder) {
        Ok(files) => files,
        Err(error) => return Finding::fail(check, error.to_string(), RESTORE),
    };
    let newest = files.iter().rfind(|(of, _)| *of <= year);
    match newest {
        Some((of, _)) if *of == year => Finding::ok(check, format!("of {year}")),
        Some((of, _)) => Finding::ok(
            check,
            format!("of {of}; the gateway derives that of {year} at its start"),
        ),
        None => Finding::fail(check, format!("none of {year} or before"), RESTORE),
    }
}

/// A private key of the DPO's in a real comune's folder; in a sample it is meant to lie there.
fn private_half(config: &Config) -> Option<Finding> {
    let file = dpo::private_half(config);
    if config.at_rest == AtRest::Plain || !file.exists() {
        return None;
    }
    let check = format!("dpo {}", file.display());
    let found = "the DPO's private key lies beside what is sealed to it";
    Some(Finding::fail(
        check,
        found,
        "hand it to the DPO and delete it here",
    ))
}

const RESTORE: &str =
    "restore the newest subject-<year>.key from a backup, or copy it from another gateway";
