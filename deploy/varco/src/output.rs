//! What commands write on standard output: lines and tables for people, JSON for programs.
//!
//! Nothing else prints data, so that a closed pipe ends a command quietly and JSON is never mixed
//! with other text. Failures go to standard error and are not printed here.

use std::fmt::{self, Display};
use std::io::{ErrorKind, Write as _};

use serde::Serialize;

use crate::failure::Failure;

pub mod entry;
pub mod refusal;

/// Rows under a heading, in columns as wide as their widest cell.
#[derive(Clone, Debug)]
pub struct Table {
    heading: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

/// Writes a text and a newline.
///
/// # Errors
///
/// When standard output cannot be written for another reason than that nobody reads it.
pub fn line(text: impl Display) -> Result<(), Failure> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(unwritable(&error)),
        _ => Ok(()),
    }
}

/// Writes a line of a text that has no end of its own; says whether anybody still reads.
///
/// # Errors
///
/// When standard output cannot be written for another reason than that nobody reads it.
pub fn flowing(text: impl Display) -> Result<bool, Failure> {
    let mut stdout = std::io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(unwritable(&error)),
        Ok(()) => Ok(true),
    }
}

/// Writes a value as JSON over several lines.
///
/// # Errors
///
/// When the value has no JSON form, or standard output cannot be written.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    line(serde_json::to_string_pretty(value)?)
}

/// Writes a remark for people to standard error, beside the data; nobody need read it.
pub fn note(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

impl Table {
    /// Makes a table without rows.
    #[must_use]
    pub fn new(heading: Vec<&'static str>) -> Self {
        let rows = Vec::new();
        Self { heading, rows }
    }

    /// Adds a row at the end.
    pub fn push(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    fn widths(&self) -> Vec<usize> {
        let titles = self.heading.iter();
        let mut widths: Vec<usize> = titles.map(|title| title.chars().count()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        widths
    }
}

impl Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        out.write_str(&aligned(&self.heading, &widths))?;
        let mut rows = self.rows.iter();
        rows.try_for_each(|row| write!(out, "\n{}", aligned(row, &widths)))
    }
}

fn unwritable(error: &std::io::Error) -> Failure {
    let what = "standard output cannot be written";
    Failure::new(what, error, "check where it is redirected to")
}

fn aligned(cells: &[impl AsRef<str>], widths: &[usize]) -> String {
    let cells = cells.iter().zip(widths);
    let padded = cells.map(|(cell, width)| format!("{:width$}   ", cell.as_ref()));
    padded.collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(vec!["NAME", "STATE", "ID"]);
        table.push(vec!["verifica".into(), "ACTIVE".into(), "1".into()]);
        table.push(vec!["città".into(), "SUSPENDED".into(), "22".into()]);

        let text = table.to_string();

        let expected = "NAME       STATE       ID\n\
                        verifica   ACTIVE      1\n\
                        città      SUSPENDED   22";
        assert_eq!(text, expected);
    }

    #[test]
    fn table_without_rows_is_its_heading() {
        assert_eq!(Table::new(vec!["NAME", "ID"]).to_string(), "NAME   ID");
    }
}
