//! Ways that protocollo refuses or fails, and the one mapping from each to a gRPC status.
//!
//! Every refusal here means that nothing was registered and that no number was spent.

use varco_runtime::problem::{Problem, ToStatus};
use varco_runtime::store;

use crate::documento::NomeDocumento;
use crate::identificatore::{Identificatore, Registro};

/// Ways that protocollo refuses or fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Documenti has no document of that name.
    #[error("{field}.documento: {nome} does not exist in documenti")]
    DocumentUnknown {
        /// Which document of the request.
        field: String,
        /// Its name.
        nome: NomeDocumento,
    },
    /// The gateway or documenti does not let this service ask.
    #[error("documenti may not be asked: {0}")]
    DocumentiRefused(String),
    /// The gateway or documenti does not answer.
    #[error("documenti does not answer: {0}")]
    DocumentiUnavailable(String),
    /// A field of a request is missing or malformed.
    #[error("{field}: {what}")]
    Field {
        /// Path of the field.
        field: String,
        /// What is wrong with it, never its value.
        what: String,
    },
    /// The document has another hash than the caller declares.
    #[error("{field}.sha256: is not the one of {nome}")]
    HashMismatch {
        /// Which document of the request.
        field: String,
        /// Its name.
        nome: NomeDocumento,
    },
    /// The idempotency key stands for another request.
    #[error("idempotency-key was used before with other content: make a new key")]
    KeyReused,
    /// No register has this code.
    #[error("{0} does not exist")]
    RegisterUnknown(Registro),
    /// The register holds no such number.
    #[error("{0} does not exist")]
    RegistrationUnknown(Identificatore),
    /// The settings of the service are wrong.
    #[error("settings of protocollo are wrong")]
    Settings(#[from] toml::de::Error),
    /// The database failed.
    #[error("storage failed")]
    Store(#[from] store::Error),
}

impl ToStatus for Error {
    fn to_problem(&self) -> Problem {
        match self {
            Self::DocumentUnknown { field, nome } => {
                let italian = "il documento non esiste nella gestione documentale";
                about("DOCUMENT_UNKNOWN", self, italian, (field, nome))
            }
            Self::DocumentiRefused(reason) => Problem::precondition(
                "DOCUMENTI_REFUSED",
                self.to_string(),
                "il protocollo non è autorizzato a interrogare la gestione documentale",
            )
            .with("upstream_reason", reason),
            Self::DocumentiUnavailable(reason) => Problem::unavailable(
                "DOCUMENTI_UNAVAILABLE",
                self.to_string(),
                "la gestione documentale non risponde: nulla è stato registrato",
            )
            .with("upstream_reason", reason),
            Self::Field { field, what } => Problem::invalid(field, what),
            Self::HashMismatch { field, nome } => {
                let italian = "l'impronta dichiarata non è quella del documento";
                about("HASH_MISMATCH", self, italian, (field, nome))
            }
            Self::KeyReused => Problem::new(
                tonic::Code::AlreadyExists,
                "IDEMPOTENCY_KEY_REUSED",
                self.to_string(),
                "la chiave di idempotenza è già stata usata con un altro contenuto",
            ),
            Self::RegisterUnknown(registro) => {
                Problem::not_found("REGISTER_UNKNOWN", "registro", &registro.to_string())
            }
            Self::RegistrationUnknown(id) => {
                Problem::not_found("REGISTRATION_UNKNOWN", "registrazione", &id.to_string())
            }
            Self::Settings(_) | Self::Store(_) => Problem::internal(self),
        }
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        error.to_problem().into_status(DOMAIN)
    }
}

fn about(
    reason: &'static str,
    error: &Error,
    italian: &str,
    (field, nome): (&String, &NomeDocumento),
) -> Problem {
    Problem::precondition(reason, error.to_string(), italian)
        .with("field", field)
        .with("documento", nome.to_string())
}

/// Who refuses, in every status of this service.
pub const DOMAIN: &str = "protocollo.varco";
