//! `varco voucher explain`: what the gateway makes of a token, step by step, in two languages.
//!
//! The token is taken from standard input rather than from the command line where that matters:
//! other users of the machine can read the arguments of a process.

use std::fmt::Write as _;
use std::io::Read as _;

use serde::Serialize;
use varco_proto::token::v1::{ExplainRequest, ExplainResponse, Step, StepStatus, TokenKind};

use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::output::refusal::Refusal;
use crate::{operator, output};

/// What `varco voucher explain` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Voucher or client assertion; from standard input when left out or `-`
    #[arg(value_name = "TOKEN", default_value = "-", hide_default_value = true)]
    pub token: String,
    /// Method that is to be called, as pkg.Service/Method
    #[arg(
        long,
        value_name = "METHOD",
        default_value = "",
        hide_default_value = true
    )]
    pub method: String,
    /// Proof of possession that goes with the token
    #[arg(
        long,
        value_name = "PROOF",
        default_value = "",
        hide_default_value = true
    )]
    pub proof: String,
    /// Operator whose certificate is used
    #[arg(long = "as", value_name = "NAME", default_value = "amministratore")]
    pub operator: String,
}

/// An explanation, for programs.
#[derive(Debug, Serialize)]
struct Explanation<'a> {
    kind: &'static str,
    client: &'a str,
    purpose: &'a str,
    ok: bool,
    steps: Vec<Row<'a>>,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    name: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    english: &'a str,
    italian: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    remedy_en: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    remedy_it: &'a str,
}

/// Explains a token.
///
/// # Errors
///
/// When there is no token, or the gateway refuses the operator.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    let request = ExplainRequest {
        token: token(args.token)?,
        method: args.method,
        proof: args.proof,
    };
    let mut client = operator::explain(&args.operator, common)?;
    let answer = client.explain(request).await;
    let answer = answer
        .map_err(|status| Refusal::from(&status))?
        .into_inner();
    match common.output {
        Output::Json => output::json(&explanation(&answer)),
        Output::Text => output::line(text(&answer)),
    }
}

fn token(given: String) -> Result<String, Failure> {
    if given != "-" {
        return Ok(given);
    }
    let remedy = "pass it as argument, or in a pipe";
    let mut read = String::new();
    let bounded = std::io::stdin()
        .lock()
        .take(LARGEST)
        .read_to_string(&mut read);
    match bounded {
        Ok(_) if !read.trim().is_empty() => Ok(read.trim().to_owned()),
        Ok(_) => Err(Failure::new(
            "there is no token",
            "standard input is empty",
            remedy,
        )),
        Err(error) => Err(Failure::new("the token cannot be read", error, remedy)),
    }
}

fn explanation(answer: &ExplainResponse) -> Explanation<'_> {
    Explanation {
        kind: kind(answer.kind()).0,
        client: &answer.client,
        purpose: &answer.purpose,
        ok: failures(answer) == 0,
        steps: answer.steps.iter().map(row).collect(),
    }
}

fn row(step: &Step) -> Row<'_> {
    Row {
        name: &step.name,
        status: status(step.status()),
        reason: &step.reason,
        english: &step.english,
        italian: &step.italian,
        remedy_en: &step.remedy_en,
        remedy_it: &step.remedy_it,
    }
}

fn text(answer: &ExplainResponse) -> String {
    let mut text = kind(answer.kind()).1.to_owned();
    for (word, name) in [("client", &answer.client), ("finalità", &answer.purpose)] {
        if !name.is_empty() {
            let _ = write!(text, ", {word} {name}");
        }
    }
    for step in &answer.steps {
        let _ = write!(text, "\n{:<9}{:<16}", status(step.status()), step.name);
        if step.status() == StepStatus::Failed {
            let _ = write!(text, "{}", step.reason);
            for line in [
                &step.italian,
                &step.remedy_it,
                &step.english,
                &step.remedy_en,
            ] {
                let arrow = if line == &step.remedy_it || line == &step.remedy_en {
                    "→ "
                } else {
                    ""
                };
                let _ = write!(text, "\n{:25}{arrow}{line}", "");
            }
        } else {
            let _ = write!(text, "{} / {}", step.italian, step.english);
        }
    }
    let _ = match failures(answer) {
        0 => write!(text, "\nnulla da correggere / nothing to mend"),
        n => write!(text, "\nda correggere: {n} / to mend: {n}"),
    };
    text
}

fn failures(answer: &ExplainResponse) -> usize {
    let failed = |step: &&Step| step.status() == StepStatus::Failed;
    answer.steps.iter().filter(failed).count()
}

fn kind(kind: TokenKind) -> (&'static str, &'static str) {
    match kind {
        TokenKind::Voucher => ("VOUCHER", "voucher"),
        TokenKind::Assertion => ("ASSERTION", "client assertion"),
        TokenKind::Unspecified => ("UNKNOWN", "token sconosciuto / unknown token"),
    }
}

fn status(status: StepStatus) -> &'static str {
    match status {
        StepStatus::Passed => "PASSED",
        StepStatus::Failed => "FAILED",
        StepStatus::Skipped | StepStatus::Unspecified => "SKIPPED",
    }
}

/// Most of standard input that is read, bytes.
const LARGEST: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> ExplainResponse {
        let passed = Step {
            name: "format".to_owned(),
            status: StepStatus::Passed.into(),
            english: "it is a JWS".to_owned(),
            italian: "è un JWS".to_owned(),
            ..Default::default()
        };
        let failed = Step {
            name: "expiry".to_owned(),
            status: StepStatus::Failed.into(),
            reason: "ASSERTION_EXPIRED".to_owned(),
            english: "it has expired".to_owned(),
            italian: "è scaduta".to_owned(),
            remedy_en: "make a new one".to_owned(),
            remedy_it: "crearne una nuova".to_owned(),
        };
        ExplainResponse {
            kind: TokenKind::Assertion.into(),
            steps: vec![passed, failed],
            client: "tributi/tributi".to_owned(),
            purpose: String::new(),
        }
    }

    #[test]
    fn failure_stands_with_its_remedy_in_both_languages() {
        let expected = "client assertion, client tributi/tributi\n\
            PASSED   format          è un JWS / it is a JWS\n\
            FAILED   expiry          ASSERTION_EXPIRED\n\
            \x20                        è scaduta\n\
            \x20                        → crearne una nuova\n\
            \x20                        it has expired\n\
            \x20                        → make a new one\n\
            da correggere: 1 / to mend: 1";

        assert_eq!(text(&answer()), expected);
    }

    #[test]
    fn programs_read_the_same() {
        let json = serde_json::to_value(explanation(&answer())).unwrap();

        assert_eq!(
            (&json["kind"], &json["ok"]),
            (&"ASSERTION".into(), &false.into())
        );
        assert_eq!(json["steps"][1]["status"], "FAILED");
        assert_eq!(json["steps"][0].get("reason"), None);
    }
}
