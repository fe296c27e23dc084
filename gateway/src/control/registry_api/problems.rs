//! How what the registry refuses becomes a status.

use std::fmt::Write as _;

use tonic::Code;
use varco_proto::registry::v1 as proto;
use varco_runtime::problem::{Problem, ToStatus};

use crate::registry::apply::{self, proto_kind};
use crate::registry::entry::State;
use crate::registry::error::Error;

impl ToStatus for Error {
    fn to_problem(&self) -> Problem {
        let english = self.to_string();
        match self {
            Self::Ambiguous(..) => Problem::invalid("entry", english),
            Self::Document(problems) => Problem::new(
                Code::InvalidArgument,
                "DOCUMENT_INVALID",
                shortened(problems),
                "il documento non può essere applicato",
            ),
            Self::FourEyes(_) => Problem::new(
                Code::PermissionDenied,
                "FOUR_EYES",
                english,
                "l'approvazione spetta a un operatore diverso dal richiedente",
            ),
            Self::Moved => Problem::new(
                Code::Aborted,
                "REGISTRY_MOVED",
                english,
                "il registro è in corso di modifica: riprovare",
            ),
            Self::NoSuchAction(..) => {
                Problem::precondition("NO_SUCH_ACTION", english, "azione non prevista")
            }
            Self::NotFound(kind, name) => Problem::not_found("ENTRY_UNKNOWN", kind, name),
            Self::NotTheirs(..) => Problem::new(
                Code::PermissionDenied,
                "OTHER_SIDE",
                english,
                "l'azione spetta all'altra parte",
            ),
            Self::NoOperator => Problem::new(
                Code::PermissionDenied,
                "OPERATOR_SUSPENDED",
                english,
                "operatore sospeso, o sistema che agisce per suo conto sospeso",
            ),
            Self::Precondition(reason, _) => {
                Problem::precondition(reason, english, "manca un presupposto dell'azione")
            }
            Self::Stale(_, etag) => Problem::new(
                Code::Aborted,
                "ETAG_STALE",
                english,
                "la voce è cambiata nel frattempo: rileggerla e riprovare",
            )
            .with("etag", etag),
            Self::Transition { state, legal, .. } => {
                let italian = "passaggio di stato non ammesso";
                let legal: Vec<&str> = legal.iter().map(|state: &State| state.name()).collect();
                Problem::precondition("TRANSITION", english, italian)
                    .with("state", state.name())
                    .with("legal", legal.join(","))
            }
            Self::Inconsistent(_) | Self::Store(_) => Problem::internal(self),
        }
    }
}

/// As many problems as fit into a status of 4 KiB; a dry run tells them all.
fn shortened(problems: &[apply::Problem]) -> String {
    let mut text = String::new();
    for (place, problem) in problems.iter().enumerate() {
        let problem = problem.to_string();
        if text.len() + problem.len() > 3000 {
            let _ = write!(text, "; and {} more", problems.len() - place);
            break;
        }
        if place > 0 {
            text.push_str("; ");
        }
        text.push_str(&problem);
    }
    text
}

/// A problem of a document as it is answered.
#[must_use]
pub fn problem(problem: &apply::Problem) -> proto::Problem {
    proto::Problem {
        kind: proto_kind(problem.kind).into(),
        name: problem.name.clone(),
        field: problem.field.clone(),
        what: problem.what.clone(),
    }
}
