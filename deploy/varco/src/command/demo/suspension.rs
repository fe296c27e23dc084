//! A purpose is declared, used, suspended, refused and archived, all while the town runs.
//!
//! It is made for this run, so that no office's purpose is ever stopped by a demonstration.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use tonic::Status;
use varco_proto::registry::v1::{
    ApplyDocumentRequest, ApplyDocumentResponse, ArchiveEntryRequest, Document, Kind, Purpose,
    SuspendEntryRequest,
};
use varco_runtime::problem::reason;

use super::envelope::Envelope;
use super::plan::{self, Plan};
use super::run::{Ending, Run};
use super::town::Town;
use super::{assertion, residenza};

/// Declares the purpose, calls under it, suspends it, calls again, archives it.
pub async fn journey(town: &Town, run: &mut Run) -> Option<()> {
    let name = format!("demo-{}", run.id);
    let id = declare(&name, town, run).await?;
    let voucher = assertion::voucher(&id, "tributi", town).await;
    let used = call(&name, &voucher, town, run).await;
    let asked = Instant::now();
    if used.is_some() && suspend(&id, town, run).await.is_some() {
        call_until_refused(&name, &voucher, asked, (town, run)).await;
    }
    archive(&id, town, run).await
}

async fn declare(name: &str, town: &Town, run: &mut Run) -> Option<String> {
    let document = Document {
        purposes: vec![purpose(name)],
        ..Document::default()
    };
    let request = ApplyDocumentRequest {
        document: Some(document),
        ..ApplyDocumentRequest::default()
    };
    let apply = async |envelope: Envelope| {
        let mut registry = town.registry.clone();
        registry.apply_document(envelope.around(request)).await
    };
    let answer = run.call(&plan::DECLARE_PURPOSE, made, apply).await?;
    run.note(name.to_owned());
    let purpose = answer
        .changes
        .into_iter()
        .find(|it| it.kind() == Kind::Purpose)?;
    run.names.add_purpose(purpose.id.clone(), name.to_owned());
    Some(purpose.id)
}

fn purpose(name: &str) -> Purpose {
    Purpose {
        name: name.to_owned(),
        consumer: "tributi".to_owned(),
        eservice: "anagrafe".to_owned(),
        legal_basis: "dimostrazione".to_owned(),
        methods: vec![plan::CONFIRM_RESIDENZA.method.to_owned()],
        data_classes: ["esito", "identificativi", "residenza"]
            .map(str::to_owned)
            .into(),
        daily_calls: 1000,
        clients: vec!["tributi".to_owned()],
        ..Purpose::default()
    }
}

fn made(answer: &ApplyDocumentResponse) -> &'static str {
    if answer.changes.iter().any(|it| it.kind() == Kind::Purpose) {
        "OK"
    } else {
        "NOT_MADE"
    }
}

async fn call(
    name: &str,
    voucher: &Result<String, Status>,
    town: &Town,
    run: &mut Run,
) -> Option<()> {
    let plan = under(name, &plan::USE_PURPOSE);
    let ask = async |envelope: Envelope| {
        let envelope = envelope.bearing(voucher.as_deref().map_err(Status::clone)?);
        residenza::ask_bare(&plan, town, &envelope).await
    };
    run.call(&plan, |answer| residenza::esito(*answer), ask)
        .await
        .map(drop)
}

async fn suspend(id: &str, town: &Town, run: &mut Run) -> Option<()> {
    let request = SuspendEntryRequest {
        kind: Kind::Purpose.into(),
        entry: id.to_owned(),
        reason: "dimostrazione".to_owned(),
        ..SuspendEntryRequest::default()
    };
    let call = async |envelope: Envelope| {
        let mut registry = town.registry.clone();
        registry.suspend_entry(envelope.around(request)).await
    };
    run.call(&plan::SUSPEND_PURPOSE, |_| "OK", call)
        .await
        .map(drop)
}

/// Calls with the voucher that worked until it is refused; `asked` is when the suspension was.
async fn call_until_refused(
    name: &str,
    voucher: &Result<String, Status>,
    asked: Instant,
    (town, run): (&Town, &mut Run),
) {
    let plan = under(name, &plan::USE_SUSPENDED);
    let step = async |envelope: Envelope| {
        let voucher = voucher.as_deref().unwrap_or_default();
        let envelope = envelope.bearing(voucher);
        loop {
            match residenza::ask_bare(&plan, town, &envelope).await {
                Ok(answer) if asked.elapsed() > PATIENCE => {
                    break (
                        Ending::answered("STILL_ALLOWED", answer.metadata()),
                        None::<()>,
                    );
                }
                Ok(_) => tokio::time::sleep(PAUSE).await,
                Err(status) => break (refused_in_time(&status, asked.elapsed()), None),
            }
        }
    };
    run.step(&plan, step).await;
}

fn refused_in_time(status: &Status, after: Duration) -> Ending {
    let ending = Ending::refused(status);
    if reason(status).as_deref() != Some(plan::USE_SUSPENDED.expected) {
        return ending;
    }
    let ending = ending.noting(format!(
        "refused {} ms after the suspension",
        after.as_millis()
    ));
    if after > PROMISE {
        ending.but("TOO_LATE")
    } else {
        ending
    }
}

async fn archive(id: &str, town: &Town, run: &mut Run) -> Option<()> {
    let request = ArchiveEntryRequest {
        kind: Kind::Purpose.into(),
        entry: id.to_owned(),
        ..ArchiveEntryRequest::default()
    };
    let call = async |envelope: Envelope| {
        let mut registry = town.registry.clone();
        registry.archive_entry(envelope.around(request)).await
    };
    run.call(&plan::ARCHIVE_PURPOSE, |_| "OK", call)
        .await
        .map(drop)
}

fn under(name: &str, plan: &Plan) -> Plan {
    Plan {
        purpose: Cow::Owned(name.to_owned()),
        ..plan.clone()
    }
}

/// How soon a suspension works on every gateway.
const PROMISE: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use varco_runtime::problem::Problem;

    use super::*;

    #[test]
    fn refusal_after_the_promised_second_is_too_late() {
        let status = Problem::precondition("PURPOSE_SUSPENDED", "x", "y").into_status("varco");

        let in_time = refused_in_time(&status, Duration::from_millis(40));
        let late = refused_in_time(&status, Duration::from_millis(1001));

        assert_eq!(in_time.outcome, "PURPOSE_SUSPENDED");
        assert_eq!(late.outcome, "TOO_LATE");
    }
}
