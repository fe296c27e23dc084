//! Who was registered with whom on a day, and what was once believed of it.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::Date;
use varco_runtime::on;
use varco_runtime::store::Tx;

use crate::codice_fiscale::CodiceFiscale;
use crate::error::Error;
use crate::famiglia::{Componente, IdFamiglia, Parentela};
use crate::persona::IdAnpr;
use crate::store::inserimento::Insert;
use crate::store::{parse, parse_last};

/// A member as others know them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membro {
    /// The membership in force on the day.
    pub componente: Componente,
    /// The member's present code.
    pub codice_fiscale: CodiceFiscale,
    /// First day in this famiglia, in whatever relationship.
    pub dal: Date,
}

type Row = (String, String, i64, String, Option<String>, String, String);

/// The members of a person's famiglia on a day, as believed at an instant.
///
/// Whoever died before that day is left out, even where the membership was never closed.
///
/// # Errors
///
/// When storage fails or a row does not decode.
pub async fn membri(
    tx: &mut Tx,
    persona: IdAnpr,
    day: Date,
    believed_at: Timestamp,
) -> Result<Vec<Membro>, Error> {
    let rows: Vec<Row> = on!(tx, |db| sqlx::query_as(MEMBRI)
        .bind(persona.as_str())
        .bind(day.to_string())
        .bind(believed_at.as_microsecond())
        .fetch_all(db)
        .await)?;
    rows.into_iter().map(membro).collect()
}

/// Records that famiglie exist; a slice of [`crate::store::inserimento::slices`].
///
/// # Errors
///
/// When storage fails, or one is already there.
pub async fn insert(tx: &mut Tx, ids: &[IdFamiglia], now: Timestamp) -> Result<(), Error> {
    on!(tx, |db| {
        let mut query = sqlx::query(FAMIGLIA.text(ids.len()));
        for id in ids {
            query = query.bind(id.to_string()).bind(now.as_microsecond());
        }
        query.execute(db).await.map(|_| ())
    })?;
    Ok(())
}

/// Records memberships; a slice of [`crate::store::inserimento::slices`].
///
/// # Errors
///
/// When storage fails, or a person is already in a famiglia.
pub async fn insert_componenti(
    tx: &mut Tx,
    componenti: &[Componente],
    now: Timestamp,
) -> Result<(), Error> {
    on!(tx, |db| {
        let mut query = sqlx::query(COMPONENTE.text(componenti.len()));
        for componente in componenti {
            query = query
                .bind(componente.famiglia.to_string())
                .bind(componente.persona.as_str())
                .bind(i64::from(componente.parentela.code()))
                .bind(componente.dal.to_string())
                .bind(componente.al.map(|day| day.to_string()))
                .bind(now.as_microsecond());
        }
        query.execute(db).await.map(|_| ())
    })?;
    Ok(())
}

/// Puts what is believed from now on in the place of a membership that was believed.
///
/// # Errors
///
/// When storage fails, or nothing of that first day is believed.
pub async fn correct(
    tx: &mut Tx,
    wrong: &Componente,
    right: &[Componente],
    now: Timestamp,
) -> Result<(), Error> {
    let superseded = on!(tx, |db| sqlx::query(
        "UPDATE componente SET superseded_at = $1
         WHERE persona = $2 AND dal = $3 AND superseded_at IS NULL"
    )
    .bind(now.as_microsecond())
    .bind(wrong.persona.as_str())
    .bind(wrong.dal.to_string())
    .execute(db)
    .await
    .map(|done| done.rows_affected()))?;
    if superseded != 1 {
        return Err(Error::ComponenteUnknown);
    }
    for componente in right {
        insert_componenti(tx, std::slice::from_ref(componente), now).await?;
    }
    Ok(())
}

fn membro(row: Row) -> Result<Membro, Error> {
    let (famiglia, persona, parentela, dal, al, codice, since) = row;
    let parentela = u8::try_from(parentela).ok().and_then(Parentela::from_code);
    Ok(Membro {
        componente: Componente {
            famiglia: parse(&famiglia, "famiglia")?,
            persona: parse(&persona, "persona")?,
            parentela: parentela.ok_or(Error::Row("parentela"))?,
            dal: parse(&dal, "dal")?,
            al: parse_last(al.as_deref(), "al")?,
        },
        codice_fiscale: parse(&codice, "codice")?,
        dal: parse(&since, "dal")?,
    })
}

static COMPONENTE: LazyLock<Insert> = LazyLock::new(|| {
    let head = "INSERT INTO componente (famiglia, persona, parentela, dal, al, recorded_at)";
    Insert::new(head, 6)
});
static FAMIGLIA: LazyLock<Insert> =
    LazyLock::new(|| Insert::new("INSERT INTO famiglia (id, recorded_at)", 2));

const MEMBRI: &str = "SELECT m.famiglia, m.persona, m.parentela, m.dal, m.al, c.codice, \
    (SELECT MIN(f.dal) FROM componente f \
        WHERE f.persona = m.persona AND f.famiglia = m.famiglia \
        AND f.recorded_at <= $3 AND (f.superseded_at IS NULL OR f.superseded_at > $3)) \
    FROM componente own \
    JOIN componente m ON m.famiglia = own.famiglia \
        AND m.dal <= $2 AND (m.al IS NULL OR m.al > $2) \
        AND m.recorded_at <= $3 AND (m.superseded_at IS NULL OR m.superseded_at > $3) \
    JOIN generalita g ON g.persona = m.persona AND (g.decesso IS NULL OR g.decesso >= $2) \
        AND g.recorded_at <= $3 AND (g.superseded_at IS NULL OR g.superseded_at > $3) \
    JOIN codice_fiscale c ON c.persona = m.persona AND c.al IS NULL \
        AND c.recorded_at <= $3 AND (c.superseded_at IS NULL OR c.superseded_at > $3) \
    WHERE own.persona = $1 AND own.dal <= $2 AND (own.al IS NULL OR own.al > $2) \
        AND own.recorded_at <= $3 AND (own.superseded_at IS NULL OR own.superseded_at > $3) \
    ORDER BY m.persona";
