//! A voucher that was issued in the past, for whoever wants to see it refused.
//!
//! It names its issuer, so it is made anew when the token endpoint moves.

use std::path::Path;

use varco_runtime::client::read_client_file;
use varco_runtime::config::Config;
use varco_runtime::secret;

use super::idle_gateway::IdleGateway;
use crate::failure::Failure;

/// Leaves the voucher of tributi for its verifications in `expired.jwt`.
///
/// # Errors
///
/// When the client's file lacks the purpose, or the folder cannot be written to.
pub fn leave(config: &Config, gateway: &IdleGateway) -> Result<(), Failure> {
    let folder = config.path(Path::new("clients/tributi"));
    let client = read_client_file(&folder)?;
    let purpose = client.purposes.get(PURPOSE).ok_or_else(|| {
        let what = folder.join("client.json");
        let why = format!("it names no purpose {PURPOSE}");
        Failure::new(what.display(), why, "restore it from a backup")
    })?;
    let voucher = gateway.voucher_in_the_past(&client.client_id, &purpose.purpose_id)?;
    Ok(secret::write(
        &config.path(Path::new("expired.jwt")),
        voucher.as_bytes(),
    )?)
}

const PURPOSE: &str = "verifica-residenza";
