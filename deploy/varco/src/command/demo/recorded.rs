//! Whether the register holds what the journey did: each call, and each call made to serve it.

use varco_proto::audit::v1::Entry;

use super::run::Step;
use crate::command::audit::names::Names;
use crate::command::audit::row::Row;

/// Compares the steps with the records of their traces.
///
/// # Errors
///
/// Names the first call that is not recorded as it went.
pub fn check(steps: &[Step], entries: &[Entry], names: &Names) -> Result<(), String> {
    let rows: Result<Vec<Row>, _> = entries.iter().map(|it| Row::read(it, names)).collect();
    let rows = rows.map_err(|failure| failure.to_string())?;
    let mut calls = steps.iter().filter(|step| is_call(step));
    calls.try_for_each(|step| {
        let trace = step.trace.trace_hex();
        let of_trace: Vec<&Row> = rows.iter().filter(|row| row.trace_id == trace).collect();
        check_call(step, &of_trace)
    })
}

fn check_call(step: &Step, rows: &[&Row]) -> Result<(), String> {
    let told = format!("{} of {}", step.method, step.caller);
    let Some(id) = &step.audit_id else {
        return Err(format!("{told} was answered without an audit id"));
    };
    if !rows
        .iter()
        .any(|row| row.audit_id == *id && is_ending(row, step))
    {
        return Err(format!("{told} is not recorded as it ended"));
    }
    let served = |method: &&&str| rows.iter().any(|row| is_service_call(row, method, id));
    match step.serves.iter().find(|method| !served(method)) {
        Some(method) => Err(format!("{method} is not recorded in the trace of {told}")),
        None => Ok(()),
    }
}

/// Whether the step left a record: reading a page of the notice board does not.
fn is_call(step: &Step) -> bool {
    !step.method.starts_with("GET ")
}

fn is_ending(row: &Row, step: &Step) -> bool {
    let ended = match &step.reason {
        Some(reason) => row.kind == "DENY" && row.outcome == *reason,
        None if row.kind == "POLICY_CHANGE" => true,
        None => row.kind == "OUTCOME" && row.grpc_status == 0 && row.purpose == step.purpose,
    };
    let indexed = step.audit_index.is_none_or(|index| index == row.index);
    ended && indexed && row.method == step.method && row.client == step.caller
}

fn is_service_call(row: &Row, method: &str, served: &str) -> bool {
    row.method == method && row.kind == "OUTCOME" && row.grpc_status == 0 && row.audit_id != served
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use tonic::metadata::MetadataMap;
    use uuid::Uuid;
    use varco_proto::audit::v1::{Record, RecordKind};
    use varco_runtime::clock::Clock;

    use super::super::plan;
    use super::super::run::{Ending, Run};
    use super::*;

    #[tokio::test]
    async fn registered_istanza_needs_the_call_to_documenti_too() {
        let run = registered().await;
        let own = record(&run.steps[0], run.steps[0].method, CALL);
        let inner = record(&run.steps[0], plan::REGISTER_ISTANZA.serves[0], INNER);

        let whole = check(&run.steps, &[own.clone(), inner], &run.names);
        let without = check(&run.steps, &[own], &run.names);

        assert_eq!(whole, Ok(()));
        assert!(
            without
                .unwrap_err()
                .contains("GetImpronta is not recorded in the trace")
        );
    }

    #[tokio::test]
    async fn call_without_its_record_is_told() {
        let run = registered().await;

        let told = check(&run.steps, &[], &run.names).unwrap_err();

        assert!(
            told.ends_with("of sportello is not recorded as it ended"),
            "{told}"
        );
    }

    async fn registered() -> Run {
        let mut metadata = MetadataMap::new();
        metadata.insert("varco-audit-id", CALL.to_string().parse().unwrap());
        let mut run = Run::new(&Clock::system(), Names::default());
        let ending = async |_| (Ending::answered("OK", &metadata), Some(()));
        run.step(&plan::REGISTER_ISTANZA, ending).await;
        run
    }

    fn record(step: &Step, method: &str, id: Uuid) -> Entry {
        let record = Record {
            kind: RecordKind::Outcome.into(),
            audit_id: id.as_bytes().to_vec().into(),
            trace_id: step.trace.trace_id.to_vec().into(),
            client_id: step.caller.to_owned(),
            purpose_id: step.purpose.clone(),
            method: method.to_owned(),
            ..Record::default()
        };
        let leaf = record.encode_to_vec().into();
        Entry {
            index: 0,
            leaf,
            ..Entry::default()
        }
    }

    const CALL: Uuid = Uuid::from_u128(1);
    const INNER: Uuid = Uuid::from_u128(2);
}
