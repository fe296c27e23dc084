//! The document of an act, as its bytes.
//!
//! Its address cannot be guessed and ends with the term. Only types that run nothing are shown in
//! the browser; the rest is downloaded as bytes, so that no document speaks in the board's name.

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{
    CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use crate::error::Error;
use crate::pubblicazione::Pubblicazione;
use crate::store;
use crate::web::Board;
use crate::web::rifiuto::Rifiuto;

/// Sends the document of a publication that is on the board.
pub async fn documento(
    State(board): State<Board>,
    Path(chiave): Path<String>,
) -> Result<Response, Rifiuto> {
    let chiave = chiave.parse().map_err(|_| Rifiuto::Unknown)?;
    let mut tx = board.db.read().await.map_err(Error::from)?;
    let found = store::by_chiave(&mut tx, chiave)
        .await?
        .ok_or(Rifiuto::Unknown)?;
    drop(tx);
    let found = board.in_corso(found)?;
    let file = board
        .archivio
        .read(chiave, found.atto.sha256)
        .await
        .map_err(Error::from)?;
    let (media_type, suffix, disposition) = shown_as(&found.copia.media_type);
    let headers = [
        (CONTENT_TYPE, media_type.to_owned()),
        (CONTENT_LENGTH, found.copia.dimensione.to_string()),
        (
            CONTENT_DISPOSITION,
            format!("{disposition}; filename=\"{}.{suffix}\"", name(&found)),
        ),
        (CONTENT_SECURITY_POLICY, POLICY.to_owned()),
    ];
    Ok((headers, body(file)).into_response())
}

fn name(found: &Pubblicazione) -> String {
    format!(
        "albo-{}-{:07}",
        found.repertorio.anno, found.repertorio.numero
    )
}

/// Media type, suffix and disposition under which a document is sent.
fn shown_as(media_type: &str) -> (&'static str, &'static str, &'static str) {
    match media_type {
        "application/pdf" => ("application/pdf", "pdf", "inline"),
        "text/plain" => ("text/plain; charset=utf-8", "txt", "inline"),
        // A browser would run the style sheet that an XML document names.
        "application/xml" => ("application/xml", "xml", "attachment"),
        _ => ("application/octet-stream", "bin", "attachment"),
    }
}

/// Reads the file block by block: memory does not grow with the document.
fn body(file: File) -> Body {
    Body::from_stream(stream::try_unfold(file, |mut file| async move {
        let mut block = vec![0; BLOCK];
        let read = file.read(&mut block).await?;
        block.truncate(read);
        Ok::<_, std::io::Error>((read > 0).then(|| (Bytes::from(block), file)))
    }))
}

const BLOCK: usize = 64 * 1024;
/// The browser's own PDF reader is an object with a style sheet.
const POLICY: &str =
    "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'";
