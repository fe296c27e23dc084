//! Certificates that end, keys that are missing or that others may read.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use varco_gateway::keys::subjects;
use varco_runtime::clock;
use varco_runtime::config::Config;

use super::Finding;
use crate::certificate;
use crate::data_folder;
use crate::operator::{CLIENTS, OPERATORS};

/// When every certificate of the installation ends.
pub fn certificates(config: &Config, now: Timestamp) -> Vec<Finding> {
    let sample = data_folder::is_sample(&config.folder);
    let told = |remedy| if sample { SAMPLE } else { remedy };
    let mut files = vec![
        (config.path(&config.comune.ca), told(AUTHORITY_ENDS)),
        (config.path(&config.gateway.certificate), told(GATEWAY_ENDS)),
    ];
    let services = config.services.values();
    let services = services.map(|service| config.path(&service.certificate));
    let clients = client_folders(config).into_iter();
    let others = services.chain(clients.map(|folder| folder.join("tls.pem")));
    files.extend(others.map(|file| (file, told(HOLDER_ENDS))));
    files
        .iter()
        .map(|(file, remedy)| certificate(file, now, remedy))
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
    let subjects = subjects::files(&authority).unwrap_or_default().into_iter();
    files.extend(subjects.map(|(_, file)| file));
    files.extend(signing_keys(&authority.join(&config.gateway.instance)));
    files.push(config.path(&config.gateway.key));
    for service in config.services.values() {
        files.push(config.path(&service.key));
        let client = config.path(&service.client);
        // A service of a new comune is no client before it is registered as one.
        if client.join("client.json").exists() {
            files.push(client.join("assertion.key"));
        }
    }
    for folder in client_folders(config) {
        files.push(folder.join("tls.key"));
        // An operator of a real comune signs no assertions.
        if folder.join("client.json").exists() {
            files.push(folder.join("assertion.key"));
        }
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
    let places = [CLIENTS, OPERATORS].map(|place| config.folder.join(place));
    let entries = places.iter().flat_map(fs::read_dir).flatten().flatten();
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.join("tls.pem").exists())
        .collect();
    folders.sort();
    folders
}

const AUTHORITY_ENDS: &str = "make a new authority before then and certify everybody with it";
const GATEWAY_ENDS: &str =
    "the gateway that holds the authority's key renews it while it runs: look in its log";
const HOLDER_ENDS: &str = "its holder renews it while it runs; otherwise issue it again with `varco client certificate`, \
     `varco service certificate` or `varco operator certificate`";
const SAMPLE: &str = "`varco up` issues it again at its next start";
/// What a mode must not grant to others.
pub const OTHERS: u32 = 0o077;
const DAY: i64 = 24 * 3600;
/// A sample issues anew thirty days before the end, so less than that is worth a word.
const SOON: i64 = 30;
