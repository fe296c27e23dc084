//! One log of a pack: its head, and each record against it.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use prost::Message as _;
use varco_proto::audit::v1::{Anchor, Record, RecordKind};
use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::hash::Hash;
use varco_tlog::note::Verifier;
use varco_tlog::policy::{Policy, Trusted};
use varco_tlog::proof::{verify_consistency, verify_inclusion};
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
    let parts = archive.parts(folder);
    let indices: Vec<u64> = parts
        .iter()
        .filter_map(|part| match part {
            Part::Proof(index) => Some(*index),
            _ => None,
        })
        .collect();
    let (good, checked) = log.records(&indices);
    let checked = checked.and_then(|()| log.anchors(&parts));
    let wrong = |(index, what)| Wrong {
        of: log.trusted.checkpoint.origin.clone(),
        index,
        what,
        good,
    };
    let anchors = checked.map_err(wrong)?;
    let (Some(first), Some(last)) = (indices.first(), indices.last()) else {
        return Err(wrong((None, "it holds no record")));
    };
    Ok(log.held((*first, *last), indices.len(), anchors))
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
        let signed = Checkpoint::open(&note, &key);
        let signed =
            signed.map_err(|_| "its head is not signed by the key that stands beside it")?;
        if pack::folder(&signed.origin) != folder {
            return Err("its folder has the name of another log");
        }
        let agreed = own.check(&note);
        let mut agreed = agreed.map_err(|_| "its head is not signed as its own policy asks")?;
        if let Some(trusted) = trusted {
            let outside = trusted.check(&note);
            agreed = outside.map_err(
                |_| "its head is not signed as you ask: by another key, or by too few witnesses",
            )?;
        }
        Ok(Self {
            archive,
            folder,
            vkey,
            note,
            trusted: agreed,
        })
    }

    /// How many records hold, and the first that does not.
    fn records(&self, indices: &[u64]) -> (usize, Result<(), (Option<u64>, &'static str)>) {
        let lines = self.text(Part::Lines).unwrap_or_default();
        let bytes = self.archive.part(self.folder, Part::Leaves);
        let bytes = bytes.unwrap_or_default();
        let (mut leaves, mut lines) = (Leaves(&bytes), lines.split_terminator('\n'));
        let (mut good, mut all, mut before) = (0, Ok(()), None);
        for index in indices {
            let checked = match (leaves.next(), lines.next()) {
                _ if before >= Some(*index) => Err("it stands behind a later one"),
                (Some(leaf), Some(line)) => self.record(*index, leaf, line),
                (None, _) => Err("it is missing in records.bin"),
                (_, None) => Err("it is missing in records.ndjson"),
            };
            before = Some(*index);
            good += usize::from(checked.is_ok());
            all = all.and(checked.map_err(|what| (Some(*index), what)));
        }
        if !leaves.0.is_empty() {
            all = all.and(Err((None, "records.bin holds more than is proven")));
        }
        if lines.next().is_some() {
            all = all.and(Err((None, "records.ndjson holds more than is proven")));
        }
        (good, all)
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

    /// How many anchors there are; each is proven, and no evidence stands there that none of them holds.
    fn anchors(&self, parts: &[Part]) -> Result<usize, (Option<u64>, &'static str)> {
        let text = self.text(Part::AnchorLines).unwrap_or_default();
        let mut lines = text.split_terminator('\n');
        let (mut count, mut held) = (0, Vec::new());
        for part in parts {
            if let Part::AnchorProof(index) = part {
                let line = lines.next().unwrap_or_default();
                let evidence = self.anchor(*index, line);
                held.extend(evidence.map_err(|what| (Some(*index), what))?);
                count += 1;
            }
        }
        if lines.next().is_some() {
            return Err((None, "anchors.ndjson holds more than is proven"));
        }
        let is_alien = |part: &&Part| {
            let is_evidence = matches!(part, Part::Token(_) | Part::Note(_) | Part::Consistency(_));
            is_evidence && !held.contains(part)
        };
        match parts.iter().find(is_alien) {
            None => Ok(count),
            Some(_) => Err((None, "evidence stands there that no anchor holds")),
        }
    }

    /// The files of an anchor, once it is proven, they hold what it says, and the head goes on from its checkpoint.
    fn anchor(&self, index: u64, line: &str) -> Result<Vec<Part>, &'static str> {
        let leaf = self.proven(Part::AnchorProof(index), index)?;
        let placed = self.placed(index, &leaf, line)?;
        let is_anchor = placed.record.kind() == RecordKind::Anchor;
        let anchor = placed.record.anchor.as_ref().filter(|_| is_anchor);
        let anchor = anchor.ok_or("it is no anchor")?;
        let mut held = Vec::new();
        for (part, content) in pack::anchored(index, anchor) {
            let stored = self.archive.part(self.folder, part);
            if stored.is_none_or(|stored| stored != content) {
                return Err("its evidence is not the one that the record holds");
            }
            held.push(part);
        }
        held.extend(self.goes_on(index, anchor)?);
        Ok(held)
    }

    /// The file that shows that the head goes on from an anchored checkpoint; none for that of another log.
    fn goes_on(&self, index: u64, anchor: &Anchor) -> Result<Option<Part>, &'static str> {
        let note = anchor.checkpoint.as_str();
        if digest(&SHA256, note.as_bytes()).as_ref() != anchor.checkpoint_sha256 {
            return Err("its checkpoint is not the one whose digest it names");
        }
        let head = &self.trusted.checkpoint;
        if note.lines().next() != Some(&head.origin) {
            return Ok(None);
        }
        let key: Verifier = self.vkey.parse().map_err(|_| "its key is none")?;
        let old = Checkpoint::open(note, &key);
        let old = old.map_err(|_| "its checkpoint is not signed by the log's key")?;
        let part = Part::Consistency(index);
        let proof = self.text(part).as_deref().and_then(pack::read_hashes);
        let proof = proof.ok_or("the proof that the head goes on from it cannot be read")?;
        verify_consistency(old.size, &old.root, head.size, &head.root, &proof)
            .map_err(|_| "the head does not go on from its checkpoint")?;
        Ok(Some(part))
    }

    /// What is told of a log that holds.
    fn held(self, (first, last): (u64, u64), records: usize, anchors: usize) -> Held {
        let head = self.trusted.checkpoint;
        Held {
            absent: (last - first + 1).saturating_sub(u64::try_from(records).unwrap_or_default()),
            first,
            last,
            records,
            anchors,
            witnesses: self.trusted.cosigned.into_iter().map(|it| it.0).collect(),
            origin: head.origin,
            size: head.size,
            root: hex::encode(head.root.as_bytes()),
            vkey: self.vkey,
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
