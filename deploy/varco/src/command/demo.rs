//! `varco demo`: a citizen's istanza and an act of the comune, from outside, on a running town.
//!
//! It holds no more than any office system does: certificates, keys and addresses out of the data
//! folder. Each step says beforehand how it should end, refusals too, and the auditor's steps at
//! the end prove that all of it was recorded.

use crate::cli::Common;
use crate::command::audit::names::Names;
use crate::failure::Failure;

mod applicant;
mod assertion;
mod board;
mod determina;
mod documento;
mod envelope;
mod istanza;
mod pdf;
mod plan;
mod recorded;
mod refusals;
mod register;
mod report;
mod residenza;
mod run;
mod suspension;
mod town;

use run::Run;
use town::Town;

/// What `varco demo` is told: nothing of its own.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Walks the journey and prints how it went.
///
/// # Errors
///
/// When no sample town runs, or a step ended otherwise than it should.
pub async fn run(_args: Args, common: &Common) -> Result<(), Failure> {
    let town = Town::open(common)?;
    let mut run = Run::new(&town.clock, Names::read(&town.config));
    let before = register::head(&town).await?;
    istanza::journey(&town, &mut run).await;
    residenza::journey(&town, &mut run).await;
    determina::journey(&town, &mut run).await;
    refusals::journey(&town, &mut run).await;
    suspension::journey(&town, &mut run).await;
    let records = register::journey(&before, &town, &mut run).await;
    report::print(&run, &records, common.output)
}
