//! The office services of the product: one line each, and nothing else knows their crates.

use std::future::Future;
use std::pin::Pin;

use varco_runtime::service::{Parts, Served};
use varco_runtime::store::Migrations;

use crate::failure::Failure;

/// An office service, as the composition root sees it.
#[derive(Debug)]
pub struct Role {
    /// Name, on the command line and in the configuration.
    pub name: &'static str,
    /// Its schema.
    pub migrations: Migrations,
    /// Opens it.
    pub open: fn(Parts) -> Opening,
}

/// A service that is being opened.
pub struct Opening(pub Pin<Box<dyn Future<Output = Result<Served, Failure>> + Send>>);

/// Every office service.
#[rustfmt::skip]
pub const ROLES: [Role; 4] = [
    Role { name: "anagrafe", migrations: varco_anagrafe::MIGRATIONS, open: |parts| opening(varco_anagrafe::open(parts)) },
    Role { name: "protocollo", migrations: varco_protocollo::MIGRATIONS, open: |parts| opening(varco_protocollo::open(parts)) },
    Role { name: "albo", migrations: varco_albo::MIGRATIONS, open: |parts| opening(varco_albo::open(parts)) },
    Role { name: "documenti", migrations: varco_documenti::MIGRATIONS, open: |parts| opening(varco_documenti::open(parts)) },
];

impl Role {
    /// The role of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        const { &ROLES }.iter().find(|role| role.name == name)
    }
}

fn opening<F, E>(future: F) -> Opening
where
    F: Future<Output = Result<Served, E>> + Send + 'static,
    E: std::error::Error,
{
    Opening(Box::pin(async { future.await.map_err(Failure::from) }))
}
