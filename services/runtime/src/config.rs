//! The configuration: one TOML file, a section for each role, over the defaults of the product.
//!
//! What the file leaves out comes from the example configuration, which is embedded and is the
//! documentation of every key. Environment variables of the form `VARCO_SECTION__KEY` win over
//! both. Unknown keys are refused; secrets are named by the path of their file.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Table, Value};

pub mod anchors;
pub mod reload;
pub mod retention;
pub mod signing;
pub mod telemetry;
pub mod witness;

use anchors::Anchors;
use retention::Retention;
use signing::SigningAlgorithm;
use telemetry::Telemetry;
use witness::Witness;

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
    /// What opens the sealed keys.
    #[serde(default)]
    pub vault: Vault,
    /// The witness, for the machine on which it runs.
    pub witness: Witness,
    /// The folder that relative paths start from.
    #[serde(skip)]
    pub folder: PathBuf,
    /// How the keys that give authority are kept; whoever loads the configuration knows.
    #[serde(skip)]
    pub at_rest: AtRest,
    /// Whether the listening sockets outlive this process, so that a successor takes up at once what it
    /// leaves; whoever starts it knows.
    #[serde(skip)]
    pub handed_over: bool,
    /// Folder of the credentials that systemd gave (`$CREDENTIALS_DIRECTORY`).
    #[serde(skip)]
    credentials: Option<PathBuf>,
    /// Every key with its value, as the file, the defaults and the environment made it.
    #[serde(skip)]
    keys: BTreeMap<String, Value>,
}

/// How the keys that give authority are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AtRest {
    /// As plain files, in a sample.
    Plain,
    /// Sealed with the passphrase of the installation.
    #[default]
    Sealed,
}

/// What opens the sealed keys.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vault {
    /// File with the passphrase; the systemd credential `varco-passphrase` when left out.
    pub passphrase: Option<PathBuf>,
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
    /// Key of that authority, in the vault of the gateway that issues; none issues without it.
    pub ca_key: Option<PathBuf>,
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
    /// Database of the spans that the gateway keeps.
    pub trace_database: String,
    /// PEM certificate.
    pub certificate: PathBuf,
    /// PEM key of the certificate.
    pub key: PathBuf,
    /// Folder of the keys that give authority.
    pub keys: PathBuf,
    /// File with the public keys (age) of those who may read the details of records.
    pub dpo: PathBuf,
    /// Whether who asks for access may not be who approves it.
    pub four_eyes: bool,
    /// Algorithm of the keys that sign vouchers.
    pub signing_algorithm: SigningAlgorithm,
    /// Algorithm of the keys that sign grants.
    pub grant_algorithm: SigningAlgorithm,
    /// Days after which another key signs.
    pub key_rotation_days: u32,
    /// Audience of client assertions in PDND's style, beside the issuer and the token address.
    pub assertion_audience: String,
    /// Whether clients may ask for the contracts of the e-services over gRPC reflection.
    pub reflection: Reflection,
    /// Limits.
    pub limits: Limits,
    /// How long the register of accesses is kept.
    pub retention: Retention,
    /// Witnesses that cosign the register of accesses.
    #[serde(default)]
    pub witnesses: Vec<KnownWitness>,
    /// Where the checkpoint of the register of accesses is anchored every day.
    #[serde(default)]
    pub anchors: Anchors,
}

/// A witness as a gateway knows it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownWitness {
    /// Where it takes checkpoints, `https://…` or `http://…`.
    pub address: String,
    /// Its verifier key, as it prints it at its start.
    pub vkey: String,
    /// PEM of the authority that signed its certificate; that of the comune when left out.
    pub ca: Option<PathBuf>,
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
    /// Vouchers asked for each second by one client, and requests of one peer that prove nothing.
    pub tokens_per_second: u32,
    /// Refusals of one sender in a minute that leave a record each; those above leave one with their
    /// count.
    pub refusals_per_minute: u32,
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
        let environment: Vec<(String, String)> = environment.collect();
        let given = environment.iter().find(|(name, _)| name == CREDENTIALS);
        let credentials = given.map(|(_, folder)| PathBuf::from(folder));
        let config = Self::parse(&text, &name, defaults, environment.into_iter())?;
        Ok(Self {
            folder,
            credentials,
            ..config
        })
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
        let mut file = read(defaults, "example configuration")?;
        merge(&mut file, read(text, name)?);
        let ours = |(variable, _): &(String, String)| steps(variable).is_some();
        let variables: Vec<(String, String)> = environment.filter(ours).collect();
        let without = |left_out: Option<&str>| {
            let mut table = file.clone();
            let used = variables
                .iter()
                .filter(|(variable, _)| Some(variable.as_str()) != left_out);
            used.for_each(|(variable, text)| set(&mut table, variable, text));
            let keys = reload::keys(&table);
            let config = table.try_into::<Self>();
            let config = config.map_err(|error| one_line(&error.to_string()))?;
            let config = Self { keys, ..config };
            config.gateway.check()?;
            config.telemetry.check().map(|()| config)
        };
        without(None).map_err(|error| {
            // A mistake of the environment goes away with the variable that made it.
            let mut names = variables.iter().map(|(variable, _)| variable.as_str());
            let culprit = names.find(|variable| without(Some(variable)).is_ok());
            let place = culprit.unwrap_or(name).to_owned();
            Error::Invalid(place, error)
        })
    }

    /// Folder of the register of accesses: of its database by default, and of the gateway's mark.
    #[must_use]
    pub fn audit_folder(&self) -> PathBuf {
        self.folder.join("audit")
    }

    /// A path of the configuration, from the folder of the file.
    #[must_use]
    pub fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// The file with the passphrase of the vault: the one that is named, or systemd's credential.
    #[must_use]
    pub fn passphrase(&self) -> Option<PathBuf> {
        let named = self.vault.passphrase.as_ref().map(|file| self.path(file));
        let credential = || Some(self.credentials.as_ref()?.join(PASSPHRASE));
        named.or_else(credential)
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

impl Gateway {
    fn check(&self) -> Result<(), String> {
        if !ROTATION_DAYS.contains(&self.key_rotation_days) {
            let (least, most) = (ROTATION_DAYS.start(), ROTATION_DAYS.end());
            return Err(format!(
                "gateway.key_rotation_days must lie between {least} and {most}"
            ));
        }
        self.retention.check()?;
        self.anchors.check()?;
        self.limits.check()
    }
}

impl Limits {
    /// Refuses what no call could pass, by its key.
    fn check(&self) -> Result<(), String> {
        if !SNAPSHOT_SECONDS.contains(&self.snapshot_seconds) {
            let (least, most) = (SNAPSHOT_SECONDS.start(), SNAPSHOT_SECONDS.end());
            return Err(format!(
                "gateway.limits.snapshot_seconds must lie between {least} and {most}"
            ));
        }
        let zero = [
            ("calls_per_second", self.calls_per_second == 0),
            ("streams_per_client", self.streams_per_client == 0),
            ("message_bytes", self.message_bytes == 0),
            ("answer_bytes", self.answer_bytes == 0),
            ("unary_seconds", self.unary_seconds == 0),
            ("stream_seconds", self.stream_seconds == 0),
            ("tokens_per_second", self.tokens_per_second == 0),
            ("refusals_per_minute", self.refusals_per_minute == 0),
            ("drain_seconds", self.drain_seconds == 0),
        ];
        match zero.iter().find(|(_, zero)| *zero) {
            Some((key, _)) => Err(format!("gateway.limits.{key} must not be zero")),
            None => Ok(()),
        }
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
fn steps(variable: &str) -> Option<Vec<String>> {
    let path = variable
        .strip_prefix("VARCO_")
        .filter(|path| path.contains("__"))?;
    Some(
        path.to_ascii_lowercase()
            .split("__")
            .map(str::to_owned)
            .collect(),
    )
}

fn set(table: &mut Table, variable: &str, text: &str) {
    let mut steps = steps(variable).unwrap_or_default();
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
        last,
        parsed.unwrap_or_else(|| Value::String(text.to_owned())),
    );
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

const ROTATION_DAYS: RangeInclusive<u32> = 1..=400;
/// Where systemd tells a service the folder of its credentials (systemd.exec(5)).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
/// Name of the credential with the passphrase.
const PASSPHRASE: &str = "varco-passphrase";
const SNAPSHOT_SECONDS: RangeInclusive<u64> = 5..=300;

#[cfg(test)]
mod tests;
