//! How a refusal or a failure becomes a gRPC status: the one mapping.
//!
//! Callers branch on the reason, which is stable; the text is for people. An unexpected failure
//! keeps its cause for the log and tells the caller nothing but that it happened.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// An error that knows its place among gRPC statuses.
pub trait ToStatus {
    /// The problem that the caller is told of.
    fn to_problem(&self) -> Problem;
}

/// A refusal or a failure in the caller's terms (AIP-193).
#[derive(Debug)]
pub struct Problem {
    code: Code,
    reason: &'static str,
    english: String,
    italian: String,
    details: ErrorDetails,
    metadata: HashMap<String, String>,
}

impl Problem {
    /// Makes a problem from its code, its stable reason and its text in two languages.
    pub fn new(
        code: Code,
        reason: &'static str,
        english: impl Into<String>,
        italian: impl Into<String>,
    ) -> Self {
        Self {
            code,
            reason,
            english: english.into(),
            italian: italian.into(),
            details: ErrorDetails::new(),
            metadata: HashMap::new(),
        }
    }

    /// A field of the request is malformed. `what` never repeats the value.
    pub fn invalid(field: &str, what: impl Into<String>) -> Self {
        let what = what.into();
        let english = format!("{field}: {what}");
        let italian = format!("il campo {field} non è valido");
        let mut problem = Self::new(Code::InvalidArgument, "FIELD_INVALID", english, italian);
        problem.details.add_bad_request_violation(field, what);
        problem
    }

    /// A thing that the request names does not exist. `name` is a resource name, never a person.
    #[must_use]
    pub fn not_found(reason: &'static str, kind: &str, name: &str) -> Self {
        let english = format!("{kind} {name} does not exist");
        let italian = format!("{kind} {name} non esiste");
        let mut problem = Self::new(Code::NotFound, reason, english, italian);
        problem.details.set_resource_info(kind, name, "", "");
        problem
    }

    /// The law or the state of things forbids it now.
    pub fn precondition(
        reason: &'static str,
        english: impl Into<String>,
        italian: impl Into<String>,
    ) -> Self {
        Self::new(Code::FailedPrecondition, reason, english, italian)
    }

    /// Something failed that the caller cannot mend. Logs the cause, once, here.
    pub fn internal(cause: &(dyn StdError + 'static)) -> Self {
        tracing::error!(cause = chain(cause), "unexpected failure");
        Self::new(
            Code::Internal,
            "INTERNAL",
            "internal error",
            "errore interno",
        )
    }

    /// Something that is needed cannot be reached, and nothing was done: asking again is safe.
    pub fn unavailable(
        reason: &'static str,
        english: impl Into<String>,
        italian: impl Into<String>,
    ) -> Self {
        Self::new(Code::Unavailable, reason, english, italian).retry_after(Duration::from_secs(1))
    }

    /// Adds when it makes sense to ask again.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.details.set_retry_info(Some(delay));
        self
    }

    /// Adds a machine-readable fact to the reason.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.metadata.insert(key.to_owned(), value.into());
        self
    }

    /// The gRPC code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// The stable reason.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// The status that goes over the wire; `domain` says who refuses.
    #[must_use]
    pub fn into_status(mut self, domain: &str) -> Status {
        self.details
            .set_error_info(self.reason, domain, self.metadata);
        self.details.set_localized_message("it", self.italian);
        Status::with_error_details(self.code, self.english, self.details)
    }
}

/// The reason that a status carries, if it carries one.
#[must_use]
pub fn reason(status: &Status) -> Option<String> {
    status.get_details_error_info().map(|info| info.reason)
}

/// An error and its causes in one line.
#[must_use]
pub fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let line = inner.to_string();
        if !text.contains(&line) {
            text.push_str(": ");
            text.push_str(&line);
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_carries_reason_domain_and_italian_text() {
        let problem = Problem::precondition("NOTICE_EXPIRED", "notice is over", "termine decorso");

        let status = problem.into_status("albo.varco");

        let info = status.get_details_error_info().unwrap();
        assert_eq!(
            (info.reason.as_str(), info.domain.as_str()),
            ("NOTICE_EXPIRED", "albo.varco")
        );
        assert_eq!(status.get_details_localized_message().unwrap().locale, "it");
        assert_eq!(status.code(), Code::FailedPrecondition);
    }

    #[test]
    fn internal_failure_tells_the_caller_nothing() {
        let cause = std::io::Error::other("row 7 of table persona");

        let status = Problem::internal(&cause).into_status("anagrafe.varco");

        assert_eq!(status.message(), "internal error");
    }
}
