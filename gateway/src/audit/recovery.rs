//! Going on after a backup was put back: in a log of a new name that is linked to what is there.
//!
//! What an older copy of a log lacks may have been given out: no index of it is ever given to another
//! record. The log stays as it is and can be verified; the next one names its end, and the head that it
//! had once reached.

use varco_runtime::clock::Clock;
use varco_runtime::config::Config;
use varco_runtime::secret::Vault;
use varco_runtime::store::Db;

use super::committer::Signers;
use super::hold::Hold;
use super::index;
use super::mark::Mark;
use super::store_log::{self, Log};
use super::verify::{Report, verify_log};
use super::{Error, MIGRATIONS};
use crate::keys;

/// What a recovery found and began.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// The log that was left, verified; none where none is left.
    pub left: Option<Report>,
    /// The head that it had once reached, as a signed note.
    pub lost: Option<String>,
    /// The log that goes on.
    pub begun: String,
}

/// Begins a linked log; the gateway must not be running.
///
/// # Errors
///
/// When the gateway runs, or what is there does not verify.
pub async fn recover(config: &Config, clock: &Clock) -> Result<Recovered, crate::Error> {
    let gateway = &config.gateway;
    let db = Db::open(&gateway.audit_database, &config.folder, MIGRATIONS)
        .await
        .map_err(Error::from)?;
    let index = index::open(config).await?;
    let _hold = Hold::take(&db, &gateway.instance).await?;
    let vault = Vault::open(config)?;
    let signers = keys::log_signers(&vault, &config.path(&gateway.keys))?;
    let left = newest(&db, &gateway.instance).await?;
    let report = match &left {
        Some(log) => Some(verify_log(&db, &index, log).await?),
        None => None,
    };
    let mark = Mark::of(&config.audit_folder(), &gateway.instance);
    let lost = mark.note()?.filter(|note| is_beyond(note, report.as_ref()));
    let year = clock.today().year();
    let stem = format!("{}.audit/{}/{year}", config.comune.ipa, gateway.instance);
    let lost_origin = lost.as_deref().and_then(|note| note.lines().next());
    let known = names(&db, &gateway.instance).await?;
    let known = known.iter().map(String::as_str).chain(lost_origin);
    let begun = next_epoch(&stem, known);
    begin(&db, (&begun, &signers), &gateway.instance, clock).await?;
    if lost.is_some() {
        mark.put_aside()?;
    }
    Ok(Recovered {
        left: report,
        lost,
        begun,
    })
}

async fn newest(db: &Db, instance: &str) -> Result<Option<Log>, Error> {
    let mut tx = db.read().await?;
    let mut logs = store_log::logs_of(&mut tx, instance).await?;
    while let Some(log) = logs.pop() {
        if store_log::head(&mut tx, &log).await?.is_some() {
            return Ok(Some(log));
        }
    }
    Ok(None)
}

/// The names of all logs of an instance, also of those that have no record.
async fn names(db: &Db, instance: &str) -> Result<Vec<String>, Error> {
    let mut tx = db.read().await?;
    let logs = store_log::logs_of(&mut tx, instance).await?;
    Ok(logs.into_iter().map(|log| log.origin).collect())
}

/// Whether a marked head says more than what is left.
fn is_beyond(note: &str, left: Option<&Report>) -> bool {
    let mut lines = note.lines();
    let (origin, size) = (lines.next(), lines.next());
    let size = size.and_then(|size| size.parse::<u64>().ok());
    let reached = left.filter(|left| origin == Some(left.origin.as_str()));
    reached.is_none_or(|left| size.is_none_or(|size| size > left.size))
}

async fn begin(
    db: &Db,
    (origin, signers): (&str, &Signers),
    instance: &str,
    clock: &Clock,
) -> Result<(), crate::Error> {
    let vkey = signers(origin)?.vkey();
    let mut tx = db.begin().await?;
    let created = clock.now().as_microsecond();
    store_log::begin(&mut tx, (origin, &vkey), instance, created).await?;
    Ok(tx.commit().await?)
}

/// The name after those that are known: the first epoch of the year is 1.
fn next_epoch<'a>(stem: &str, known: impl Iterator<Item = &'a str>) -> String {
    let epoch = |origin: &str| match origin.strip_prefix(stem)? {
        "" => Some(0),
        rest => rest.strip_prefix("-e")?.parse::<u32>().ok(),
    };
    let last = known.filter_map(epoch).max().unwrap_or(0);
    format!("{stem}-e{}", last.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epoch_follows_every_known_one_of_its_year() {
        let stem = "c_z999.audit/gw1/2026";

        assert_eq!(next_epoch(stem, [].into_iter()), format!("{stem}-e1"));
        let known = [stem, "c_z999.audit/gw1/2026-e4", "c_z999.audit/gw1/2025-e9"];
        assert_eq!(next_epoch(stem, known.into_iter()), format!("{stem}-e5"));
    }
}
