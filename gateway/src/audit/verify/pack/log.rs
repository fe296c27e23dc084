//! One log of a pack: its head, and each record against it.

use std::fmt;

use prost::Message as _;
use varco_proto::audit::v1::{Record, RecordKind};
use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::hash::Hash;
use varco_tlog::note::Verifier;
use varco_tlog::policy::{Policy, Trusted};
use varco_tlog::proof::verify_inclusion;
use varco_tlog::proof_file::ProofFile;

use super::Held;
use super::archive::Archive;
use crate::audit::export::{Placed, ndjson};
use crate::audit::pack::{self, Part};

/// What is wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The log, or the folder where nobody says which log it is.
    pub(super) of: String,
    /// The record, where it is about one.
    index: Option<u64>,
    what: &'static str,
    /// Records that hold all the same.
    pub(super) good: usize,
}

/// The head of a log, signed, and what of the pack is checked against it.
struct Log<'a> {
    archive: &'a Archive<'a>,
    folder: &'a str,
    vkey: String,
    note: String,
    trusted: Trusted,
}

impl fmt::Display for Wrong {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(out, "record {index} of {}: {}", self.of, self.what),
            None => write!(out, "{}: {}", self.of, self.what),
        }
    }
}

/// Checks the log in a folder.
pub(super) fn check(
    archive: &Archive<'_>,
    folder: &str,
    trusted: Option<&Policy>,
) -> Result<Held, Wrong> {
    let log = Log::open(archive, folder, trusted).map_err(|what| Wrong {
        of: folder.to_owned(),
        index: None,
        what,
        good: 0,
    })?;
    let wrong = |index, what, good| Wrong {
        of: log.trusted.checkpoint.origin.clone(),
        index,
        what,
        good,
    };
    let (mut indices, mut anchors) = (Vec::new(), Vec::new());
    for part in archive.parts(folder) {
        match part {
            Part::Proof(index) => indices.push(index),
            Part::AnchorProof(index) => anchors.push(index),
            _ => {}
        }
    }
    let (good, bad) = log.records(&indices);
    if let Some((index, what)) = bad {
        return Err(wrong(index, what, good));
    }
    log.anchors(&anchors)
        .map_err(|(index, what)| wrong(index, what, good))?;
    let (Some(first), Some(last)) = (indices.first(), indices.last()) else {
        return Err(wrong(None, "it holds no record", 0));
    };
    let head = log.trusted.checkpoint;
    Ok(Held {
        absent: last - first + 1 - u64::try_from(indices.len()).unwrap_or_default(),
        first: *first,
        last: *last,
        records: indices.len(),
        anchors: anchors.len(),
        witnesses: log.trusted.cosigned.into_iter().map(|it| it.0).collect(),
        origin: head.origin,
        size: head.size,
        root: hex::encode(head.root.as_bytes()),
        vkey: log.vkey,
    })
}

impl<'a> Log<'a> {
    /// The head, which its own key and policy and those of whoever asks have signed.
    fn open(
        archive: &'a Archive<'a>,
        folder: &'a str,
        trusted: Option<&Policy>,
    ) -> Result<Self, &'static str> {
        let text = |part| archive.text(folder, part);
        let note = text(Part::Checkpoint).ok_or("its head is missing")?;
        let vkey = text(Part::Vkey).ok_or("its key is missing")?;
        let vkey = vkey.strip_suffix('\n').ok_or("its key is none")?.to_owned();
        let key: Verifier = vkey.parse().map_err(|_| "its key is none")?;
        let own = text(Part::Policy).ok_or("its policy is missing")?;
        let own: Policy = own.parse().map_err(|_| "its policy is none")?;
        let head = Checkpoint::open(&note, &key);
        let head = head.map_err(|_| "its head is not signed by the key that stands beside it")?;
        if pack::folder(&head.origin) != folder {
            return Err("its folder has the name of another log");
        }
        let held = own.check(&note);
        let mut held = held.map_err(|_| "its head is not signed as its own policy asks")?;
        if let Some(trusted) = trusted {
            let outside = trusted.check(&note);
            held = outside.map_err(
                |_| "its head is not signed as you ask: by another key, or by too few witnesses",
            )?;
        }
        Ok(Self {
            archive,
            folder,
            vkey,
            note,
            trusted: held,
        })
    }

    /// How many records hold, and the first that does not.
    fn records(&self, indices: &[u64]) -> (usize, Option<(Option<u64>, &'static str)>) {
        let lines = self.text(Part::Lines).unwrap_or_default();
        let bytes = self
            .archive
            .part(self.folder, Part::Leaves)
            .unwrap_or_default();
        let (mut leaves, mut lines) = (Leaves(&bytes), lines.split_terminator('\n'));
        let (mut good, mut bad, mut before) = (0, None, None);
        for index in indices {
            let checked = match (leaves.next(), lines.next()) {
                _ if before >= Some(*index) => Err("it stands behind a later one"),
                (Some(leaf), Some(line)) => self.record(*index, leaf, line),
                (None, _) => Err("it is missing in records.bin"),
                (_, None) => Err("it is missing in records.ndjson"),
            };
            before = Some(*index);
            match checked {
                Ok(()) => good += 1,
                Err(what) => bad = bad.or(Some((Some(*index), what))),
            }
        }
        if leaves.next().is_some() || !leaves.0.is_empty() {
            bad = bad.or(Some((
                None,
                "records.bin holds more than the records that are proven",
            )));
        }
        if lines.next().is_some() {
            bad = bad.or(Some((
                None,
                "records.ndjson holds more than the records that are proven",
            )));
        }
        (good, bad)
    }

    fn record(&self, index: u64, leaf: &[u8], line: &str) -> Result<(), &'static str> {
        if self.proven(Part::Proof(index), index)? != leaf {
            return Err("its proof is for another record than records.bin holds");
        }
        self.placed(index, leaf, line).map(drop)
    }

    /// The leaf that a proof file carries, once it is proven.
    fn proven(&self, part: Part, index: u64) -> Result<Vec<u8>, &'static str> {
        let text = self.text(part).ok_or("its proof cannot be read")?;
        let proof: ProofFile = text.parse().map_err(|_| "its proof is none")?;
        if proof.to_string() != text || proof.index != index || proof.checkpoint != self.note {
            return Err("its proof is for another record, or for another head");
        }
        let leaf = proof.extra.unwrap_or_default();
        let head = &self.trusted.checkpoint;
        let hash = Hash::leaf(&leaf);
        verify_inclusion(&hash, index, head.size, &proof.inclusion, &head.root)
            .map_err(|_| "its proof does not lead to the root that was signed")?;
        Ok(leaf)
    }

    /// The record of a leaf, once its line says the same.
    fn placed(&self, index: u64, leaf: &[u8], line: &str) -> Result<Placed, &'static str> {
        let record = Record::decode(leaf).map_err(|_| "it does not parse")?;
        let placed = Placed {
            origin: self.trusted.checkpoint.origin.clone(),
            index,
            record,
        };
        if ndjson::line(&placed) != line {
            return Err("its line does not say what the record says");
        }
        Ok(placed)
    }

    fn anchors(&self, indices: &[u64]) -> Result<(), (Option<u64>, &'static str)> {
        let text = match self.text(Part::AnchorLines) {
            Some(text) => text,
            None if indices.is_empty() => return Ok(()),
            None => return Err((None, "anchors.ndjson is missing")),
        };
        let mut lines = text.split_terminator('\n');
        for index in indices {
            let line = lines.next().unwrap_or_default();
            self.anchor(*index, line)
                .map_err(|what| (Some(*index), what))?;
        }
        match lines.next() {
            Some(_) => Err((
                None,
                "anchors.ndjson holds more than the anchors that are proven",
            )),
            None => Ok(()),
        }
    }

    fn anchor(&self, index: u64, line: &str) -> Result<(), &'static str> {
        let leaf = self.proven(Part::AnchorProof(index), index)?;
        let placed = self.placed(index, &leaf, line)?;
        if placed.record.kind() != RecordKind::Anchor {
            return Err("it is no anchor");
        }
        let Some((part, evidence)) = pack::evidence(index, &placed.record) else {
            return Ok(());
        };
        match self.archive.part(self.folder, part) {
            Some(stored) if stored == evidence => Ok(()),
            _ => Err("its evidence is not the one that the record holds"),
        }
    }

    fn text(&self, part: Part) -> Option<String> {
        self.archive.text(self.folder, part)
    }
}

/// Leaves behind their lengths.
struct Leaves<'a>(&'a [u8]);

impl<'a> Iterator for Leaves<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (leaf, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(leaf)
    }
}
