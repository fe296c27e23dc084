//! Making a sample municipality's folder, from the authority to the people.
//!
//! Everything is made aside and moved into place when it is whole. The order follows from the
//! ids: assertion keys, then the registry that gives the ids, then what names them.

use std::fs;
use std::path::Path;

use toml::{Table, Value};
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;
use varco_runtime::pki::Ca;
use varco_runtime::secret::{self, Vault};
use varco_runtime::store::Db;

use super::client_files::{self, Applied};
use super::idle_gateway::IdleGateway;
use super::staging::{Making, Staging};
use super::{dpo, expired_voucher, identities, population, ports};
use crate::configuration;
use crate::failure::Failure;
use crate::registry_file;
use crate::sample::{self, MEMBERS, registro};
use crate::town::office;
use crate::town::roles::ROLES;

/// Makes the sample in a folder that exists and is empty.
///
/// # Errors
///
/// When the folder cannot be written to; it is then as it was, or the next start cleans it up.
pub async fn create(folder: &Path, base: u16, clock: &Clock) -> Result<(), Failure> {
    let staging = Staging::begin(folder, clock.uuid(), Making::Sample)?;
    match build(staging.path(), base, clock).await {
        Ok(()) => Ok(staging.settle()?),
        Err(failure) => {
            staging.discard();
            Err(failure)
        }
    }
}

async fn build(folder: &Path, base: u16, clock: &Clock) -> Result<(), Failure> {
    let config = configure(folder, base)?;
    ports::require_free(&config)?;
    let people = tokio::task::spawn_blocking(|| sample::popolazione::popolazione(sample::SEED));
    let ca = lay_out(&config, clock).await?;
    let seed = async { population::import(&config, clock, people.await?).await };
    let declare = Box::pin(declare(&config, &ca, clock));
    tokio::try_join!(declare, make_databases(&config), Box::pin(seed))?;
    Ok(())
}

/// Writes the configuration: only what differs from the defaults.
fn configure(folder: &Path, base: u16) -> Result<Config, Failure> {
    let path = folder.join(configuration::FILE);
    let telemetry = [("format", "text"), ("log", "warn")];
    let telemetry = telemetry.map(|(key, text)| (key.to_owned(), Value::String(text.to_owned())));
    let mut table = Table::new();
    let authority = (
        "ca_key".to_owned(),
        Value::String(identities::CA_KEY.to_owned()),
    );
    table.insert(
        "comune".to_owned(),
        Value::Table([authority].into_iter().collect()),
    );
    table.insert("gateway".to_owned(), Value::Table(sample::ANCHORS.parse()?));
    table.insert(
        "telemetry".to_owned(),
        Value::Table(telemetry.into_iter().collect()),
    );
    write_configuration(&path, &table)?;
    ports::move_to(&mut table, &configuration::load(&path)?, base);
    write_configuration(&path, &table)?;
    configuration::load(&path)
}

/// Writes a configuration's table under a line that says where the rest stands.
///
/// # Errors
///
/// When the folder cannot be written to.
pub fn write_configuration(path: &Path, table: &Table) -> Result<(), Failure> {
    let text = format!("{HEADING}{}", toml::to_string(table)?);
    Ok(secret::write_public(path, text.as_bytes())?)
}

/// Makes what needs no id: the authority, keys, the gateway's certificate, the registry file.
async fn lay_out(config: &Config, clock: &Clock) -> Result<Ca, Failure> {
    let folder = config.folder.clone();
    let keys = tokio::task::spawn_blocking(move || {
        let mut members = MEMBERS.iter();
        members.try_for_each(|member| {
            identities::create_assertion_key(&folder.join(member.folder()), member.key)
        })
    });
    let now = clock.now();
    let ca = identities::create_authority(&config.folder, &config.comune.nome, now)?;
    identities::issue_gateway(&ca, config, now)?;
    for folder in [&config.gateway.keys, Path::new("audit")] {
        fs::create_dir_all(config.path(folder))?;
    }
    varco_gateway::keys::create(&Vault::default(), &config.path(&config.gateway.keys))?;
    dpo::install_sample(config, clock.today().year())?;
    let text = registro::moved(registro::TEXT, config)?;
    let text = text.as_deref().unwrap_or(registro::TEXT);
    secret::write_public(&config.path(Path::new(registro::FILE)), text.as_bytes())?;
    keys.await??;
    Ok(ca)
}

/// Fills the registry, then issues what names its ids.
async fn declare(config: &Config, ca: &Ca, clock: &Clock) -> Result<(), Failure> {
    let document = registry_file::read(&config.path(Path::new(registro::FILE)))?;
    let gateway = IdleGateway::open(config, clock).await?;
    let outcome = async {
        let changes = gateway.apply(&document).await?;
        let applied = Applied { document, changes };
        for member in &MEMBERS {
            client_files::create(config, member, &applied)?;
            let id = applied.member_id(member)?;
            identities::issue_member(ca, config, (member, &id), clock.now())?;
        }
        expired_voucher::leave(config, &gateway)
    };
    let outcome = outcome.await;
    gateway.close().await;
    outcome
}

/// Makes the offices' databases, so that one that is missing later is known to be lost.
async fn make_databases(config: &Config) -> Result<(), Failure> {
    for role in ROLES.iter().filter(|role| role.name != population::OFFICE) {
        let service = office::section(role.name, config)?;
        Db::open(&service.database, &config.folder, role.migrations)
            .await?
            .close()
            .await;
    }
    Ok(())
}

const HEADING: &str = "\
# What differs from the defaults; every key is explained in the example configuration, deploy/varco.toml.

";
