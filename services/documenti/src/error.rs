//! Ways that documenti refuses or fails, and the one mapping from each to a gRPC status.
//!
//! What an upload declares and does not keep is `INVALID_ARGUMENT`: asking again with the same
//! bytes cannot succeed. An upload that broke off is `ABORTED`: sent again whole, it may.

use std::path::PathBuf;

use varco_runtime::problem::{Problem, ToStatus};
use varco_runtime::store;

use crate::documento::NomeDocumento;
use crate::impronta::Impronta;
use crate::ricezione;

/// Ways that documenti refuses or fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes on disk are not the ones that were stored.
    #[error("stored bytes {0} are damaged or missing: restore them from a backup")]
    Damaged(Impronta),
    /// The disk failed.
    #[error("documents cannot be read or written on disk")]
    Disk(#[from] std::io::Error),
    /// A field of a request is missing or malformed.
    #[error("{field}: {what}")]
    Field {
        /// Path of the field.
        field: &'static str,
        /// What is wrong with it, never its value.
        what: String,
    },
    /// The service's own folder cannot be used.
    #[error("folder {0} cannot be used: check that it exists and is writable")]
    Folder(PathBuf, #[source] std::io::Error),
    /// The idempotency key stands for another upload.
    #[error("idempotency-key was used before with other content: make a new key")]
    KeyReused,
    /// The settings of the service are wrong.
    #[error("settings of documenti are wrong")]
    Settings(#[from] toml::de::Error),
    /// The database failed.
    #[error("storage failed")]
    Store(#[from] store::Error),
    /// The declared size is above what this comune accepts.
    #[error("document is larger than {0} bytes")]
    TooLarge(u64),
    /// No document has this name.
    #[error("{0} does not exist")]
    Unknown(NomeDocumento),
    /// The bytes of an upload are not the declared ones.
    #[error(transparent)]
    Upload(#[from] ricezione::Error),
}

impl ToStatus for Error {
    fn to_problem(&self) -> Problem {
        match self {
            Self::Damaged(_) => damaged(self),
            Self::Disk(_) | Self::Folder(..) | Self::Settings(_) | Self::Store(_) => {
                Problem::internal(self)
            }
            Self::Field { field, what } => Problem::invalid(field, what),
            Self::KeyReused => Problem::new(
                tonic::Code::AlreadyExists,
                "IDEMPOTENCY_KEY_REUSED",
                self.to_string(),
                "la chiave di idempotenza è già stata usata con un altro contenuto",
            ),
            Self::TooLarge(max) => invalid(
                "DOCUMENT_TOO_LARGE",
                self,
                "il documento supera la dimensione ammessa",
            )
            .with("max_dimensione", max.to_string()),
            Self::Unknown(name) => {
                Problem::not_found("DOCUMENT_UNKNOWN", "documento", &name.to_string())
            }
            Self::Upload(ricezione::Error::BlockSize) => {
                Problem::invalid("blocco", self.to_string())
            }
            Self::Upload(ricezione::Error::HashMismatch) => invalid(
                "HASH_MISMATCH",
                self,
                "i byte ricevuti non hanno l'impronta dichiarata",
            ),
            Self::Upload(ricezione::Error::SizeMismatch) => invalid(
                "SIZE_MISMATCH",
                self,
                "sono arrivati più byte di quelli dichiarati",
            ),
            Self::Upload(ricezione::Error::Truncated) => Problem::new(
                tonic::Code::Aborted,
                "TRUNCATED_UPLOAD",
                self.to_string(),
                "il caricamento si è interrotto prima della fine: va ripetuto per intero",
            ),
        }
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        error.to_problem().into_status(DOMAIN)
    }
}

fn invalid(reason: &'static str, error: &Error, italian: &str) -> Problem {
    Problem::new(
        tonic::Code::InvalidArgument,
        reason,
        error.to_string(),
        italian,
    )
}

/// Tells the operators which file it is, and the caller that the document is not whole.
fn damaged(error: &Error) -> Problem {
    tracing::error!(cause = %error, "document is damaged");
    Problem::new(
        tonic::Code::DataLoss,
        "DOCUMENT_DAMAGED",
        "stored bytes no longer have the sha256 of the document",
        "il documento conservato è danneggiato",
    )
}

/// Who refuses, in every status of this service.
pub const DOMAIN: &str = "documenti.varco";
