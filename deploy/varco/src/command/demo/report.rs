//! How the journey went: one line a step, the auditor's list, a summary; or all of it as JSON.

use serde::Serialize;

use super::run::{Run, Step};
use crate::cli::Output;
use crate::command::audit::row::Row;
use crate::failure::Failure;
use crate::output::{self, Table};

/// The journey for programs; its fields are a contract.
#[derive(Serialize)]
struct Report<'a> {
    steps: &'a [Step],
    ok: bool,
}

/// Prints the journey.
///
/// # Errors
///
/// When a step ended otherwise than it should.
pub fn print(run: &Run, records: &[Row], output: Output) -> Result<(), Failure> {
    match output {
        Output::Json => output::json(&Report {
            steps: &run.steps,
            ok: run.went_well(),
        })?,
        Output::Text => print_text(run, records)?,
    }
    let failed: Vec<String> = run
        .steps
        .iter()
        .filter(|it| !it.went_well())
        .map(told)
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        format!(
            "{} of {} steps ended otherwise than they should",
            failed.len(),
            run.steps.len()
        ),
        failed.join("; "),
        "look them up with `varco audit search --trace ID`",
    ))
}

fn print_text(run: &Run, records: &[Row]) -> Result<(), Failure> {
    for step in &run.steps {
        output::line(step.line())?;
    }
    output::line(format!(
        "\nWhat the auditor finds of this run:\n\n{}",
        table(records)
    ))?;
    let went_well = run.steps.iter().filter(|step| step.went_well()).count();
    output::line(format!(
        "\nrun {}: {went_well} of {} steps as they should, {} records, {} ms",
        run.id,
        run.steps.len(),
        records.len(),
        run.took().as_millis(),
    ))
}

fn table(records: &[Row]) -> Table {
    let mut table = Table::new(vec![
        "INDEX", "WHO", "PURPOSE", "METHOD", "KIND", "OUTCOME", "TRACE",
    ]);
    for row in records {
        table.push(vec![
            row.index.to_string(),
            row.client.clone(),
            row.purpose.clone(),
            row.method.clone(),
            row.kind.to_owned(),
            row.outcome.clone(),
            row.trace_id.clone(),
        ]);
    }
    table
}

fn told(step: &Step) -> String {
    let (caller, method) = (step.caller, step.method());
    format!(
        "{caller} {method} ended in {} instead of {}",
        step.outcome, step.expected
    )
}
