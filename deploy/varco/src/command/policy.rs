//! `varco policy simulate`: what a registry file would change, told by the calls of the past.
//!
//! The gateway takes the recorded decisions again, a stretch of the register of accesses at a time;
//! here the stretches are asked for one after another and summed up.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;
use varco_proto::audit::v1::{SimulatePolicyRequest, SimulatePolicyResponse, SimulatedCalls};
use varco_runtime::clock::Clock;

use super::apply::problems;
use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::output::Table;
use crate::output::refusal::Refusal;
use crate::registry_file::{self, Mode, Reading};
use crate::{operator, output};

/// What `varco policy` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What can be asked of a policy.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Takes recorded decisions again under a changed registry; nothing is changed
    Simulate(SimulateArgs),
}

/// What `varco policy simulate` is told.
#[derive(Debug, clap::Args)]
pub struct SimulateArgs {
    /// Registry file to suppose; - is standard input
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,
    /// Also supposes that what is not declared is archived
    #[arg(long)]
    pub prune: bool,
    /// Days of decisions to take again
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=3660))]
    pub days: u16,
    /// Auditor whose certificate is used
    #[arg(long = "as", value_name = "NAME", default_value = "auditor")]
    pub operator: String,
}

/// Simulates.
///
/// # Errors
///
/// When something is wrong with the file, or the gateway refuses.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    let Command::Simulate(args) = args.command;
    let reading = registry_file::open(&args.file, Mode::Whole)?;
    if !reading.is_toml {
        return Err(problems::refusal(&args.file, &reading.problems, common));
    }
    let sum = simulate(&args, &reading, common).await?;
    match common.output {
        Output::Json => output::json(&sum.told()),
        Output::Text => output::line(sum.text(args.days)),
    }
}

async fn simulate(args: &SimulateArgs, reading: &Reading, common: &Common) -> Result<Sum, Failure> {
    let mut audit = operator::audit(&args.operator, common)?;
    let mut request = SimulatePolicyRequest {
        document: Some(reading.document.clone()),
        prune: args.prune,
        from_unix_s: Clock::system().unix() - i64::from(args.days) * DAY,
        from_index: 0,
        from_origin: String::new(),
    };
    let mut sum = Sum::default();
    loop {
        let answer = audit.simulate_policy(request.clone()).await;
        let answer = answer
            .map_err(|status| Refusal::from(&status))?
            .into_inner();
        let problems = problems::together(reading, &answer.problems);
        if !problems.is_empty() {
            return Err(problems::refusal(&args.file, &problems, common));
        }
        sum.add(&answer)?;
        if answer.next_origin.is_empty() {
            return Ok(sum);
        }
        request.from_index = answer.next_index;
        request.from_origin.clone_from(&answer.next_origin);
        report(&answer);
    }
}

/// Says on a terminal how far the register has been read.
fn report(answer: &SimulatePolicyResponse) {
    if let Ok(reached) = Timestamp::from_second(answer.reached_unix_s)
        && std::io::stderr().is_terminal()
    {
        output::note(format!("decisions until {reached} are taken again"));
    }
}

/// The sum of all stretches.
#[derive(Debug, Default)]
struct Sum {
    epoch: Option<u64>,
    decisions: u64,
    newly_allowed: Rows,
    newly_denied: Rows,
    changed_since: u64,
    not_redecidable: u64,
}

/// Calls by office, purpose, method and reason.
#[derive(Debug, Default)]
struct Rows(BTreeMap<[String; 4], u64>);

/// A simulation for programs; the fields are a contract.
#[derive(Debug, Serialize)]
struct Told {
    decisions: u64,
    newly_allowed: Vec<ToldCalls>,
    newly_denied: Vec<ToldCalls>,
    changed_since: u64,
    not_redecidable: u64,
    epoch: u64,
}

#[derive(Debug, Serialize)]
struct ToldCalls {
    office: String,
    purpose: String,
    method: String,
    reason: String,
    count: u64,
}

impl Sum {
    /// Adds a stretch. A registry that changes meanwhile would make the sum say nothing.
    fn add(&mut self, answer: &SimulatePolicyResponse) -> Result<(), Failure> {
        let epoch = *self.epoch.get_or_insert(answer.epoch);
        if epoch != answer.epoch {
            let what = "the decisions were not all taken again";
            return Err(Failure::new(
                what,
                "the registry has changed meanwhile",
                "try again",
            ));
        }
        self.decisions += answer.decisions;
        self.newly_allowed.add(&answer.newly_allowed);
        self.newly_denied.add(&answer.newly_denied);
        self.changed_since += answer.changed_since;
        self.not_redecidable += answer.not_redecidable;
        Ok(())
    }

    fn told(&self) -> Told {
        Told {
            decisions: self.decisions,
            newly_allowed: self.newly_allowed.told(),
            newly_denied: self.newly_denied.told(),
            changed_since: self.changed_since,
            not_redecidable: self.not_redecidable,
            epoch: self.epoch.unwrap_or_default(),
        }
    }

    fn text(&self, days: u16) -> String {
        let (allowed, denied) = (&self.newly_allowed, &self.newly_denied);
        let mut text = String::new();
        if !(allowed.0.is_empty() && denied.0.is_empty()) {
            let heading = vec!["WOULD BE", "OFFICE", "PURPOSE", "METHOD", "REASON", "CALLS"];
            let mut table = Table::new(heading);
            for (would, rows) in [("denied", denied), ("allowed", allowed)] {
                for (row, count) in &rows.0 {
                    let cells = row.iter().cloned();
                    let cells = std::iter::once(would.to_owned()).chain(cells);
                    table.push(cells.chain([count.to_string()]).collect());
                }
            }
            text = format!("{table}\n");
        }
        format!(
            "{text}{} decisions of {days} days: {} newly denied, {} newly allowed; \
             {} have changed since, {} refusals cannot be decided again",
            self.decisions,
            denied.count(),
            allowed.count(),
            self.changed_since,
            self.not_redecidable
        )
    }
}

impl Rows {
    fn add(&mut self, calls: &[SimulatedCalls]) {
        for it in calls {
            let row = [&it.office, &it.purpose, &it.method, &it.reason].map(Clone::clone);
            *self.0.entry(row).or_default() += it.count;
        }
    }

    fn count(&self) -> u64 {
        self.0.values().sum()
    }

    fn told(&self) -> Vec<ToldCalls> {
        let rows = self.0.iter();
        let told = rows.map(|([office, purpose, method, reason], count)| ToldCalls {
            office: office.clone(),
            purpose: purpose.clone(),
            method: method.clone(),
            reason: reason.clone(),
            count: *count,
        });
        told.collect()
    }
}

const DAY: i64 = 24 * 3600;

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(epoch: u64, office: &str) -> SimulatePolicyResponse {
        SimulatePolicyResponse {
            epoch,
            decisions: 10,
            newly_denied: vec![SimulatedCalls {
                office: office.into(),
                purpose: "tributi/verifica".into(),
                method: "pkg.S/M".into(),
                reason: "PURPOSE_SUSPENDED".into(),
                count: 3,
            }],
            not_redecidable: 1,
            ..SimulatePolicyResponse::default()
        }
    }

    #[test]
    fn stretches_are_summed_up_by_office() {
        let mut sum = Sum::default();
        for office in ["tributi", "anagrafe", "tributi"] {
            sum.add(&stretch(7, office)).unwrap();
        }

        let told = serde_json::to_value(sum.told()).unwrap();
        let text = sum.text(30);

        assert_eq!(
            (&told["decisions"], &told["not_redecidable"]),
            (&30.into(), &3.into())
        );
        assert_eq!(told["newly_denied"][0]["office"], "anagrafe");
        assert_eq!(told["newly_denied"][1]["count"], 6);
        assert_eq!(told["newly_allowed"], serde_json::json!([]));
        let expected = "WOULD BE   OFFICE     PURPOSE            METHOD    REASON              CALLS\n\
             denied     anagrafe   tributi/verifica   pkg.S/M   PURPOSE_SUSPENDED   3\n\
             denied     tributi    tributi/verifica   pkg.S/M   PURPOSE_SUSPENDED   6\n\
             30 decisions of 30 days: 9 newly denied, 0 newly allowed; \
             0 have changed since, 3 refusals cannot be decided again";
        assert_eq!(text, expected);
    }

    #[test]
    fn registry_that_changes_between_stretches_ends_the_simulation() {
        let mut sum = Sum::default();
        sum.add(&stretch(7, "tributi")).unwrap();

        assert!(sum.add(&stretch(8, "tributi")).is_err());
    }
}
