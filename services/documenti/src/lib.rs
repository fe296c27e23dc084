//! The documents of the comune: stored once by their content, never altered, given back whole.
//!
//! A document is its bytes, kept on disk under their SHA-256, and what is said of it, kept in the
//! database. Once stored neither changes (CAD art. 20 and 44, AgID guidelines ch. 2 and 3): other
//! offices name a document and its hash, and can rely on both.
//!
//! Who may store and read is the gateway's decision; this crate sees only calls that it granted.

use serde::Deserialize;
use tonic::service::Routes;
use varco_proto::documenti::v1::documenti_service_server::DocumentiServiceServer;
use varco_runtime::audit_link;
use varco_runtime::service::{Parts, Served};
use varco_runtime::store::Migrations;

pub mod api;
pub mod documento;
pub mod error;
pub mod impronta;
pub mod oggetti;
pub mod ricezione;
pub mod store;
pub mod testo;

use api::Api;
use error::{DOMAIN, Error};
use oggetti::Oggetti;
use store::Store;

/// The schema, in both dialects.
pub const MIGRATIONS: Migrations = Migrations {
    sqlite: &[
        include_str!("../migrations/sqlite/0001_init.sql"),
        include_str!("../migrations/sqlite/0002_audit_link.sql"),
    ],
    postgres: &[
        include_str!("../migrations/postgres/0001_init.sql"),
        include_str!("../migrations/postgres/0002_audit_link.sql"),
    ],
};

/// What an administrator may set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Largest document, in bytes.
    pub max_dimensione: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_dimensione: 50 * 1024 * 1024,
        }
    }
}

/// Opens the service in its folder and on its database.
///
/// # Errors
///
/// When the settings are wrong or the folder cannot be written to.
pub async fn open(parts: Parts) -> Result<Served, Error> {
    let settings: Settings = parts.settings()?;
    let unusable = |error| Error::Folder(parts.folder.clone(), error);
    let oggetti = Oggetti::open(&parts.folder).await.map_err(unusable)?;
    let links = audit_link::service::server(parts.db.clone(), DOMAIN);
    let store = Store::new(parts.db, parts.clock.clone());
    let api = Api::new(store, oggetti, parts.clock, settings);
    let server = DocumentiServiceServer::new(api).max_decoding_message_size(MAX_MESSAGE);
    Ok(Served {
        routes: Routes::new(server).add_service(links),
        public: None,
    })
}

/// Above the largest block, so that a block that is a little too large is refused by its reason.
const MAX_MESSAGE: usize = 2 * ricezione::MAX_BLOCCO;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_may_have_fifty_mebibytes_unless_set_otherwise() {
        let settings: Settings = toml::from_str("").unwrap();
        let smaller: Settings = toml::from_str("max_dimensione = 1024").unwrap();

        assert_eq!(
            (settings.max_dimensione, smaller.max_dimensione),
            (52_428_800, 1024)
        );
    }

    #[test]
    fn unknown_setting_is_refused() {
        assert!(toml::from_str::<Settings>("max_size = 1").is_err());
    }
}
