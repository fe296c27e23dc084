//! The registry as it stood: rebuilt from its events, which are for good.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use super::Registry;
use super::entry::{Kind, Row};
use super::error::Error;
use super::snapshot::{Snapshot, load_contract};
use super::store_entries::{self, Cursor};

/// A walk through the epochs of a registry, which is quick as long as it goes forward.
#[derive(Debug)]
pub struct Past {
    registry: Registry,
    newest: Arc<Snapshot>,
    before: Option<Arc<Snapshot>>,
}

impl Past {
    /// Begins before the first epoch.
    #[must_use]
    pub fn of(registry: &Registry) -> Self {
        Self {
            registry: registry.clone(),
            newest: Arc::new(Snapshot::empty()),
            before: None,
        }
    }

    /// The registry at an epoch.
    ///
    /// # Errors
    ///
    /// When the history cannot be read or does not parse.
    pub async fn at(&mut self, epoch: u64) -> Result<Arc<Snapshot>, Error> {
        // Records of calls that overlap a change may name the epoch before it.
        let known = std::iter::once(&self.newest).chain(&self.before);
        if let Some(known) = known.into_iter().find(|it| it.epoch == epoch) {
            return Ok(Arc::clone(known));
        }
        if epoch < self.newest.epoch {
            return self.follow(Arc::new(Snapshot::empty()), epoch).await;
        }
        let next = self.follow(Arc::clone(&self.newest), epoch).await?;
        self.before = Some(std::mem::replace(&mut self.newest, Arc::clone(&next)));
        Ok(next)
    }

    /// What the events until an epoch make of a registry.
    async fn follow(&self, from: Arc<Snapshot>, epoch: u64) -> Result<Arc<Snapshot>, Error> {
        let (db, contracts) = (&self.registry.db, &self.registry.contracts);
        let mut cursor = Cursor {
            epoch: from.epoch,
            seq: u64::MAX >> 1,
        };
        let mut last: HashMap<Uuid, Row> = HashMap::new();
        loop {
            let page = store_entries::events(db, (cursor, epoch), PAGE).await?;
            let Some(newest) = page.last() else { break };
            cursor = newest.cursor;
            last.extend(page.into_iter().map(|event| (event.row.id, event.row)));
        }
        for row in last.values().filter(|row| row.kind == Kind::Descriptor) {
            load_contract(row, db, contracts).await?;
        }
        let rows = last.into_values().collect();
        let next = from.followed_by(rows, epoch, contracts, Instant::now())?;
        Ok(Arc::new(next))
    }
}

/// Events read at once.
const PAGE: u32 = 500;

#[cfg(test)]
mod tests {
    use varco_runtime::clock::Clock;
    use varco_runtime::store::testing::each_db;

    use super::*;
    use crate::registry::apply::Mode;
    use crate::registry::entry::State;
    use crate::registry::law::Action;
    use crate::registry::testing::{admin, town};
    use crate::registry::{Rules, Target};

    #[tokio::test]
    async fn registry_of_every_epoch_stands_as_it_stood() {
        for fresh in each_db(crate::REGISTRY_MIGRATIONS).await.unwrap() {
            let opened = Registry::open(fresh.db.clone(), Clock::system(), Rules::default());
            let registry = opened.await.unwrap();
            let (document, root) = (town(), admin("root"));
            let applied = registry.apply(&document, Mode::Apply, 0, &root);
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
            let mut past = Past::of(&registry);
            let state = async |past: &mut Past, epoch| {
                let then = past.at(epoch).await.unwrap();
                assert_eq!(then.epoch, epoch);
                then.find(Kind::Purpose, "verifica")
                    .map(|row| row.state)
                    .ok()
            };

            // Forward, back, and before anything was there.
            for (epoch, expected) in [
                (1, Some(State::Active)),
                (2, Some(State::Suspended)),
                (3, Some(State::Active)),
                (2, Some(State::Suspended)),
                (1, Some(State::Active)),
                (0, None),
                (3, Some(State::Active)),
            ] {
                assert_eq!(
                    state(&mut past, epoch).await,
                    expected,
                    "{} {epoch}",
                    fresh.name
                );
            }
            let (now, then) = (registry.snapshot(), past.at(3).await.unwrap());
            let rows = |it: &Snapshot| it.all().cloned().map(|row| (row.id, row)).collect();
            let (now, then): (HashMap<_, _>, HashMap<_, _>) = (rows(&now), rows(&then));
            assert_eq!(now, then, "{}", fresh.name);
        }
    }
}
