//! The folder of an installation: made by the first `varco up`, opened by the next ones.
//!
//! One town at a time holds it. What a sample can mend by itself (certificates that end soon,
//! addresses after a move of ports) is mended at the start; anything else that is missing is
//! named, with the remedy, before anything is opened.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use toml::Table;
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;

use crate::clock_check;
use crate::configuration;
use crate::failure::Failure;
use crate::sample::{self, MEMBERS};

mod addresses;
pub mod client_files;
pub mod comune;
mod create;
pub mod dpo;
mod expired_voucher;
mod identities;
mod idle_gateway;
pub mod lock;
mod population;
pub mod ports;
mod staging;

use lock::Lock;
use staging::Content;

/// A data folder that this process holds.
#[derive(Debug)]
pub struct DataFolder {
    /// Its configuration.
    pub config: Config,
    _lock: Lock,
}

impl DataFolder {
    /// Opens a folder, or makes a sample municipality in an empty or new one.
    ///
    /// `port_base` moves the ports; zero finds free ones.
    ///
    /// # Errors
    ///
    /// When the folder is somebody else's, in use, or lacks a file.
    pub async fn open(
        folder: &Path,
        port_base: Option<u16>,
        clock: &Clock,
    ) -> Result<Self, Failure> {
        clock_check::check(clock.now())?;
        let lock = hold(folder)?;
        let base = port_base.map(ports::chosen_base).transpose()?;
        if staging::content(folder)? == Content::Empty {
            create::create(folder, base.unwrap_or(ports::DEFAULT_BASE), clock).await?;
        }
        let config = configured(&folder.join(configuration::FILE), base)?;
        clock_check::check_against(&config, clock.now())?;
        if is_sample(&config.folder) {
            require_files(&config)?;
            identities::renew(&config, clock.now())?;
            addresses::follow(&config, clock).await?;
        }
        Ok(Self {
            config,
            _lock: lock,
        })
    }
}

/// Whether a folder is marked as a sample municipality.
#[must_use]
pub fn is_sample(folder: &Path) -> bool {
    folder.join(sample::MARKER).exists()
}

/// Takes the lock of a folder that is ours or empty, and clears what an interruption left.
fn hold(folder: &Path) -> Result<Lock, Failure> {
    let unusable = |error| {
        Failure::new(
            folder.display(),
            error,
            "choose a folder that this user may write to",
        )
    };
    if staging::content(folder).map_err(unusable)? == Content::Foreign {
        return Err(staging::foreign(folder));
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(unusable)?;
    let lock = Lock::take(folder)?;
    staging::recover(folder).map_err(unusable)?;
    if staging::content(folder).map_err(unusable)? == Content::Foreign {
        return Err(staging::foreign(folder));
    }
    Ok(lock)
}

/// Reads the configuration, after moving its ports where that was asked for.
fn configured(file: &Path, base: Option<u16>) -> Result<Config, Failure> {
    let config = configuration::load(file)?;
    let Some(base) = base.filter(|base| !ports::stands_at(&config, *base)) else {
        return Ok(config);
    };
    let mut table: Table = std::fs::read_to_string(file)?.parse()?;
    ports::move_to(&mut table, &config, base);
    let draft = file.with_extension("toml.draft");
    create::write_configuration(&draft, &table)?;
    // A choice that cannot be had is not kept.
    ports::require_free(&configuration::load(&draft)?)?;
    std::fs::rename(&draft, file)?;
    configuration::load(file)
}

/// Names the first file of a sample that is missing.
fn require_files(config: &Config) -> Result<(), Failure> {
    let mut needed: Vec<PathBuf> = NEEDED.iter().map(PathBuf::from).collect();
    for member in &MEMBERS {
        let folder = PathBuf::from(member.folder());
        needed
            .extend(["client.json", "assertion.key", "tls.pem", "tls.key"].map(|f| folder.join(f)));
    }
    needed.extend(databases(config).into_iter().map(|(_, file)| file));
    let missing = needed
        .into_iter()
        .map(|file| config.path(&file))
        .find(|file| !file.exists());
    match missing {
        None => Ok(()),
        Some(file) => Err(Failure::new(
            file.display(),
            "the file is missing",
            "restore it from a backup, or move the data folder aside and start anew",
        )),
    }
}

/// The database files of an installation, with the role that each belongs to.
#[must_use]
pub fn databases(config: &Config) -> Vec<(String, PathBuf)> {
    let gateway = &config.gateway;
    let own = [
        ("gateway", &gateway.database),
        ("audit", &gateway.audit_database),
    ];
    let own = own
        .into_iter()
        .map(|(name, address)| (name.to_owned(), address));
    let offices = config
        .services
        .iter()
        .map(|(name, office)| (name.clone(), &office.database));
    let file = |(name, address): (String, &String)| {
        address
            .strip_prefix("sqlite:")
            .map(|file| (name, PathBuf::from(file)))
    };
    own.chain(offices).filter_map(file).collect()
}

const NEEDED: [&str; 7] = [
    "ca.pem",
    "ca.key",
    "dpo.recipient",
    "keys/audit.key",
    "registro.toml",
    "services/gateway/tls.key",
    "services/gateway/tls.pem",
];

#[cfg(test)]
mod tests;
