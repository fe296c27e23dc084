//! Takes acts off the board when their term is over: deletes the public copy and records the end.
//!
//! Nothing is shown past its term even if this never runs, for every reading asks the day. What
//! is done here is that the bytes are gone too, and that the end has a date of its own.

use std::time::Duration;

use jiff::ToSpan;
use varco_runtime::clock::{Clock, midnight};
use varco_runtime::problem::chain;
use varco_runtime::store::Db;

use crate::archivio::Archivio;
use crate::error::Error;
use crate::store;

/// What the removal stands on.
#[derive(Clone, Debug)]
pub struct Scadenza {
    /// The repertorio.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// The public copies.
    pub archivio: Archivio,
}

impl Scadenza {
    /// Takes off what is due now, and again after every midnight of Europe/Rome.
    pub async fn run(self) {
        loop {
            let pause = match self.take_off().await {
                Ok(_) => self.until_midnight().min(HOUR),
                Err(error) => {
                    let cause = chain(&error);
                    tracing::error!(cause, "acts past their term stay on disk: will try again");
                    MINUTE
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Takes off everything whose term is over; says how many acts that was.
    ///
    /// # Errors
    ///
    /// When storage or the file system fails; what was taken off before stays so.
    pub async fn take_off(&self) -> Result<usize, Error> {
        let mut count = 0;
        loop {
            let mut tx = self.db.read().await?;
            let due = store::scadute(&mut tx, self.clock.today(), BATCH).await?;
            drop(tx);
            if due.is_empty() {
                return Ok(count);
            }
            for pubblicazione in &due {
                let (chiave, sha256) = (pubblicazione.copia.chiave, pubblicazione.atto.sha256);
                // First the bytes: the record says that they are gone.
                self.archivio.remove(chiave, sha256).await?;
            }
            let mut tx = self.db.begin().await?;
            for pubblicazione in &due {
                let now = self.clock.now();
                store::record_scadenza(&mut tx, pubblicazione.repertorio, now).await?;
            }
            tx.commit().await?;
            count += due.len();
        }
    }

    /// Wakes at least every hour besides, for a machine may sleep through midnight.
    fn until_midnight(&self) -> Duration {
        let tomorrow = midnight(self.clock.today().saturating_add(1.day()));
        let left = tomorrow.duration_since(self.clock.now());
        Duration::try_from(left).unwrap_or(MINUTE)
    }
}

const BATCH: u32 = 100;
const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);
