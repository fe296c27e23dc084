//! The gateway's own store of spans: what a call looked like from within, for those who investigate.
//!
//! It is the view, and the register of accesses is the proof. Spans may be lost, and a store that
//! fails costs no call and no record. What is kept is tied to the proof all the same: each batch is
//! sealed, that is, its digest stands in the register, so that whoever shows a span can show that
//! it was not changed since. Bounded by days and by bytes; the oldest batches go first.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, TracesData};
use prost::Message as _;
use tokio::sync::mpsc;
use uuid::Uuid;
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;
use varco_runtime::problem::chain;
use varco_runtime::store::{Db, Migrations};
use varco_runtime::tasks::Tasks;
use varco_runtime::telemetry::collecting::{Count, Counts, Feed};

use crate::audit::committer::Register;
use bound::Bound;
use keeper::Keeper;

pub mod bound;
pub mod day;
pub mod keeper;
pub mod otlp_json;
pub mod receiver;
pub mod seal;
pub mod store_batches;
pub mod verify;

/// The schema of the store of spans.
pub const MIGRATIONS: Migrations = Migrations {
    sqlite: &[
        include_str!("../migrations/traces/sqlite/0001_init.sql"),
        include_str!("../migrations/traces/sqlite/0002_traces.sql"),
    ],
    postgres: &[
        include_str!("../migrations/traces/postgres/0001_init.sql"),
        include_str!("../migrations/traces/postgres/0002_traces.sql"),
    ],
};

/// The store of spans, open to be read and to take what services send.
#[derive(Clone, Debug)]
pub struct Traces {
    db: Db,
    counts: Arc<Counts>,
    expired: Arc<AtomicU64>,
    foreign: mpsc::Sender<Vec<ResourceSpans>>,
}

/// What a keeper takes spans from.
#[derive(Debug)]
pub struct Sources {
    /// Spans of this process.
    pub own: Feed,
    /// Spans that services have sent.
    pub foreign: mpsc::Receiver<Vec<ResourceSpans>>,
}

/// Ways that the store of spans fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A batch is no OTLP.
    #[error("batch {0} of spans does not parse: restore traces.db from a backup, or move it aside")]
    Damaged(Uuid),
    /// The spans cannot be written as JSON.
    #[error("spans cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// Storage failed.
    #[error("spans cannot be stored")]
    Store(#[from] varco_runtime::store::Error),
}

/// Opens the store and begins to keep what comes. A store that cannot be opened is gone without, and
/// said: it is not the evidence.
pub async fn start(
    config: &Config,
    own: Feed,
    register: &Register,
    (clock, tasks): (&Clock, &Tasks),
) -> Option<Traces> {
    let opened = Traces::open(config, own).await;
    let (traces, sources) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let cause = chain(&error);
            tracing::error!(
                cause,
                "spans are not kept: restore trace_database or move it aside"
            );
            return None;
        }
    };
    let keeper = Keeper {
        traces: traces.clone(),
        sources,
        register: register.clone(),
        bound: Bound {
            days: config.telemetry.store_days,
            bytes: config.telemetry.store_bytes,
        },
        instance: config.gateway.instance.clone(),
        clock: clock.clone(),
        state: keeper::State::default(),
    };
    tasks.spawn(keeper.run(tasks.stopping()));
    Some(traces)
}

impl Traces {
    /// Opens the store, with what its keeper is to take spans from.
    ///
    /// # Errors
    ///
    /// When its database cannot be opened.
    pub async fn open(config: &Config, own: Feed) -> Result<(Self, Sources), Error> {
        let address = &config.gateway.trace_database;
        let db = Db::open(address, &config.folder, MIGRATIONS).await?;
        Ok(Self::over(db, own))
    }

    /// The store in an open database.
    #[must_use]
    pub fn over(db: Db, own: Feed) -> (Self, Sources) {
        let (sender, foreign) = mpsc::channel(MESSAGES);
        let traces = Self {
            db,
            counts: Arc::clone(own.counts()),
            expired: Arc::default(),
            foreign: sender,
        };
        (traces, Sources { own, foreign })
    }

    /// Its database.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// What became of the spans that should be kept here.
    #[must_use]
    pub fn count(&self) -> Count {
        self.counts.read()
    }

    /// Spans that this process has deleted because the store was full or they were old.
    #[must_use]
    pub fn expired(&self) -> u64 {
        self.expired.load(Ordering::Relaxed)
    }

    fn expire(&self, spans: u64) {
        self.expired.fetch_add(spans, Ordering::Relaxed);
    }

    /// Every kept span of a trace, in the order in which batches came.
    ///
    /// # Errors
    ///
    /// When the database cannot be read or a batch is damaged.
    pub async fn trace(&self, trace_id: [u8; 16]) -> Result<Vec<ResourceSpans>, Error> {
        let mut tx = self.db.read().await?;
        let bodies = store_batches::of_trace(&mut tx, trace_id).await?;
        let mut found = Vec::new();
        for (batch, body) in bodies {
            found.extend(only(parse(batch, &body)?, |span| span.trace_id == trace_id));
        }
        Ok(found)
    }

    /// The batches that hold spans of a time window, in microseconds since the Unix epoch, so many
    /// at most; the id of the last one is where the next page goes on.
    ///
    /// # Errors
    ///
    /// When the database cannot be read or a batch is damaged.
    pub async fn window(
        &self,
        within: (i64, i64),
        after: Option<Uuid>,
        batches: u32,
    ) -> Result<(Vec<ResourceSpans>, Option<Uuid>), Error> {
        window(&self.db, within, store_batches::Page { after, batches }).await
    }
}

/// The spans of a page of batches that began in a time window, and the last of these batches.
async fn window(
    db: &Db,
    (from, to): (i64, i64),
    page: store_batches::Page,
) -> Result<(Vec<ResourceSpans>, Option<Uuid>), Error> {
    let mut tx = db.read().await?;
    let bodies = store_batches::between(&mut tx, (from, to), page).await?;
    drop(tx);
    let last = bodies.last().map(|(batch, _)| *batch);
    let within = |nanos: u64| i64::try_from(nanos / 1000).is_ok_and(|it| (from..=to).contains(&it));
    let mut found = Vec::new();
    for (batch, body) in bodies {
        let spans = parse(batch, &body)?;
        found.extend(only(spans, |span| within(span.start_time_unix_nano)));
    }
    Ok((found, last))
}

/// Reads a batch.
///
/// # Errors
///
/// When it is no OTLP.
pub fn parse(batch: Uuid, body: &[u8]) -> Result<Vec<ResourceSpans>, Error> {
    let data = TracesData::decode(body).map_err(|_| Error::Damaged(batch))?;
    Ok(data.resource_spans)
}

/// Those spans of a batch that fit, with what they stand in.
fn only(
    spans: Vec<ResourceSpans>,
    fits: impl Fn(&opentelemetry_proto::tonic::trace::v1::Span) -> bool,
) -> impl Iterator<Item = ResourceSpans> {
    spans.into_iter().filter_map(move |mut of_role| {
        for scope in &mut of_role.scope_spans {
            scope.spans.retain(&fits);
        }
        of_role.scope_spans.retain(|scope| !scope.spans.is_empty());
        (!of_role.scope_spans.is_empty()).then_some(of_role)
    })
}

/// Messages of services that wait for the keeper.
const MESSAGES: usize = 64;

#[cfg(test)]
mod tests;
