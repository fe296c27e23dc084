//! Opening a log: the one that an instance writes, the edge of its tree, and whether both can be
//! trusted to go on.

use jiff::Timestamp;
use prost::Message as _;
use varco_proto::audit::v1::Record;
use varco_runtime::clock::Clock;
use varco_runtime::store::Db;
use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::note::Signer;
use varco_tlog::tile::Tiles;

use super::Error;
use super::committer::Run;
use super::store_log::{self, Log};

/// The log of an instance, begun when it has none, with the key that signs it.
pub(super) async fn open_log(
    db: &Db,
    run: &Run,
    origin: &str,
    signer: impl Fn(&str) -> Result<Signer, crate::Error>,
) -> Result<(Log, Signer), crate::Error> {
    let mut tx = db.begin().await?;
    let known = store_log::log_of(&mut tx, &run.instance).await?;
    let signer = signer(known.as_ref().map_or(origin, |log| &log.origin))?;
    if let Some(log) = known {
        if log.vkey != signer.vkey() {
            return Err(Error::Key(log.origin).into());
        }
        return Ok((log, signer));
    }
    let log = Log {
        origin: origin.to_owned(),
        vkey: signer.vkey(),
    };
    let created = run.clock.now().as_microsecond();
    store_log::begin(&mut tx, &log, &run.instance, created).await?;
    tx.commit().await?;
    Ok((log, signer))
}

/// Rebuilds the right edge of the tree and checks it against the signed head.
pub(super) async fn load(db: &Db, log: &Log) -> Result<Tiles, Error> {
    let mut tx = db.read().await?;
    let (head, size) = (
        store_log::head(&mut tx, &log.origin).await?,
        store_log::size(&mut tx, &log.origin).await?,
    );
    drop(tx);
    let Some(head) = head else {
        return match size {
            0 => Ok(Tiles::new()),
            _ => Err(Error::Damaged {
                index: 0,
                what: "records stand without a signed head",
            }),
        };
    };
    let signed = Checkpoint::open(&head.note, &log.vkey.parse()?)?;
    if signed.size != size {
        let index = signed.size.min(size);
        return Err(Error::Damaged {
            index,
            what: "the signed head counts other records",
        });
    }
    let tiles = store_log::over_tiles(db, &log.origin, |read| Tiles::load(size, read)).await?;
    if tiles.root() != signed.root {
        return Err(Error::Damaged {
            index: 0,
            what: "the tree is not the one that was signed",
        });
    }
    Ok(tiles)
}

/// A clock that shows a time before the newest record would make the log lie.
pub(super) async fn check_clock(db: &Db, log: &Log, size: u64, clock: &Clock) -> Result<(), Error> {
    let Some(newest) = size.checked_sub(1) else {
        return Ok(());
    };
    let mut tx = db.read().await?;
    let leaves = store_log::leaves(&mut tx, &log.origin, newest, 1).await?;
    let Some(record) = leaves
        .first()
        .and_then(|leaf| Record::decode(leaf.body.as_slice()).ok())
    else {
        return Err(Error::Damaged {
            index: newest,
            what: "the newest record does not parse",
        });
    };
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
