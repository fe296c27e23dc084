//! Changes of the registry on both databases: races, suspensions, archiving.

use varco_proto::registry::v1::Operator;
use varco_runtime::store::testing::each_db;

use super::*;

fn operators(names: &[String]) -> Document {
    let operator = |name: &String| Operator {
        name: name.clone(),
        roles: vec!["viewer".into()],
    };
    Document {
        operators: names.iter().map(operator).collect(),
        ..Default::default()
    }
}

#[tokio::test]
async fn changes_that_race_all_take_effect_once() {
    for fresh in each_db(crate::REGISTRY_MIGRATIONS).await.unwrap() {
        let one = Registry::open(fresh.db.clone(), Clock::system())
            .await
            .unwrap();
        let two = Registry::open(fresh.db.clone(), Clock::system())
            .await
            .unwrap();
        let documents: Vec<Document> = (0..4)
            .map(|n| operators(&["same".to_owned(), format!("op{n}")]))
            .collect();

        let changes = documents.iter().enumerate().map(|(n, document)| {
            let registry = if n % 2 == 0 { &one } else { &two };
            registry.apply(document, false, "ada")
        });
        let done = futures_util::future::join_all(changes).await;

        assert!(done.iter().all(Result::is_ok), "{}: {done:?}", fresh.name);
        let after = Registry::open(fresh.db, Clock::system())
            .await
            .unwrap()
            .snapshot();
        assert_eq!(after.rows(Kind::Operator).len(), 5);
        assert_eq!(after.epoch, 4);
    }
}

#[tokio::test]
async fn suspension_survives_an_update_and_archiving_is_final() {
    for fresh in each_db(crate::REGISTRY_MIGRATIONS).await.unwrap() {
        let registry = Registry::open(fresh.db, Clock::system()).await.unwrap();
        registry
            .apply(&operators(&["ada".to_owned()]), false, "root")
            .await
            .unwrap();
        let to = |state| registry.transition(Kind::Operator, "ada", state, "root");

        to(State::Suspended).await.unwrap();
        let mut update = operators(&["ada".to_owned()]);
        update.operators[0].roles.push("admin".to_owned());
        registry.apply(&update, false, "root").await.unwrap();
        let updated = registry.find(Kind::Operator, "ada").unwrap();
        to(State::Archived).await.unwrap();

        assert_eq!(updated.state, State::Suspended);
        assert!(matches!(
            to(State::Active).await,
            Err(Error::Transition(..))
        ));
        assert!(matches!(
            registry.apply(&update, false, "root").await,
            Err(Error::Document(_))
        ));
    }
}
