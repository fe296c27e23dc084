//! Verifying a log from its database, without trusting anything that the gateway computed.
//!
//! Every leaf is hashed again, the tree is built again, and the root must be the one in the signed
//! checkpoint. The first index that is wrong is named.

use prost::Message as _;
use varco_proto::audit::v1::Record;
use varco_runtime::config::Config;
use varco_runtime::store::Db;
use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::hash::Hash;
use varco_tlog::tile::TileId;
use varco_tlog::tile::Tiles;

use super::Error;
use super::store_log::{self, Keys, Leaf, Log};

/// A log that verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its name.
    pub origin: String,
    /// Its key.
    pub vkey: String,
    /// How many records.
    pub size: u64,
    /// Root in hexadecimal.
    pub root: String,
}

/// Verifies the log of the configured instance.
///
/// # Errors
///
/// [`Error::Damaged`] with the first index that is wrong.
pub async fn verify(config: &Config) -> Result<Report, Error> {
    let (db, log) = open(config, None).await?;
    verify_log(&db, &log).await
}

/// Opens the register of accesses to read it beside the process that writes it.
///
/// # Errors
///
/// When there is none.
pub async fn open(config: &Config, origin: Option<&str>) -> Result<(Db, Log), Error> {
    let db = match config.gateway.audit_database.strip_prefix("sqlite:") {
        Some(file) => Db::open_to_read(&config.folder.join(file)).await?,
        None => {
            Db::open(
                &config.gateway.audit_database,
                &config.folder,
                super::MIGRATIONS,
            )
            .await?
        }
    };
    let mut tx = db.read().await?;
    let log = match origin {
        Some(origin) => store_log::log(&mut tx, origin).await?,
        None => store_log::log_of(&mut tx, &config.gateway.instance).await?,
    };
    let name = origin.unwrap_or(&config.gateway.instance);
    Ok((db, log.ok_or_else(|| Error::NoLog(name.to_owned()))?))
}

/// Verifies one log.
///
/// # Errors
///
/// [`Error::Damaged`] with the first index that is wrong.
pub async fn verify_log(db: &Db, log: &Log) -> Result<Report, Error> {
    // One transaction: the head and the leaves are those of one moment, beside a running town.
    let mut tx = db.read().await?;
    let Some(head) = store_log::head(&mut tx, &log.origin).await? else {
        return Err(Error::Damaged {
            index: 0,
            what: "there is no signed head",
        });
    };
    let signed = Checkpoint::open(&head.note, &log.vkey.parse()?)?;
    let mut tiles = Tiles::new();
    while tiles.size() < signed.size {
        let page = store_log::leaves(&mut tx, &log.origin, tiles.size(), PAGE).await?;
        if page.is_empty() {
            return Err(Error::Damaged {
                index: tiles.size(),
                what: "a record is missing",
            });
        }
        let keys = store_log::keys(&mut tx, &log.origin, tiles.size(), PAGE).await?;
        for (leaf, keys) in page.iter().zip(keys) {
            tiles.push(check(leaf, &keys, tiles.size())?);
        }
        for (tile, hashes) in tiles.take_changed() {
            check_tile(&mut tx, &log.origin, tile, &hashes).await?;
        }
    }
    if store_log::size(&mut tx, &log.origin).await? != signed.size {
        return Err(Error::Damaged {
            index: signed.size,
            what: "a record was added unsigned",
        });
    }
    if tiles.root() != signed.root {
        return Err(Error::Damaged {
            index: 0,
            what: "the root is not the one that was signed",
        });
    }
    Ok(Report {
        origin: log.origin.clone(),
        vkey: log.vkey.clone(),
        size: signed.size,
        root: hex::encode(signed.root.as_bytes()),
    })
}

fn check(leaf: &Leaf, keys: &Keys, expected: u64) -> Result<Hash, Error> {
    let damaged = |what| Error::Damaged {
        index: expected,
        what,
    };
    if leaf.index != expected {
        return Err(damaged("a record is missing"));
    }
    let hash = Hash::leaf(&leaf.body);
    if leaf.hash != hash.as_bytes() {
        return Err(damaged("the record is not the one that was hashed"));
    }
    let record =
        Record::decode(leaf.body.as_slice()).map_err(|_| damaged("the record does not parse"))?;
    if record.schema != 1 || record.encode_to_vec() != leaf.body {
        return Err(damaged("the record is not in canonical form"));
    }
    if *keys != Keys::of(&record) {
        return Err(damaged("what the record is found by is not what it says"));
    }
    Ok(hash)
}

async fn check_tile(
    tx: &mut varco_runtime::store::Tx,
    origin: &str,
    tile: TileId,
    hashes: &[Hash],
) -> Result<(), Error> {
    let stored = store_log::tile(tx, origin, tile).await?;
    match stored
        .iter()
        .zip(hashes)
        .position(|(stored, hash)| stored != hash)
    {
        None => Ok(()),
        Some(place) => {
            let place = u64::try_from(place).unwrap_or_default();
            let index = (tile.index * 256 + place) << (8 * u32::from(tile.level));
            Err(Error::Damaged {
                index,
                what: "a hash of the tree is not that of its record",
            })
        }
    }
}

const PAGE: u32 = 4096;
