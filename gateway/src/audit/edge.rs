//! The edge of the tree before the first record that is kept: of what went before it only hashes are left.
//!
//! The index can be built again from the records. Once some of them are gone it could not, so the few
//! tiles that the tree goes on from are kept with the evidence; a wrong one makes another root than the
//! one that was signed.

use std::collections::HashMap;

use varco_runtime::on;
use varco_runtime::store::{self, Tx};
use varco_tlog::error::LoadError;
use varco_tlog::hash::Hash;
use varco_tlog::tile::{TileId, Tiles};

use super::Error;
use super::reading::Reading;
use super::store_log::Log;

/// The last tile of each level that is not full, by level and number.
#[derive(Clone, Debug, Default)]
pub(super) struct Edge(pub(super) HashMap<(u8, u64), Vec<Hash>>);

impl Edge {
    /// The edge at a size of a log, from the tiles by which it is proven.
    pub(super) async fn at(size: u64, reading: &Reading) -> Result<Self, Error> {
        let gather = |read: &mut dyn FnMut(TileId) -> Result<Vec<Hash>, TileId>| {
            let mut edge = Self::default();
            let keep = |tile: TileId| {
                let hashes = read(tile)?;
                edge.0.insert((tile.level, tile.index), hashes.clone());
                Ok(hashes)
            };
            Tiles::load(size, keep).map(|_| edge)
        };
        reading.over_tiles(gather).await
    }

    /// The edge that is kept of a log.
    pub(super) async fn read(tx: &mut Tx, log: &Log) -> Result<Self, Error> {
        let rows: Vec<(i64, i64, Vec<u8>)> = on!(tx, |db| sqlx::query_as(READ)
            .bind(log.id)
            .fetch_all(db)
            .await)
        .map_err(store::Error::from)?;
        let tile = |(level, number, data): (i64, i64, Vec<u8>)| {
            let hashes: &[[u8; 32]] = data.as_chunks().0;
            let hashes = hashes.iter().map(|it| Hash::from(*it)).collect();
            let level = u8::try_from(level).unwrap_or(u8::MAX);
            ((level, number.cast_unsigned()), hashes)
        };
        Ok(Self(rows.into_iter().map(tile).collect()))
    }

    /// Keeps it in the place of the one before.
    pub(super) async fn keep(&self, tx: &mut Tx, log: &Log) -> Result<(), Error> {
        on!(tx, |db| sqlx::query(FORGET)
            .bind(log.id)
            .execute(db)
            .await
            .map(drop))
        .map_err(store::Error::from)?;
        for ((level, number), hashes) in &self.0 {
            let data: Vec<u8> = hashes.iter().flat_map(|it| *it.as_bytes()).collect();
            on!(tx, |db| sqlx::query(KEEP)
                .bind(log.id)
                .bind(i64::from(*level))
                .bind(number.cast_signed())
                .bind(data.as_slice())
                .execute(db)
                .await
                .map(drop))
            .map_err(store::Error::from)?;
        }
        Ok(())
    }

    /// The tree of that size, to go on from.
    pub(super) fn tree(&self, size: u64) -> Result<Tiles, Error> {
        let read = |tile: TileId| self.0.get(&(tile.level, tile.index)).cloned().ok_or(());
        Tiles::load(size, read).map_err(|error| match error {
            LoadError::Malformed(error) => error.into(),
            LoadError::Read(()) => Error::Damaged {
                index: 0,
                what: "the hashes of destroyed records are missing",
            },
        })
    }
}

const FORGET: &str = "DELETE FROM edge WHERE log = $1";
const KEEP: &str = "INSERT INTO edge (log, level, idx, data) VALUES ($1, $2, $3, $4)";
const READ: &str = "SELECT level, idx, data FROM edge WHERE log = $1";
