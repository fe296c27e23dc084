//! A refusal as an operator reads it: code, reason, Italian text, audit id.
//!
//! The gateway and the offices say all of it in `google.rpc` details; a status without details
//! comes from the transport, and its text is then all there is.

use std::fmt::{self, Display};

use serde::Serialize;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::failure::Failure;

/// Why a call was not answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The gRPC code, as `PERMISSION_DENIED`.
    pub code: &'static str,
    /// The stable reason, where the status carries one.
    pub reason: Option<String>,
    /// Text for people, Italian where there is one.
    pub message: String,
    /// Where the register of accesses holds it.
    pub audit_id: Option<String>,
    /// Its index in the register of accesses.
    pub audit_index: Option<u64>,
}

impl Refusal {
    /// A refusal of which nothing but a code and a text is known.
    #[must_use]
    pub fn told(code: &'static str, message: String) -> Self {
        Self {
            code,
            reason: None,
            message,
            audit_id: None,
            audit_index: None,
        }
    }
}

impl From<&Status> for Refusal {
    fn from(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info();
        let italian = details
            .localized_message()
            .map(|text| text.message.as_str());
        let audit_id = info.and_then(|info| info.metadata.get("audit_id").cloned());
        Self {
            code: code_name(status.code()),
            reason: info.map(|info| info.reason.clone()),
            message: message(status, italian),
            audit_id: audit_id.or_else(|| audit_id_in(status.metadata())),
            audit_index: audit_index_in(status.metadata()),
        }
    }
}

impl Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.code)?;
        if let Some(reason) = &self.reason {
            write!(out, " {reason}")?;
        }
        write!(out, ": {}", self.message)?;
        match &self.audit_id {
            Some(id) => write!(out, " (audit id {id})"),
            None => Ok(()),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        if refusal.code == "UNAVAILABLE" && refusal.reason.is_none() {
            let remedy = "start the town with `varco up`, or name its folder with --data";
            return Self::new("the gateway does not answer", refusal.message, remedy);
        }
        Self::line(refusal)
    }
}

/// Italian where there is any; what is wrong with a request is told in English alone, after it.
fn message(status: &Status, italian: Option<&str>) -> String {
    match (italian, status.code()) {
        (Some(italian), Code::InvalidArgument | Code::FailedPrecondition) => {
            format!("{italian}: {}", status.message())
        }
        (Some(italian), _) => italian.to_owned(),
        (None, _) => status.message().to_owned(),
    }
}

/// The audit id that metadata carries.
#[must_use]
pub fn audit_id_in(metadata: &MetadataMap) -> Option<String> {
    text_in(metadata, "varco-audit-id").map(str::to_owned)
}

/// The index in the register of accesses that metadata carries.
#[must_use]
pub fn audit_index_in(metadata: &MetadataMap) -> Option<u64> {
    text_in(metadata, "varco-audit-index")?.parse().ok()
}

/// A key of metadata as text.
#[must_use]
pub fn text_in<'a>(metadata: &'a MetadataMap, key: &str) -> Option<&'a str> {
    metadata.get(key)?.to_str().ok()
}

/// The name of a gRPC code, as the specification writes it.
#[must_use]
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use varco_runtime::problem::Problem;

    use super::*;

    #[test]
    fn refusal_reads_reason_italian_text_and_audit_id() {
        let status = Problem::new(
            Code::PermissionDenied,
            "PURPOSE_SUSPENDED",
            "the purpose is suspended",
            "la finalità è sospesa",
        )
        .with("audit_id", "0197")
        .into_status("varco");

        let told = Refusal::from(&status).to_string();

        assert_eq!(
            told,
            "PERMISSION_DENIED PURPOSE_SUSPENDED: la finalità è sospesa (audit id 0197)"
        );
    }

    #[test]
    fn what_is_wrong_with_a_request_is_not_lost() {
        let status = Problem::invalid("daily_calls", "is above the quota").into_status("varco");

        let told = Refusal::from(&status).message;

        assert_eq!(
            told,
            "il campo daily_calls non è valido: daily_calls: is above the quota"
        );
    }

    #[test]
    fn refusal_without_details_is_its_own_text() {
        let told = Refusal::from(&Status::unavailable("tcp connect error")).to_string();

        assert_eq!(told, "UNAVAILABLE: tcp connect error");
    }
}
