//! The registry file of `varco apply`: what an operator declares, read into a document.
//!
//! The file is checked whole and every problem is told with its line, so that one run shows all
//! there is to mend. A missing audience, quota or option is a problem, never a default: the file
//! is where an operator takes responsibility. What the registry holds already is not known here.

use std::path::Path;

use toml::de::DeTable;
use varco_proto::registry::v1::Document;

use crate::failure::Failure;

mod eservice;
mod fields;
mod party;

use fields::{Fields, Source};

/// Reads a registry file and the files that it names.
///
/// # Errors
///
/// Names the file and, for every problem, its line.
pub fn read(file: &Path) -> Result<Document, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let what = format!("{} cannot be read", file.display());
        Failure::new(what, error, "check its name")
    })?;
    parse(&text, file.parent().unwrap_or(Path::new("."))).map_err(|problems| {
        let remedy = "correct the file and apply it again";
        Failure::new(file.display(), problems.join("; "), remedy)
    })
}

/// Parses the text; paths in it start from `folder`.
fn parse(text: &str, folder: &Path) -> Result<Document, Vec<String>> {
    let source = Source::new(text, folder);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        source.problem(error.span().unwrap_or_default(), error.message());
    }
    let mut fields = Fields::root(&table, &source);
    let document = Document {
        tenants: fields.entries("tenant", party::tenant),
        eservices: fields.entries("eservice", eservice::eservice),
        clients: fields.entries("client", party::client),
        agreements: fields.entries("agreement", party::agreement),
        purposes: fields.entries("purpose", party::purpose),
        operators: fields.entries("operator", party::operator),
    };
    fields.refuse_unknown();
    source.into_result(document)
}

#[cfg(test)]
mod tests;
