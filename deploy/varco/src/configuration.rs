//! The configuration that a command was pointed at.
//!
//! The example configuration of the product is compiled in as the defaults, and this is the one
//! place that hands the environment to the reader.

use std::path::{Path, PathBuf};

use varco_runtime::config::{AtRest, Config};

use crate::cli::Common;
use crate::data_folder;
use crate::failure::Failure;

/// The example configuration: every key with its default.
pub const DEFAULTS: &str = include_str!("../../varco.toml");

/// Name of the configuration in a data folder.
pub const FILE: &str = "varco.toml";

impl Common {
    /// The configuration's file: the one that was named, or the data folder's.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.config.clone().unwrap_or_else(|| self.data.join(FILE))
    }

    /// Reads the configuration of the installation.
    ///
    /// # Errors
    ///
    /// When there is none, or it is wrong.
    pub fn load_config(&self) -> Result<Config, Failure> {
        let file = self.config_file();
        if self.config.is_none() && !file.exists() {
            return Err(Failure::new(
                file.display(),
                "there is no installation here",
                "run `varco up` first, or name another folder with --data",
            ));
        }
        load(&file)
    }
}

/// Reads a configuration file over the defaults, then the environment.
///
/// # Errors
///
/// Names the key that is wrong.
pub fn load(file: &Path) -> Result<Config, Failure> {
    let mut config = Config::load(file, DEFAULTS, std::env::vars())?;
    if data_folder::is_sample(&config.folder) {
        config.at_rest = AtRest::Plain;
    }
    Ok(config)
}
