//! The online notice board, albo pretorio: publishes acts for their legal term (L. 69/2009 art. 32).
//!
//! An office publishes through gRPC; anyone reads over HTTP. Before an act goes on the board, the
//! protocol number and the document's hash are confirmed by the offices that keep them.

pub mod api;
pub mod archivio;
pub mod atto;
pub mod error;
#[cfg(test)]
mod esempio;
pub mod impronta;
pub mod pubblicazione;
pub mod riservatezza;
pub mod scadenza;
pub mod settings;
pub mod store;
pub mod termine;
pub mod testo;
pub mod tipo_atto;
pub mod uffici;
pub mod web;

use varco_proto::albo::v1::albo_service_server::AlboServiceServer;
use varco_runtime::audit_link;
use varco_runtime::service::{Parts, Served};
use varco_runtime::store::Migrations;

use crate::api::Api;
use crate::archivio::Archivio;
use crate::error::{DOMAIN, Error};
use crate::scadenza::Scadenza;
use crate::settings::Settings;
use crate::uffici::Uffici;
use crate::web::Board;

/// The board's schema.
pub const MIGRATIONS: Migrations = store::MIGRATIONS;

/// Opens the board: its methods, its public pages and the task that takes acts off.
///
/// # Errors
///
/// When the settings are wrong or the folder of public copies cannot be used.
pub async fn open(parts: Parts) -> Result<Served, Error> {
    let settings: Settings = parts.settings()?;
    let uffici = Uffici::through(&parts.gateway, &settings)?;
    let archivio = archivio(&parts).await?;
    let Parts {
        db, clock, tasks, ..
    } = parts;
    let scadenza = Scadenza {
        db: db.clone(),
        clock: clock.clone(),
        archivio: archivio.clone(),
    };
    tasks.spawn_until_stop(scadenza.run());
    let board = Board {
        db: db.clone(),
        clock: clock.clone(),
        archivio: archivio.clone(),
        settings: settings.into(),
    };
    let links = audit_link::service::server(db.clone(), DOMAIN);
    let api = Api {
        db,
        clock,
        uffici,
        archivio,
    };
    Ok(Served {
        routes: tonic::service::Routes::new(AlboServiceServer::new(api)).add_service(links),
        public: Some(web::router(board)),
    })
}

async fn archivio(parts: &Parts) -> Result<Archivio, Error> {
    let mut tx = parts.db.read().await?;
    let in_corso = store::copie(&mut tx, parts.clock.today()).await?;
    Ok(Archivio::open(&parts.folder, &in_corso).await?)
}
