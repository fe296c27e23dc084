//! Addresses in a sample's files follow its configuration.
//!
//! Whatever moved the ports (`--port-base` or an edited configuration), the next start brings the
//! registry, the members' files and the registry file after it. The files are written after what
//! they stand for, so that an interrupted start is made good by the next.

use std::path::Path;

use varco_proto::registry::v1::Document;
use varco_runtime::client::read_client_file;
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;
use varco_runtime::secret;

use super::idle_gateway::IdleGateway;
use super::{client_files, expired_voucher};
use crate::failure::Failure;
use crate::registry_file;
use crate::sample::{MEMBERS, registro};

/// Brings every file of the sample after its configuration, when it has moved.
///
/// # Errors
///
/// When a file is missing or the folder cannot be written to.
pub async fn follow(config: &Config, clock: &Clock) -> Result<(), Failure> {
    let path = config.path(Path::new(registro::FILE));
    let moved = registro::moved(&secret::read(&path)?, config)?;
    let mut behind = Vec::new();
    for member in &MEMBERS {
        let folder = config.path(Path::new(&member.folder()));
        let file = read_client_file(&folder)?;
        behind.extend(client_files::moved(file, config).map(|file| (folder, file)));
    }
    if moved.is_none() && behind.is_empty() {
        return Ok(());
    }
    let gateway = IdleGateway::open(config, clock).await?;
    let declared = declare(config, moved.as_deref(), &gateway).await;
    gateway.close().await;
    declared?;
    for (folder, file) in &behind {
        client_files::write(folder, file)?;
    }
    moved.map_or(Ok(()), |text| {
        Ok(secret::write_public(&path, text.as_bytes())?)
    })
}

/// Tells the registry where our own services are now; the rest of the file is not applied.
async fn declare(
    config: &Config,
    moved: Option<&str>,
    gateway: &IdleGateway,
) -> Result<(), Failure> {
    if let Some(text) = moved {
        let draft = config.path(Path::new("registro.toml.draft"));
        secret::write_public(&draft, text.as_bytes())?;
        let declared = registry_file::read(&draft)?;
        let eservices = declared.eservices.into_iter();
        let ours = eservices.filter(|eservice| config.services.contains_key(&eservice.name));
        let document = Document {
            eservices: ours.collect(),
            ..Document::default()
        };
        gateway.apply(&document).await?;
        std::fs::remove_file(&draft)?;
    }
    expired_voucher::leave(config, gateway)
}
