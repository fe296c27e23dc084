//! Why a page is not shown, said to a reader.
//!
//! An act past its term answers 410 and says no more than that: what it was about is no longer
//! public.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use varco_runtime::problem::chain;

use crate::error::Error;
use crate::web::pagina;

/// Reasons for which a page is not shown.
#[derive(Debug)]
pub enum Rifiuto {
    /// The board itself failed; the cause was logged.
    Failed,
    /// The term is over.
    Gone,
    /// There is no such page.
    Unknown,
}

impl From<Error> for Rifiuto {
    fn from(error: Error) -> Self {
        tracing::error!(cause = chain(&error), "page cannot be shown");
        Self::Failed
    }
}

impl IntoResponse for Rifiuto {
    fn into_response(self) -> Response {
        let (status, title, text) = match self {
            Self::Failed => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Pagina non disponibile",
                "L'albo non riesce a rispondere in questo momento. Riprovare tra qualche minuto.",
            ),
            Self::Gone => (
                StatusCode::GONE,
                "Pubblicazione terminata",
                "Il termine di pubblicazione è trascorso e l'atto non è più consultabile \
                 all'albo. Per prenderne visione rivolgersi agli uffici del Comune.",
            ),
            Self::Unknown => (
                StatusCode::NOT_FOUND,
                "Pagina non trovata",
                "All'albo non esiste una pagina con questo indirizzo.",
            ),
        };
        (status, Html(pagina::rifiuto(title, text).into_string())).into_response()
    }
}
