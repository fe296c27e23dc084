//! Proof files of many records under one head.

use std::collections::HashMap;

use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::error::LoadError;
use varco_tlog::hash::Hash;
use varco_tlog::proof::{prove_inclusion, verify_inclusion};
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
        let inclusion = loop {
            let read = |tile: TileId| self.held.get(&tile).cloned().ok_or(tile);
            match prove_inclusion(index, size, read) {
                Ok(proof) => break proof,
                Err(LoadError::Malformed(error)) => return Err(Audit::from(error).into()),
                Err(LoadError::Read(missing)) => {
                    let hashes = self.reading.tile(missing).await?;
                    if self.held.len() >= MOST_TILES {
                        self.held.clear();
                    }
                    self.held.insert(missing, hashes);
                }
            }
        };
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
}

/// Tiles that are held at once, 8 KiB each.
const MOST_TILES: usize = 1024;
