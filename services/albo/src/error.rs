//! Ways that the board fails, in the office's words, and what a caller is told of each.

use tonic::{Code, Status};
use varco_runtime::problem::{Problem, ToStatus, chain, reason};
use varco_runtime::{client, store};

use crate::riservatezza::Rischio;

/// Ways that the board fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder of public copies cannot be read or written.
    #[error("public copies cannot be kept")]
    Archivio(#[from] std::io::Error),
    /// The document is larger than the board takes.
    #[error("document has more than {max} bytes")]
    DocumentTooLarge {
        /// How many it takes.
        max: u64,
    },
    /// Documenti has no document of that name.
    #[error("document is unknown to documenti")]
    DocumentUnknown,
    /// A field of a request is malformed.
    #[error("{field} {what}")]
    Field {
        /// Name of the field.
        field: &'static str,
        /// What is wrong with it; never its value.
        what: String,
    },
    /// The document is not the one whose hash was declared.
    #[error("document has another hash")]
    HashMismatch,
    /// An office that must be asked first did not answer, or refused the board.
    #[error("{office} could not be asked")]
    Office {
        /// Which office.
        office: Office,
        /// How it refused.
        #[source]
        status: Box<Status>,
    },
    /// The subject shows data that must not be public.
    #[error("subject contains {0}")]
    PrivacyReview(Rischio),
    /// The protocol register does not hold that number with that hash.
    #[error("protocol registration is not confirmed")]
    ProtocolNotConfirmed,
    /// A purpose that the settings name does not exist.
    #[error("purpose of the settings cannot be used")]
    Purpose(#[from] client::Error),
    /// There is no such publication.
    #[error("pubblicazione {0} does not exist")]
    PubblicazioneUnknown(String),
    /// A row of the database does not decode.
    #[error("column {0} of a publication does not decode")]
    Row(&'static str),
    /// The service's settings are wrong.
    #[error("settings of albo are wrong")]
    Settings(#[from] toml::de::Error),
    /// Storage failed.
    #[error("storage failed")]
    Store(#[from] store::Error),
}

/// An office that the board asks before it publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Office {
    /// Keeps the documents.
    Documenti,
    /// Keeps the protocol register.
    Protocollo,
}

/// Who refuses, in `ErrorInfo.domain`.
pub const DOMAIN: &str = "albo.varco";

impl ToStatus for Error {
    fn to_problem(&self) -> Problem {
        match self {
            Self::DocumentTooLarge { max } => Problem::precondition(
                "DOCUMENT_TOO_LARGE",
                self.to_string(),
                "il documento è troppo grande per l'albo",
            )
            .with("max_bytes", max.to_string()),
            Self::DocumentUnknown => Problem::precondition(
                "DOCUMENT_UNKNOWN",
                self.to_string(),
                "il documento non esiste in documenti",
            ),
            Self::Field { field, what } => Problem::invalid(field, what.as_str()),
            Self::HashMismatch => Problem::precondition(
                "HASH_MISMATCH",
                "document does not have the declared SHA-256",
                "il documento non ha l'impronta dichiarata",
            ),
            Self::Office { office, status } => office.problem(status),
            Self::PrivacyReview(_) => Problem::precondition(
                "PRIVACY_REVIEW_REQUIRED",
                format!("oggetto: {self}: a person must review it"),
                "l'oggetto contiene dati che non vanno pubblicati: va rivisto",
            ),
            Self::ProtocolNotConfirmed => Problem::precondition(
                "PROTOCOL_NOT_CONFIRMED",
                "protocol register does not hold that number with that hash",
                "il protocollo non conferma il numero con l'impronta dichiarata",
            ),
            Self::PubblicazioneUnknown(name) => {
                Problem::not_found("PUBBLICAZIONE_UNKNOWN", "pubblicazione", name)
            }
            Self::Archivio(_)
            | Self::Purpose(_)
            | Self::Row(_)
            | Self::Settings(_)
            | Self::Store(_) => Problem::internal(self),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        error.to_problem()
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Office {
    /// Whatever the office said, nothing was published and asking again is safe.
    fn problem(self, status: &Status) -> Problem {
        let cause = reason(status).unwrap_or_else(|| format!("{:?}", status.code()));
        tracing::warn!(office = ?self, cause, status = chain(status), "office could not be asked");
        let problem = match self {
            Self::Documenti => Problem::unavailable(
                "DOCUMENTI_UNAVAILABLE",
                "documenti could not be asked: nothing was published",
                "documenti non risponde: nulla è stato pubblicato",
            ),
            Self::Protocollo => Problem::unavailable(
                "PROTOCOLLO_UNAVAILABLE",
                "protocollo could not be asked: nothing was published",
                "il protocollo non risponde: nulla è stato pubblicato",
            ),
        };
        problem.with("cause", cause)
    }

    /// Says how a call to the office ended.
    #[must_use]
    pub fn failed(self, status: Status) -> Error {
        match (self, status.code()) {
            (Self::Documenti, Code::NotFound) => Error::DocumentUnknown,
            _ => Error::Office {
                office: self,
                status: Box::new(status),
            },
        }
    }
}

impl std::fmt::Display for Office {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Documenti => "documenti",
            Self::Protocollo => "protocollo",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreachable_office_is_unavailable_with_the_gateways_reason() {
        let refused = Problem::new(Code::PermissionDenied, "PURPOSE_SUSPENDED", "no", "no");
        let error = Office::Protocollo.failed(refused.into_status("varco"));

        let problem = error.to_problem();

        assert_eq!(problem.code(), Code::Unavailable);
        assert_eq!(problem.reason(), "PROTOCOLLO_UNAVAILABLE");
    }

    #[test]
    fn privacy_refusal_does_not_repeat_the_subject() {
        let error = Error::PrivacyReview(Rischio::CodiceFiscale);

        let status = error.to_problem().into_status(DOMAIN);

        assert_eq!(
            status.message(),
            "oggetto: subject contains a codice fiscale: a person must review it"
        );
    }
}
