//! Where people were registered as living, day by day, and what was once believed of it.

use std::sync::LazyLock;

use jiff::Timestamp;
use varco_runtime::on;
use varco_runtime::store::Tx;

use crate::error::Error;
use crate::persona::IdAnpr;
use crate::residenza::{Cap, CodiceToponimo, Indirizzo, Residenza, StatoResidenza};
use crate::store::inserimento::Insert;
use crate::store::{parse, parse_last};

type Row = (
    String,
    Option<String>,
    String,
    String,
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<String>,
    String,
    Option<String>,
);

/// The history of a person's residences, oldest first, as believed at an instant.
///
/// # Errors
///
/// When storage fails or a row does not decode.
pub async fn storia(
    tx: &mut Tx,
    persona: IdAnpr,
    believed_at: Timestamp,
) -> Result<Vec<Residenza>, Error> {
    let rows: Vec<Row> = on!(tx, |db| sqlx::query_as(STORIA)
        .bind(persona.as_str())
        .bind(believed_at.as_microsecond())
        .fetch_all(db)
        .await)?;
    rows.into_iter()
        .map(|row| residenza(persona, row))
        .collect()
}

/// Records residences; a slice of [`crate::store::inserimento::slices`].
///
/// # Errors
///
/// When storage fails, or a person already has a residence that lasts.
pub async fn insert(tx: &mut Tx, residenze: &[Residenza], now: Timestamp) -> Result<(), Error> {
    on!(tx, |db| {
        let mut query = sqlx::query(INSERT.text(residenze.len()));
        for residenza in residenze {
            let indirizzo = &residenza.indirizzo;
            let toponimo = indirizzo.codice_toponimo;
            query = query
                .bind(residenza.persona.as_str())
                .bind(residenza.dal.to_string())
                .bind(residenza.al.map(|day| day.to_string()))
                .bind(indirizzo.specie.as_str())
                .bind(indirizzo.denominazione.as_str())
                .bind(toponimo.and_then(|code| i64::try_from(code.0).ok()))
                .bind(indirizzo.civico.map(i64::from))
                .bind(indirizzo.esponente.as_deref())
                .bind(indirizzo.interno.as_deref())
                .bind(indirizzo.cap.as_ref().map(Cap::as_str))
                .bind(stato(residenza.stato))
                .bind(residenza.procedimento.as_deref())
                .bind(now.as_microsecond());
        }
        query.execute(db).await.map(|_| ())
    })?;
    Ok(())
}

/// Puts what is believed from now on in the place of a residence that was believed.
///
/// A move ends one residence and begins another; a rectification replaces one by one.
///
/// # Errors
///
/// When storage fails, or nothing of that first day is believed.
pub async fn correct(
    tx: &mut Tx,
    wrong: &Residenza,
    right: &[Residenza],
    now: Timestamp,
) -> Result<(), Error> {
    let superseded = on!(tx, |db| sqlx::query(
        "UPDATE residenza SET superseded_at = $1
         WHERE persona = $2 AND dal = $3 AND superseded_at IS NULL"
    )
    .bind(now.as_microsecond())
    .bind(wrong.persona.as_str())
    .bind(wrong.dal.to_string())
    .execute(db)
    .await
    .map(|done| done.rows_affected()))?;
    if superseded != 1 {
        return Err(Error::ResidenzaUnknown);
    }
    for residenza in right {
        insert(tx, std::slice::from_ref(residenza), now).await?;
    }
    Ok(())
}

fn residenza(persona: IdAnpr, row: Row) -> Result<Residenza, Error> {
    let (dal, al, specie, denominazione, toponimo, civico, esponente, interno, cap, ..) = &row;
    let toponimo = toponimo
        .map(u64::try_from)
        .transpose()
        .map_err(|_| Error::Row("toponimo"))?;
    let civico = civico
        .map(u32::try_from)
        .transpose()
        .map_err(|_| Error::Row("civico"))?;
    Ok(Residenza {
        persona,
        dal: parse(dal, "dal")?,
        al: parse_last(al.as_deref(), "al")?,
        indirizzo: Indirizzo {
            specie: specie.clone(),
            denominazione: denominazione.clone(),
            codice_toponimo: toponimo.map(CodiceToponimo),
            civico,
            esponente: esponente.clone(),
            interno: interno.clone(),
            cap: cap.as_deref().map(|cap| parse(cap, "cap")).transpose()?,
        },
        stato: match row.9.as_str() {
            "DEFINITIVA" => StatoResidenza::Definitiva,
            _ => StatoResidenza::ConRiserva,
        },
        procedimento: row.10,
    })
}

fn stato(stato: StatoResidenza) -> &'static str {
    match stato {
        StatoResidenza::ConRiserva => "CON_RISERVA",
        StatoResidenza::Definitiva => "DEFINITIVA",
    }
}

const STORIA: &str = "SELECT dal, al, specie, denominazione, codice_toponimo, civico, esponente, \
    interno, cap, stato, procedimento FROM residenza \
    WHERE persona = $1 \
        AND recorded_at <= $2 AND (superseded_at IS NULL OR superseded_at > $2) \
    ORDER BY dal";

static INSERT: LazyLock<Insert> = LazyLock::new(|| {
    let head = "INSERT INTO residenza (persona, dal, al, specie, denominazione, \
        codice_toponimo, civico, esponente, interno, cap, stato, procedimento, recorded_at)";
    Insert::new(head, 13)
});
