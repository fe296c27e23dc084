//! Whether the entries are what their history says: the events are the truth, the entries follow.
//!
//! A change writes both in one transaction. What differs later was changed past the registry, by
//! hand or by a disk.

use std::collections::HashMap;

use uuid::Uuid;
use varco_runtime::store::Db;

use super::entry::Row;
use super::error::Error;
use super::store_entries::{self, Cursor};

/// Finds every entry that is not as its last event left it, and tells how, in the order of names.
///
/// # Errors
///
/// When the database cannot be read, or an entry or event does not parse.
pub async fn find(db: &Db) -> Result<Vec<String>, Error> {
    // The entries first: what is written meanwhile only adds events that are newer.
    let (epoch, rows) = store_entries::read(db, 0).await?;
    let mut last: HashMap<Uuid, Row> = HashMap::new();
    let mut cursor = Cursor::default();
    loop {
        let page = store_entries::events(db, (cursor, epoch), PAGE).await?;
        let Some(newest) = page.last() else { break };
        cursor = newest.cursor;
        last.extend(page.into_iter().map(|event| (event.row.id, event.row)));
    }
    let mut found = Vec::new();
    for row in rows {
        let kind = row.kind.name();
        match last.remove(&row.id) {
            None => found.push(format!("{kind} {} has no history", row.name)),
            Some(event) if event != row => {
                found.push(format!("{kind} {} is not as its history says", row.name));
            }
            Some(_) => {}
        }
    }
    let gone = last.into_values();
    found.extend(gone.map(|row| format!("{} {} is gone", row.kind.name(), row.name)));
    found.sort();
    Ok(found)
}

/// Events read at once.
const PAGE: u32 = 500;

#[cfg(test)]
mod tests {
    use varco_runtime::clock::Clock;
    use varco_runtime::on;
    use varco_runtime::store::testing::each_db;

    use super::*;
    use crate::registry::apply::Mode;
    use crate::registry::testing::{admin, town};
    use crate::registry::{Registry, Rules};

    #[tokio::test]
    async fn what_was_changed_past_the_registry_is_found() {
        for fresh in each_db(crate::REGISTRY_MIGRATIONS).await.unwrap() {
            let opened = Registry::open(fresh.db.clone(), Clock::system(), Rules::default());
            let registry = opened.await.unwrap();
            let (document, root) = (town(), admin("root"));
            let applied = registry.apply(&document, Mode::Apply, 0, &root);
            applied.await.unwrap();
            assert!(find(&fresh.db).await.unwrap().is_empty());

            let mut tx = fresh.db.begin().await.unwrap();
            for forged in [
                "UPDATE entry SET state = 'SUSPENDED' WHERE kind = 'client'",
                "DELETE FROM entry WHERE kind = 'operator'",
            ] {
                on!(&mut tx, |db| sqlx::query(forged)
                    .execute(db)
                    .await
                    .map(|_| ()))
                .unwrap();
            }
            tx.commit().await.unwrap();

            let found = find(&fresh.db).await.unwrap();
            assert_eq!(
                found,
                [
                    "client tributi is not as its history says",
                    "operator ada is gone"
                ],
                "{}",
                fresh.name
            );
        }
    }
}
