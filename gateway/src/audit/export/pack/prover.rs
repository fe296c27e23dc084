//! Proof files of many records under one head.

use std::collections::HashMap;

use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::error::LoadError;
use varco_tlog::hash::Hash;
use varco_tlog::proof::{prove_consistency, prove_inclusion, verify_consistency, verify_inclusion};
use varco_tlog::proof_file::ProofFile;
use varco_tlog::tile::TileId;

use super::{Error, choice};
use crate::audit::Error as Audit;
use crate::audit::export::Placed;
use crate::audit::reading::Reading;

/// Makes proof files under one head.
pub(super) struct Prover<'a> {
    pub(super) reading: &'a Reading,
    head: Checkpoint,
    note: String,
    /// Tiles that were read; neighbours share them.
    held: HashMap<TileId, Vec<Hash>>,
}

impl<'a> Prover<'a> {
    pub(super) fn new(reading: &'a Reading, head: Checkpoint, note: String) -> Self {
        Self {
            reading,
            head,
            note,
            held: HashMap::new(),
        }
    }

    /// The proof file of a record; it holds.
    pub(super) async fn prove(&mut self, placed: &Placed) -> Result<String, Error> {
        let (index, size) = (placed.index, self.head.size);
        let leaf = choice::leaf(placed);
        let inclusion = self.over(|read| prove_inclusion(index, size, read)).await?;
        let hash = Hash::leaf(&leaf);
        let holds = verify_inclusion(&hash, index, size, &inclusion, &self.head.root);
        holds.map_err(|_| Audit::Damaged {
            index,
            what: "its proof does not lead to the root that was signed",
        })?;
        let proof = ProofFile {
            extra: Some(leaf),
            index,
            inclusion,
            checkpoint: self.note.clone(),
        };
        Ok(proof.to_string())
    }

    /// The proof that the head goes on from a smaller one of the same log; it holds.
    pub(super) async fn goes_on_from(&mut self, old: &Checkpoint) -> Result<Vec<Hash>, Error> {
        let size = self.head.size;
        let proof = self
            .over(|read| prove_consistency(old.size, size, read))
            .await?;
        let holds = verify_consistency(old.size, &old.root, size, &self.head.root, &proof);
        holds.map_err(|_| Audit::Damaged {
            index: old.size,
            what: "the log does not go on from a checkpoint of it that was anchored",
        })?;
        Ok(proof)
    }

    async fn over(
        &mut self,
        mut compute: impl FnMut(
            &mut dyn FnMut(TileId) -> Result<Vec<Hash>, TileId>,
        ) -> Result<Vec<Hash>, LoadError<TileId>>,
    ) -> Result<Vec<Hash>, Error> {
        loop {
            let mut read = |tile: TileId| self.held.get(&tile).cloned().ok_or(tile);
            match compute(&mut read) {
                Ok(proof) => return Ok(proof),
                Err(LoadError::Malformed(error)) => return Err(Audit::from(error).into()),
                Err(LoadError::Read(missing)) => {
                    let hashes = self.reading.tile(missing).await?;
                    if self.held.len() >= MOST_TILES {
                        self.held.clear();
                    }
                    self.held.insert(missing, hashes);
                }
            }
        }
    }
}

/// Tiles that are held at once, 8 KiB each.
const MOST_TILES: usize = 1024;
