//! Ways that the registry of residents fails, and what a caller is told of each.
//!
//! No text names a person or repeats a code: messages reach traces and the register of accesses.

use jiff::civil::Date;
use tonic::{Code, Status};
use varco_runtime::problem::{Problem, ToStatus};
use varco_runtime::store;

use crate::posizione::Assenza;

/// Ways that the registry of residents fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The register can say nothing of that person on that day.
    #[error(transparent)]
    Assenza(#[from] Assenza),
    /// No membership of that first day is believed.
    #[error("membership to correct is not there")]
    ComponenteUnknown,
    /// The day comes before the register itself.
    #[error("register begins on {registro_dal}")]
    DateBeforeRegister {
        /// First day of the register.
        registro_dal: Date,
    },
    /// The day has not come yet.
    #[error("data must not be in the future")]
    DateInFuture,
    /// A field of a request is malformed.
    #[error("{field} {what}")]
    Field {
        /// Name of the field.
        field: &'static str,
        /// What is wrong with it; never its value.
        what: String,
    },
    /// No person of the register has, or had, that code.
    #[error("person is unknown")]
    PersonUnknown,
    /// No residence of that first day is believed.
    #[error("residence to correct is not there")]
    ResidenzaUnknown,
    /// A row of the database does not decode.
    #[error("column {0} does not decode")]
    Row(&'static str),
    /// The service's settings are wrong.
    #[error("settings of anagrafe are wrong")]
    Settings(#[from] toml::de::Error),
    /// Storage failed.
    #[error("storage failed")]
    Store(#[from] store::Error),
}

impl ToStatus for Error {
    fn to_problem(&self) -> Problem {
        match self {
            Self::Assenza(Assenza::NotRegistered) => Problem::precondition(
                "NOT_REGISTERED_AT_DATE",
                self.to_string(),
                "a quella data la persona non era ancora iscritta",
            ),
            Self::Assenza(Assenza::NotResident) => Problem::precondition(
                "NOT_RESIDENT_AT_DATE",
                self.to_string(),
                "a quella data la persona non era residente",
            ),
            Self::DateBeforeRegister { registro_dal } => Problem::new(
                Code::OutOfRange,
                "DATE_BEFORE_REGISTER",
                format!("data: {self}"),
                "a quella data il registro non esisteva",
            )
            .with("registro_dal", registro_dal.to_string()),
            Self::DateInFuture => Problem::new(
                Code::OutOfRange,
                "DATE_IN_FUTURE",
                self.to_string(),
                "la data è futura",
            ),
            Self::Field { field, what } => Problem::invalid(field, what.as_str()),
            Self::PersonUnknown => Problem::new(
                Code::NotFound,
                "PERSON_UNKNOWN",
                self.to_string(),
                "la persona non è in anagrafe",
            ),
            Self::ComponenteUnknown
            | Self::ResidenzaUnknown
            | Self::Row(_)
            | Self::Settings(_)
            | Self::Store(_) => Problem::internal(self),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        error.to_problem().into_status(DOMAIN)
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Who refuses, in `ErrorInfo.domain`.
const DOMAIN: &str = "anagrafe.varco";
