//! The command line: every subcommand, its help, and the exit status.
//!
//! Exit status 0 is done, 1 refused or failed with one line on stderr, 2 wrong usage. What a
//! command does stands in its own file under `command`; the help is pinned by a snapshot.

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::available_parallelism;

use clap::{Parser, Subcommand, ValueEnum};
use tokio::runtime::{Builder, Runtime};
use varco_runtime::server::inherited::Inherited;
use varco_runtime::tls;

use crate::command::verb::Verb;
use crate::command::{
    apply, attribute, audit, call, certificate, create, demo, doctor, export, init, keys, policy,
    registry, schema, serve, up, vault, verb, voucher, watch,
};
use crate::failure::Failure;
use crate::service_manager;

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
    /// Writes the registry as a registry file that applies without a difference
    Export(export::Args),
    /// Prints the JSON Schema of the registry file, for editors
    Schema,
    /// Lists entries of the registry, or shows one
    Get(registry::GetArgs),
    /// Shows every field of an entry of the registry
    Describe(registry::DescribeArgs),
    /// Makes one entry in its first state, such as a draft
    Create(create::Args),
    /// Submits a draft agreement to the producer
    Submit(verb::Args),
    /// Publishes a draft descriptor; the version before it is deprecated or archived
    Publish(verb::Args),
    /// Activates a draft purpose, or the part of it that waits, within the quotas
    Activate(verb::Args),
    /// Approves what waits for approval
    Approve(verb::Args),
    /// Rejects what waits for approval
    Reject(verb::Args),
    /// Moves an agreement to the newest published descriptor
    Upgrade(verb::Args),
    /// Makes a new draft from a rejected agreement, or from a purpose
    Clone(verb::Args),
    /// Deletes what never was in force, such as a draft
    Delete(verb::Args),
    /// Confirms a purpose that a change of the contract has suspended
    Confirm(verb::Args),
    /// Suspends an entry: what rests on it stops within a second
    Suspend(verb::Args),
    /// Lifts one side's suspension: vouchers that have not expired work again
    Unsuspend(verb::Args),
    /// Archives an entry, for good; a key or certificate is revoked so
    Archive(verb::Args),
    /// Gives a tenant an attribute
    Assign(attribute::AssignArgs),
    /// Takes an attribute from a tenant
    Revoke(attribute::RevokeArgs),
    /// Prints the events of the registry as they come
    Watch(watch::Args),
    /// Vouchers
    Voucher(voucher::Args),
    /// The keys that sign vouchers and grants
    Keys(keys::Args),
    /// Makes one authorised call
    Call(call::Args),
    /// Reads and proves the register of accesses
    Audit(audit::Args),
    /// What another registry would decide
    Policy(policy::Args),
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
    match begin(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr().lock(), "varco: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn begin(cli: Cli) -> Result<(), Failure> {
    // While this is the only thread.
    let inherited = service_manager::sockets()?;
    runtime()?.block_on(run(cli, inherited))
}

/// Where everything runs. One worker takes what is ready in turn, so that what several calls have to
/// send goes out together; several workers pass it on at once, so that none waits while another is busy.
fn runtime() -> std::io::Result<Runtime> {
    let mut builder = match workers() {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.enable_all().build()
}

/// As many as the machine has cores, or as tokio is told.
#[expect(
    clippy::disallowed_methods,
    reason = "tokio's own variable, which it reads for several workers too"
)]
fn workers() -> usize {
    let told = std::env::var("TOKIO_WORKER_THREADS").ok();
    told.and_then(|told| told.parse().ok())
        .unwrap_or_else(|| available_parallelism().map_or(1, NonZeroUsize::get))
}

async fn run(cli: Cli, inherited: Inherited) -> Result<(), Failure> {
    let common = &cli.common;
    match cli.command {
        Command::Up(args) => Box::pin(up::run(args, common, inherited)).await,
        Command::Init(args) => init::run(args, common).await,
        Command::Demo(args) => demo::run(args, common).await,
        Command::Serve(args) => Box::pin(serve::run(args, common, inherited)).await,
        Command::Apply(args) => apply::run(args, common).await,
        Command::Export(args) => export::run(args, common).await,
        Command::Schema => schema::run(),
        Command::Get(args) => registry::get(args, common).await,
        Command::Describe(args) => registry::describe(args, common).await,
        Command::Create(args) => create::run(args, common).await,
        Command::Submit(args) => verb::run(Verb::Submit, args, common).await,
        Command::Publish(args) => verb::run(Verb::Publish, args, common).await,
        Command::Activate(args) => verb::run(Verb::Activate, args, common).await,
        Command::Approve(args) => verb::run(Verb::Approve, args, common).await,
        Command::Reject(args) => verb::run(Verb::Reject, args, common).await,
        Command::Upgrade(args) => verb::run(Verb::Upgrade, args, common).await,
        Command::Clone(args) => verb::run(Verb::Clone, args, common).await,
        Command::Delete(args) => verb::run(Verb::Delete, args, common).await,
        Command::Confirm(args) => verb::run(Verb::Confirm, args, common).await,
        Command::Suspend(args) => verb::run(Verb::Suspend, args, common).await,
        Command::Unsuspend(args) => verb::run(Verb::Unsuspend, args, common).await,
        Command::Archive(args) => verb::run(Verb::Archive, args, common).await,
        Command::Assign(args) => attribute::assign(args, common).await,
        Command::Revoke(args) => attribute::revoke(args, common).await,
        Command::Watch(args) => watch::run(args, common).await,
        Command::Voucher(args) => voucher::run(args, common).await,
        Command::Keys(args) => keys::run(args, common).await,
        Command::Call(args) => call::run(args, common).await,
        Command::Audit(args) => audit::run(args, common).await,
        Command::Policy(args) => policy::run(args, common).await,
        Command::Client(args) => certificate::client(args, common).await,
        Command::Operator(args) => certificate::operator(args, common).await,
        Command::Service(args) => certificate::service(args, common).await,
        Command::Vault(args) => vault::run(&args, common),
        Command::Doctor(args) => doctor::run(args, common).await,
    }
}

#[cfg(test)]
mod tests;
