//! The protocol register of the comune: numbers without gaps, rows that cannot change.
//!
//! To register is one indivisible step that gives a number, a date and a segnatura (DPR 445/2000
//! art. 53 and 55). Before it, the hash of every document is asked of documenti; after it, nothing
//! but classification and assignment may change, and only by adding to them.
//!
//! Who may register and read is the gateway's decision; this crate sees only calls that it
//! granted. The bytes of documents never come here.

use serde::Deserialize;
use tonic::service::Routes;
use varco_proto::protocollo::v1::protocollo_service_server::ProtocolloServiceServer;
use varco_runtime::audit_link;
use varco_runtime::service::{Parts, Served};
use varco_runtime::store::Migrations;

pub mod api;
pub mod catena;
pub mod codice;
pub mod documenti;
pub mod documento;
pub mod error;
pub mod identificatore;
pub mod registrazione;
pub mod soggetto;
pub mod store;
pub mod testo;
pub mod titolario;

use api::Api;
use codice::Codice;
use documenti::Documenti;
use error::{DOMAIN, Error};
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

/// What an administrator must set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Code of the comune in the IPA, such as `c_z999`.
    pub codice_amministrazione: Codice<64>,
    /// Code of its area organizzativa omogenea.
    pub aoo: Codice<16>,
    /// Code of its ordinary register.
    pub registro: Codice<16>,
    /// Name of the purpose for which documenti is asked.
    pub purpose: String,
}

/// Opens the service on its database.
///
/// # Errors
///
/// When the settings are wrong.
#[expect(
    clippy::unused_async,
    reason = "every office opens alike, and others wait for a disk"
)]
pub async fn open(parts: Parts) -> Result<Served, Error> {
    let settings: Settings = parts.settings()?;
    let links = audit_link::service::server(parts.db.clone(), DOMAIN);
    let store = Store::new(
        parts.db,
        parts.clock,
        settings.codice_amministrazione.clone(),
    );
    let documenti = Documenti::new(parts.gateway, settings.purpose.clone());
    let server = ProtocolloServiceServer::new(Api::new(store, documenti, settings));
    let server = server.max_decoding_message_size(MAX_MESSAGE);
    Ok(Served {
        routes: Routes::new(server).add_service(links),
        public: None,
    })
}

/// Above the longest request that the bounds of its fields allow.
const MAX_MESSAGE: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "codice_amministrazione = 'c_z999'\naoo = 'AOO01'\nregistro = 'PG'\n\
         purpose = 'verifica-impronta'\n";

    #[test]
    fn every_setting_is_required() {
        assert!(toml::from_str::<Settings>(WHOLE).is_ok());
        for line in WHOLE.lines() {
            let without = WHOLE.replace(line, "");
            assert!(toml::from_str::<Settings>(&without).is_err(), "{line}");
        }
    }

    #[test]
    fn unknown_setting_and_malformed_code_are_refused() {
        let unknown = format!("{WHOLE}colore = 'blu'");
        let malformed = WHOLE.replace("'PG'", "'P G'");

        assert!(toml::from_str::<Settings>(&unknown).is_err());
        assert!(toml::from_str::<Settings>(&malformed).is_err());
    }
}
