//! Changes of the registry on both databases: races, etags, history, what a snapshot shares.

use varco_proto::registry::v1::Operator;
use varco_runtime::store::testing::each_db;

use super::entry::State;
use super::store_entries::Cursor;
use super::testing::{admin, town};
use super::*;

fn operators(names: &[String]) -> Document {
    let operator = |name: &String| Operator {
        name: name.clone(),
        roles: vec!["viewer".into()],
        ..Default::default()
    };
    Document {
        operators: names.iter().map(operator).collect(),
        ..Default::default()
    }
}

async fn open(db: &Db) -> Registry {
    let rules = Rules::default();
    Registry::open(db.clone(), Clock::system(), rules)
        .await
        .unwrap()
}

fn target<'a>(kind: Kind, entry: &'a str, etag: &'a str) -> Target<'a> {
    Target {
        kind,
        entry,
        etag,
        side: None,
        reason: "",
    }
}

#[tokio::test]
async fn changes_that_race_all_take_effect_once() {
    for fresh in each_db(crate::REGISTRY_MIGRATIONS).await.unwrap() {
        let (one, two) = (open(&fresh.db).await, open(&fresh.db).await);
        let documents: Vec<Document> = (0..4)
            .map(|n| operators(&["same".to_owned(), format!("op{n}")]))
            .collect();
        let ada = admin("ada");

        let changes = documents.iter().enumerate().map(|(n, document)| {
            let registry = if n % 2 == 0 { &one } else { &two };
            registry.apply(document, Mode::Apply, 0, &ada)
        });
        let done = futures_util::future::join_all(changes).await;

        assert!(done.iter().all(Result::is_ok), "{}: {done:?}", fresh.name);
        let after = open(&fresh.db).await.snapshot();
        assert_eq!(after.rows(Kind::Operator).count(), 5);
        assert_eq!(after.epoch, 4);
    }
}

#[tokio::test]
async fn whole_town_reads_back_as_it_was_written() {
    for fresh in each_db(crate::REGISTRY_MIGRATIONS).await.unwrap() {
        let registry = open(&fresh.db).await;
        let root = admin("root");
        let document = town();
        registry
            .apply(&document, Mode::Apply, 0, &root)
            .await
            .unwrap();
        let row = registry.act(
            target(Kind::Purpose, "verifica", ""),
            Action::Suspend,
            &root,
        );
        row.await.unwrap();

        let again = open(&fresh.db).await.snapshot();

        let here = registry.snapshot();
        let rows = |snapshot: &Snapshot| {
            let mut rows: Vec<Row> = snapshot.all().map(|row| Row::clone(row)).collect();
            rows.sort_by_key(|row| row.id);
            rows
        };
        assert_eq!(rows(&again), rows(&here), "{}", fresh.name);
        assert_eq!((again.epoch, again.keys.len()), (2, 1));
        let descriptor = again.descriptors.keys().next().unwrap();
        assert!(again.descriptor(*descriptor).is_some());
        // The next snapshot shares what the change has not touched.
        let kept = again.clients.values().next().unwrap();
        assert_eq!(kept.name, "tributi");
    }
}

#[tokio::test]
async fn change_on_another_etag_is_refused() {
    for fresh in each_db(crate::REGISTRY_MIGRATIONS).await.unwrap() {
        let registry = open(&fresh.db).await;
        let root = admin("root");
        registry
            .apply(&town(), Mode::Apply, 0, &root)
            .await
            .unwrap();
        let seen = registry.find(Kind::Purpose, "verifica").unwrap().etag();
        let act = |action, etag: String| {
            let (registry, root) = (registry.clone(), root.clone());
            async move {
                let target = target(Kind::Purpose, "verifica", &etag);
                registry.act(target, action, &root).await
            }
        };

        act(Action::Suspend, seen.clone()).await.unwrap();
        let stale = act(Action::Archive, seen).await;

        assert!(matches!(stale, Err(Error::Stale(..))), "{stale:?}");
        let now = registry.find(Kind::Purpose, "verifica").unwrap();
        assert_eq!(now.state, State::Suspended);
        act(Action::Archive, now.etag()).await.unwrap();
    }
}

#[tokio::test]
async fn history_holds_every_change_and_cannot_be_changed() {
    for fresh in each_db(crate::REGISTRY_MIGRATIONS).await.unwrap() {
        let registry = open(&fresh.db).await;
        let root = admin("root");
        registry
            .apply(&town(), Mode::Apply, 0, &root)
            .await
            .unwrap();
        let first = store_entries::events(&fresh.db, (Cursor::default(), 1), 1000);
        let first = first.await.unwrap();
        let cursor = first.last().unwrap().cursor;
        let done = registry.act(target(Kind::Client, "tributi", ""), Action::Suspend, &root);
        done.await.unwrap();

        let later = store_entries::events(&fresh.db, (cursor, 2), 10)
            .await
            .unwrap();

        assert!(first.len() >= 9, "{}", first.len());
        assert_eq!(later.len(), 1, "{}", fresh.name);
        let event = &later[0];
        assert_eq!(
            (event.action.as_str(), event.operator.as_str()),
            ("suspended", "root")
        );
        assert_eq!((event.row.state, event.cursor.epoch), (State::Suspended, 2));
        assert_eq!(event.cursor.to_string().parse(), Ok(event.cursor));
        let mut tx = fresh.db.begin().await.unwrap();
        let forged = varco_runtime::on!(&mut tx, |db| sqlx::query("DELETE FROM event")
            .execute(db)
            .await
            .map(|_| ()));
        assert!(forged.is_err(), "{}", fresh.name);
    }
}

#[tokio::test]
async fn plan_that_was_agreed_to_is_not_applied_to_another_registry() {
    for fresh in each_db(crate::REGISTRY_MIGRATIONS).await.unwrap() {
        let registry = open(&fresh.db).await;
        let root = admin("root");
        let names = |n: &str| operators(&[n.to_owned()]);
        registry
            .apply(&names("one"), Mode::Apply, 0, &root)
            .await
            .unwrap();

        let moved = registry.apply(&names("two"), Mode::Apply, 7, &root).await;
        let agreed = registry.apply(&names("two"), Mode::Apply, 1, &root).await;

        assert!(matches!(moved, Err(Error::Moved)), "{moved:?}");
        assert!(agreed.is_ok());
    }
}

#[tokio::test]
async fn export_applies_without_a_difference_here_and_elsewhere() {
    for fresh in each_db(crate::REGISTRY_MIGRATIONS).await.unwrap() {
        let registry = open(&fresh.db).await;
        let root = admin("root");
        let mut document = town();
        document.clients[0].thumbprints = vec!["ab".repeat(32), "cd".repeat(32)];
        registry
            .apply(&document, Mode::Apply, 0, &root)
            .await
            .unwrap();
        for (kind, name) in [
            (Kind::Purpose, "verifica".to_owned()),
            (Kind::Certificate, "ab".repeat(32)),
        ] {
            let done = registry.act(target(kind, &name, ""), Action::Suspend, &root);
            done.await.unwrap();
        }
        let (mut eservice, mut second) =
            (town().eservices.remove(0), super::testing::descriptor(2));
        second.audience = "https://anagrafe.example/due".into();
        second.rules = vec![varco_proto::registry::v1::MethodRule {
            methods: vec![super::testing::METHOD.into()],
            seconds: 5,
            evidence: vec!["signature".into(), "tracking".into()],
            ..Default::default()
        }];
        eservice.descriptors = vec![second];
        let drafts = [
            Document {
                eservices: vec![eservice.clone()],
                ..Default::default()
            },
            Document {
                purposes: vec![super::testing::purpose("bozza", 3)],
                ..Default::default()
            },
            Document {
                eservices: vec![varco_proto::registry::v1::Eservice {
                    name: "vuoto".into(),
                    descriptors: Vec::new(),
                    ..eservice
                }],
                ..Default::default()
            },
        ];
        for draft in &drafts {
            registry.create(draft, &root).await.unwrap();
        }

        let exported = export::export(&registry.snapshot(), &fresh.db, &root)
            .await
            .unwrap();
        let here = registry.plan(&exported, Mode::Prune, &root).unwrap();
        let elsewhere = each_db(crate::REGISTRY_MIGRATIONS).await.unwrap().remove(0);
        let copy = open(&elsewhere.db).await;
        copy.apply(&exported, Mode::Apply, 0, &root).await.unwrap();
        let again = export::export(&copy.snapshot(), &elsewhere.db, &root)
            .await
            .unwrap();

        let unchanged = varco_proto::registry::v1::Action::Unchanged;
        assert!(here.problems.is_empty(), "{:?}", here.problems);
        assert!(
            here.changes.iter().all(|it| it.action() == unchanged),
            "{:?}",
            here.changes
        );
        assert_eq!(again, exported);
        let states = |snapshot: &Snapshot| {
            let mut states: Vec<_> = snapshot
                .all()
                .map(|row| (row.kind, row.name.clone(), row.state))
                .collect();
            states.sort();
            states
        };
        assert_eq!(states(&copy.snapshot()), states(&registry.snapshot()));
    }
}
