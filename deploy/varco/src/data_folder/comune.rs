//! Making a real comune's folder: its authority, its sealed keys, its first operator, and nothing
//! invented.
//!
//! As a sample's, it is made aside and moved into place when it is whole. The registry holds only
//! the first operator; everything else is declared through the control plane, by that person, so
//! that it stands in the register of accesses.

use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};
use varco_proto::registry::v1::{Document, Operator};
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;
use varco_runtime::pki::{Ca, Holder};
use varco_runtime::secret::dpo::Recipients;
use varco_runtime::secret::{self, Vault};
use zeroize::Zeroizing;

use super::dpo::{self, Ceremony};
use super::idle_gateway::IdleGateway;
use super::staging::{self, Content, Making, Staging};
use super::{create, hold, identities};
use crate::configuration;
use crate::failure::Failure;
use crate::operator::OPERATORS;
use crate::town::roles::ROLES;

/// What a new comune is.
#[derive(Clone, Debug)]
pub struct Comune {
    /// Code in the IPA.
    pub ipa: String,
    /// Name for people.
    pub name: String,
    /// Name by which clients reach the gateway.
    pub host: String,
    /// Name of the first operator.
    pub admin: String,
    /// File with the passphrase, absolute; one is made in the folder when there is none.
    pub passphrase: Option<PathBuf>,
    /// Database of the registry; a file in the folder when there is none.
    pub database: Option<String>,
    /// How its DPO comes to a key.
    pub dpo: Ceremony,
}

/// Makes a comune in a folder that is empty or new; what an interrupted run left is cleared, and
/// what it had made whole is kept.
///
/// # Errors
///
/// When the folder is not empty or cannot be written to, or the database or the passphrase cannot
/// be used.
pub async fn make(folder: &Path, comune: &Comune, clock: &Clock) -> Result<Config, Failure> {
    let was = staging::content(folder)?;
    if was == Content::Whole {
        let why = "an installation stands there already";
        let remedy = "choose an empty or new folder with --data";
        return Err(Failure::new(folder.display(), why, remedy));
    }
    let _lock = hold(folder)?;
    if staging::content(folder)? == Content::Empty {
        let staging = Staging::begin(folder, clock.uuid(), Making::Comune)?;
        let dpo = dpo::appoint(&comune.dpo, folder).inspect_err(|_| staging.discard());
        match Box::pin(build(staging.path(), (comune, &dpo?), clock)).await {
            Ok(()) => staging.settle()?,
            Err(failure) => {
                dpo::take_back(&comune.dpo);
                staging.discard();
                return Err(failure);
            }
        }
    }
    configuration::load(&folder.join(configuration::FILE))
}

/// The folder with the credentials of the first operator.
#[must_use]
pub fn operator_folder(config: &Config, name: &str) -> PathBuf {
    config.folder.join(OPERATORS).join(name)
}

async fn build(
    folder: &Path,
    (comune, dpo): (&Comune, &Recipients),
    clock: &Clock,
) -> Result<(), Failure> {
    let config = configure(folder, comune)?;
    for place in [&config.gateway.keys, Path::new("audit")] {
        fs::create_dir_all(config.path(place))?;
    }
    let vault = Vault::create(&config)?;
    let (ca, key) = Ca::generate(&comune.name, clock.now())?;
    vault.write(&folder.join(identities::CA_KEY), key.as_bytes())?;
    secret::write_public(&folder.join(identities::CA), ca.pem().as_bytes())?;
    varco_gateway::keys::create(&vault, &config.path(&config.gateway.keys))?;
    dpo::install(&config, &vault, dpo, clock.today().year())?;
    certify(&ca, &config, comune, clock)?;
    appoint(&config, comune, clock).await
}

/// Writes the configuration: only what differs from the defaults.
fn configure(folder: &Path, comune: &Comune) -> Result<Config, Failure> {
    let passphrase = if let Some(file) = &comune.passphrase {
        file.display().to_string()
    } else {
        secret::write(&folder.join(PASSPHRASE), fresh_passphrase()?.as_bytes())?;
        PASSPHRASE.to_owned()
    };
    let mut table = Table::new();
    let mut set = |section: &[&str], key: &str, text: &str| {
        let mut place = &mut table;
        for step in section {
            let next = place
                .entry(*step)
                .or_insert_with(|| Value::Table(Table::new()));
            let Value::Table(next) = next else { return };
            place = next;
        }
        place.insert(key.to_owned(), Value::String(text.to_owned()));
    };
    set(&["comune"], "ipa", &comune.ipa);
    set(&["comune"], "nome", &comune.name);
    set(&["comune"], "ca_key", identities::CA_KEY);
    set(&["vault"], "passphrase", &passphrase);
    set(&["gateway"], "host", &comune.host);
    if let Some(database) = &comune.database {
        set(&["gateway"], "database", database);
    }
    let protocollo = ["services", "protocollo", "settings"];
    set(&protocollo, "codice_amministrazione", &comune.ipa);
    set(&["services", "albo", "settings"], "comune", &comune.name);
    let path = folder.join(configuration::FILE);
    create::write_configuration(&path, &table)?;
    configuration::load(&path)
}

/// Issues the certificates of the gateway, of the services and of the first operator.
fn certify(ca: &Ca, config: &Config, comune: &Comune, clock: &Clock) -> Result<(), Failure> {
    let (domain, now) = (config.trust_domain(), clock.now());
    identities::issue_gateway(ca, config, now)?;
    for role in &ROLES {
        let folder = config.folder.join("services").join(role.name);
        identities::issue(ca, &folder, &Holder::service(&domain, role.name), now)?;
    }
    let holder = Holder::operator(&domain, &comune.admin);
    identities::issue(ca, &operator_folder(config, &comune.admin), &holder, now)
}

/// Makes the first operator the registry's only entry.
async fn appoint(config: &Config, comune: &Comune, clock: &Clock) -> Result<(), Failure> {
    let mut first = Operator::default();
    first.name.clone_from(&comune.admin);
    first.roles = ["admin", "security"].map(str::to_owned).to_vec();
    let document = Document {
        operators: vec![first],
        ..Document::default()
    };
    let gateway = IdleGateway::open(config, clock).await?;
    let applied = if gateway.knows_at_most(&comune.admin) {
        gateway.apply(&document).await.map(drop)
    } else {
        let why = "a registry stands in it already";
        let remedy = "name an empty one with --database";
        Err(Failure::new("the database", why, remedy))
    };
    gateway.close().await;
    applied
}

/// A passphrase of 160 random bits, in groups for people who must copy it.
fn fresh_passphrase() -> Result<Zeroizing<String>, Failure> {
    let mut bytes = Zeroizing::new([0; 20]);
    aws_lc_rs::rand::fill(&mut *bytes)?;
    let groups = bytes.chunks(2).map(hex::encode);
    let groups = Zeroizing::new(groups.collect::<Vec<String>>());
    Ok(Zeroizing::new(format!("{}\n", groups.join("-"))))
}

/// The passphrase that is made when none is given, within the folder.
pub const PASSPHRASE: &str = "passphrase";
