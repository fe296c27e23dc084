//! A stream of the registry's events, from a durable cursor on.
//!
//! What is sent is read from the history, never from memory: whoever comes back with the cursor of
//! the last event misses none and sees none twice.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _, stream};
use tokio::time::Instant;
use tonic::Status;
use varco_proto::registry::v1::{WatchEventsRequest, WatchEventsResponse};
use varco_runtime::problem::{Problem, ToStatus as _};
use varco_runtime::tls::Peer;

use super::{asked, lists};
use crate::control::{operator, status};
use crate::gate::Gate;
use crate::registry::entry::Kind;
use crate::registry::scope::Who;
use crate::registry::snapshot::Snapshot;
use crate::registry::store_entries::{self, Cursor, Event};

/// The events on their way.
pub type Events = Pin<Box<dyn Stream<Item = Result<WatchEventsResponse, Status>> + Send>>;

/// Begins a stream for the operator of a certificate.
///
/// # Errors
///
/// When the cursor or a kind is malformed.
pub fn events(
    gate: &Arc<Gate>,
    peer: Option<Arc<Peer>>,
    asked: &WatchEventsRequest,
) -> Result<Events, Problem> {
    let cursor = match asked.cursor.as_str() {
        "" => Cursor::default(),
        text => text
            .parse()
            .map_err(|()| Problem::invalid("cursor", "is none that an event gave"))?,
    };
    let kinds: Result<Vec<Kind>, Problem> =
        asked.kinds.iter().map(|kind| asked::kind(*kind)).collect();
    let watch = Watch {
        gate: Arc::clone(gate),
        peer,
        kinds: kinds?,
        until_now: asked.until_now,
        end: Instant::now() + LONGEST,
        cursor: Some(cursor),
    };
    let pages = stream::unfold(watch, |mut watch| async move {
        let page = watch.page().await?;
        Some((stream::iter(page), watch))
    });
    Ok(Box::pin(pages.flatten()))
}

struct Watch {
    gate: Arc<Gate>,
    peer: Option<Arc<Peer>>,
    kinds: Vec<Kind>,
    until_now: bool,
    end: Instant,
    /// Where to go on; none once the stream has ended.
    cursor: Option<Cursor>,
}

impl Watch {
    /// The next events, when there are some; none when the stream has ended.
    async fn page(&mut self) -> Option<Vec<Result<WatchEventsResponse, Status>>> {
        let cursor = self.cursor?;
        // Who watches may be suspended meanwhile, as any event may say.
        let who = match operator(&self.gate, self.peer.as_deref()) {
            Ok(who) => who,
            Err(problem) => {
                self.cursor = None;
                return Some(vec![Err(status(problem))]);
            }
        };
        let mut epochs = self.gate.registry.epochs();
        epochs.borrow_and_update();
        // What is newer than the snapshot could not be judged by it, and comes with the next.
        let known = self.gate.registry.snapshot().epoch;
        let db = self.gate.registry.db();
        match store_entries::events(db, (cursor, known), PAGE).await {
            Err(error) => {
                self.cursor = None;
                Some(vec![Err(status(error.to_problem()))])
            }
            Ok(events) => {
                if let Some(last) = events.last() {
                    self.cursor = Some(last.cursor);
                    let told = events.iter().filter_map(|it| self.told(it, &who));
                    return Some(told.collect());
                }
                if self.until_now || self.wait(&mut epochs).await.is_none() {
                    self.cursor = None;
                }
                Some(Vec::new())
            }
        }
    }

    /// Waits for the next epoch; none when the stream is to end.
    async fn wait(&self, epochs: &mut tokio::sync::watch::Receiver<u64>) -> Option<()> {
        let stopping = self.gate.tasks.stopping();
        tokio::select! {
            changed = epochs.changed() => changed.ok(),
            () = tokio::time::sleep_until(self.end) => None,
            () = stopping.cancelled() => None,
        }
    }

    /// An event as this operator may see it.
    fn told(&self, event: &Event, who: &Who) -> Option<Result<WatchEventsResponse, Status>> {
        let asked = self.kinds.is_empty() || self.kinds.contains(&event.row.kind);
        let snapshot = self.gate.registry.snapshot();
        if !asked || !who.sees(&event.row, &snapshot) {
            return None;
        }
        Some(Ok(WatchEventsResponse {
            cursor: event.cursor.to_string(),
            epoch: event.cursor.epoch,
            at: event.at,
            action: event.action.clone(),
            entry: Some(lists::entry(&event.row)),
            operator: operator_as_seen(event, who, &snapshot),
        }))
    }
}

/// Who acted, for the installation; a tenant is told its own people and systems by name.
fn operator_as_seen(event: &Event, who: &Who, snapshot: &Snapshot) -> String {
    let own = |tenant| {
        let name = event.operator.as_str();
        match name.strip_prefix("client/") {
            Some(client) => snapshot
                .named(Kind::Client, client)
                .and_then(|row| snapshot.clients.get(&row.id))
                .is_some_and(|it| it.body.consumer == tenant),
            None => snapshot
                .operator(name)
                .is_some_and(|it| it.body.tenant == Some(tenant)),
        }
    };
    match who.tenant {
        Some(tenant) if !own(tenant) => String::new(),
        _ => event.operator.clone(),
    }
}

/// Events read at once.
const PAGE: u32 = 200;
/// Longest stream: the caller comes back with its cursor.
const LONGEST: Duration = Duration::from_hours(1);
