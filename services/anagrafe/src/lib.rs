//! The registry of residents, anagrafe (L. 1228/1954, DPR 223/1989).
//!
//! Who lives where and with whom, on any day since the register began, and what the register
//! believed of it at any instant. Offices verify rather than read, and read no more than serves.

pub mod api;
pub mod codice_fiscale;
pub mod error;
#[cfg(test)]
mod esempio;
pub mod famiglia;
pub mod luogo;
pub mod persona;
pub mod posizione;
pub mod residenza;
pub mod settings;
pub mod store;

use varco_proto::anagrafe::v1::anagrafe_service_server::AnagrafeServiceServer;
use varco_runtime::service::{Parts, Served};
use varco_runtime::store::Migrations;

use crate::api::Api;
use crate::error::Error;
use crate::settings::Settings;

/// The registry's schema.
pub const MIGRATIONS: Migrations = store::MIGRATIONS;

/// Opens the registry: its methods, and nothing for the public.
///
/// # Errors
///
/// When the settings are wrong.
#[expect(clippy::unused_async, reason = "every service opens in the same way")]
pub async fn open(parts: Parts) -> Result<Served, Error> {
    let Settings { registro_dal } = parts.settings()?;
    let Parts { db, clock, .. } = parts;
    let api = Api {
        db,
        clock,
        registro_dal,
    };
    Ok(Served {
        routes: tonic::service::Routes::new(AnagrafeServiceServer::new(api)),
        public: None,
    })
}
