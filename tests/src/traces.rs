//! The spans that a gateway has kept, and the register's seals of them, when it no longer runs.

use varco_gateway::audit::reading::Reading;
use varco_gateway::traces::Traces;
use varco_gateway::traces::seal::Seal;
use varco_proto::audit::v1::RecordKind;
use varco_runtime::config::Config;
use varco_runtime::telemetry::collecting::queue;

use crate::collector::{Seen, seen};

/// What a gateway has kept.
#[derive(Debug)]
pub struct Kept {
    /// The store.
    pub traces: Traces,
    /// The seals in the register of accesses, each with its index.
    pub seals: Vec<(u64, Seal)>,
}

impl Kept {
    /// Reads the databases of a configuration.
    ///
    /// # Panics
    ///
    /// When they cannot be read.
    pub async fn read(config: &Config) -> Self {
        let (_, feed) = queue("test", 1);
        let (traces, _) = Traces::open(config, feed).await.expect("a store of spans");
        let reading = Reading::open(config, None).await.expect("a register");
        let records = reading.records(0, 100_000).await.expect("records");
        let seals = records
            .into_iter()
            .filter(|(_, it)| it.kind() == RecordKind::TraceSeal);
        let seals = seals.map(|(index, it)| (index, it.detail.parse().expect("a seal")));
        Self {
            traces,
            seals: seals.collect(),
        }
    }

    /// Every span, with its role.
    ///
    /// # Panics
    ///
    /// When they cannot be read.
    pub async fn spans(&self) -> Vec<Seen> {
        let all = self.traces.window((0, i64::MAX), None, 100_000).await;
        let (spans, _) = all.expect("spans");
        spans.iter().flat_map(seen).collect()
    }
}
