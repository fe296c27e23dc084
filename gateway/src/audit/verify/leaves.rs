//! The leaves of a log and their sealed details, one batch after the other.

use std::collections::HashSet;

use aws_lc_rs::digest::{SHA256, digest};
use prost::Message as _;
use varco_proto::audit::v1::{Record, RecordKind, Retention, RetentionClass};
use varco_runtime::store::Tx;
use varco_tlog::hash::Hash;
use varco_tlog::tile::Tiles;

use super::{Told, damaged};
use crate::audit::Error;
use crate::audit::batch::{self, Batch, CLASSES};
use crate::audit::glance::Glance;
use crate::audit::seal::KeyId;
use crate::audit::store_log::{self, Log};

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Leaves {
    /// The log that they stand in.
    origin: String,
    /// The first of which more than hashes must be left.
    from: u64,
    /// Sealed details that are there.
    details: u64,
    /// Indices whose details are gone, by class, ascending.
    gone: [Vec<u64>; 4],
    /// Below which index the details of a class, and the records themselves, were said to be destroyed.
    destroyed: [u64; 4],
    pruned: u64,
    /// Keys of details that were looked at.
    keys: HashSet<KeyId>,
}

impl Leaves {
    /// Begins at an index; before it records may be gone.
    pub(super) fn from(log: &Log, from: u64) -> Self {
        Self {
            origin: log.origin.clone(),
            from,
            ..Self::default()
        }
    }

    /// Checks a batch, and adds its leaves to the tree.
    pub(super) async fn check(
        &mut self,
        batch: &Batch,
        tiles: &mut Tiles,
        tx: &mut Tx,
    ) -> Result<Vec<Told>, Error> {
        if batch.first > tiles.size() {
            return Err(damaged(tiles.size(), "a record is missing"));
        }
        // A commit of which some records are to be kept is kept whole.
        let is_split = tiles.size() == self.from && batch.holds(self.from);
        if batch.first < tiles.size() && !is_split {
            return Err(damaged(batch.first, "a record stands twice"));
        }
        let (mut told, mut newest) = (Vec::new(), None);
        let mut commitments = Commitments::default();
        for (index, leaf) in batch.leaves()? {
            let hash = Hash::leaf(leaf);
            if !batch.attests(index, &hash) {
                return Err(damaged(index, "the record is not the one that was hashed"));
            }
            let record;
            let seen = if let Some(seen) = Glance::read(leaf) {
                seen
            } else {
                record = canonical(index, leaf)?;
                self.note_own(&record);
                Glance::from(&record)
            };
            if seen.schema != SCHEMA {
                return Err(damaged(
                    index,
                    "the record is of a schema that is not known",
                ));
            }
            newest = newest.max(Some(seen.ts_unix_ns.div_euclid(1000)));
            commitments.add(index, &seen)?;
            if index >= self.from {
                tiles.push(hash);
                told.push(Told::of(&seen, hash));
            }
        }
        if newest != Some(batch.newest) {
            return Err(damaged(
                batch.first,
                "the time of a commit is not that of its records",
            ));
        }
        self.check_details(batch, commitments, tx).await?;
        Ok(told)
    }

    /// What a record of this log says of itself.
    fn note_own(&mut self, record: &Record) {
        match &record.destroyed {
            Some(destroyed) if destroyed.origin.is_empty() => self.note(record, destroyed),
            _ => self.note_of_another(record),
        }
    }

    /// What a record of another log says of this one.
    pub(super) fn note_of_another(&mut self, record: &Record) {
        if let Some(destroyed) = &record.destroyed
            && destroyed.origin == self.origin
        {
            self.note(record, destroyed);
        }
    }

    fn note(&mut self, record: &Record, destroyed: &Retention) {
        if record.kind() != RecordKind::Retention {
            return;
        }
        let column = CLASSES.iter().position(|it| *it == destroyed.class());
        let bound = match column.and_then(|column| self.destroyed.get_mut(column)) {
            Some(bound) => bound,
            None => &mut self.pruned,
        };
        *bound = destroyed.before_index.max(*bound);
    }

    async fn check_details(
        &mut self,
        batch: &Batch,
        commitments: Commitments,
        tx: &mut Tx,
    ) -> Result<(), Error> {
        for ((class, committed), gone) in
            CLASSES.iter().zip(commitments.by_class).zip(&mut self.gone)
        {
            let found = batch.details(*class)?;
            if found.is_empty() {
                gone.extend(committed.iter().map(|(index, ..)| index));
                continue;
            }
            if let Some(index) = first_odd(&committed, &found) {
                return Err(damaged(
                    index,
                    "sealed details are not those that the record commits to",
                ));
            }
            for (index, sealed) in found {
                self.details += 1;
                let key = KeyId::named_by(sealed);
                let key = key.ok_or(damaged(index, "sealed details name no key"))?;
                if self.keys.insert(key) {
                    let stored = store_log::seal_key(tx, key).await?;
                    if stored.is_none_or(|stored| KeyId::of(&stored) != key) {
                        return Err(damaged(index, "the key of sealed details is not the one"));
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether all that is gone was said to be destroyed; gives how many sealed details are there and how many
    /// are gone.
    pub(super) fn close(&self, pruned: u64) -> Result<(u64, u64), Error> {
        if pruned > self.pruned {
            return Err(damaged(0, "records were destroyed and no record says so"));
        }
        let mut destroyed = 0;
        for (gone, bound) in self.gone.iter().zip(self.destroyed) {
            if let Some(index) = gone.iter().find(|index| **index >= bound) {
                return Err(damaged(
                    *index,
                    "sealed details are gone and no record says that they were destroyed",
                ));
            }
            destroyed += u64::try_from(gone.len()).unwrap_or(u64::MAX);
        }
        Ok((self.details, destroyed))
    }
}

/// What the records of a batch commit to, by class: index, hash, length.
#[derive(Debug, Default)]
struct Commitments {
    by_class: [Vec<(u64, [u8; 32], u32)>; 4],
}

impl Commitments {
    fn add(&mut self, index: u64, seen: &Glance<'_>) -> Result<(), Error> {
        if seen.sealed_len == 0 {
            return Ok(());
        }
        let class = RetentionClass::try_from(seen.retention_class);
        let column = class.ok().and_then(batch::column);
        let column = column.and_then(|column| self.by_class.get_mut(column));
        let committed = column.ok_or(damaged(index, "sealed details have no class"))?;
        let hash = seen.sealed_sha256.try_into();
        let hash = hash.map_err(|_| damaged(index, "the hash of sealed details is none"))?;
        committed.push((index, hash, seen.sealed_len));
        Ok(())
    }
}

/// The first index at which details and commitments are not the same.
fn first_odd(committed: &[(u64, [u8; 32], u32)], found: &[(u64, &[u8])]) -> Option<u64> {
    let fits = |((index, hash, length), (at, sealed)): (&(u64, [u8; 32], u32), &(u64, &[u8]))| {
        index == at
            && usize::try_from(*length).ok() == Some(sealed.len())
            && digest(&SHA256, sealed).as_ref() == hash
    };
    let pairs = committed.iter().zip(found);
    if let Some(place) = pairs.clone().position(|pair| !fits(pair)) {
        return pairs
            .clone()
            .nth(place)
            .map(|((index, ..), (at, _))| *index.min(at));
    }
    let shorter = committed.len().min(found.len());
    let rest = committed.get(shorter).map(|(index, ..)| *index);
    rest.or_else(|| found.get(shorter).map(|(index, _)| *index))
}

/// The record of a leaf in canonical form.
fn canonical(index: u64, leaf: &[u8]) -> Result<Record, Error> {
    let record = Record::decode(leaf).map_err(|_| damaged(index, "the record does not parse"))?;
    if record.encode_to_vec() != leaf {
        return Err(damaged(index, "the record is not in canonical form"));
    }
    Ok(record)
}

const SCHEMA: u32 = 1;

const _: () = assert!(
    matches!(CLASSES[0], RetentionClass::A),
    "columns follow classes"
);
