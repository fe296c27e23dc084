//! Every record of the register of accesses, read beside the gateways that write it.

use varco_gateway::audit::reading::{self, Reading};
use varco_gateway::audit::{index, store_log};
use varco_proto::audit::v1::Record;
use varco_runtime::config::Config;
use varco_runtime::store::Db;

/// The records of every log, in their order.
///
/// # Panics
///
/// When the register of accesses cannot be read.
pub async fn all(config: &Config) -> Vec<Record> {
    let db = reading::open_db(config).await.expect("a register");
    of(db, index::open_to_read(config).await.expect("an index")).await
}

/// The records of every log of a database, in their order.
///
/// # Panics
///
/// When the register of accesses cannot be read.
pub async fn of(db: Db, index: Db) -> Vec<Record> {
    let mut tx = db.read().await.expect("a reading");
    let logs = store_log::logs(&mut tx).await.expect("logs");
    drop(tx);
    let mut all = Vec::new();
    for log in logs {
        let reading = Reading::of(db.clone(), index.clone(), log).await;
        let records = reading.expect("a log").records(0, u32::MAX).await;
        all.extend(records.expect("records").into_iter().map(|(_, it)| it));
    }
    all
}
