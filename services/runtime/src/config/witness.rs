//! The section of a witness: it runs on another machine, in the hands of another administrator.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

/// A witness of logs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// HTTPS, or plain HTTP on loopback, for the logs and for whoever checks them.
    pub listen: SocketAddr,
    /// Database of what it has cosigned.
    pub database: String,
    /// Name of its key, which stands in every cosignature.
    pub name: String,
    /// PEM key that cosigns; made at the first start.
    pub signing_key: PathBuf,
    /// PEM certificate; plain HTTP without it.
    pub certificate: Option<PathBuf>,
    /// PEM key of the certificate.
    pub key: Option<PathBuf>,
    /// Requests a second from one peer.
    pub requests_per_second: u32,
    /// The logs that it knows.
    pub logs: Vec<WitnessedLog>,
}

/// A log that a witness knows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessedLog {
    /// The log's verifier key, `origin+id+key`.
    pub vkey: String,
    /// Whether an origin that ends with a year stands for all its years, under the same key.
    #[serde(default)]
    pub years: Years,
}

/// For which years the key of a log is believed.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Years {
    /// Every year and every epoch of it: the log begins anew each year under one key.
    All,
    /// The one that the origin names, if it names one.
    #[default]
    One,
}
