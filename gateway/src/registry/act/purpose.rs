//! What follows from an action on a purpose, and where a new content of it goes.

use std::sync::Arc;

use uuid::Uuid;

use super::moved;
use crate::registry::agreement::{Agreement, flagged, standing};
use crate::registry::descriptor::Descriptor;
use crate::registry::draft::Draft;
use crate::registry::entry::{Entry, State};
use crate::registry::error::Error;
use crate::registry::eservice::Eservice;
use crate::registry::law::{Action, Actor};
use crate::registry::purpose::{Content, Purpose};

/// Does a legal action.
pub fn act(
    draft: &mut Draft<'_>,
    entry: &Entry<Purpose>,
    action: Action,
    actor: Actor,
) -> Result<Uuid, Error> {
    match action {
        Action::Activate => activate(draft, entry),
        Action::Approve => approve(draft, entry),
        Action::Reject => reject(draft, entry),
        Action::Suspend => flag(draft, entry, actor, true),
        Action::Unsuspend => flag(draft, entry, actor, false),
        Action::Confirm => confirm(draft, entry),
        Action::Clone => cloned(draft, entry),
        _ => {
            let mut ended = entry.clone();
            ended.body.waiting = None;
            moved(draft, &ended, State::Archived, action.participle())
        }
    }
}

/// Puts a content in its place: in force within the quotas, else waiting for approval. The entry
/// is new, a draft, waiting, or in force with another content.
///
/// # Errors
///
/// When an entry that it rests on is missing.
pub fn place(
    draft: &mut Draft<'_>,
    entry: &Entry<Purpose>,
    content: Content,
    done: &'static str,
) -> Result<Uuid, Error> {
    let mut placed = entry.clone();
    let fits = fits(draft, entry, &content)?;
    let in_force = matches!(entry.state, State::Active | State::Suspended);
    let before = if in_force {
        entry.body.content.clone()
    } else {
        Content::default()
    };
    let agreed = !draft.setting.four_eyes || !content.widens(&before);
    match (in_force, fits && agreed) {
        (true, true) => {
            placed.body.version += u32::from(content != entry.body.content);
            placed.body.content = content;
            placed.body.waiting = None;
        }
        (false, true) => {
            placed.body.version += 1;
            placed.body.content = content;
            placed.state = State::Active;
        }
        (true, false) => placed.body.waiting = Some(content),
        (false, false) => {
            placed.body.content = content;
            placed.state = State::WaitingForApproval;
        }
    }
    let waits = placed.body.waiting.is_some() || placed.state == State::WaitingForApproval;
    placed.body.asked_by = waits.then(|| draft.setting.operator.to_owned());
    placed.body.rejected_for = None;
    draft.update(done, &placed)?;
    Ok(entry.id)
}

/// Whether a content fits into the quotas beside everything else that is in force.
fn fits(draft: &Draft<'_>, entry: &Entry<Purpose>, content: &Content) -> Result<bool, Error> {
    let (_, descriptor) = rests_on(draft, entry)?;
    let mut room = draft.room(entry.body.consumer, &descriptor.body)?;
    if entry.state == State::Active {
        // What the purpose itself has in force makes room for what takes its place.
        room.consumer += entry.body.content.daily_calls;
        room.total += entry.body.content.daily_calls;
    }
    Ok(room.fits(content.daily_calls))
}

/// The agreement that is in force for a purpose, and its version.
fn rests_on(
    draft: &Draft<'_>,
    entry: &Entry<Purpose>,
) -> Result<(Arc<Entry<Agreement>>, Arc<Entry<Descriptor>>), Error> {
    let pair = (entry.body.consumer, entry.body.eservice);
    let lives = |state| matches!(state, State::Active | State::Suspended);
    let agreement = draft
        .entries::<Agreement>()?
        .into_iter()
        .find(|it| (it.body.consumer, it.body.eservice) == pair && lives(it.state));
    let Some(agreement) = agreement else {
        let english = format!(
            "{}: there is no agreement in force with the e-service",
            entry.name
        );
        return Err(Error::Precondition("AGREEMENT_MISSING", english));
    };
    let descriptor = draft.entry::<Descriptor>(agreement.body.descriptor)?;
    Ok((agreement, descriptor))
}

fn activate(draft: &mut Draft<'_>, entry: &Entry<Purpose>) -> Result<Uuid, Error> {
    let (agreement, _) = rests_on(draft, entry)?;
    if agreement.state != State::Active {
        let english = format!("{}: the agreement is {}", entry.name, agreement.state);
        return Err(Error::Precondition("AGREEMENT_SUSPENDED", english));
    }
    place(draft, entry, entry.body.content.clone(), "activated")
}

fn approve(draft: &mut Draft<'_>, entry: &Entry<Purpose>) -> Result<Uuid, Error> {
    rests_on(draft, entry)?;
    let mut approved = entry.clone();
    if entry.state == State::WaitingForApproval {
        approved.state = State::Active;
    } else {
        let Some(waiting) = approved.body.waiting.take() else {
            return Err(nothing_waits(entry));
        };
        approved.body.content = waiting;
    }
    approved.body.version += 1;
    approved.body.asked_by = None;
    draft.update("approved", &approved)?;
    Ok(entry.id)
}

fn reject(draft: &mut Draft<'_>, entry: &Entry<Purpose>) -> Result<Uuid, Error> {
    let mut rejected = entry.clone();
    if entry.state == State::WaitingForApproval {
        rejected.state = State::Rejected;
    } else if rejected.body.waiting.take().is_none() {
        return Err(nothing_waits(entry));
    }
    rejected.body.asked_by = None;
    rejected.body.rejected_for = Some(draft.setting.reason.to_owned());
    draft.update("rejected", &rejected)?;
    Ok(entry.id)
}

/// Sets or clears a side's flag. What would exceed the quotas when it comes back stays suspended
/// and waits for approval.
fn flag(
    draft: &mut Draft<'_>,
    entry: &Entry<Purpose>,
    actor: Actor,
    set: bool,
) -> Result<Uuid, Error> {
    let producer = draft.entry::<Eservice>(entry.body.eservice)?.body.producer;
    let both = producer == entry.body.consumer;
    let mut by = flagged(entry.body.suspended_by, actor, both, set);
    let mut flagged = entry.clone();
    let returns = !set && !by.any();
    if returns && actor == Actor::Consumer && !fits(draft, entry, &entry.body.content)? {
        by = entry.body.suspended_by;
        flagged.body.waiting = Some(entry.body.content.clone());
        flagged.body.asked_by = Some(draft.setting.operator.to_owned());
    }
    flagged.body.suspended_by = by;
    flagged.state = standing(by);
    let done = if set { "suspended" } else { "unsuspended" };
    draft.update(done, &flagged)?;
    Ok(entry.id)
}

fn confirm(draft: &mut Draft<'_>, entry: &Entry<Purpose>) -> Result<Uuid, Error> {
    if !entry.body.suspended_by.platform {
        let english = format!(
            "{}: no change of the contract waits for confirmation",
            entry.name
        );
        return Err(Error::Precondition("NOTHING_TO_CONFIRM", english));
    }
    let mut confirmed = entry.clone();
    confirmed.body.suspended_by.platform = false;
    confirmed.body.stopped_by = None;
    confirmed.state = standing(confirmed.body.suspended_by);
    draft.update("confirmed", &confirmed)?;
    Ok(entry.id)
}

fn cloned(draft: &mut Draft<'_>, entry: &Entry<Purpose>) -> Result<Uuid, Error> {
    let name = format!("{}-copia", entry.name);
    if draft.named(super::Kind::Purpose, &name).is_some() {
        let english = format!(
            "{name} stands already: archive it, or apply the purpose under a name of its own"
        );
        return Err(Error::Precondition("NAME_TAKEN", english));
    }
    let mut copy = entry.clone();
    copy.id = (draft.setting.new_id)();
    copy.name = name;
    copy.state = State::Draft;
    copy.body.version = 0;
    copy.body.waiting = None;
    copy.body.suspended_by = crate::registry::entry::SuspendedBy::default();
    copy.body.asked_by = None;
    copy.body.stopped_by = None;
    draft.update("cloned", &copy)?;
    Ok(copy.id)
}

fn nothing_waits(entry: &Entry<Purpose>) -> Error {
    let english = format!("{}: no version waits for approval", entry.name);
    Error::Precondition("NOTHING_WAITS", english)
}
