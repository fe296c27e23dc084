//! Opening a log: the one that an instance writes, and whether it can be trusted to go on.

use jiff::Timestamp;
use prost::Message as _;
use varco_proto::audit::v1::{LogLink, Record};
use varco_runtime::clock::{self, Clock};
use varco_runtime::store::Db;
use varco_tlog::note::Signer;

use super::Error;
use super::committer::{Run, Signers};
use super::mark::Mark;
use super::store_log::{self, Log};

/// The log that is written now.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) log: Log,
    pub(super) signer: Signer,
    /// The log before it, when its first record must still name that.
    pub(super) follows: Option<LogLink>,
    /// Second of the Unix epoch at which its year ends.
    ends: i64,
}

impl Current {
    fn new(log: Log, signer: Signer, follows: Option<LogLink>) -> Self {
        let year = year_of(&log.origin);
        let next = jiff::civil::Date::new(year.saturating_add(1), 1, 1);
        let ends = next.map_or(i64::MAX, |day| clock::midnight(day).as_second());
        Self {
            log,
            signer,
            follows,
            ends,
        }
    }

    /// The name of the log that must follow, when the year is over.
    pub(super) fn next(&self, run: &Run) -> Option<String> {
        (run.clock.unix() >= self.ends).then(|| origin(run))
    }
}

/// The log of an instance, begun when it has none.
pub(super) async fn open_log(
    db: &Db,
    run: &Run,
    signers: &Signers,
) -> Result<Current, crate::Error> {
    let mut tx = db.read().await?;
    let mut logs = store_log::logs_of(&mut tx, &run.instance).await?;
    let Some(log) = logs.pop() else {
        drop(tx);
        return begin_log(db, run, signers, &origin(run)).await;
    };
    let signer = signers(&log.origin)?;
    if log.vkey != signer.vkey() {
        return Err(Error::Key(log.origin).into());
    }
    let follows = match (store_log::head(&mut tx, &log).await?, logs.pop()) {
        (None, Some(before)) => link(&mut tx, before).await?,
        _ => None,
    };
    let lost = run.mark.as_ref().and_then(Mark::lost).unwrap_or_default();
    let follows = follows.map(|link| LogLink {
        lost_checkpoint: lost,
        ..link
    });
    Ok(Current::new(log, signer, follows))
}

/// Begins a log.
pub(super) async fn begin_log(
    db: &Db,
    run: &Run,
    signers: &Signers,
    origin: &str,
) -> Result<Current, crate::Error> {
    let signer = signers(origin)?;
    let mut tx = db.begin().await?;
    let created = run.clock.now().as_microsecond();
    let names = (origin, signer.vkey());
    let log = store_log::begin(&mut tx, (names.0, &names.1), &run.instance, created).await?;
    tx.commit().await?;
    Ok(Current::new(log, signer, None))
}

/// How the log that continues another names it.
pub(super) async fn link(
    tx: &mut varco_runtime::store::Tx,
    log: Log,
) -> Result<Option<LogLink>, Error> {
    let head = store_log::head(tx, &log).await?;
    Ok(Some(LogLink {
        origin: log.origin,
        size: head.as_ref().map_or(0, |head| head.size),
        root: head.map(|head| head.root).unwrap_or_default().into(),
        vkey: log.vkey,
        lost_checkpoint: String::new(),
    }))
}

/// The name of an instance's log of the current year in Europe/Rome.
pub(super) fn origin(run: &Run) -> String {
    let year = run.clock.today().year();
    format!("{}.audit/{}/{year}", run.ipa, run.instance)
}

/// The year in a log's name, `<ipa>.audit/<instance>/<year>[-e<epoch>]`.
fn year_of(origin: &str) -> i16 {
    let last = origin.rsplit('/').next().unwrap_or_default();
    let year = last.split('-').next().and_then(|year| year.parse().ok());
    year.unwrap_or(i16::MAX)
}

/// A clock that shows a time before the newest record would make the log lie.
pub(super) async fn check_clock(db: &Db, log: &Log, size: u64, clock: &Clock) -> Result<(), Error> {
    let Some(newest) = size.checked_sub(1) else {
        return Ok(());
    };
    let damaged = || Error::Damaged {
        index: newest,
        what: "the newest record does not parse",
    };
    let mut tx = db.read().await?;
    let batches = store_log::bodies(&mut tx, log, newest, 1).await?;
    let batch = batches.first().ok_or_else(damaged)?;
    let (_, leaf) = batch.leaves()?.last().ok_or_else(damaged)?;
    let record = Record::decode(leaf).map_err(|_| damaged())?;
    let newest = Timestamp::from_nanosecond(record.ts_unix_ns.into()).unwrap_or(Timestamp::MIN);
    let now = clock.now();
    // A step of the time service is no reason to stop.
    if now.as_second() + CLOCK_STEP < newest.as_second() {
        return Err(Error::ClockBehind { now, newest });
    }
    Ok(())
}

/// Seconds by which the clock may have gone back.
const CLOCK_STEP: i64 = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_a_log_tells_its_year() {
        assert_eq!(year_of("c_e648.audit/gw-1/2026"), 2026);
        assert_eq!(year_of("c_e648.audit/gw-1/2026-e2"), 2026);
        assert_eq!(year_of("c_e648.audit/gw-1/x"), i16::MAX);
    }
}
