//! Writing full segments to the index, behind the records.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Notify;
use varco_runtime::problem::chain;
use varco_runtime::store::Db;

use super::segment::Closed;
use super::store_index;
use super::tail::Tail;
use crate::audit::Error;
use crate::audit::store_log::Log;
use crate::points::{self, Point};

/// Writes what is full whenever it is told to, until the process stops.
///
/// What cannot be written is tried again, and read from memory meanwhile.
pub async fn keep(index: Db, log: Log, tail: Arc<RwLock<Tail>>, full: Arc<Notify>) {
    loop {
        full.notified().await;
        while let Some(closed) = next(&tail) {
            match write(&index, &log, &closed).await {
                Ok(()) => held(&tail).written(closed.number),
                Err(error) => {
                    tracing::warn!(cause = chain(&error), "the index cannot be written");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

/// Writes what is full at once: while a log is opened.
///
/// # Errors
///
/// When the index cannot be written.
pub async fn write_all(index: &Db, log: &Log, tail: &mut Tail) -> Result<(), Error> {
    while let Some(closed) = tail.next_closed() {
        write(index, log, &closed).await?;
        tail.written(closed.number);
    }
    Ok(())
}

async fn write(index: &Db, log: &Log, closed: &Closed) -> Result<(), Error> {
    points::pass(Point::SegmentBefore);
    let mut tx = index.begin().await?;
    store_index::keep(&mut tx, log, closed).await?;
    tx.commit().await?;
    points::pass(Point::SegmentAfter);
    Ok(())
}

fn next(tail: &RwLock<Tail>) -> Option<Arc<Closed>> {
    let tail = tail.read().unwrap_or_else(PoisonError::into_inner);
    tail.next_closed()
}

fn held(tail: &RwLock<Tail>) -> std::sync::RwLockWriteGuard<'_, Tail> {
    tail.write().unwrap_or_else(PoisonError::into_inner)
}

const PAUSE: Duration = Duration::from_secs(1);
