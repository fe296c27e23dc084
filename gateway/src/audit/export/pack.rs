//! The evidence pack: some records with all that shows that they stand in the register, in one ZIP file.
//!
//! What is chosen is a day, a call or a journey, and all of it or nothing: a pack that had to leave records out
//! would mislead whoever reads it. Every proof is checked before it is written. What a pack looks like is
//! `crate::audit::pack`'s.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use jiff::civil::Date;
use varco_runtime::config::Config;
use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::cosignature::CosignerKey;
use varco_tlog::tile::encode_entries;

use super::{Placed, ndjson};
use crate::audit::Error as Audit;
use crate::audit::index;
use crate::audit::pack::{self, Part};
use crate::audit::reading::{self, Reading};
use crate::audit::store_log::Head;
use archive::Archive;
use prover::Prover;

mod archive;
pub(in crate::audit) mod choice;
mod prover;
#[cfg(test)]
mod tests;

/// Which records are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Those of a call, by its id.
    Call([u8; 16]),
    /// Those of a day in Europe/Rome.
    Day(Date),
    /// Those of a journey, by its W3C trace id.
    Trace([u8; 16]),
}

/// What was found of a log.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Notes that may be cosigned heads of the log, from wherever they were to be had; they are checked.
    pub cosigned: Vec<String>,
    reading: Reading,
    head: Head,
    records: Vec<Placed>,
    anchors: Vec<Placed>,
}

/// What was written of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The log.
    pub origin: String,
    /// Records of it.
    pub records: usize,
    /// Its anchors.
    pub anchors: usize,
    /// Size of the log that the proofs are for.
    pub size: u64,
    /// Names of the witnesses that have cosigned that head.
    pub witnesses: Vec<String>,
}

/// Ways that a pack is not made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folders of two logs would have one name.
    #[error("the names of two logs differ in their signs alone: name one of them with --origin")]
    Alike,
    /// The register cannot be read.
    #[error(transparent)]
    Audit(#[from] Audit),
    /// No record fits.
    #[error("the register holds no record of that: name another day, call, trace or log")]
    Nothing,
    /// The pack would have too many bytes.
    #[error(
        "a pack of that would be longer than 512 MiB: name one log with --origin, or a call or a trace"
    )]
    TooLarge,
    /// There are too many records.
    #[error(
        "that is more than the 50000 records that a pack may hold: name one log with --origin, or a call or a trace; \
         a whole log is exported with --format tiles"
    )]
    TooMany,
    /// The file cannot be written.
    #[error("the pack cannot be written: name a file in a folder that you may write to with --to")]
    Write(#[source] io::Error),
}

impl Chosen {
    /// The log.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.reading.log.origin
    }

    /// The same records, in the log as it stands now.
    async fn renewed(&self) -> Result<Self, Error> {
        let Reading { db, index, log, .. } = &self.reading;
        // The head first: what is read after it reaches it.
        let head = self.reading.head().await?.ok_or(Error::Nothing)?;
        let reading = Reading::of(db.clone(), index.clone(), log.clone()).await?;
        Ok(Self {
            reading,
            head,
            ..self.clone()
        })
    }
}

/// Finds what is wanted in one log, or in all.
///
/// # Errors
///
/// [`Error::Nothing`] or [`Error::TooMany`], or when the register cannot be read.
pub async fn choose(
    config: &Config,
    wanted: &Wanted,
    origin: Option<&str>,
) -> Result<Vec<Chosen>, Error> {
    let db = reading::open_db(config).await?;
    let behind = index::open_to_read(config).await?;
    choice::choose((db, behind), wanted, origin).await
}

/// Writes a pack of what was chosen; `asked` says in Italian what that is.
///
/// # Errors
///
/// When a proof does not hold, or the file cannot be written.
pub async fn write(
    config: &Config,
    chosen: &[Chosen],
    asked: &str,
    to: &Path,
) -> Result<Vec<Packed>, Error> {
    let mut witnesses = Vec::new();
    for known in &config.gateway.witnesses {
        let key: CosignerKey = known.vkey.parse().map_err(Audit::from)?;
        witnesses.push(key);
    }
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let fresh = to.with_file_name(name);
    let file = File::create(&fresh).map_err(Error::Write)?;
    let written = pack(BufWriter::new(file), (chosen, &witnesses), asked).await;
    let done = written.and_then(|(mut file, packed)| {
        file.flush().map_err(Error::Write)?;
        std::fs::rename(&fresh, to).map_err(Error::Write)?;
        Ok(packed)
    });
    if done.is_err() {
        let _ = std::fs::remove_file(&fresh);
    }
    done
}

/// Writes a pack anywhere.
pub(in crate::audit) async fn pack<W: Write>(
    to: W,
    (chosen, witnesses): (&[Chosen], &[CosignerKey]),
    asked: &str,
) -> Result<(W, Vec<Packed>), Error> {
    let mut archive = Archive::new(to);
    archive.put(pack::FORMAT, pack::FORMAT_1.as_bytes())?;
    archive.put(pack::READ_ME, read_me(asked, chosen).as_bytes())?;
    let mut packed = Vec::new();
    for chosen in chosen {
        let alike = |it: &Packed| pack::folder(&it.origin) == pack::folder(chosen.origin());
        if packed.iter().any(alike) {
            return Err(Error::Alike);
        }
        // Meanwhile the log has grown, and cosigned heads may be of what it is now.
        let chosen = chosen.renewed().await?;
        packed.push(put_log(&mut archive, &chosen, witnesses).await?);
    }
    Ok((archive.finish()?, packed))
}

async fn put_log<W: Write>(
    archive: &mut Archive<W>,
    chosen: &Chosen,
    witnesses: &[CosignerKey],
) -> Result<Packed, Error> {
    let (head, note, policy) = choice::head(chosen, witnesses)?;
    let mut put = |part, content: &[u8]| archive.put_part(chosen.origin(), part, content);
    put(Part::Checkpoint, note.as_bytes())?;
    let vkey = format!("{}\n", chosen.reading.log.vkey);
    put(Part::Vkey, vkey.as_bytes())?;
    put(Part::Policy, policy.to_string().as_bytes())?;
    put(Part::Lines, lines(&chosen.records).as_bytes())?;
    put(Part::Leaves, &leaves(&chosen.records)?)?;
    let trusted = policy.check(&note).map_err(Audit::from)?;
    let mut prover = Prover::new(&chosen.reading, head.clone(), note);
    for placed in &chosen.records {
        let proof = prover.prove(placed).await?;
        put(Part::Proof(placed.index), proof.as_bytes())?;
    }
    // An anchor that was set after the head of the proofs cannot be proven under it.
    let anchors = chosen.anchors.iter().filter(|it| it.index < head.size);
    let anchors: Vec<&Placed> = anchors.collect();
    put_anchors(archive, &anchors, &mut prover).await?;
    Ok(Packed {
        origin: head.origin,
        records: chosen.records.len(),
        anchors: anchors.len(),
        size: head.size,
        witnesses: trusted.cosigned.into_iter().map(|(name, _)| name).collect(),
    })
}

async fn put_anchors<W: Write>(
    archive: &mut Archive<W>,
    anchors: &[&Placed],
    prover: &mut Prover<'_>,
) -> Result<(), Error> {
    let origin = &prover.reading.log.origin;
    let mut put = |part, content: &[u8]| archive.put_part(origin, part, content);
    if !anchors.is_empty() {
        put(Part::AnchorLines, lines(anchors.iter().copied()).as_bytes())?;
    }
    for placed in anchors {
        let proof = prover.prove(placed).await?;
        put(Part::AnchorProof(placed.index), proof.as_bytes())?;
        let anchor = placed.record.anchor.clone().unwrap_or_default();
        for (part, content) in pack::anchored(placed.index, &anchor) {
            put(part, content)?;
        }
        // That of the last day of a year is a head of the log before.
        if anchor.checkpoint.lines().next() == Some(origin) {
            let key = prover.reading.log.vkey.parse().map_err(Audit::from)?;
            let old = Checkpoint::open(&anchor.checkpoint, &key).map_err(Audit::from)?;
            let hashes = pack::hashes(&prover.goes_on_from(&old).await?);
            put(Part::Consistency(placed.index), hashes.as_bytes())?;
        }
    }
    Ok(())
}

fn lines<'a>(records: impl IntoIterator<Item = &'a Placed>) -> String {
    let line = |placed| ndjson::line(placed) + "\n";
    records.into_iter().map(line).collect()
}

fn leaves(records: &[Placed]) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    for placed in records {
        let leaf = choice::leaf(placed);
        bytes.extend(encode_entries(std::iter::once(leaf.as_slice())).map_err(Audit::from)?);
    }
    Ok(bytes)
}

/// What a person reads first: what was asked for, and what to do with it.
fn read_me(asked: &str, chosen: &[Chosen]) -> String {
    let mut text = format!("PACCHETTO DI PROVA\n\nContenuto: {asked}.\n\n");
    for it in chosen {
        let index = |placed: Option<&Placed>| placed.map_or(0, |it| it.index);
        let _ = writeln!(
            text,
            "  cartella {}: {} registrazioni del registro {}, dalla n. {} alla n. {}",
            pack::folder(it.origin()),
            it.records.len(),
            it.origin(),
            index(it.records.first()),
            index(it.records.last())
        );
        if it.head.pruned > 0 {
            let _ = writeln!(
                text,
                "    (le registrazioni prima della n. {} erano già state distrutte a fine conservazione)",
                it.head.pruned
            );
        }
    }
    text + "\n" + include_str!("pack/LEGGIMI.txt")
}
