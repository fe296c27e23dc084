//! The control plane as an operator meets it: the registry and the register of accesses.
//!
//! The command line changes the registry only here, over mutual TLS with a person's certificate,
//! so that every change has a name in the register of accesses. No database is opened.

use std::path::PathBuf;

use tonic::transport::Channel;
use varco_proto::audit::v1::audit_service_client::AuditServiceClient;
use varco_proto::registry::v1::registry_service_client::RegistryServiceClient;
use varco_runtime::clock::{self, Clock};
use varco_runtime::config::Config;
use varco_runtime::{client, tls};

use crate::cli::Common;
use crate::failure::Failure;
use crate::{certificate, output};

/// Reaches the registry as an operator.
///
/// # Errors
///
/// When there is no installation, or no operator of that name in it.
pub fn registry(name: &str, common: &Common) -> Result<RegistryServiceClient<Channel>, Failure> {
    let config = common.load_config()?;
    let channel = channel(name, &config)?;
    Ok(RegistryServiceClient::new(channel).max_decoding_message_size(MESSAGE))
}

/// Reaches the register of accesses as an auditor.
///
/// # Errors
///
/// When there is no installation, or no operator of that name in it.
pub fn audit(name: &str, common: &Common) -> Result<AuditServiceClient<Channel>, Failure> {
    let config = common.load_config()?;
    let channel = channel(name, &config)?;
    Ok(AuditServiceClient::new(channel).max_decoding_message_size(MESSAGE))
}

/// Opens a channel to the control plane with an operator's certificate.
///
/// # Errors
///
/// When the operator has no folder, or a file in it cannot be used.
pub fn channel(name: &str, config: &Config) -> Result<Channel, Failure> {
    let ca = config.path(&config.comune.ca);
    let folder = client_folder(name, config)?;
    let end = certificate::validity(&folder.join("tls.pem"))?.to;
    if end.as_second() - Clock::system().unix() < tls::SOON {
        output::note(format!(
            "the certificate of {name} ends on {}: renew it with `varco operator renew --as {name}`",
            clock::day(end)
        ));
    }
    Ok(client::channel(&config.control_address(), &folder, &ca)?)
}

/// The folder with the credentials of a client or an operator.
///
/// # Errors
///
/// When there is none of that name.
pub fn client_folder(name: &str, config: &Config) -> Result<PathBuf, Failure> {
    let plain = !name.is_empty() && !name.contains(['/', '\\']) && name != "..";
    let places = [CLIENTS, OPERATORS].map(|place| config.folder.join(place));
    let mut folders = places.iter().map(|place| place.join(name));
    if let Some(folder) = folders.find(|folder| plain && folder.is_dir()) {
        return Ok(folder);
    }
    let entries = places
        .iter()
        .flat_map(std::fs::read_dir)
        .flatten()
        .flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut known: Vec<String> = names.collect();
    known.sort();
    Err(Failure::new(
        format!("{name} has no credentials in {}", config.folder.display()),
        format!("there are {}", known.join(", ")),
        "name one of them, or another folder with --data",
    ))
}

/// Where credentials of clients lie, within the data folder; a sample keeps its operators' too.
pub const CLIENTS: &str = "clients";
/// Where the first operator's credentials lie until they are handed over.
pub const OPERATORS: &str = "operators";
/// Largest answer that is read: a page of the registry with its contracts.
const MESSAGE: usize = 32 * 1024 * 1024;
