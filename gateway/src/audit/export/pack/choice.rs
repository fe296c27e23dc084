//! Which records go into a pack, and under which head.

use prost::Message as _;
use varco_proto::audit::v1::{Record, RecordKind};
use varco_runtime::store::Db;
use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::cosignature::CosignerKey;
use varco_tlog::note::Verifier;
use varco_tlog::policy::Policy;

use super::{Chosen, Error, Wanted};
use crate::audit::export::{Placed, each_in, window};
use crate::audit::index::word::Word;
use crate::audit::pack::{MOST_ANCHORS, MOST_LOGS, MOST_RECORDS};
use crate::audit::reading::{Reading, decode};
use crate::audit::{Error as Audit, store_log};

/// Finds what is wanted, log by log, in the databases of the records and of the index.
pub(in crate::audit) async fn choose(
    (db, behind): (Db, Db),
    wanted: &Wanted,
    origin: Option<&str>,
) -> Result<Vec<Chosen>, Error> {
    let mut tx = db.read().await.map_err(Audit::from)?;
    let mut logs = store_log::logs(&mut tx).await?;
    drop(tx);
    if let Some(origin) = origin {
        logs.retain(|log| log.origin == origin);
        if logs.is_empty() {
            return Err(Audit::NoLog(origin.to_owned()).into());
        }
    }
    let (mut chosen, mut room) = (Vec::new(), MOST_RECORDS);
    for log in logs {
        let reading = Reading::of(db.clone(), behind.clone(), log).await?;
        let found = choose_of(reading, wanted).await?;
        let Some(found) = found else { continue };
        room = room
            .checked_sub(found.records.len())
            .ok_or(Error::TooMany)?;
        chosen.push(found);
    }
    match chosen.len() {
        0 => Err(Error::Nothing),
        1..=MOST_LOGS => Ok(chosen),
        _ => Err(Error::TooMany),
    }
}

/// What is wanted of one log; none where it holds nothing of it.
async fn choose_of(reading: Reading, wanted: &Wanted) -> Result<Option<Chosen>, Error> {
    let records = records(&reading, wanted).await?;
    let Some(first) = records.first() else {
        return Ok(None);
    };
    let anchors = anchors(&reading, first.index).await?;
    // Read last, the head covers all that was found.
    let head = reading.head().await?.ok_or(Error::Nothing)?;
    Ok(Some(Chosen {
        cosigned: Vec::new(),
        reading,
        head,
        records,
        anchors,
    }))
}

async fn records(reading: &Reading, wanted: &Wanted) -> Result<Vec<Placed>, Error> {
    let (word, fits): (_, &dyn Fn(&Record) -> bool) = match wanted {
        Wanted::Day(day) => {
            let mut found = Vec::new();
            let mut take = |placed| {
                // One too many is enough to refuse.
                if found.len() <= MOST_RECORDS {
                    found.push(placed);
                }
                Ok(())
            };
            each_in(reading, window(*day), &mut take).await?;
            return Ok(found);
        }
        Wanted::Call(id) => (Word::Call(id), &|it| it.audit_id == id.as_slice()),
        Wanted::Trace(id) => (Word::Trace(id), &|it| it.trace_id == id.as_slice()),
    };
    at_word(reading, word, fits).await
}

async fn at_word(
    reading: &Reading,
    word: Word<'_>,
    fits: &dyn Fn(&Record) -> bool,
) -> Result<Vec<Placed>, Error> {
    let size = reading.head().await?.map_or(0, |head| head.size);
    let mut indices = reading.indices(word, (0, size)).await?;
    indices.truncate(MOST_RECORDS + 1);
    let mut found = Vec::new();
    for (index, leaf) in reading.leaves_at(&indices).await? {
        let record = decode(index, &leaf)?;
        if fits(&record) {
            found.push(Placed {
                origin: reading.log.origin.clone(),
                index,
                record,
            });
        }
    }
    Ok(found)
}

/// The anchors that cover a record: those of a log that was longer, the earliest first, for they say the most.
async fn anchors(reading: &Reading, first: u64) -> Result<Vec<Placed>, Error> {
    let covers = |it: &Record| it.anchor.as_ref().is_some_and(|it| it.size > first);
    let word = Word::Kind(RecordKind::Anchor.into());
    let mut anchors = at_word(reading, word, &covers).await?;
    anchors.truncate(MOST_ANCHORS);
    Ok(anchors)
}

/// The head that every proof of a log leads to, as a note, and who has to have signed it.
///
/// That is the longest one that a witness has cosigned and that holds all that was chosen; else the newest.
pub(super) fn head(
    chosen: &Chosen,
    witnesses: &[CosignerKey],
) -> Result<(Checkpoint, String, Policy), Error> {
    let key: Verifier = chosen.reading.log.vkey.parse().map_err(Audit::from)?;
    let last = chosen.records.last().map_or(0, |it| it.index);
    let anchored = chosen
        .anchors
        .iter()
        .filter_map(|it| it.record.anchor.as_ref());
    let anchored = anchored.map(|it| it.checkpoint.as_str());
    let notes = chosen.cosigned.iter().map(String::as_str).chain(anchored);
    let cosigned = policy(&key, witnesses, Quorum::Any)?;
    let plain = policy(&key, witnesses, Quorum::None)?;
    let best = notes
        .filter_map(|note| Some((cosigned.as_ref()?.check(note).ok()?.checkpoint, note)))
        .filter(|(it, _)| it.size > last && it.size <= chosen.head.size)
        .max_by_key(|(it, _)| it.size);
    if let (Some((checkpoint, note)), Some(policy)) = (best, cosigned.clone()) {
        return Ok((checkpoint, note.to_owned(), policy));
    }
    let plain = plain.ok_or(Error::Nothing)?;
    let trusted = plain.check(&chosen.head.note).map_err(Audit::from)?;
    Ok((trusted.checkpoint, chosen.head.note.clone(), plain))
}

/// How many witnesses a policy asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quorum {
    None,
    Any,
}

/// A policy that knows a log and witnesses; none when it asks for a witness and there is none.
fn policy(
    key: &Verifier,
    witnesses: &[CosignerKey],
    quorum: Quorum,
) -> Result<Option<Policy>, Error> {
    let broken = |fault| Audit::from(varco_tlog::error::Error::MalformedPolicy { line: 0, fault });
    let mut policy = Policy::new();
    policy.add_log(key.clone(), None).map_err(broken)?;
    let mut names = Vec::new();
    for (witness, number) in witnesses.iter().zip(1_u32..) {
        let mut name = witness.name().to_owned();
        if names.contains(&name) || [GROUP, "none"].contains(&name.as_str()) {
            name = format!("{name}-{number}");
        }
        policy
            .add_witness(&name, witness.clone(), None)
            .map_err(broken)?;
        names.push(name);
    }
    if quorum == Quorum::Any {
        let members: Vec<&str> = names.iter().map(String::as_str).collect();
        if members.is_empty() {
            return Ok(None);
        }
        policy.add_group(GROUP, 1, &members).map_err(broken)?;
        policy.set_quorum(GROUP).map_err(broken)?;
    }
    Ok(Some(policy))
}

/// The leaf of a record: its one encoding.
pub(super) fn leaf(placed: &Placed) -> Vec<u8> {
    placed.record.encode_to_vec()
}

/// The group of all witnesses.
const GROUP: &str = "testimoni";
