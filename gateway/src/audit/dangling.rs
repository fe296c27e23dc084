//! Calls that a process has left open: an INTENT, and nobody who will ever write how it ended.
//!
//! The next process writes that nobody knows. It looks in its own log and in the one before: a year may
//! have turned between an INTENT and the end of the process.

use varco_proto::audit::v1::{Record, RecordKind};

use super::Error;
use super::committer::Register;
use super::index::tail::Tail;
use super::index::word::Word;
use super::reading::Reading;
use super::store_log;

/// Closes the calls that the processes of an instance before this one left open; tells how many.
///
/// # Errors
///
/// When a log cannot be read or written.
pub async fn close(register: &Register, instance: &str) -> Result<u64, crate::Error> {
    let now = register.reading();
    let mut open = of_the_log_before(&now, instance).await?;
    open.extend(intents(&now).await?);
    let mut closed = 0;
    for intent in open {
        register.commit(unknown(intent)).await?;
        closed += 1;
    }
    Ok(closed)
}

/// INTENTs of the newest log before this one that neither of them ends.
async fn of_the_log_before(now: &Reading, instance: &str) -> Result<Vec<Record>, Error> {
    let mut tx = now.db.read().await?;
    let mut logs = store_log::logs_of(&mut tx, instance).await?;
    logs.retain(|log| log.id != now.log.id);
    let mut before = None;
    while let Some(log) = logs.pop().filter(|_| before.is_none()) {
        let head = store_log::head(&mut tx, &log).await?;
        before = head.map(|_| log);
    }
    drop(tx);
    let Some(before) = before else {
        return Ok(Vec::new());
    };
    let before = Reading::of(now.db.clone(), now.index.clone(), before).await?;
    let mut open = Vec::new();
    for intent in intents(&before).await? {
        if !is_ended(now, &intent).await? {
            open.push(intent);
        }
    }
    Ok(open)
}

/// INTENTs of a log that it does not end itself.
async fn intents(reading: &Reading) -> Result<Vec<Record>, Error> {
    let mut intents = Vec::new();
    for index in reading.over_tail(Tail::open) {
        intents.push(reading.record(index).await?);
    }
    Ok(intents)
}

/// Whether a log tells how a call ended.
async fn is_ended(reading: &Reading, intent: &Record) -> Result<bool, Error> {
    let word = Word::Call(&intent.audit_id);
    for index in reading.indices(word, (0, u64::MAX)).await? {
        let record = reading.record(index).await?;
        if record.kind() == RecordKind::Outcome && record.audit_id == intent.audit_id {
            return Ok(true);
        }
    }
    Ok(false)
}

fn unknown(intent: Record) -> Record {
    Record {
        kind: RecordKind::Outcome.into(),
        ref_audit_id: intent.audit_id.clone(),
        outcome: "UNKNOWN".to_owned(),
        detail: "the gateway stopped before the call ended".to_owned(),
        grpc_status: 2,
        // Its details stand with the INTENT.
        sealed_sha256: prost::bytes::Bytes::new(),
        sealed_len: 0,
        ..intent
    }
}

#[cfg(test)]
mod tests {
    use varco_proto::audit::v1::Details;
    use varco_runtime::clock::Clock;

    use super::*;
    use crate::audit::deposit::Deposit;
    use crate::audit::testing::{each_place, outcome, run, signers};

    fn intent(n: u128) -> Deposit {
        let record = Record {
            kind: RecordKind::Intent.into(),
            ..outcome(n)
        };
        let details = Some(Details::default());
        Deposit { record, details }
    }

    #[tokio::test]
    async fn open_calls_of_a_dead_process_are_closed_once() {
        for place in each_place().await {
            let register = place.open().await.unwrap();
            for n in [5, 6] {
                register.commit(intent(n)).await.unwrap();
            }
            register.commit(outcome(6)).await.unwrap();
            drop(register);
            let next = place.open().await.unwrap();

            assert_eq!(close(&next, "gw1").await.unwrap(), 1);
            assert_eq!(close(&next, "gw1").await.unwrap(), 0);
            let closed = next.reading().record(3).await.unwrap();
            assert_eq!(closed.audit_id, outcome(5).audit_id);
            assert_eq!(closed.outcome, "UNKNOWN");
            assert_eq!(place.verify(&next).await.unwrap().size, 4);
        }
    }

    #[tokio::test]
    async fn open_calls_of_the_year_before_are_closed_once() {
        for place in each_place().await {
            let mut run = run();
            run.clock = Clock::fixed("2026-12-31T22:59:59Z".parse().unwrap());
            let clock = run.clock.clone();
            let register = place.open_with(run.clone(), signers(7)).await.unwrap();
            for n in [5, 6, 7] {
                register.commit(intent(n)).await.unwrap();
            }
            register.commit(outcome(6)).await.unwrap();
            clock.set("2026-12-31T23:00:00Z".parse().unwrap());
            register.commit(outcome(7)).await.unwrap();
            drop(register);
            let next = place.open_with(run, signers(7)).await.unwrap();

            assert_eq!(close(&next, "gw1").await.unwrap(), 1, "{}", place.name);
            assert_eq!(close(&next, "gw1").await.unwrap(), 0, "{}", place.name);
            let closed = next.reading().record(2).await.unwrap();
            assert_eq!(closed.audit_id, outcome(5).audit_id);
            assert_eq!(closed.outcome, "UNKNOWN");
            assert_eq!(place.verify(&next).await.unwrap().size, 3);
        }
    }
}
