//! `varco voucher`: a voucher as the token endpoint issues it, and why one is refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::json;
use varco_runtime::client::{self, Gateway};
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;

use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::{operator, output};

pub mod explain;

/// What `varco voucher` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do with vouchers
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done with vouchers.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Asks for a voucher and prints it
    Get(GetArgs),
    /// Says why a voucher or a client assertion is refused, and how to mend it; uses nothing up
    Explain(explain::Args),
}

/// What `varco voucher get` is told.
#[derive(Debug, clap::Args)]
pub struct GetArgs {
    /// Client that asks, by the name of its folder
    #[arg(long, value_name = "NAME")]
    pub client: String,
    /// Purpose, as the client's file names it
    #[arg(long, value_name = "NAME")]
    pub purpose: String,
}

/// Claims of a voucher that tell how long it lives.
#[derive(Deserialize)]
struct Life {
    exp: i64,
}

/// Gets or explains.
///
/// # Errors
///
/// When the client, its purpose or the operator is unknown, or the gateway refuses.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    match args.command {
        Command::Get(args) => get(args, common).await,
        Command::Explain(args) => explain::run(args, common).await,
    }
}

async fn get(args: GetArgs, common: &Common) -> Result<(), Failure> {
    let clock = Clock::system();
    let gateway = open(&args.client, &common.load_config()?, &clock)?;
    let token = gateway
        .voucher(&args.purpose)
        .await
        .map_err(|error| explain(error, &gateway))?
        .token;
    match common.output {
        Output::Text => output::line(token),
        Output::Json => output::json(&json!({
            "expires_in": exp(&token).map(|exp| exp - clock.unix()),
            "purpose_id": gateway.file().purposes.get(&args.purpose).map(|it| &it.purpose_id),
            "token_type": "Bearer",
            "token": token,
        })),
    }
}

/// Opens a client's way to the gateway, by the name of its folder.
///
/// # Errors
///
/// When the client has no folder, or a file in it cannot be used.
pub fn open(client: &str, config: &Config, clock: &Clock) -> Result<Gateway, Failure> {
    let ca = config.path(&config.comune.ca);
    let folder = operator::client_folder(client, config)?;
    Ok(Gateway::open(&folder, &ca, clock)?)
}

/// Says why there is no voucher, and what to do about it.
#[must_use]
pub fn explain(error: client::Error, gateway: &Gateway) -> Failure {
    let purposes = &gateway.file().purposes;
    let remedy = match &error {
        client::Error::PurposeUnknown(_) if purposes.is_empty() => {
            "this client has no purposes".to_owned()
        }
        client::Error::PurposeUnknown(_) => {
            let names: Vec<&str> = purposes.keys().map(String::as_str).collect();
            format!("its client.json names {}", names.join(", "))
        }
        client::Error::Https(_) => "start the town with `varco up`".to_owned(),
        _ => "look at the purpose with `varco describe purpose`".to_owned(),
    };
    Failure::from(error).remedy(remedy)
}

/// Reads the expiry for show: nothing is decided on it, and the signature is not looked at.
fn exp(token: &str) -> Option<i64> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let life: Life = serde_json::from_slice(&payload).ok()?;
    Some(life.exp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_is_read_out_of_the_payload() {
        let payload = URL_SAFE_NO_PAD.encode(r#"{"exp":1700000000,"iss":"x"}"#);

        assert_eq!(exp(&format!("e30.{payload}.c2ln")), Some(1_700_000_000));
        assert_eq!(exp("no token"), None);
    }
}
