//! `varco audit`: verifies the register of accesses offline, searches it, compares it, exports it.
//!
//! Verifying and exporting read the database and need no gateway, since an auditor may doubt the
//! gateway; searching and comparing ask 7445, so that looking is itself recorded.

use crate::cli::Common;
use crate::failure::Failure;

pub mod anchor;
pub mod export;
pub mod names;
pub mod prove;
pub mod reconcile;
pub mod recover;
pub mod row;
pub mod search;
pub mod subject;
pub mod verify;

/// What `varco audit` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do with the register of accesses
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done with the register of accesses.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Recomputes every hash and checks the signed heads: of the database, of a tree, of a proof
    Verify(verify::Args),
    /// Finds records
    Search(search::Args),
    /// Finds every access to a person's data and writes the report for them (GDPR art. 15)
    Subject(subject::Args),
    /// Compares the register with what the services have done; fails where they differ
    Reconcile(reconcile::Args),
    /// Writes a file for each record that shows a third party that it is in the register
    Prove(prove::Args),
    /// Writes the register as files that other tools read
    Export(export::Args),
    /// Registers and publishes the checkpoint of today where the configuration says so
    Anchor(anchor::Args),
    /// Goes on in a linked log after an older copy of the database was put back
    Recover,
}

/// Verifies, searches, exports or recovers.
///
/// # Errors
///
/// When the register is damaged, cannot be read, or the gateway refuses.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    match args.command {
        Command::Verify(args) => verify::run(args, common).await,
        Command::Search(args) => search::run(args, common).await,
        Command::Subject(args) => subject::run(args, common).await,
        Command::Reconcile(args) => reconcile::run(args, common).await,
        Command::Prove(args) => prove::run(args, common).await,
        Command::Export(args) => export::run(args, common).await,
        Command::Anchor(args) => anchor::run(args, common).await,
        Command::Recover => recover::run(common).await,
    }
}
