//! What follows from an action on a descriptor.

use std::cmp::Reverse;
use std::sync::Arc;

use uuid::Uuid;

use super::moved;
use crate::registry::compat::{self, Comparison};
use crate::registry::descriptor::{self, Descriptor};
use crate::registry::draft::Draft;
use crate::registry::entry::{Entry, State};
use crate::registry::error::Error;
use crate::registry::law::Action;

/// Does a legal action.
pub fn act(
    draft: &mut Draft<'_>,
    entry: &Entry<Descriptor>,
    action: Action,
) -> Result<Uuid, Error> {
    let done = action.participle();
    match action {
        Action::Publish => publish(draft, entry, &[]),
        Action::Approve => approve(draft, entry),
        Action::Reject => {
            let mut rejected = entry.clone();
            rejected.body.asked_by = None;
            rejected.body.rejected_for = Some(draft.setting.reason.to_owned());
            moved(draft, &rejected, State::Draft, done)
        }
        Action::Suspend => moved(draft, entry, descriptor::suspended(entry.state), done),
        Action::Unsuspend | Action::Activate => {
            let newest = is_newest(draft, entry)?;
            moved(
                draft,
                entry,
                descriptor::restored(entry.state, newest),
                done,
            )
        }
        Action::Archive => {
            let rests = draft.has_agreements(entry.id)?;
            moved(draft, entry, descriptor::archived(entry.state, rests), done)
        }
        _ => moved(draft, entry, State::Archived, done),
    }
}

/// What a version changes against others, which stand newest first.
///
/// # Errors
///
/// When a contract was never compiled.
pub fn compared(
    draft: &Draft<'_>,
    before: &[Arc<Entry<Descriptor>>],
    new: &Descriptor,
) -> Result<Comparison, Error> {
    let mut was = Vec::new();
    for old in before {
        was.push(draft.contract(&old.body.contract)?);
    }
    let is = draft.contract(&new.contract)?;
    let was = before.iter().zip(&was).map(|(old, contract)| compat::Old {
        exposed: &old.body.methods,
        contract,
        of: &old.body.contract,
    });
    let was: Vec<compat::Old<'_>> = was.collect();
    Ok(compat::compare(&was, (&is, &new.contract)))
}

/// What a version changes against those before it that have come into force, ended ones among them.
///
/// # Errors
///
/// When an entry does not parse, or its contract was never compiled.
pub fn against_before(draft: &Draft<'_>, new: &Descriptor) -> Result<Comparison, Error> {
    let mut before = draft.entries::<Descriptor>()?;
    before.retain(|it| {
        let older = it.body.eservice == new.eservice && it.body.version < new.version;
        older && (it.body.was_in_force || descriptor::is_in_force(it.state))
    });
    before.sort_by_key(|it| Reverse(it.body.version));
    compared(draft, &before, new)
}

/// Publishes a draft; a sensitive change waits for somebody's approval. `kept` are versions that
/// stay although nobody is on them yet.
///
/// # Errors
///
/// When a newer version has come into force, when it breaks the one that is, or an entry does not
/// parse.
pub fn publish(
    draft: &mut Draft<'_>,
    entry: &Entry<Descriptor>,
    kept: &[Uuid],
) -> Result<Uuid, Error> {
    // Other versions may have come into force since the draft was written.
    in_order(draft, entry)?;
    let mut published = entry.clone();
    published.body.rejected_for = None;
    published.body.sensitive = unbroken(draft, entry)?.sensitive;
    if published.body.sensitive.is_empty() {
        return release(draft, &published, "published", kept);
    }
    published.state = State::WaitingForApproval;
    published.body.asked_by = Some(draft.setting.operator.to_owned());
    draft.update("published", &published)?;
    Ok(entry.id)
}

/// Releases what waits, when it is still what was asked for: it changes nothing more.
fn approve(draft: &mut Draft<'_>, entry: &Entry<Descriptor>) -> Result<Uuid, Error> {
    in_order(draft, entry)?;
    let found = unbroken(draft, entry)?;
    let told = &entry.body.sensitive;
    if let Some(more) = found.sensitive.iter().find(|it| !told.contains(it)) {
        let english = format!(
            "{}: against the version that is in force now it also changes the {}: reject it and \
             publish it again",
            entry.name,
            more.told()
        );
        return Err(Error::Precondition("CONTRACT_MOVED", english));
    }
    release(draft, entry, "approved", &[])
}

/// Versions come into force in their order.
fn in_order(draft: &Draft<'_>, entry: &Entry<Descriptor>) -> Result<(), Error> {
    if is_newest(draft, entry)? {
        return Ok(());
    }
    let english = format!(
        "{}: a newer version has come into force, so make a new one",
        entry.name
    );
    Err(Error::Precondition("DESCRIPTOR_OLDER", english))
}

fn unbroken(draft: &Draft<'_>, entry: &Entry<Descriptor>) -> Result<Comparison, Error> {
    let found = against_before(draft, &entry.body)?;
    match found.breaking.first() {
        None => Ok(found),
        Some(broken) => {
            let english = format!(
                "{} breaks the version that is in force now: {broken}",
                entry.name
            );
            Err(Error::Precondition("CONTRACT_BREAKS", english))
        }
    }
}

/// Brings a version into force; the one before it is deprecated or archived.
fn release(
    draft: &mut Draft<'_>,
    entry: &Entry<Descriptor>,
    done: &'static str,
    kept: &[Uuid],
) -> Result<Uuid, Error> {
    for older in draft.versions(entry.body.eservice)? {
        if older.body.version >= entry.body.version {
            continue;
        }
        let rests = kept.contains(&older.id) || draft.has_agreements(older.id)?;
        let state = descriptor::superseded(older.state, rests);
        if state != older.state {
            let word = if state == State::Archived {
                "archived"
            } else {
                "deprecated"
            };
            moved(draft, &older, state, word)?;
        }
    }
    let mut released = entry.clone();
    released.state = State::Published;
    released.body.asked_by = None;
    released.body.was_in_force = true;
    draft.update(done, &released)?;
    Ok(entry.id)
}

/// Archives a version that nobody is on any more, when only its agreements kept it.
pub(super) fn abandon(draft: &mut Draft<'_>, id: Uuid) -> Result<(), Error> {
    if draft.has_agreements(id)? {
        return Ok(());
    }
    let entry = draft.entry::<Descriptor>(id)?;
    let state = descriptor::abandoned(entry.state, is_newest(draft, &entry)?);
    if state != entry.state {
        moved(draft, &entry, state, "archived")?;
    }
    Ok(())
}

/// Whether no newer version has come into force.
pub(super) fn is_newest(draft: &Draft<'_>, entry: &Entry<Descriptor>) -> Result<bool, Error> {
    let newer = |other: &Entry<Descriptor>| {
        other.body.version > entry.body.version
            && !matches!(other.state, State::Draft | State::WaitingForApproval)
    };
    Ok(!draft
        .versions(entry.body.eservice)?
        .iter()
        .any(|it| newer(it)))
}
