//! The sample's registry: a registry file like any other, kept beside the data.
//!
//! Who edits it applies it with `varco apply`. Only the addresses of our own services follow the
//! configuration; the rest of the text is the reader's.

use toml::{Table, Value};
use varco_runtime::config::{Config, Service};

use crate::failure::Failure;

/// Name of the file in the data folder.
pub const FILE: &str = "registro.toml";

/// The registry file as it is for the default ports.
pub const TEXT: &str = include_str!("registro.toml");

/// The text with the addresses of the configuration, when it has others.
///
/// # Errors
///
/// When the text is no TOML, or an address does not stand in it as a plain string.
pub fn moved(text: &str, config: &Config) -> Result<Option<String>, Failure> {
    let pairs = differing(text, config)?;
    if pairs.is_empty() {
        return Ok(None);
    }
    // One line, one replacement: a new address may be an old one of another service.
    let line = |line: &str| pairs.iter().find_map(|pair| replaced(line, pair));
    let lines: Vec<String> = text
        .lines()
        .map(|old| line(old).unwrap_or_else(|| old.to_owned()))
        .collect();
    let fresh = format!("{}\n", lines.join("\n"));
    if differing(&fresh, config)?.is_empty() {
        return Ok(Some(fresh));
    }
    Err(Failure::new(
        FILE,
        "the addresses of the services could not be brought up to date",
        "write each upstream address on a line of its own",
    ))
}

struct Pair {
    old: String,
    new: String,
}

fn differing(text: &str, config: &Config) -> Result<Vec<Pair>, Failure> {
    let table: Table = text.parse().map_err(|error| {
        Failure::from(error)
            .while_doing(FILE)
            .remedy("correct the file, or move it aside")
    })?;
    let mut pairs = Vec::new();
    for eservice in array(&table, "eservice") {
        let name = eservice
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let Some(service) = config.services.get(name) else {
            continue;
        };
        let new = address(service);
        for descriptor in array(eservice, "descriptor") {
            let upstream = descriptor
                .get("upstream")
                .and_then(|upstream| upstream.get("address"));
            let Some(old) = upstream.and_then(Value::as_str) else {
                continue;
            };
            if old != new {
                pairs.push(Pair {
                    old: old.to_owned(),
                    new: new.clone(),
                });
            }
        }
    }
    Ok(pairs)
}

fn array<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = &'a Table> {
    table
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_table)
}

fn replaced(line: &str, pair: &Pair) -> Option<String> {
    ['"', '\''].into_iter().find_map(|quote| {
        let old = format!("{quote}{}{quote}", pair.old);
        line.contains(&old)
            .then(|| line.replace(&old, &format!("{quote}{}{quote}", pair.new)))
    })
}

/// Where the gateway reaches a service that runs beside it.
fn address(service: &Service) -> String {
    if service.listen.ip().is_unspecified() {
        return format!("https://127.0.0.1:{}", service.listen.port());
    }
    format!("https://{}", service.listen)
}

#[cfg(test)]
mod tests;
