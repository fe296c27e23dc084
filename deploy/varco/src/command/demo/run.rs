//! The journey under way: steps taken, how each ended, how long it took, what was recorded.

use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};
use tonic::metadata::MetadataMap;
use tonic::{Response, Status};
use varco_runtime::clock::Clock;
use varco_runtime::trace::TraceContext;

use super::envelope::Envelope;
use super::plan::Plan;
use crate::command::audit::names::Names;
use crate::output::refusal::{self, Refusal};

/// One walk through the journey.
#[derive(Clone, Debug)]
pub struct Run {
    /// Digits that tell this run from others; no word of it can be taken for personal data.
    pub id: String,
    /// The steps so far.
    pub steps: Vec<Step>,
    /// Names of clients and purposes, those of this run among them.
    pub names: Names,
    clock: Clock,
}

/// A step that was taken.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    name: &'static str,
    /// Who acted.
    pub caller: &'static str,
    /// Method that was called, or page that was fetched.
    pub method: &'static str,
    /// Purpose of the call.
    pub purpose: String,
    /// How it should have ended.
    pub expected: &'static str,
    /// How it ended.
    pub outcome: String,
    code: &'static str,
    /// Reason, when it was refused.
    pub reason: Option<String>,
    #[serde(rename = "ms", serialize_with = "milliseconds")]
    took: Duration,
    /// Its trace, in hexadecimal.
    #[serde(rename = "trace_id", serialize_with = "trace_hex")]
    pub trace: TraceContext,
    /// Index of its last record.
    pub audit_index: Option<u64>,
    /// Id of its call in the register of accesses.
    #[serde(skip)]
    pub audit_id: Option<String>,
    /// Calls that services should have made to serve it.
    #[serde(skip)]
    pub serves: &'static [&'static str],
    #[serde(skip)]
    note: String,
}

/// How a step ended.
#[derive(Clone, Debug)]
pub struct Ending {
    /// In one word.
    pub outcome: String,
    code: &'static str,
    reason: Option<String>,
    audit_id: Option<String>,
    audit_index: Option<u64>,
    note: String,
}

impl Run {
    /// Starts a run.
    #[must_use]
    pub fn new(clock: &Clock, names: Names) -> Self {
        let [.., a, b, c, d] = clock.uuid().into_bytes();
        Self {
            id: format!("{:010}", u32::from_be_bytes([a, b, c, d])),
            steps: Vec::new(),
            names,
            clock: clock.clone(),
        }
    }

    /// A new idempotency key.
    #[must_use]
    pub fn key(&self) -> String {
        self.clock.uuid().to_string()
    }

    /// Takes a step that is one call; `judge` says in one word what the office answered.
    pub async fn call<T>(
        &mut self,
        plan: &Plan,
        judge: impl FnOnce(&T) -> &'static str,
        call: impl AsyncFnOnce(Envelope) -> Result<Response<T>, Status>,
    ) -> Option<T> {
        let step = async |envelope| match call(envelope).await {
            Ok(answer) => {
                let ending = Ending::answered(judge(answer.get_ref()), answer.metadata());
                (ending, Some(answer.into_inner()))
            }
            Err(status) => (Ending::refused(&status), None),
        };
        self.step(plan, step).await
    }

    /// Takes a step of any kind.
    pub async fn step<T>(
        &mut self,
        plan: &Plan,
        act: impl AsyncFnOnce(Envelope) -> (Ending, Option<T>),
    ) -> Option<T> {
        let envelope = Envelope::start();
        let (trace, started) = (envelope.trace, Instant::now());
        let (ending, answer) = act(envelope).await;
        self.steps.push(Step {
            name: plan.name,
            caller: plan.caller,
            method: plan.method,
            purpose: plan.purpose.clone().into_owned(),
            expected: plan.expected,
            outcome: ending.outcome,
            code: ending.code,
            reason: ending.reason,
            took: started.elapsed(),
            trace,
            audit_index: ending.audit_index,
            audit_id: ending.audit_id,
            serves: plan.serves,
            note: ending.note,
        });
        answer
    }

    /// Adds to the last step what people like to know of it; no personal data.
    pub fn note(&mut self, text: String) {
        if let Some(step) = self.steps.last_mut() {
            step.note = text;
        }
    }

    /// Whether every step ended as it should.
    #[must_use]
    pub fn went_well(&self) -> bool {
        self.steps.iter().all(Step::went_well)
    }

    /// How long the steps took together.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.steps.iter().map(|step| step.took).sum()
    }
}

impl Step {
    /// Whether it ended as it should.
    #[must_use]
    pub fn went_well(&self) -> bool {
        self.outcome == self.expected
    }

    /// The method without its package, or the page.
    #[must_use]
    pub fn method(&self) -> &'static str {
        let service = self.method.strip_prefix("varco.");
        service
            .and_then(|name| name.rsplit('.').next())
            .unwrap_or(self.method)
    }

    /// The step in one line.
    #[must_use]
    pub fn line(&self) -> String {
        let mark = if self.went_well() { "✓" } else { "✗" };
        let ending = if self.went_well() {
            self.outcome.clone()
        } else {
            format!("{} instead of {}", self.outcome, self.expected)
        };
        let index = self
            .audit_index
            .map_or_else(|| "-".to_owned(), |index| index.to_string());
        let (caller, method, purpose) = (self.caller, self.method(), dash(&self.purpose));
        let (ms, trace) = (self.took.as_secs_f64() * 1000.0, self.trace.trace_hex());
        let note = if self.note.is_empty() { "" } else { "  " };
        format!(
            "{mark} {caller:<14} → {method:<36} {purpose:<19} {ending:<22} {ms:>6.1} ms  {trace}  \
             {index:>5}{note}{}",
            self.note
        )
    }
}

impl Ending {
    /// An answer, with what its metadata says of its record.
    #[must_use]
    pub fn answered(outcome: &str, metadata: &MetadataMap) -> Self {
        Self {
            audit_id: refusal::audit_id_in(metadata),
            audit_index: refusal::audit_index_in(metadata),
            ..Self::of(outcome, "OK")
        }
    }

    /// A refusal; a status without a reason ends the step in its code.
    #[must_use]
    pub fn refused(status: &Status) -> Self {
        let refusal = Refusal::from(status);
        let outcome = refusal.reason.as_deref().unwrap_or(refusal.code);
        let mut ending = Self::of(outcome, refusal.code);
        if refusal.reason.is_none() {
            ending.note = refusal.message;
        }
        Self {
            reason: refusal.reason,
            audit_id: refusal.audit_id,
            audit_index: refusal.audit_index,
            ..ending
        }
    }

    /// An ending that no call gave.
    #[must_use]
    pub fn of(outcome: &str, code: &'static str) -> Self {
        Self {
            outcome: outcome.to_owned(),
            code,
            reason: None,
            audit_id: None,
            audit_index: None,
            note: String::new(),
        }
    }

    /// The same ending under another word.
    #[must_use]
    pub fn but(self, outcome: &str) -> Self {
        let outcome = outcome.to_owned();
        Self { outcome, ..self }
    }

    /// Adds what people like to know of it; no personal data.
    #[must_use]
    pub fn noting(self, note: String) -> Self {
        Self { note, ..self }
    }
}

fn dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

fn milliseconds<S: Serializer>(took: &Duration, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_f64((took.as_secs_f64() * 10_000.0).round() / 10.0)
}

fn trace_hex<S: Serializer>(trace: &TraceContext, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&trace.trace_hex())
}

#[cfg(test)]
mod tests {
    use varco_runtime::problem::Problem;

    use super::super::plan;
    use super::*;

    #[tokio::test]
    async fn refusal_that_was_expected_is_a_good_end() {
        let mut run = Run::new(&Clock::system(), Names::default());
        let refuse = async |_| {
            let problem =
                Problem::precondition("VOUCHER_MISSING", "no voucher", "manca il voucher");
            Err(problem.with("audit_id", "0197").into_status("varco"))
        };

        let answer = run.call(&plan::NO_VOUCHER, |()| "OK", refuse).await;

        let step = &run.steps[0];
        assert_eq!(answer, None);
        assert!(run.went_well());
        assert_eq!(step.reason.as_deref(), Some("VOUCHER_MISSING"));
        assert_eq!(step.audit_id.as_deref(), Some("0197"));
    }

    #[tokio::test]
    async fn answer_that_should_have_been_a_refusal_is_a_bad_end() {
        let mut run = Run::new(&Clock::system(), Names::default());

        run.call(
            &plan::NO_VOUCHER,
            |()| "OK",
            async |_| Ok(Response::new(())),
        )
        .await;

        assert!(!run.went_well());
        assert!(
            run.steps[0]
                .line()
                .contains("OK instead of VOUCHER_MISSING")
        );
    }

    #[tokio::test]
    async fn step_has_the_agreed_fields_in_json() {
        let mut run = Run::new(&Clock::system(), Names::default());
        run.call(
            &plan::STORE_ISTANZA,
            |()| "OK",
            async |_| Ok(Response::new(())),
        )
        .await;

        let step = serde_json::to_value(&run.steps[0]).unwrap();

        let mut keys: Vec<&str> = step
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        keys.sort_unstable();
        assert_eq!(
            keys,
            [
                "audit_index",
                "caller",
                "code",
                "expected",
                "method",
                "ms",
                "name",
                "outcome",
                "purpose",
                "reason",
                "trace_id",
            ]
        );
        assert_eq!(step["trace_id"].as_str().unwrap().len(), 32);
        assert!(step["ms"].is_number());
    }
}
