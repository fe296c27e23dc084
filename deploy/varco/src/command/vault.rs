//! `varco vault seal`: seals the plain keys of an installation with its passphrase.
//!
//! It is for an installation that was made before keys were sealed, or whose keys were brought in
//! by hand. Each file is replaced whole or not at all, so that it can be run again after an
//! interruption.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use varco_runtime::config::{AtRest, Config};
use varco_runtime::secret::{self, Vault};

use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::output;

/// What `varco vault` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do with the keys at rest
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done with the keys at rest.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Seals plain keys in their place with the passphrase of the configuration
    Seal,
}

/// Seals every plain key that gives authority.
///
/// # Errors
///
/// When the installation is a sample, names no passphrase, or a file cannot be written.
pub fn run(args: &Args, common: &Common) -> Result<(), Failure> {
    let Command::Seal = args.command;
    let config = common.load_config()?;
    if config.at_rest == AtRest::Plain {
        let why = "it is a sample municipality, whose keys stay plain";
        let remedy = "make a real comune with `varco init`";
        return Err(Failure::new(config.folder.display(), why, remedy));
    }
    let vault = if secret::identity(&config).exists() {
        Vault::open(&config)?
    } else {
        Vault::create(&config)?
    };
    let mut sealed = Vec::new();
    for file in keys(&config)? {
        if vault.seal(&file)? {
            sealed.push(file.display().to_string());
        }
    }
    match common.output {
        Output::Json => output::json(&json!({ "sealed": sealed })),
        Output::Text if sealed.is_empty() => output::line("every key is sealed already"),
        Output::Text => output::line(format!(
            "sealed {}\nremove the plain copies in your backups, or make new keys",
            sealed.join(", ")
        )),
    }
}

/// The files of the vault: the keys that give authority, and the authority's own where it is here.
///
/// # Errors
///
/// When the folder of the keys cannot be read.
pub fn keys(config: &Config) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    collect(&config.path(&config.gateway.keys), &mut found)?;
    let authority = config.comune.ca_key.as_ref().map(|key| config.path(key));
    found.extend(authority.filter(|key| key.exists()));
    found.sort();
    found.dedup();
    Ok(found)
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let unreadable = |error| {
        let remedy = "check that it exists and that this user may read it";
        Failure::new(folder.display(), error, remedy)
    };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|end| end == "key") {
            found.push(path);
        }
    }
    Ok(())
}
