//! A log that tests ask a witness about: it can be honest, and it can rewrite itself.

use std::convert::Infallible;
use std::path::Path;

use varco_runtime::clock::Clock;
use varco_runtime::config::witness::{Witness as Settings, WitnessedLog, Years};
use varco_runtime::store::Db;
use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::cosignature::CosignerKey;
use varco_tlog::hash::Hash;
use varco_tlog::note::{Note, Signer};
use varco_tlog::proof::prove_consistency;
use varco_tlog::tree::Tree;
use varco_tlog::witness::Request;

use crate::witness::{Error, Witness};

pub(crate) const ORIGIN: &str = "c_z999.audit/gw1/2026";

/// A log of at most 256 entries: one tile.
pub(crate) struct Log {
    origin: &'static str,
    leaves: Vec<Hash>,
}

impl Log {
    /// A log whose entries are of this edition; another edition is another history.
    pub(crate) fn new(origin: &'static str, edition: u8) -> Self {
        let leaves = (0..=255).map(|index| Hash::leaf(&[edition, index]));
        Self {
            origin,
            leaves: leaves.collect(),
        }
    }

    /// The signed checkpoint at a size.
    pub(crate) fn note(&self, size: u64) -> String {
        let leaves = self.leaves.iter().copied();
        let tree: Tree = leaves.take(usize::try_from(size).unwrap()).collect();
        let head = Checkpoint {
            origin: self.origin.to_owned(),
            size,
            root: tree.root(),
        };
        head.sign(&signer(self.origin)).unwrap()
    }

    pub(crate) fn proof(&self, old: u64, new: u64) -> Vec<Hash> {
        let read = |_| Ok::<_, Infallible>(self.leaves.clone());
        prove_consistency(old, new, read).unwrap()
    }

    /// The body of a request from one size to another.
    pub(crate) fn request(&self, old: u64, new: u64) -> String {
        let proof = self.proof(old.min(new), new);
        Request::new(old, &proof, &self.note(new)).unwrap().encode()
    }
}

pub(crate) fn signer(origin: &str) -> Signer {
    Signer::from_seed(origin, &[1; 32]).unwrap()
}

pub(crate) fn settings() -> Settings {
    Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        database: "sqlite:witness.db".to_owned(),
        name: "witness.example".to_owned(),
        signing_key: "witness.key".into(),
        certificate: None,
        key: None,
        requests_per_second: 1_000,
        logs: vec![WitnessedLog {
            vkey: signer(ORIGIN).vkey(),
            years: Years::All,
        }],
    }
}

pub(crate) fn clock() -> Clock {
    Clock::fixed("2026-11-29T10:00:00Z".parse().unwrap())
}

pub(crate) async fn open(folder: &Path, db: &Db) -> Result<Witness, Error> {
    Witness::open(&settings(), folder, db.clone(), clock()).await
}

/// When the witness says to have cosigned, if the line verifies on the log's checkpoint.
pub(crate) fn time_of(line: &str, log: &Log, size: u64, witness: &Witness) -> Option<u64> {
    let key: CosignerKey = witness.vkey().parse().unwrap();
    let cosigned = log.note(size) + line;
    let note = Note::parse(&cosigned).unwrap();
    key.newest_on(&note).unwrap().map(|newest| newest.time)
}
