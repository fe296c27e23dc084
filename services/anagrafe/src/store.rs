//! The register in the database, in two times.
//!
//! Valid time is the days on which a fact held, `[dal, al)`. Transaction time is the instants
//! between which the register believed it. Every reading says at which instant the belief is
//! asked for, so that an answer given in the past can be given again.

pub mod famiglia;
pub mod identificativi;
pub mod inserimento;
pub mod persona;
pub mod residenza;

use inserimento::slices;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use varco_runtime::on;
use varco_runtime::store::{Migrations, Tx};

use crate::error::Error;
use crate::famiglia::Componente;
use crate::persona::Persona;
use crate::residenza::Residenza;

/// The register's schema.
pub const MIGRATIONS: Migrations = Migrations {
    sqlite: &[include_str!("../migrations/sqlite/0001_init.sql")],
    postgres: &[include_str!("../migrations/postgres/0001_init.sql")],
};

/// Tells whether the register holds nobody yet.
///
/// # Errors
///
/// When storage fails.
pub async fn is_empty(tx: &mut Tx) -> Result<bool, Error> {
    let row: Option<(String,)> = on!(tx, |db| sqlx::query_as("SELECT id FROM persona LIMIT 1")
        .fetch_optional(db)
        .await)?;
    Ok(row.is_none())
}

/// Enters people with their residences and memberships, all believed from one instant on.
///
/// # Errors
///
/// When storage fails, or a person is entered twice.
pub async fn import(
    tx: &mut Tx,
    persone: &[Persona],
    residenze: &[Residenza],
    componenti: &[Componente],
    now: Timestamp,
) -> Result<(), Error> {
    for slice in slices(persone) {
        persona::insert(tx, slice, now).await?;
    }
    for slice in slices(residenze) {
        residenza::insert(tx, slice, now).await?;
    }
    let famiglie: BTreeSet<_> = componenti
        .iter()
        .map(|componente| componente.famiglia)
        .collect();
    let famiglie: Vec<_> = famiglie.into_iter().collect();
    for slice in slices(&famiglie) {
        famiglia::insert(tx, slice, now).await?;
    }
    for slice in slices(componenti) {
        famiglia::insert_componenti(tx, slice, now).await?;
    }
    Ok(())
}

fn parse<T: std::str::FromStr>(text: &str, column: &'static str) -> Result<T, Error> {
    text.parse().map_err(|_| Error::Row(column))
}

fn parse_last(text: Option<&str>, column: &'static str) -> Result<Option<Date>, Error> {
    text.map(|text| parse(text, column)).transpose()
}
