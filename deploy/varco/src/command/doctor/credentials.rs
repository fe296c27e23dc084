//! Certificates that end, keys that are missing or that others may read.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use varco_runtime::clock;
use varco_runtime::config::Config;

use super::Finding;
use crate::certificate;
use crate::data_folder;

/// When every certificate of the installation ends.
pub fn certificates(config: &Config, now: Timestamp) -> Vec<Finding> {
    let mut files = vec![
        config.path(&config.comune.ca),
        config.path(&config.gateway.certificate),
    ];
    files.extend(
        config
            .services
            .values()
            .map(|service| config.path(&service.certificate)),
    );
    files.extend(
        client_folders(config)
            .into_iter()
            .map(|folder| folder.join("tls.pem")),
    );
    let remedy = if data_folder::is_sample(&config.folder) {
        "`varco up` issues it again at its next start"
    } else {
        "issue it again with the comune's authority"
    };
    files
        .iter()
        .map(|file| certificate(file, now, remedy))
        .collect()
}

fn certificate(file: &Path, now: Timestamp, remedy: &str) -> Finding {
    let check = format!("certificate {}", file.display());
    let validity = match certificate::validity(file) {
        Ok(validity) => validity,
        Err(failure) => return Finding::fail(check, failure.to_string(), "it is needed"),
    };
    let days = (validity.to.as_second() - now.as_second()) / DAY;
    let detail = format!("good until {}", clock::day(validity.to));
    match days {
        ..0 => Finding::fail(
            check,
            format!("ended on {}", clock::day(validity.to)),
            remedy,
        ),
        0..SOON => Finding::warn(check, detail, remedy),
        _ => Finding::ok(check, detail),
    }
}

/// Whether every key is there and only this user may read it.
pub fn keys(config: &Config) -> Vec<Finding> {
    let authority = config.path(&config.gateway.keys);
    let mut files = vec![authority.join("audit.key")];
    files.extend(signing_keys(&authority.join(&config.gateway.instance)));
    files.push(config.path(&config.gateway.key));
    for service in config.services.values() {
        files.push(config.path(&service.key));
        files.push(config.path(&service.client).join("assertion.key"));
    }
    for folder in client_folders(config) {
        files.extend(["tls.key", "assertion.key"].map(|name| folder.join(name)));
    }
    if data_folder::is_sample(&config.folder) {
        files.push(config.folder.join("ca.key"));
    }
    files.iter().map(|file| key(file)).collect()
}

fn key(file: &Path) -> Finding {
    let check = format!("key {}", file.display());
    match fs::metadata(file) {
        Ok(found) if found.permissions().mode() & OTHERS == 0 => {
            Finding::ok(check, "only its owner may read it")
        }
        Ok(found) => {
            let detail = format!("mode {:o}", found.permissions().mode() & 0o777);
            Finding::fail(
                check,
                detail,
                "others may read it: set its mode with chmod 600",
            )
        }
        Err(error) => Finding::fail(check, error.to_string(), "restore it from a backup"),
    }
}

/// The keys for vouchers and grants that the gateway has made for itself.
fn signing_keys(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "key"))
        .collect();
    files.sort();
    files
}

/// Folders of clients and operators, where the installation keeps them.
fn client_folders(config: &Config) -> Vec<PathBuf> {
    let entries = fs::read_dir(config.folder.join("clients"))
        .into_iter()
        .flatten()
        .flatten();
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.join("tls.pem").exists())
        .collect();
    folders.sort();
    folders
}

const OTHERS: u32 = 0o077;
const DAY: i64 = 24 * 3600;
/// A sample issues anew thirty days before the end, so less than that is worth a word.
const SOON: i64 = 30;
