//! Who is in the register, found by any codice fiscale that the person has or had.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::Date;
use varco_runtime::on;
use varco_runtime::store::Tx;

use crate::codice_fiscale::{CodiceFiscale, Sesso};
use crate::error::Error;
use crate::persona::{IdAnpr, Persona};
use crate::store::inserimento::Insert;
use crate::store::{parse, parse_last};

type Row = (
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    Option<String>,
);

/// The person who has or had a code, as believed at an instant, under the present code.
///
/// # Errors
///
/// When storage fails or a row does not decode.
pub async fn by_codice(
    tx: &mut Tx,
    codice: &CodiceFiscale,
    believed_at: Timestamp,
) -> Result<Option<Persona>, Error> {
    let row: Option<Row> = on!(tx, |db| sqlx::query_as(BY_CODICE)
        .bind(codice.as_str())
        .bind(believed_at.as_microsecond())
        .fetch_optional(db)
        .await)?;
    row.map(persona).transpose()
}

/// Enters persons with their present codes; a slice of [`crate::store::inserimento::slices`].
///
/// # Errors
///
/// When storage fails, or a person or a code is already there.
pub async fn insert(tx: &mut Tx, persone: &[Persona], now: Timestamp) -> Result<(), Error> {
    let at = now.as_microsecond();
    on!(tx, |db| {
        let mut query = sqlx::query(PERSONA.text(persone.len()));
        for persona in persone {
            query = query.bind(persona.id.as_str()).bind(at);
        }
        query.execute(db).await.map(|_| ())
    })?;
    on!(tx, |db| {
        let mut query = sqlx::query(GENERALITA.text(persone.len()));
        for persona in persone {
            query = query
                .bind(persona.id.as_str())
                .bind(persona.cognome.as_str())
                .bind(persona.nome.as_str())
                .bind(sesso(persona.sesso))
                .bind(persona.data_nascita.to_string())
                .bind(persona.luogo_nascita.as_str())
                .bind(persona.iscritta_dal.to_string())
                .bind(persona.decesso.map(|day| day.to_string()))
                .bind(at);
        }
        query.execute(db).await.map(|_| ())
    })?;
    let codici: Vec<Codice> = persone.iter().map(Codice::present).collect();
    insert_codici(tx, &codici, now).await
}

/// Gives a person another code from a day on; the code of before keeps leading to the person.
///
/// # Errors
///
/// When storage fails, or the code is another person's.
pub async fn assign_codice(
    tx: &mut Tx,
    persona: IdAnpr,
    (codice, dal): (CodiceFiscale, Date),
    now: Timestamp,
) -> Result<(), Error> {
    let before: Option<(String, String)> = on!(tx, |db| sqlx::query_as(
        "UPDATE codice_fiscale SET superseded_at = $1
         WHERE persona = $2 AND al IS NULL AND superseded_at IS NULL
         RETURNING codice, dal"
    )
    .bind(now.as_microsecond())
    .bind(persona.as_str())
    .fetch_optional(db)
    .await)?;
    if let Some((old, since)) = before {
        let old = Codice {
            persona,
            valore: parse(&old, "codice")?,
            dal: parse(&since, "dal")?,
            al: Some(dal),
        };
        insert_codici(tx, &[old], now).await?;
    }
    let present = Codice {
        persona,
        valore: codice,
        dal,
        al: None,
    };
    insert_codici(tx, &[present], now).await
}

/// A code and the days on which it is a person's.
struct Codice {
    persona: IdAnpr,
    valore: CodiceFiscale,
    dal: Date,
    al: Option<Date>,
}

impl Codice {
    fn present(persona: &Persona) -> Self {
        Self {
            persona: persona.id,
            valore: persona.codice_fiscale,
            dal: persona.data_nascita,
            al: None,
        }
    }
}

async fn insert_codici(tx: &mut Tx, codici: &[Codice], now: Timestamp) -> Result<(), Error> {
    on!(tx, |db| {
        let mut query = sqlx::query(CODICE.text(codici.len()));
        for codice in codici {
            query = query
                .bind(codice.valore.as_str())
                .bind(codice.persona.as_str())
                .bind(codice.dal.to_string())
                .bind(codice.al.map(|day| day.to_string()))
                .bind(now.as_microsecond());
        }
        query.execute(db).await.map(|_| ())
    })?;
    Ok(())
}

fn persona(row: Row) -> Result<Persona, Error> {
    let (id, codice, cognome, nome, sesso, nascita, luogo, iscritta_dal, decesso) = row;
    Ok(Persona {
        id: parse(&id, "persona")?,
        codice_fiscale: parse(&codice, "codice")?,
        cognome,
        nome,
        sesso: if sesso == "F" { Sesso::F } else { Sesso::M },
        data_nascita: parse(&nascita, "data_nascita")?,
        luogo_nascita: parse(&luogo, "luogo_nascita")?,
        iscritta_dal: parse(&iscritta_dal, "iscritta_dal")?,
        decesso: parse_last(decesso.as_deref(), "decesso")?,
    })
}

fn sesso(sesso: Sesso) -> &'static str {
    match sesso {
        Sesso::F => "F",
        Sesso::M => "M",
    }
}

const BY_CODICE: &str = "SELECT g.persona, c.codice, g.cognome, g.nome, g.sesso, g.data_nascita, \
    g.luogo_nascita, g.iscritta_dal, g.decesso \
    FROM codice_fiscale asked \
    JOIN generalita g ON g.persona = asked.persona \
        AND g.recorded_at <= $2 AND (g.superseded_at IS NULL OR g.superseded_at > $2) \
    JOIN codice_fiscale c ON c.persona = asked.persona AND c.al IS NULL \
        AND c.recorded_at <= $2 AND (c.superseded_at IS NULL OR c.superseded_at > $2) \
    WHERE asked.codice = $1 \
        AND asked.recorded_at <= $2 AND (asked.superseded_at IS NULL OR asked.superseded_at > $2)";

static CODICE: LazyLock<Insert> = LazyLock::new(|| {
    let head = "INSERT INTO codice_fiscale (codice, persona, dal, al, recorded_at)";
    Insert::new(head, 5)
});
static GENERALITA: LazyLock<Insert> = LazyLock::new(|| {
    let head = "INSERT INTO generalita (persona, cognome, nome, sesso, data_nascita, \
        luogo_nascita, iscritta_dal, decesso, recorded_at)";
    Insert::new(head, 9)
});
static PERSONA: LazyLock<Insert> =
    LazyLock::new(|| Insert::new("INSERT INTO persona (id, recorded_at)", 2));
