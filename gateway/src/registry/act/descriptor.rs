//! What follows from an action on a descriptor.

use uuid::Uuid;

use super::moved;
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
        Action::Approve => release(draft, entry, "approved", &[]),
        Action::Reject => moved(draft, entry, State::Draft, done),
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

/// Publishes a draft; a sensitive change waits for somebody's approval. `kept` are versions that
/// stay although nobody is on them yet.
///
/// # Errors
///
/// When an entry does not parse.
pub fn publish(
    draft: &mut Draft<'_>,
    entry: &Entry<Descriptor>,
    kept: &[Uuid],
) -> Result<Uuid, Error> {
    if entry.body.sensitive.is_empty() {
        return release(draft, entry, "published", kept);
    }
    let mut waiting = entry.clone();
    waiting.state = State::WaitingForApproval;
    waiting.body.asked_by = Some(draft.setting.operator.to_owned());
    draft.update("published", &waiting)?;
    Ok(entry.id)
}

/// Brings a version into force; the one before it is deprecated or archived.
///
/// # Errors
///
/// When an entry does not parse.
pub fn release(
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
fn is_newest(draft: &Draft<'_>, entry: &Entry<Descriptor>) -> Result<bool, Error> {
    let newer = |other: &Entry<Descriptor>| {
        other.body.version > entry.body.version
            && !matches!(other.state, State::Draft | State::WaitingForApproval)
    };
    Ok(!draft
        .versions(entry.body.eservice)?
        .iter()
        .any(|it| newer(it)))
}
