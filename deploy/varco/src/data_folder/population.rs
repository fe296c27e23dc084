//! The sample's people, entered in the register of residents before its service first starts.

use varco_runtime::clock::Clock;
use varco_runtime::config::Config;
use varco_runtime::store::Db;

use crate::failure::Failure;
use crate::sample::popolazione::Popolazione;
use crate::town::office;

/// Enters everyone, unless the register holds somebody already.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn import(config: &Config, clock: &Clock, people: Popolazione) -> Result<(), Failure> {
    let service = office::section(OFFICE, config)?;
    let db = Db::open(
        &service.database,
        &config.folder,
        varco_anagrafe::MIGRATIONS,
    )
    .await?;
    let mut tx = db.begin().await?;
    if varco_anagrafe::store::is_empty(&mut tx).await? {
        let Popolazione {
            persone,
            residenze,
            componenti,
        } = &people;
        let now = clock.now();
        varco_anagrafe::store::import(&mut tx, persone, residenze, componenti, now).await?;
    }
    tx.commit().await?;
    db.close().await;
    Ok(())
}

/// The office that keeps the register.
pub const OFFICE: &str = "anagrafe";
