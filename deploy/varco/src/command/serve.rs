//! `varco serve`: one role from a configuration, for production, under a service manager.

use varco_runtime::clock::Clock;
use varco_runtime::config::Config;
use varco_runtime::config::reload::Changes;
use varco_runtime::server::inherited::Inherited;
use varco_runtime::telemetry::{self, Log};

use crate::cli::Common;
use crate::failure::Failure;
use crate::output;
use crate::signals::{Asked, Signals};
use crate::town::Town;
use crate::town::roles::{ROLES, Role};
use crate::{clock_check, data_folder, sample, service_manager};

/// What `varco serve` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Role to run: gateway, anagrafe, protocollo, albo or documenti; witness on another machine
    #[arg(value_parser = roles())]
    pub role: String,
}

/// Runs a role until Ctrl-C or SIGTERM; at SIGHUP it reads its configuration again.
///
/// # Errors
///
/// When the configuration is a sample's, a port is taken or the role does not start.
pub async fn run(args: Args, common: &Common, inherited: Inherited) -> Result<(), Failure> {
    let config = common.load_config()?;
    refuse_sample(&config)?;
    let clock = Clock::system();
    clock_check::check_against(&config, clock.now())?;
    let mut signals = Signals::listen()?.or_reload()?;
    let log = telemetry::start_log(&config.telemetry)?;
    let mut town = Box::pin(start(&args.role, config, clock, inherited)).await?;
    output::line(format!("varco {} is ready", args.role))?;
    service_manager::ready();
    let told = service_manager::keep_telling();
    tokio::pin!(told);
    loop {
        let asked = tokio::select! {
            asked = signals.asked() => asked,
            () = told.as_mut() => continue,
        };
        match asked {
            Asked::Stop => break,
            Asked::Reload => reload(&mut town, common, &log).await,
        }
    }
    service_manager::stopping();
    signals.stop_or_abandon(town.stop()).await;
    Ok(())
}

async fn start(
    role: &str,
    config: Config,
    clock: Clock,
    inherited: Inherited,
) -> Result<Town, Failure> {
    match Role::named(role) {
        Some(role) => Town::start_office(role, config, clock, inherited).await,
        None if role == WITNESS => {
            let (town, vkey) = Town::start_witness(&config, &clock, inherited).await?;
            output::line(format!("verifier key of this witness: {vkey}"))?;
            Ok(town)
        }
        None => Town::start_gateway(config, clock, inherited).await,
    }
}

/// Takes up what the configuration now says, or says why the old one stays.
async fn reload(town: &mut Town, common: &Common, log: &Log) {
    service_manager::reloading();
    match taken_up(town, common, log).await {
        Ok(Changes { now, at_restart }) => {
            let (now, at_restart) = (now.join(" "), at_restart.join(" "));
            tracing::info!(now, at_restart, "the configuration was read again");
        }
        Err(failure) => {
            let why = failure.to_string();
            tracing::error!(
                why,
                "the new configuration is refused: the old one stays in force"
            );
        }
    }
    service_manager::ready();
}

async fn taken_up(town: &mut Town, common: &Common, log: &Log) -> Result<Changes, Failure> {
    let config = common.load_config()?;
    let changes = town.reload(&config).await?;
    log.filter(&config.telemetry.log)?;
    Ok(changes)
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
