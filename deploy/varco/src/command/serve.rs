//! `varco serve`: one role from a configuration, for production.

use varco_runtime::clock::Clock;
use varco_runtime::config::Config;
use varco_runtime::telemetry;

use crate::cli::Common;
use crate::failure::Failure;
use crate::output;
use crate::signals::Signals;
use crate::town::Town;
use crate::town::roles::{ROLES, Role};
use crate::{clock_check, data_folder, sample};

/// What `varco serve` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Role to run: gateway, anagrafe, protocollo, albo or documenti; witness on another machine
    #[arg(value_parser = roles())]
    pub role: String,
}

/// Runs a role until Ctrl-C or SIGTERM.
///
/// # Errors
///
/// When the configuration is a sample's, a port is taken or the role does not start.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    let config = common.load_config()?;
    refuse_sample(&config)?;
    let clock = Clock::system();
    clock_check::check_against(&config, clock.now())?;
    let mut signals = Signals::listen()?;
    telemetry::start_log(&config.telemetry)?;
    let town = start(&args.role, config, clock).await?;
    output::line(format!("varco {} is ready", args.role))?;
    signals.next().await;
    signals.stop_or_abandon(town.stop()).await;
    Ok(())
}

async fn start(role: &str, config: Config, clock: Clock) -> Result<Town, Failure> {
    match Role::named(role) {
        Some(role) => Town::start_office(role, config, clock).await,
        None if role == WITNESS => {
            let (town, vkey) = Town::start_witness(&config, &clock).await?;
            output::line(format!("verifier key of this witness: {vkey}"))?;
            Ok(town)
        }
        None => Town::start_gateway(config, clock).await,
    }
}

fn refuse_sample(config: &Config) -> Result<(), Failure> {
    if data_folder::is_sample(&config.folder) {
        return Err(Failure::new(
            config.folder.display(),
            format!(
                "it is a sample municipality ({} stands in it)",
                sample::MARKER
            ),
            "run it with `varco up`, or name the configuration of a real comune with --config",
        ));
    }
    Ok(())
}

fn roles() -> clap::builder::PossibleValuesParser {
    [GATEWAY, WITNESS]
        .into_iter()
        .chain(ROLES.iter().map(|role| role.name))
        .into()
}

const GATEWAY: &str = "gateway";
const WITNESS: &str = "witness";
