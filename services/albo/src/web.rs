//! The public side of the board: what anyone may read over HTTP, and only while it may be read.
//!
//! Every answer is computed from the day in Europe/Rome, and no cache may keep it: at the end of
//! the term an act is gone at once, its document with it. Search engines are told to stay away,
//! as legal publicity is not to be found for ever (Garante, provv. 243 of 15 May 2014). There is
//! nothing to send here: no form, no script, no cookie.

mod dati;
mod documento;
mod feed;
mod pagina;
mod rifiuto;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::map_response;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use varco_runtime::clock::Clock;
use varco_runtime::store::Db;

use crate::archivio::Archivio;
use crate::error::Error;
use crate::pubblicazione::{Pubblicazione, Repertorio, Stato};
use crate::settings::Settings;
use crate::store;

use rifiuto::Rifiuto;

/// What the public pages stand on.
#[derive(Clone, Debug)]
pub struct Board {
    /// The repertorio.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// The public copies.
    pub archivio: Archivio,
    /// What the comune says of itself.
    pub settings: Arc<Settings>,
}

/// Which page of the list is asked for.
#[derive(Debug, Deserialize)]
struct Asked {
    /// The last number of the page before.
    oltre: Option<String>,
}

/// One page of what is on the board, newest first.
#[derive(Debug)]
struct Elenco {
    pubblicazioni: Vec<Pubblicazione>,
    /// Where the next page goes on, if there is one.
    oltre: Option<Repertorio>,
}

/// Lays out the public pages.
pub fn router(board: Board) -> Router {
    Router::new()
        .route("/", get(elenco))
        .route("/albo.json", get(json))
        .route("/albo.rss", get(rss))
        .route("/documenti/{chiave}", get(documento::documento))
        .route("/pubblicazioni/{anno}/{numero}", get(pubblicazione))
        .route("/robots.txt", get(robots))
        .fallback(unknown)
        .layer(map_response(guarded))
        .with_state(board)
}

async fn elenco(
    State(board): State<Board>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Rifiuto> {
    let elenco = board.elenco(&asked, PAGE).await?;
    Ok(Html(pagina::elenco(&board.settings, &elenco).into_string()))
}

async fn json(
    State(board): State<Board>,
    Query(asked): Query<Asked>,
) -> Result<axum::Json<dati::Albo>, Rifiuto> {
    let elenco = board.elenco(&asked, PAGE).await?;
    Ok(axum::Json(dati::albo(
        &board.settings,
        &elenco,
        board.clock.now(),
    )))
}

async fn rss(
    State(board): State<Board>,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, Rifiuto> {
    let elenco = board.elenco(&asked, feed::PAGE).await?;
    let xml = feed::rss(&board.settings, &elenco, board.clock.now());
    Ok(([(CONTENT_TYPE, "application/rss+xml; charset=utf-8")], xml))
}

async fn pubblicazione(
    State(board): State<Board>,
    Path((anno, numero)): Path<(String, String)>,
) -> Result<Html<String>, Rifiuto> {
    let repertorio = format!("{anno}/{numero}")
        .parse()
        .map_err(|_| Rifiuto::Unknown)?;
    let mut tx = board.db.read().await.map_err(Error::from)?;
    let found = store::pubblicazione(&mut tx, repertorio)
        .await?
        .ok_or(Rifiuto::Unknown)?;
    let found = board.in_corso(found)?;
    Ok(Html(
        pagina::pubblicazione(&board.settings, &found).into_string(),
    ))
}

async fn robots() -> &'static str {
    "User-agent: *\nDisallow: /\n"
}

async fn unknown() -> Rifiuto {
    Rifiuto::Unknown
}

impl Board {
    async fn elenco(&self, asked: &Asked, size: usize) -> Result<Elenco, Rifiuto> {
        let oltre = asked.oltre.as_deref().map(str::parse).transpose();
        let oltre: Option<Repertorio> = oltre.map_err(|_| Rifiuto::Unknown)?;
        let limit = u32::try_from(size + 1).unwrap_or(u32::MAX);
        let mut tx = self.db.read().await.map_err(Error::from)?;
        let mut pubblicazioni =
            store::in_corso_before(&mut tx, self.clock.today(), oltre, limit).await?;
        let more = pubblicazioni.len() > size;
        pubblicazioni.truncate(size);
        let last = pubblicazioni
            .last()
            .filter(|_| more)
            .map(|last| last.repertorio);
        Ok(Elenco {
            pubblicazioni,
            oltre: last,
        })
    }

    fn in_corso(&self, found: Pubblicazione) -> Result<Pubblicazione, Rifiuto> {
        match found.stato(self.clock.today()) {
            Stato::InCorso => Ok(found),
            Stato::Scaduta => Err(Rifiuto::Gone),
        }
    }
}

/// Puts on every answer what keeps it out of caches, frames, scripts and search engines.
async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

const HEADERS: [(HeaderName, &str); 6] = [
    (CACHE_CONTROL, "no-store"),
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
    ),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("x-robots-tag"),
        "noindex, noarchive",
    ),
];
const PAGE: usize = 50;

#[cfg(test)]
mod tests;
