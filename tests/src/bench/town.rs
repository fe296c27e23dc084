//! Varco as an administrator installs it: `varco init`, a registry file, `varco serve gateway`.
//!
//! Everything is on that is on in production, and the register of accesses is on the disk. Only
//! limits that one client of a benchmark would exceed at once are raised.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;
use varco_gateway::keys::files::Files;
use varco_gateway::keys::lifecycle::Role;
use varco_gateway::voucher::TYP;
use varco_runtime::config::Config;
use varco_runtime::jose::{self, PrivateKey};
use varco_runtime::secret::Vault;

use crate::process::Running;
use crate::real::Real;

/// A comune whose gateway runs.
pub struct Town {
    /// The installation.
    pub real: Real,
    /// Its configuration.
    pub config: Config,
    /// What the program is run under for a look inside, such as `valgrind --tool=callgrind`, in words.
    pub under: Vec<String>,
    program: PathBuf,
    gateway: Option<Running>,
}

impl Town {
    /// Installs a comune within a folder, with nothing in its registry.
    pub async fn install(program: &Path, place: &Path) -> Self {
        let real = Real::make(program.to_str().unwrap(), place).await;
        let config = varco::configuration::load(&real.data.join("varco.toml")).unwrap();
        let under = std::env::var("VARCO_BENCH_UNDER").unwrap_or_default();
        Self {
            real,
            config,
            under: under.split_whitespace().map(str::to_owned).collect(),
            program: program.to_owned(),
            gateway: None,
        }
    }

    /// Starts the gateway, on one worker, and gives the time until it says that it is ready.
    pub fn start(&mut self) -> Duration {
        self.start_with(&RAISED)
    }

    /// Starts it with other limits than the usual ones, each by its key in `[gateway.limits]`.
    pub fn start_with(&mut self, limits: &[(&str, &str)]) -> Duration {
        let begun = Instant::now();
        let mut command = self.command();
        command
            .args(["serve", "gateway", "--config"])
            .arg(self.real.data.join("varco.toml"))
            .env("TOKIO_WORKER_THREADS", "1")
            .env("VARCO_TELEMETRY__LOG", "warn")
            .envs(
                limits
                    .iter()
                    .map(|(key, value)| (format!("VARCO_GATEWAY__LIMITS__{key}"), value)),
            );
        let log = self.real.data.with_extension("log");
        let ready = "varco gateway is ready";
        self.gateway = Some(Running::start_within(PATIENCE, command, ready, &log));
        begun.elapsed()
    }

    /// The program, or what it is run under.
    fn command(&self) -> Command {
        let Some((first, words)) = self.under.split_first() else {
            return Command::new(&self.program);
        };
        let mut command = Command::new(first);
        command.args(words).arg(&self.program);
        command
    }

    /// Stops the gateway.
    pub fn stop(&mut self) {
        let ended = self.gateway.take().map(|gateway| gateway.end("TERM"));
        assert_eq!(ended, Some(Some(0)));
    }

    /// Number of the gateway's process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.gateway.as_ref().unwrap().id()
    }

    /// Where the service is expected.
    #[must_use]
    pub fn upstream(&self) -> SocketAddr {
        self.config.services.get("anagrafe").unwrap().listen
    }

    /// The registry of the comparison: one office that asks for families, without their kinship.
    #[must_use]
    pub fn registry(&self) -> String {
        format!(
            r#"
[[tenant]]
name = "demografici"
title = "Ufficio servizi demografici"
ipa = "c_e648"

[[eservice]]
name = "anagrafe"
producer = "demografici"
[[eservice.descriptor]]
version = 1
audience = "{AUDIENCE}"
descriptor_set = "builtin:varco.anagrafe.v1"
upstream = {{ address = "https://{upstream}", server_name = "{SERVER_NAME}" }}
methods = ["varco.anagrafe.v1.AnagrafeService/GetFamiglia"]
voucher_lifespan = 600
daily_calls = {{ per_consumer = 1000000000, total = 1000000000 }}
approval = "automatic"

[[client]]
name = "prova"
consumer = "demografici"
keys = ["clients/prova/assertion.pub.pem"]

[[agreement]]
consumer = "demografici"
eservice = "anagrafe"

[[purpose]]
name = "collaudo"
consumer = "demografici"
eservice = "anagrafe"
legal_basis = "collaudo interno"
methods = ["varco.anagrafe.v1.AnagrafeService/GetFamiglia"]
data_classes = ["identificativi", "tecnico", "famiglia.numero", "famiglia.componenti"]
daily_calls = 1000000000
clients = ["prova"]
"#,
            upstream = self.upstream(),
        )
    }

    /// As many vouchers as are asked for, each the first but for its `jti`, signed with the gateway's key.
    #[must_use]
    pub fn vouchers(&self, first: &str, count: usize) -> Vec<String> {
        let key = self.signing_key(first);
        let claims: Value = claims(first);
        let voucher = |_| {
            let mut claims = claims.clone();
            claims["jti"] = json!(Uuid::now_v7());
            key.sign(TYP, &claims).unwrap()
        };
        (0..count).map(voucher).collect()
    }

    /// The key that signed a voucher.
    #[must_use]
    pub fn signing_key(&self, voucher: &str) -> Arc<PrivateKey> {
        let kid = jose::header(voucher).unwrap().kid.unwrap();
        let (_, key) = self.keys().remove(&kid).unwrap();
        key
    }

    /// The key that signs in a role, of which a gateway that has just begun has one.
    #[must_use]
    pub fn signer(&self, role: Role) -> Arc<PrivateKey> {
        let mut keys = self.keys().into_values();
        keys.find_map(|(of, key)| (of == role).then_some(key))
            .unwrap()
    }

    fn keys(&self) -> HashMap<String, (Role, Arc<PrivateKey>)> {
        let gateway = &self.config.gateway;
        let folder = self.config.path(&gateway.keys);
        let files = Files::open(self.vault(), &folder, &gateway.instance);
        files.unwrap().read().unwrap()
    }

    /// What opens its keys.
    #[must_use]
    pub fn vault(&self) -> Vault {
        Vault::open(&self.config).unwrap()
    }
}

fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let part = token.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part);
    serde_json::from_slice(&bytes.unwrap()).unwrap()
}

/// The e-service's audience.
pub const AUDIENCE: &str = "https://anagrafe.comune.example/v1";
/// Name in the service's certificate.
pub const SERVER_NAME: &str = "anagrafe.varco.internal";
const RAISED: [(&str, &str); 2] = [
    ("CALLS_PER_SECOND", "1000000"),
    ("STREAMS_PER_CLIENT", "10000"),
];
/// For a start under valgrind: keys alone take most of a minute to open.
const PATIENCE: Duration = Duration::from_mins(5);
