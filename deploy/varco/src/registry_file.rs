//! The registry file of `varco apply`: what an operator declares, read into a document.
//!
//! The file is checked whole and every problem is told with its line, so that one run shows all
//! there is to mend. A missing audience, quota or option is a problem, never a default: the file
//! is where an operator takes responsibility. What the registry holds already is not known here.

use std::io::Read as _;
use std::path::Path;

use toml::de::DeTable;
use varco_proto::registry::v1::{Document, Kind, Standing};

use crate::failure::Failure;

mod access;
mod eservice;
pub mod example;
mod fields;
mod party;
pub mod schema;
mod source;
pub mod time;
pub mod write;

use fields::Fields;
use source::Source;
pub use source::{Places, Problem};

/// What a file is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To declare a registry.
    Whole,
    /// To make one entry of a kind; what it stands in is only named.
    One(Kind),
}

/// What a registry file says.
#[derive(Debug)]
pub struct Reading {
    /// What it declares, without what is wrong.
    pub document: Document,
    /// Where it stands in the file.
    pub places: Places,
    /// What is wrong with it, in the order of lines.
    pub problems: Vec<Problem>,
    /// Whether it is TOML at all; if not, the document is worth nothing.
    pub is_toml: bool,
}

/// Reads a registry file and the files that it names; `-` is standard input.
///
/// # Errors
///
/// When the file cannot be read at all.
pub fn open(file: &Path, mode: Mode) -> Result<Reading, Failure> {
    let text = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    let text = text.map_err(|error| {
        let what = format!("{} cannot be read", file.display());
        Failure::new(what, error, "check its name")
    })?;
    Ok(parse(&text, file.parent().unwrap_or(Path::new(".")), mode))
}

/// Reads a registry file in which nothing is wrong.
///
/// # Errors
///
/// Names the file and, for every problem, its line.
pub fn read(file: &Path) -> Result<Document, Failure> {
    let reading = open(file, Mode::Whole)?;
    if reading.problems.is_empty() {
        return Ok(reading.document);
    }
    let told = reading.problems.iter().map(|problem| match problem.line {
        Some(line) => format!("line {line}: {problem}"),
        None => problem.to_string(),
    });
    let told: Vec<String> = told.collect();
    let remedy = "correct the file and apply it again";
    Err(Failure::new(file.display(), told.join("; "), remedy))
}

/// Parses the text; paths in it start from `folder`.
#[must_use]
pub fn parse(text: &str, folder: &Path, mode: Mode) -> Reading {
    let source = Source::new(text, folder, mode);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let fields = Fields::root(&table, &source);
        fields.problem_at(&error.span().unwrap_or_default(), error.message());
    }
    let document = document(&mut Fields::root(&table, &source));
    let (places, problems) = source.into_parts();
    Reading {
        document,
        places,
        problems,
        is_toml: errors.is_empty(),
    }
}

/// Takes everything that a registry file may say.
fn document(fields: &mut Fields<'_>) -> Document {
    let document = Document {
        attributes: fields.entries("attribute", Kind::Attribute, party::attribute),
        tenants: fields.entries("tenant", Kind::Tenant, party::tenant),
        eservices: fields.entries("eservice", Kind::Eservice, eservice::eservice),
        clients: fields.entries("client", Kind::Client, party::client),
        agreements: fields.entries("agreement", Kind::Agreement, access::agreement),
        purposes: fields.entries("purpose", Kind::Purpose, access::purpose),
        operators: fields.entries("operator", Kind::Operator, party::operator),
    };
    fields.refuse_unknown();
    document
}

/// Takes whether an entry is suspended.
fn standing(fields: &mut Fields<'_>) -> i32 {
    let standing = if fields.flag("suspended") {
        Standing::Suspended
    } else {
        Standing::Unspecified
    };
    standing.into()
}

/// Takes whether an entry is suspended, or only being written.
fn standing_or_draft(fields: &mut Fields<'_>) -> i32 {
    let standing = standing(fields);
    if !fields.flag("draft") {
        return standing;
    }
    if standing != i32::from(Standing::Unspecified) {
        fields.problem("draft", "cannot be suspended too");
    }
    Standing::Draft.into()
}

#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod tests;
