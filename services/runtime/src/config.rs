//! The configuration: one TOML file, a section for each role, over the defaults of the product.
//!
//! What the file leaves out comes from the example configuration, which is embedded and is the
//! documentation of every key. Environment variables of the form `VARCO_SECTION__KEY` win over
//! both. Unknown keys are refused; secrets are named by the path of their file.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Table, Value};

/// The whole configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The municipality.
    pub comune: Comune,
    /// The gateway.
    pub gateway: Gateway,
    /// The office services, by name.
    pub services: BTreeMap<String, Service>,
    /// Logs and spans.
    pub telemetry: Telemetry,
    /// The folder that relative paths start from.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// The municipality.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comune {
    /// Code in the IPA, such as `c_e648`; it is the trust domain of certificates.
    pub ipa: String,
    /// Name for people.
    pub nome: String,
    /// PEM of the comune's own certification authority.
    pub ca: PathBuf,
}

/// The gateway.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// gRPC over mTLS for clients.
    pub data_plane: SocketAddr,
    /// HTTPS token endpoint and keys.
    pub token: SocketAddr,
    /// gRPC over mTLS for operators.
    pub control: SocketAddr,
    /// HTTP probes.
    pub probes: SocketAddr,
    /// Name by which clients reach the gateway.
    pub host: String,
    /// Name of this instance among several.
    pub instance: String,
    /// Database of the registry.
    pub database: String,
    /// Database of the register of accesses.
    pub audit_database: String,
    /// PEM certificate.
    pub certificate: PathBuf,
    /// PEM key of the certificate.
    pub key: PathBuf,
    /// Folder of the keys that give authority.
    pub keys: PathBuf,
    /// Audience of client assertions in PDND's style, beside the issuer and the token address.
    pub assertion_audience: String,
    /// Limits.
    pub limits: Limits,
}

/// Limits of the data plane.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Calls a second for each client.
    pub calls_per_second: u32,
    /// Open streams for each client.
    pub streams_per_client: u32,
    /// Largest message, bytes.
    pub message_bytes: usize,
    /// Bytes of answers held at once, over all calls.
    pub answer_bytes: usize,
    /// Longest unary call, seconds.
    pub unary_seconds: u64,
    /// Longest stream, seconds.
    pub stream_seconds: u64,
    /// Vouchers asked for each second by one peer.
    pub tokens_per_second: u32,
    /// Longest wait for open calls when draining, seconds.
    pub drain_seconds: u64,
    /// Age of the snapshot, in seconds, past which calls are refused.
    pub snapshot_seconds: u64,
}

/// An office service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// gRPC over mTLS for the gateway.
    pub listen: SocketAddr,
    /// HTTP for anyone, where the service shows something to the public.
    pub public: Option<SocketAddr>,
    /// Database.
    pub database: String,
    /// Folder for files.
    pub folder: PathBuf,
    /// PEM certificate.
    pub certificate: PathBuf,
    /// PEM key of the certificate.
    pub key: PathBuf,
    /// Audience that grants must name.
    pub audience: String,
    /// Folder with `client.json` and `assertion.key`, for calls to other services.
    pub client: PathBuf,
    /// Whether its contract can be asked for over gRPC reflection.
    #[serde(default)]
    pub reflection: Reflection,
    /// The service's own settings.
    #[serde(default)]
    pub settings: Table,
}

/// Logs and spans.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// Filter of the log, such as `info`.
    pub log: String,
    /// How log lines look.
    pub format: LogFormat,
    /// Address of an OTLP collector (gRPC).
    pub otlp: Option<String>,
}

/// Whether a service answers gRPC reflection.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Reflection {
    /// It does not.
    #[default]
    Off,
    /// It does, to whoever holds a certificate of the comune.
    On,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Text for a terminal.
    Text,
}

/// Ways that the configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A key is unknown, missing or of the wrong kind.
    #[error("{0}: {1}")]
    Invalid(String, String),
    /// The file cannot be read.
    #[error("{0} cannot be read: check that it exists and that this user may read it")]
    Read(PathBuf, #[source] std::io::Error),
}

impl Config {
    /// Reads a file over `defaults`, then the variables of the environment.
    ///
    /// # Errors
    ///
    /// Names the key or the line that is wrong.
    pub fn load(
        file: &Path,
        defaults: &str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Error> {
        let text =
            std::fs::read_to_string(file).map_err(|error| Error::Read(file.to_owned(), error))?;
        let folder = file.parent().unwrap_or(Path::new(".")).to_owned();
        let name = file.display().to_string();
        Self::parse(&text, &name, defaults, environment).map(|config| Self { folder, ..config })
    }

    fn parse(
        text: &str,
        name: &str,
        defaults: &str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Error> {
        let read = |text: &str, name: &str| {
            text.parse::<Table>()
                .map_err(|error| Error::Invalid(name.to_owned(), one_line(&error.to_string())))
        };
        let mut table = read(defaults, "example configuration")?;
        merge(&mut table, read(text, name)?);
        for (key, value) in environment {
            set(&mut table, &key, &value);
        }
        table.try_into().map_err(|error: toml::de::Error| {
            Error::Invalid(name.to_owned(), error.message().to_owned())
        })
    }

    /// A path of the configuration, from the folder of the file.
    #[must_use]
    pub fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// The gateway's name as an issuer: the origin of the token address.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!(
            "https://{}:{}",
            self.gateway.host,
            self.gateway.token.port()
        )
    }

    /// The address of the data plane, as clients use it.
    #[must_use]
    pub fn gateway_address(&self) -> String {
        format!(
            "https://{}:{}",
            self.gateway.host,
            self.gateway.data_plane.port()
        )
    }

    /// The address of the control plane, as operators use it.
    #[must_use]
    pub fn control_address(&self) -> String {
        format!(
            "https://{}:{}",
            self.gateway.host,
            self.gateway.control.port()
        )
    }

    /// The start of every URI in certificates of this comune.
    #[must_use]
    pub fn trust_domain(&self) -> String {
        format!("spiffe://{}", self.comune.ipa)
    }
}

fn merge(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) => merge(old, new),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

/// `VARCO_GATEWAY__DATA_PLANE=…` sets `gateway.data_plane`; other variables are not ours.
fn set(table: &mut Table, variable: &str, text: &str) {
    let Some(path) = variable
        .strip_prefix("VARCO_")
        .filter(|path| path.contains("__"))
    else {
        return;
    };
    let path = path.to_ascii_lowercase();
    let mut steps: Vec<&str> = path.split("__").collect();
    let Some(last) = steps.pop() else { return };
    let mut place = table;
    for step in steps {
        let next = place
            .entry(step)
            .or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(next) = next else { return };
        place = next;
    }
    let parsed = format!("v = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut t| t.remove("v"));
    place.insert(
        last.to_owned(),
        parsed.unwrap_or_else(|| Value::String(text.to_owned())),
    );
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: &str = include_str!("../../../deploy/varco.toml");

    fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, Error> {
        let environment = environment
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Config::parse(text, "varco.toml", DEFAULTS, environment)
    }

    #[test]
    fn example_configuration_is_complete() {
        let config = parse("", &[]).unwrap();

        assert_eq!(config.gateway.data_plane.port(), 7443);
        assert_eq!(config.services.len(), 4);
    }

    #[test]
    fn unknown_keys_are_refused_by_name() {
        let refused = parse("[gateway]\nporta = 7\n", &[])
            .unwrap_err()
            .to_string();

        assert!(refused.contains("porta"), "{refused}");
    }

    #[test]
    fn environment_wins_over_the_file() {
        let config = parse(
            "[gateway]\nhost = \"from-file\"\n",
            &[
                ("VARCO_GATEWAY__HOST", "gate"),
                ("VARCO_TEST_POSTGRES", "ignored"),
            ],
        )
        .unwrap();

        assert_eq!(config.gateway.host, "gate");
    }

    #[test]
    fn environment_cannot_name_unknown_keys() {
        assert!(parse("", &[("VARCO_GATEWAY__PORTA", "7")]).is_err());
    }
}
