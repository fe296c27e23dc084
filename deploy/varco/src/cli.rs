//! The command line: every subcommand, its help, and the exit status.
//!
//! Exit status 0 is done, 1 refused or failed with one line on stderr, 2 wrong usage. What a
//! command does stands in its own file under `command`; the help is pinned by a snapshot.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use varco_runtime::tls;

use crate::command::{
    apply, audit, call, certificate, demo, doctor, init, registry, serve, up, vault, voucher,
};
use crate::failure::Failure;

/// Varco, the municipality's own interoperability platform.
#[derive(Debug, Parser)]
#[command(name = "varco", version, arg_required_else_help = true)]
pub struct Cli {
    /// What every command knows.
    #[command(flatten)]
    pub common: Common,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Which installation a command concerns, and how it prints.
#[derive(Clone, Debug, clap::Args)]
pub struct Common {
    /// Data folder of the installation
    #[arg(long, global = true, value_name = "DIR", default_value = ".varco")]
    pub data: PathBuf,
    /// Configuration file, in place of the one in the data folder
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How data is printed
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// How data is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Text,
    /// For programs
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the whole town in one process; in a new data folder it makes a sample municipality
    Up(up::Args),
    /// Makes a real, empty comune in an empty folder
    Init(init::Args),
    /// Plays the sample's journey from outside, refusals included
    Demo(demo::Args),
    /// Runs one role from a configuration, for production
    Serve(serve::Args),
    /// Makes the registry hold what a registry file declares
    Apply(apply::Args),
    /// Lists entries of the registry, or shows one
    Get(registry::GetArgs),
    /// Shows every field of an entry of the registry
    Describe(registry::EntryArgs),
    /// Suspends an entry: what rests on it stops within a second
    Suspend(registry::SuspendArgs),
    /// Lifts a suspension
    Unsuspend(registry::EntryArgs),
    /// Archives an entry, for good
    Archive(registry::EntryArgs),
    /// Vouchers
    Voucher(voucher::Args),
    /// Makes one authorised call
    Call(call::Args),
    /// Reads and proves the register of accesses
    Audit(audit::Args),
    /// Clients
    Client(certificate::ClientArgs),
    /// Operators
    Operator(certificate::OperatorArgs),
    /// Office services
    Service(certificate::ServiceArgs),
    /// Keys at rest
    Vault(vault::Args),
    /// Checks an installation and says what to do
    Doctor(doctor::Args),
}

/// Parses the command line, runs the command and tells how it went.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    tls::install();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(cli)),
        Err(error) => Err(Failure::from(error)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr().lock(), "varco: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<(), Failure> {
    let common = &cli.common;
    match cli.command {
        Command::Up(args) => up::run(args, common).await,
        Command::Init(args) => init::run(args, common).await,
        Command::Demo(args) => demo::run(args, common).await,
        Command::Serve(args) => serve::run(args, common).await,
        Command::Apply(args) => apply::run(args, common).await,
        Command::Get(args) => registry::get(args, common).await,
        Command::Describe(args) => registry::describe(args, common).await,
        Command::Suspend(args) => registry::suspend(args, common).await,
        Command::Unsuspend(args) => registry::unsuspend(args, common).await,
        Command::Archive(args) => registry::archive(args, common).await,
        Command::Voucher(args) => voucher::run(args, common).await,
        Command::Call(args) => call::run(args, common).await,
        Command::Audit(args) => audit::run(args, common).await,
        Command::Client(args) => certificate::client(args, common).await,
        Command::Operator(args) => certificate::operator(args, common).await,
        Command::Service(args) => certificate::service(args, common).await,
        Command::Vault(args) => vault::run(&args, common),
        Command::Doctor(args) => doctor::run(args, common).await,
    }
}

#[cfg(test)]
mod tests;
