//! What an office service is given and what it gives back: the seam to the composition root.
//!
//! A service crate exposes its migrations and one `open`; it never listens, never reads the
//! environment and never makes its own database or client.

use std::path::PathBuf;

use serde::de::DeserializeOwned;

use crate::client::Gateway;
use crate::clock::Clock;
use crate::store::Db;
use crate::tasks::Tasks;

/// What an office service is given.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Its own database, schema up to date.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// The way to other services.
    pub gateway: Gateway,
    /// Where it spawns what runs beside its calls.
    pub tasks: Tasks,
    /// Its own folder for files; it exists.
    pub folder: PathBuf,
    /// Its own settings, not parsed yet.
    pub settings: toml::Table,
}

impl Parts {
    /// Parses the service's own settings; unknown keys are refused by their type.
    ///
    /// # Errors
    ///
    /// Names the key that is wrong.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, toml::de::Error> {
        self.settings.clone().try_into()
    }
}

/// What an office service gives back.
#[derive(Debug)]
pub struct Served {
    /// Its gRPC methods, for the gateway.
    pub routes: tonic::service::Routes,
    /// What it shows to anyone over HTTP, where the law wants that.
    pub public: Option<axum::Router>,
}
