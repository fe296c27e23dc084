//! `varco up`: the whole town in one process, until it is told to stop.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;

use varco_runtime::clock::Clock;
use varco_runtime::config::Config;
use varco_runtime::server::inherited::Inherited;
use varco_runtime::telemetry;

use crate::cli::Common;
use crate::command::demo;
use crate::configuration;
use crate::data_folder::{self, DataFolder, ports};
use crate::failure::Failure;
use crate::output::{self, Table};
use crate::sample::{MEMBERS, MemberKind};
use crate::signals::Signals;
use crate::town::{Town, answering};

/// What `varco up` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// First of the twelve ports that a town takes; 0 finds free ones [default: 7443, or as before]
    #[arg(long, value_name = "PORT")]
    pub port_base: Option<u16>,
    /// Plays the demonstration when the town is ready, and stays up
    #[arg(long)]
    pub demo: bool,
}

/// Runs the town until Ctrl-C or SIGTERM.
///
/// # Errors
///
/// When the folder cannot be used, a port is taken or a role does not start.
pub async fn run(args: Args, common: &Common, inherited: Inherited) -> Result<(), Failure> {
    if common.config.is_some() {
        let why = "it runs a town on a data folder, which holds its own configuration";
        return Err(Failure::new(
            "varco up takes no --config",
            why,
            "name the folder with --data",
        ));
    }
    if common.data.join(configuration::FILE).exists() {
        require_sample(&common.data)?;
    }
    let mut signals = Signals::listen()?;
    let clock = Clock::system();
    announce_creation(&common.data);
    let opening = DataFolder::open(&common.data, args.port_base, &clock);
    let folder = tokio::select! {
        opened = opening => opened?,
        // What was being made is removed by the next start.
        () = signals.next() => {
            let why = "it was interrupted before the town was ready";
            return Err(Failure::new("varco up", why, "start it again"));
        }
    };
    // An interrupted `varco init` may have been finished just now.
    require_sample(&common.data)?;
    let config = &folder.config;
    telemetry::start_log(&config.telemetry)?;
    let town = Town::start(config.clone(), clock.clone(), inherited).await?;
    let outcome = tokio::select! {
        outcome = serve(&args, config, common) => outcome,
        () = signals.next() => Ok(()),
    };
    signals.stop_or_abandon(town.stop()).await;
    outcome
}

fn require_sample(folder: &Path) -> Result<(), Failure> {
    if data_folder::is_sample(folder) {
        return Ok(());
    }
    let why = "it is not the folder of a sample municipality";
    let remedy = "run its roles with `varco serve`, or name another folder with --data";
    Err(Failure::new(folder.display(), why, remedy))
}

/// Tells a person, and no pipe, why the first start takes longer.
fn announce_creation(folder: &Path) {
    let mut to = std::io::stderr().lock();
    if to.is_terminal() && !folder.join(configuration::FILE).exists() {
        let _ = writeln!(to, "making a sample municipality in {} …", folder.display());
    }
}

/// Announces the town, plays the demonstration, and stays up.
async fn serve(args: &Args, config: &Config, common: &Common) -> Result<(), Failure> {
    answering::wait(config).await?;
    output::line(announcement(config))?;
    output::line("varco is ready")?;
    if args.demo {
        demo::run(demo::Args {}, common).await?;
    }
    std::future::pending().await
}

fn announcement(config: &Config) -> String {
    let mut table = Table::new(vec!["ADDRESS", "WHAT"]);
    for (what, address) in ports::addresses(config) {
        table.push(vec![url(&what, address, config), what]);
    }
    let clients = MEMBERS
        .iter()
        .filter(|member| member.kind != MemberKind::Office);
    let names: Vec<&str> = clients.map(|member| member.name).collect();
    let folder = config.folder.display();
    format!(
        "{}: a sample municipality, nothing in it is real\n\n{table}\n\n\
         credentials in {folder}/clients/: {}\n\
         keys in {folder}/keys and {folder}/ca.key, plain: whoever copies them signs for this town\n\
         the DPO's private key in {folder}/dpo/dpo.key: whoever copies it reads every sealed detail; in\n\
         a real comune it lies with the DPO alone\n\
         registry in {folder}/registro.toml\n",
        config.comune.nome,
        names.join(", "),
    )
}

fn url(what: &str, address: SocketAddr, config: &Config) -> String {
    let plain = what == "probes" || what.ends_with("public");
    let scheme = if plain { "http" } else { "https" };
    format!("{scheme}://{}:{}", config.gateway.host, address.port())
}
