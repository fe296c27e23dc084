//! When the nightly check is due, and what it says of decisions under their own epoch.

use varco_proto::audit::v1::Record;
use varco_runtime::clock::Clock;
use varco_runtime::store::Db;
use varco_runtime::store::testing::each_db;

use super::*;
use crate::audit::committer::Run;
use crate::audit::testing::{self, Place};
use crate::registry::apply::Mode;
use crate::registry::entry::Kind;
use crate::registry::law::Action;
use crate::registry::testing::{METHOD, OTHER, admin, town};
use crate::registry::{Rules, Target};

const DAY: Date = jiff::civil::date(2026, 7, 1);
const NOON: &str = "2026-07-01T10:00:00Z";

#[test]
fn yesterday_is_checked_once_and_not_before_two_in_rome() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();

    assert_eq!(due(at("2026-07-01T23:59:59Z"), None), None);
    assert_eq!(due(at("2026-07-02T00:00:00Z"), None), Some(DAY));
    assert_eq!(due(at("2026-07-02T12:00:00Z"), Some(DAY)), None);
    let next = due(at("2026-07-03T00:00:00Z"), Some(DAY));
    assert_eq!(next, DAY.tomorrow().ok());
}

/// A registry of three epochs: in force, the purpose suspended, and in force again.
async fn registry(db: &Db, clock: &Clock) -> Registry {
    let opened = Registry::open(db.clone(), clock.clone(), Rules::default());
    let registry = opened.await.unwrap();
    let root = admin("root");
    let (document, mode) = (town(), Mode::Apply);
    let applied = registry.apply(&document, mode, 0, &root);
    applied.await.unwrap();
    let target = Target {
        kind: Kind::Purpose,
        entry: "tributi/verifica",
        etag: "",
        side: None,
        reason: "",
    };
    for action in [Action::Suspend, Action::Unsuspend] {
        registry.act(target, action, &root).await.unwrap();
    }
    registry
}

async fn register(place: &Place, clock: &Clock) -> Register {
    let run = Run {
        clock: clock.clone(),
        ..testing::run()
    };
    place.open_with(run, testing::signers(7)).await.unwrap()
}

/// A decision under an epoch: a permit, or a refusal for a reason.
fn record(registry: &Registry, method: &str, epoch: u64, reason: &str) -> Record {
    let snapshot = registry.snapshot();
    let id = |kind, name| snapshot.find(kind, name).unwrap().id.to_string();
    let (kind, agreement) = match reason {
        "" => (RecordKind::Outcome, Uuid::from_u128(2).to_string()),
        _ => (RecordKind::Deny, String::new()),
    };
    Record {
        kind: kind.into(),
        audit_id: Uuid::from_u128(epoch.into()).as_bytes().to_vec().into(),
        client_id: id(Kind::Client, "tributi"),
        purpose_id: id(Kind::Purpose, "tributi/verifica"),
        agreement_id: agreement,
        method: method.to_owned(),
        policy_epoch: epoch,
        deny_reason: reason.to_owned(),
        ..Record::default()
    }
}

#[tokio::test]
async fn decisions_come_out_as_they_were_under_the_registry_of_then() {
    let clock = Clock::fixed(NOON.parse().unwrap());
    for (registry_db, audit_db) in both().await {
        let registry = registry(&registry_db.db, &clock).await;
        let register = register(&audit_db, &clock).await;
        // A call that overlaps a change is recorded after it, with the epoch that let it pass.
        for (method, epoch, reason) in [
            (METHOD, 1, ""),
            (METHOD, 2, "PURPOSE_SUSPENDED"),
            (METHOD, 1, ""),
            (METHOD, 3, ""),
            (OTHER, 3, "METHOD_NOT_IN_PURPOSE"),
            (METHOD, 3, "QUOTA_DAILY"),
        ] {
            let record = record(&registry, method, epoch, reason);
            register.commit(record).await.unwrap();
        }

        let id = Uuid::from_u128(9);
        let checked = run(&register, &registry, (DAY, id)).await.unwrap();

        let expected = Checked {
            decisions: 5,
            different: Vec::new(),
            not_redecidable: 1,
        };
        assert_eq!(checked, expected, "{}", audit_db.name);
        let last = last(&register).await;
        assert_eq!(last.kind(), RecordKind::Reconciliation);
        assert_eq!(
            last.detail,
            "policy: 0 differences in 5 decisions of 2026-07-01"
        );
    }
}

#[tokio::test]
async fn decision_that_the_registry_of_then_did_not_make_is_found() {
    let clock = Clock::fixed(NOON.parse().unwrap());
    for (registry_db, audit_db) in both().await {
        let registry = registry(&registry_db.db, &clock).await;
        let register = register(&audit_db, &clock).await;
        for (method, epoch, reason) in [
            // The purpose was suspended then; it did not include the method; it was in force.
            (METHOD, 2, ""),
            (OTHER, 3, ""),
            (METHOD, 1, "PURPOSE_SUSPENDED"),
        ] {
            let record = record(&registry, method, epoch, reason);
            register.commit(record).await.unwrap();
        }

        let id = Uuid::from_u128(9);
        let checked = run(&register, &registry, (DAY, id)).await.unwrap();

        let different: Vec<u128> = checked.different.iter().map(Uuid::as_u128).collect();
        assert_eq!(different, [2, 3, 1], "{}", audit_db.name);
        let last = last(&register).await;
        assert_eq!(last.kind(), RecordKind::Degraded);
        assert!(last.detail.starts_with("policy: 3 differences in 3 "));
    }
}

/// Databases of a registry and of a register, of each kind that this machine has.
async fn both() -> Vec<(varco_runtime::store::testing::Fresh, Place)> {
    let registries = each_db(crate::REGISTRY_MIGRATIONS).await.unwrap();
    let registers = testing::each_place().await;
    registries.into_iter().zip(registers).collect()
}

async fn last(register: &Register) -> Record {
    let reading = register.reading();
    let mut records = reading.records(0, 100).await.unwrap();
    records.pop().unwrap().1
}
