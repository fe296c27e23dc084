//! A row of the table `pubblicazione`, and how it becomes a publication again.
//!
//! A row has more columns than sqlx has tuples for, so they are read by their names.

use jiff::Timestamp;
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};

use crate::atto::{Atto, Protocollo};
use crate::error::Error;
use crate::pubblicazione::{Copia, Pubblicazione, Repertorio};
use crate::termine::Termine;
use crate::testo::Testo;
use crate::tipo_atto::tipo_atto;

/// A row as the database gives it.
#[derive(Debug)]
pub struct Riga {
    anno: i64,
    numero: i64,
    tipo_atto: String,
    oggetto: String,
    numero_atto: String,
    data_atto: String,
    ufficio: String,
    protocollo_aoo: String,
    protocollo_registro: String,
    protocollo_anno: i64,
    protocollo_numero: i64,
    documento: String,
    sha256: Vec<u8>,
    dal: String,
    al: String,
    giorno_iniziale_incluso: String,
    giorni_interi: String,
    base_giuridica: String,
    chiave: String,
    media_type: String,
    dimensione: i64,
    pubblicata_il: i64,
}

impl<'r, R> FromRow<'r, R> for Riga
where
    R: Row,
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self {
            anno: row.try_get("anno")?,
            numero: row.try_get("numero")?,
            tipo_atto: row.try_get("tipo_atto")?,
            oggetto: row.try_get("oggetto")?,
            numero_atto: row.try_get("numero_atto")?,
            data_atto: row.try_get("data_atto")?,
            ufficio: row.try_get("ufficio")?,
            protocollo_aoo: row.try_get("protocollo_aoo")?,
            protocollo_registro: row.try_get("protocollo_registro")?,
            protocollo_anno: row.try_get("protocollo_anno")?,
            protocollo_numero: row.try_get("protocollo_numero")?,
            documento: row.try_get("documento")?,
            sha256: row.try_get("sha256")?,
            dal: row.try_get("dal")?,
            al: row.try_get("al")?,
            giorno_iniziale_incluso: row.try_get("giorno_iniziale_incluso")?,
            giorni_interi: row.try_get("giorni_interi")?,
            base_giuridica: row.try_get("base_giuridica")?,
            chiave: row.try_get("chiave")?,
            media_type: row.try_get("media_type")?,
            dimensione: row.try_get("dimensione")?,
            pubblicata_il: row.try_get("pubblicata_il")?,
        })
    }
}

impl TryFrom<Riga> for Pubblicazione {
    type Error = Error;

    fn try_from(riga: Riga) -> Result<Self, Error> {
        Ok(Self {
            repertorio: Repertorio {
                anno: anno(riga.anno, "anno")?,
                numero: riga.numero,
            },
            atto: riga.atto()?,
            termine: riga.termine()?,
            copia: riga.copia()?,
            pubblicata_il: Timestamp::from_microsecond(riga.pubblicata_il)
                .map_err(|_| Error::Row("pubblicata_il"))?,
            base_giuridica: riga.base_giuridica,
        })
    }
}

impl Riga {
    fn atto(&self) -> Result<Atto, Error> {
        Ok(Atto {
            tipo: tipo_atto(&self.tipo_atto).ok_or(Error::Row("tipo_atto"))?,
            oggetto: testo(&self.oggetto, "oggetto")?,
            numero: testo(&self.numero_atto, "numero_atto")?,
            data: parse(&self.data_atto, "data_atto")?,
            ufficio: testo(&self.ufficio, "ufficio")?,
            protocollo: Protocollo {
                aoo: testo(&self.protocollo_aoo, "protocollo_aoo")?,
                registro: testo(&self.protocollo_registro, "protocollo_registro")?,
                anno: anno(self.protocollo_anno, "protocollo_anno")?,
                numero: self.protocollo_numero,
            },
            documento: parse(&self.documento, "documento")?,
            sha256: self
                .sha256
                .as_slice()
                .try_into()
                .map_err(|_| Error::Row("sha256"))?,
        })
    }

    fn termine(&self) -> Result<Termine, Error> {
        Ok(Termine {
            dal: parse(&self.dal, "dal")?,
            al: parse(&self.al, "al")?,
            giorno_iniziale_incluso: parse(
                &self.giorno_iniziale_incluso,
                "giorno_iniziale_incluso",
            )?,
            giorni_interi: parse(&self.giorni_interi, "giorni_interi")?,
        })
    }

    fn copia(&self) -> Result<Copia, Error> {
        Ok(Copia {
            chiave: parse(&self.chiave, "chiave")?,
            media_type: self.media_type.clone(),
            dimensione: self.dimensione,
        })
    }
}

fn parse<T: std::str::FromStr>(text: &str, column: &'static str) -> Result<T, Error> {
    text.parse().map_err(|_| Error::Row(column))
}

fn testo(text: &str, column: &'static str) -> Result<Testo, Error> {
    // The limits of a request of today do not bind what was stored under older ones.
    Testo::parse(text, usize::MAX).map_err(|_| Error::Row(column))
}

fn anno(year: i64, column: &'static str) -> Result<i16, Error> {
    i16::try_from(year).map_err(|_| Error::Row(column))
}
