//! The one task that writes spans: it gathers them, stores each batch and has it sealed.
//!
//! A batch is stored first and sealed after: a process that dies in between seals it at its next
//! start. Once a second it looks whether there are spans, and it is told when there are many, so that few
//! calls wake it. While the register of accesses cannot be written, batches wait unsealed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, TracesData};
use prost::Message as _;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use varco_runtime::clock::Clock;
use varco_runtime::problem::chain;
use varco_runtime::store;
use varco_runtime::telemetry::batch;
use varco_runtime::telemetry::collecting::Finished;

use super::bound::Bound;
use super::seal::Seal;
use super::store_batches::{self, Batch, Weight};
use super::{Sources, Traces};
use crate::audit::committer::Register;
use crate::audit::record;

/// Writes the store.
#[derive(Debug)]
pub struct Keeper {
    /// The store.
    pub traces: Traces,
    /// Where spans come from.
    pub sources: Sources,
    /// Where batches are sealed.
    pub register: Register,
    /// How much is kept.
    pub bound: Bound,
    /// Name of the gateway instance.
    pub instance: String,
    /// The time.
    pub clock: Clock,
    /// What is under way.
    pub state: State,
}

/// What a keeper has under way.
#[derive(Debug, Default)]
pub struct State {
    gathered: Gathered,
    /// Whether every batch is known to be sealed.
    sealed: bool,
    /// Bytes of all batches, once they were counted.
    held: Option<u64>,
    /// Whether the last round failed.
    troubled: bool,
}

/// Spans that wait for their batch.
#[derive(Debug, Default)]
struct Gathered {
    own: Vec<Finished>,
    foreign: Vec<ResourceSpans>,
    spans: u64,
    since: Option<Instant>,
}

impl Keeper {
    /// Keeps spans until the process stops, and then what is left.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let stops = stop.is_cancelled();
            let round = self.round(stops).await;
            if let Err(error) = &round
                && !self.state.troubled
            {
                tracing::warn!(cause = chain(error), "spans cannot be kept and get lost");
            }
            self.state.troubled = round.is_err();
            if stops {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.sources.own.many() => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Keeps every batch that is due, all that is left when it `stops`, and seals what is not sealed.
    async fn round(&mut self, stops: bool) -> Result<(), store::Error> {
        loop {
            self.state.gathered.take(&mut self.sources);
            if !self.state.gathered.is_due(stops) {
                break;
            }
            let gathered = std::mem::take(&mut self.state.gathered);
            self.keep(gathered).await?;
        }
        if !self.state.sealed {
            self.state.sealed = self.seal().await?;
            self.shrink().await?;
        }
        Ok(())
    }

    async fn keep(&mut self, gathered: Gathered) -> Result<(), store::Error> {
        let spans = gathered.spans;
        let (id, instance) = (self.clock.uuid(), self.instance.clone());
        let made = self.clock.now().as_microsecond();
        // On a thread of its own: it takes milliseconds, for which calls would wait.
        let batch = tokio::task::spawn_blocking(move || gathered.batch(id, &instance, made)).await;
        let Ok(batch) = batch else {
            tracing::error!(spans, "spans are lost: a batch of them could not be made");
            self.traces.counts.lose(spans);
            return Ok(());
        };
        match self.store(batch).await {
            Ok(bytes) => {
                self.traces.counts.deliver(spans);
                self.state.held = self.state.held.map(|held| held.saturating_add(bytes));
                self.state.sealed = false;
                Ok(())
            }
            Err(error) => {
                self.traces.counts.lose(spans);
                Err(error)
            }
        }
    }

    async fn store(&self, batch: Batch) -> Result<u64, store::Error> {
        let mut tx = self.traces.db.begin().await?;
        store_batches::keep(&mut tx, &batch).await?;
        tx.commit().await?;
        Ok(u64::try_from(batch.body.len()).unwrap_or(u64::MAX))
    }

    /// Has the register of accesses take the digest of each batch that it has not yet; gives
    /// whether it has them all.
    async fn seal(&self) -> Result<bool, store::Error> {
        loop {
            let mut tx = self.traces.db.read().await?;
            let unsealed = store_batches::unsealed(&mut tx, &self.instance).await?;
            drop(tx);
            if unsealed.is_empty() {
                return Ok(true);
            }
            for seal in unsealed {
                if !self.seal_one(seal).await? {
                    return Ok(false);
                }
            }
        }
    }

    /// Whether the register took a seal.
    async fn seal_one(&self, seal: Seal) -> Result<bool, store::Error> {
        let record = record::trace_seal(self.clock.uuid(), &seal);
        let Ok(receipt) = self.register.commit(record).await else {
            return Ok(false);
        };
        let mut tx = self.traces.db.begin().await?;
        let origin = &self.register.log().origin;
        store_batches::sealed(&mut tx, seal.batch, origin, receipt.index).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Deletes the oldest batches until the rest fits.
    async fn shrink(&mut self) -> Result<(), store::Error> {
        loop {
            let mut tx = self.traces.db.read().await?;
            let held = match self.state.held {
                Some(held) => held,
                None => store_batches::held(&mut tx).await?,
            };
            let oldest = store_batches::oldest(&mut tx).await?;
            drop(tx);
            self.state.held = Some(held);
            let now = self.clock.now().as_microsecond();
            let over = self.bound.over(&oldest, held, now);
            if over.is_empty() {
                return Ok(());
            }
            self.remove(over).await?;
        }
    }

    async fn remove(&mut self, batches: &[Weight]) -> Result<(), store::Error> {
        let mut tx = self.traces.db.begin().await?;
        for batch in batches {
            store_batches::remove(&mut tx, batch.id).await?;
        }
        tx.commit().await?;
        // Others may write the same database: it is counted again.
        self.state.held = None;
        let spans = batches.iter().map(|batch| batch.spans).sum();
        self.traces.expire(spans);
        tracing::info!(
            spans,
            "the oldest spans were deleted: the store is full or they are old"
        );
        Ok(())
    }
}

impl Gathered {
    /// Takes what has come, up to a full batch.
    fn take(&mut self, sources: &mut Sources) {
        while self.spans < BATCH
            && let Ok(sent) = sources.foreign.try_recv()
        {
            self.spans += batch::count(&sent);
            self.foreign.extend(sent);
        }
        let room = usize::try_from(BATCH.saturating_sub(self.spans)).unwrap_or(0);
        let own = sources.own.take(room);
        self.spans += u64::try_from(own.len()).unwrap_or(0);
        self.own.extend(own);
        if self.spans > 0 && self.since.is_none() {
            self.since = Some(Instant::now());
        }
    }

    fn is_due(&self, stops: bool) -> bool {
        let is_full = self.spans >= BATCH;
        self.since
            .is_some_and(|since| stops || is_full || since.elapsed() >= PERIOD)
    }

    fn batch(self, id: Uuid, instance: &str, made: i64) -> Batch {
        let mut resource_spans = batch::resource_spans(self.own);
        resource_spans.extend(self.foreign);
        let scopes = resource_spans.iter().flat_map(|it| &it.scope_spans);
        let spans = || scopes.clone().flat_map(|it| &it.spans);
        let traces: BTreeSet<[u8; 16]> = spans()
            .filter_map(|span| span.trace_id.as_slice().try_into().ok())
            .collect();
        let starts =
            spans().map(|span| i64::try_from(span.start_time_unix_nano / 1000).unwrap_or(i64::MAX));
        let (first, last) = (starts.clone().min(), starts.max());
        Batch {
            id,
            instance: instance.to_owned(),
            made,
            first: first.unwrap_or(made),
            last: last.unwrap_or(made),
            spans: self.spans,
            traces: traces.into_iter().collect(),
            body: TracesData { resource_spans }.encode_to_vec(),
        }
    }
}

/// Spans of a full batch.
const BATCH: u64 = 1000;
/// How often it looks whether there are spans.
const LOOK: Duration = Duration::from_secs(1);
/// How long a batch gathers that does not get full.
const PERIOD: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;
    use tonic::Code;
    use varco_runtime::telemetry::collecting::{Collecting, queue};
    use varco_runtime::telemetry::resource::Process;
    use varco_runtime::telemetry::span::{Before, Server};

    use super::*;

    /// What is gathered of so many spans that have ended.
    fn gathered(spans: u64) -> Gathered {
        let (queue, own) = queue("test", 2000);
        let collecting = Collecting::into(vec![queue], 1.0, Process::default());
        let (role, server) = (collecting.role("gateway"), Server::at("https://localhost"));
        (0..spans).for_each(|_| role.server(Before::Nothing, &server).end(Code::Ok));
        let (_, foreign) = mpsc::channel(1);
        let mut gathered = Gathered::default();
        gathered.take(&mut Sources { own, foreign });
        gathered
    }

    #[tokio::test]
    async fn batch_is_due_when_it_is_full_or_the_process_stops() {
        assert!(gathered(BATCH).is_due(false));
        assert!(!gathered(BATCH - 1).is_due(false));
        assert!(gathered(1).is_due(true));
        assert!(!gathered(0).is_due(true));
    }
}
