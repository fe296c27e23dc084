//! The register in the database: registering is one transaction, reading changes nothing.
//!
//! The first statement of a registration takes the number and with it the lock of the register's
//! year, so registrations of a register follow one another and the chain with them. Whatever
//! stops the transaction gives the number back. The counter is in [`contatore`], the keys of
//! callers are in [`chiave`], the rows in [`scrittura`] and [`lettura`].

use jiff::Timestamp;
use varco_runtime::audit_link;
use varco_runtime::clock::{Clock, day};
use varco_runtime::grant::Grant;
use varco_runtime::idempotency::IdempotencyKey;
use varco_runtime::store::{self, Db, Tx};

use crate::catena;
use crate::codice::Codice;
use crate::documento::Impronta;
use crate::error::Error;
use crate::identificatore::{Identificatore, Registro, Segnatura};
use crate::registrazione::{Contenuto, Istante, Operatore, Registrazione};

pub mod chiave;
pub mod contatore;
pub mod lettura;
pub mod scrittura;

use contatore::Turno;

/// The registers of an administration.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
    clock: Clock,
    amministrazione: Codice<64>,
}

impl Store {
    /// Works on a database whose schema is up to date, for one administration.
    #[must_use]
    pub fn new(db: Db, clock: Clock, amministrazione: Codice<64>) -> Self {
        Self {
            db,
            clock,
            amministrazione,
        }
    }

    /// Finds what a key registered before, and links this call to it.
    ///
    /// # Errors
    ///
    /// [`Error::KeyReused`] when the key stands for another request.
    pub async fn known(
        &self,
        key: &IdempotencyKey,
        grant: &Grant,
    ) -> Result<Option<Registrazione>, Error> {
        let mut tx = self.db.read().await?;
        let Some(id) = chiave::answered(&mut tx, key, grant).await? else {
            return Ok(None);
        };
        let row = lettura::load(&mut tx, &id).await?;
        drop(tx);
        let mut tx = self.db.begin().await?;
        let repeated = (id.to_string(), self.clock.now());
        audit_link::repeated(&mut tx, grant, (&repeated.0, repeated.1)).await?;
        tx.commit().await?;
        Ok(Some(row))
    }

    /// Registers, or finds what the key registered before.
    ///
    /// # Errors
    ///
    /// [`Error::KeyReused`]. On an error nothing is registered and no number is spent, unless the
    /// database was lost during the commit itself: asking again with the same key then tells.
    pub async fn register(
        &self,
        contenuto: Contenuto,
        registro: &Registro,
        (key, grant): (&IdempotencyKey, &Grant),
    ) -> Result<Registrazione, Error> {
        loop {
            let anno = day(self.clock.now()).year();
            let mut tx = self.db.begin().await?;
            let Some(turno) = contatore::take(&mut tx, registro, anno).await? else {
                drop(tx);
                self.open_year(registro, anno).await?;
                continue;
            };
            // The lock may have been waited for past midnight of 31 December.
            let istante = Istante::after(turno.ultima, self.clock.now());
            if day(istante.at).year() != turno.anno {
                continue;
            }
            let row = self.compose(contenuto, registro, grant, (&turno, istante));
            if !chiave::claim(&mut tx, &row, key, grant).await? {
                // The number goes back first: the register's year waits for it.
                drop(tx);
                let known = self.known(key, grant).await?;
                return known.ok_or_else(|| decode("idempotency"));
            }
            return write(tx, row, grant).await;
        }
    }

    /// Finds a registration.
    ///
    /// # Errors
    ///
    /// [`Error::RegistrationUnknown`].
    pub async fn registrazione(&self, id: &Identificatore) -> Result<Registrazione, Error> {
        lettura::load(&mut self.db.read().await?, id).await
    }

    /// Whether a registration exists and one of its documents has a hash.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn holds(&self, id: &Identificatore, impronta: &Impronta) -> Result<bool, Error> {
        lettura::holds(&mut self.db.read().await?, id, impronta).await
    }

    /// Every registration of a register and year, in order, for [`catena::verify`].
    ///
    /// # Errors
    ///
    /// When the database fails, or a number is missing.
    pub async fn year(&self, registro: &Registro, anno: i16) -> Result<Vec<Registrazione>, Error> {
        let mut tx = self.db.read().await?;
        let mut rows = Vec::new();
        for numero in 1..=contatore::last(&mut tx, registro, anno).await? {
            let numero = numero.try_into().map_err(|_| decode("contatore.ultimo"))?;
            let id = Identificatore {
                registro: registro.clone(),
                anno,
                numero,
            };
            rows.push(lettura::load(&mut tx, &id).await?);
        }
        Ok(rows)
    }

    async fn open_year(&self, registro: &Registro, anno: i16) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        contatore::open(&mut tx, registro, anno).await?;
        Ok(tx.commit().await?)
    }

    fn compose(
        &self,
        contenuto: Contenuto,
        registro: &Registro,
        grant: &Grant,
        (turno, istante): (&Turno, Istante),
    ) -> Registrazione {
        let (registro, anno, numero) = (registro.clone(), turno.anno, turno.numero);
        let identificatore = Identificatore {
            registro,
            anno,
            numero,
        };
        let segnatura = Segnatura::new(&self.amministrazione, &identificatore, contenuto.flusso);
        let operatore = Operatore {
            client_id: grant.client_id.clone(),
            consumer_id: grant.consumer_id.clone(),
        };
        let mut row = Registrazione {
            identificatore,
            data: day(istante.at),
            istante,
            segnatura,
            contenuto,
            operatore,
            catena: turno.catena,
        };
        row.catena = catena::next(&turno.catena, &row);
        row
    }
}

async fn write(mut tx: Tx, row: Registrazione, grant: &Grant) -> Result<Registrazione, Error> {
    scrittura::insert(&mut tx, &row, grant).await?;
    contatore::advance(&mut tx, &row).await?;
    tx.commit().await?;
    Ok(row)
}

/// A row that this service cannot have written.
fn decode(what: &'static str) -> Error {
    Error::Store(store::Error::Statement(sqlx::Error::Decode(what.into())))
}

fn timestamp(micros: i64) -> Result<Timestamp, Error> {
    Timestamp::from_microsecond(micros).map_err(|_| decode("timestamp"))
}

#[cfg(test)]
mod tests;
