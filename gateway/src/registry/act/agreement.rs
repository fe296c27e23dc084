//! What follows from an action on an agreement.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use uuid::Uuid;

use super::{descriptor, moved};
use crate::registry::agreement::{self, Agreement, Unmet};
use crate::registry::descriptor::{Approval, Descriptor};
use crate::registry::draft::Draft;
use crate::registry::entry::{Entry, State, SuspendedBy};
use crate::registry::error::Error;
use crate::registry::eservice::Eservice;
use crate::registry::law::{Action, Actor};
use crate::registry::purpose::Purpose;

/// Does a legal action.
pub fn act(
    draft: &mut Draft<'_>,
    entry: &Entry<Agreement>,
    action: Action,
    actor: Actor,
) -> Result<Uuid, Error> {
    match action {
        Action::Submit => submit(draft, entry),
        Action::Approve => approve(draft, entry),
        Action::Reject => {
            let mut rejected = entry.clone();
            rejected.body.rejected_for = Some(draft.setting.reason.to_owned());
            moved(draft, &rejected, State::Rejected, "rejected")
        }
        Action::Suspend | Action::Unsuspend => flag(draft, entry, actor, action),
        Action::Upgrade => upgrade(draft, entry),
        Action::Clone => cloned(draft, entry),
        _ => end(draft, entry, action.participle()),
    }
}

/// Makes a draft agreement on the version that is in force; certified attributes are needed now.
///
/// # Errors
///
/// When the version takes no new agreements, or attributes are missing.
pub fn created(
    draft: &mut Draft<'_>,
    name: &str,
    consumer: Uuid,
    descriptor: &Entry<Descriptor>,
) -> Result<Uuid, Error> {
    takes_new(draft, descriptor)?;
    if !draft.met(consumer, &descriptor.body)?.certified {
        return Err(unmet(name, Unmet::Certified));
    }
    let entry = Entry {
        id: (draft.setting.new_id)(),
        name: name.to_owned(),
        state: State::Draft,
        body: Agreement {
            consumer,
            eservice: descriptor.body.eservice,
            descriptor: descriptor.id,
            version: descriptor.body.version,
            suspended_by: SuspendedBy::default(),
            asked_by: None,
            rejected_for: None,
            was_in_force: false,
        },
    };
    draft.update("created", &entry)?;
    Ok(entry.id)
}

/// Whether a version takes new agreements: the one in force does, also while it is suspended. An
/// older one does only beside which it is made: so a whole registry can be restored.
fn takes_new(draft: &Draft<'_>, descriptor: &Entry<Descriptor>) -> Result<(), Error> {
    let restored = draft.seen.row(descriptor.id).is_none();
    let takes = match descriptor.state {
        State::Published => true,
        State::Suspended => restored || descriptor::is_newest(draft, descriptor)?,
        State::Deprecated => restored,
        _ => false,
    };
    if takes {
        return Ok(());
    }
    Err(not_open(descriptor, "made"))
}

fn not_open(descriptor: &Entry<Descriptor>, done: &str) -> Error {
    let english = format!(
        "{} is {}, so no agreement on it can be {done}: take the published version",
        descriptor.name, descriptor.state
    );
    Error::Precondition("DESCRIPTOR_NOT_OPEN", english)
}

/// Hands a draft to the producer; what comes into force takes the place of what was.
///
/// # Errors
///
/// When the version takes no new agreements, or the tenant has yet to declare attributes.
pub fn submit(draft: &mut Draft<'_>, entry: &Entry<Agreement>) -> Result<Uuid, Error> {
    let descriptor = draft.entry::<Descriptor>(entry.body.descriptor)?;
    takes_new(draft, &descriptor)?;
    let producer = draft.entry::<Eservice>(entry.body.eservice)?.body.producer;
    let met = draft.met(entry.body.consumer, &descriptor.body)?;
    let own = producer == entry.body.consumer;
    // Where four eyes are asked for nobody's word alone gives access.
    let approval = match descriptor.body.approval {
        Approval::Automatic if !draft.setting.four_eyes => Approval::Automatic,
        Approval::Manual if own && !draft.setting.four_eyes => Approval::Automatic,
        _ => Approval::Manual,
    };
    let state = agreement::submitted(met, approval).map_err(|what| unmet(&entry.name, what))?;
    settle(draft, entry, state, "submitted")
}

fn approve(draft: &mut Draft<'_>, entry: &Entry<Agreement>) -> Result<Uuid, Error> {
    let descriptor = draft.entry::<Descriptor>(entry.body.descriptor)?;
    let open = [State::Published, State::Suspended, State::Deprecated];
    if !open.contains(&descriptor.state) {
        return Err(not_open(&descriptor, "approved"));
    }
    let met = draft.met(entry.body.consumer, &descriptor.body)?;
    let state = agreement::approved(met).map_err(|what| unmet(&entry.name, what))?;
    settle(draft, entry, state, "approved")
}

/// Writes a submitted or approved agreement; when it comes into force the one before it ends.
fn settle(
    draft: &mut Draft<'_>,
    entry: &Entry<Agreement>,
    state: State,
    done: &'static str,
) -> Result<Uuid, Error> {
    let mut settled = entry.clone();
    settled.state = state;
    settled.body.asked_by = (state == State::Pending).then(|| draft.setting.operator.to_owned());
    if state != State::Active {
        draft.update(done, &settled)?;
        return Ok(entry.id);
    }
    // Who brings the version is who asked for it, not who approves.
    let by = entry.body.asked_by.clone();
    let by = by.unwrap_or_else(|| draft.setting.operator.to_owned());
    settled.body.was_in_force = true;
    pair(&entry.name).clone_into(&mut settled.name);
    let older = in_force(draft, &entry.body)?;
    if let Some(older) = older.filter(|older| older.id != entry.id) {
        moved(draft, &older, State::Archived, "archived")?;
        draft.update(done, &settled)?;
        concern(draft, &settled, &by)?;
        descriptor::abandon(draft, older.body.descriptor)?;
    } else {
        draft.update(done, &settled)?;
        concern(draft, &settled, &by)?;
    }
    Ok(entry.id)
}

/// The agreement of the same pair that is in force.
fn in_force(draft: &Draft<'_>, of: &Agreement) -> Result<Option<Entry<Agreement>>, Error> {
    let same = |other: &Agreement| (other.consumer, other.eservice) == (of.consumer, of.eservice);
    let lives = |state| matches!(state, State::Active | State::Suspended);
    let found = draft.entries::<Agreement>()?;
    let found = found
        .into_iter()
        .find(|it| same(&it.body) && lives(it.state));
    Ok(found.map(|entry| Entry::clone(&entry)))
}

fn flag(
    draft: &mut Draft<'_>,
    entry: &Entry<Agreement>,
    actor: Actor,
    action: Action,
) -> Result<Uuid, Error> {
    let producer = draft.entry::<Eservice>(entry.body.eservice)?.body.producer;
    let both = producer == entry.body.consumer;
    let mut flagged = entry.clone();
    let set = action == Action::Suspend;
    flagged.body.suspended_by = agreement::flagged(entry.body.suspended_by, actor, both, set);
    flagged.state = agreement::standing(flagged.body.suspended_by);
    draft.update(action.participle(), &flagged)?;
    Ok(entry.id)
}

/// Moves an agreement to the newest published version. Its state and its flags go with it; where
/// declared or verified attributes are missing a draft is left beside it.
///
/// # Errors
///
/// When there is no newer version, or certified attributes are missing.
pub fn upgrade(draft: &mut Draft<'_>, entry: &Entry<Agreement>) -> Result<Uuid, Error> {
    let newest = newest_published(draft, entry.body.eservice)?
        .filter(|newest| newest.body.version > entry.body.version);
    let Some(newest) = newest else {
        let english = format!("{} is on the newest published version", entry.name);
        return Err(Error::Precondition("NO_NEWER_VERSION", english));
    };
    let met = draft.met(entry.body.consumer, &newest.body)?;
    if !met.certified {
        return Err(unmet(&entry.name, Unmet::Certified));
    }
    let mut upgraded = entry.clone();
    upgraded.id = (draft.setting.new_id)();
    upgraded.body.descriptor = newest.id;
    upgraded.body.version = newest.body.version;
    if !met.all() {
        upgraded.state = State::Draft;
        upgraded.body.suspended_by = SuspendedBy::default();
        upgraded.body.was_in_force = false;
        upgraded.name = format!("{}@{}", pair(&entry.name), newest.body.version);
        if draft
            .named(super::Kind::Agreement, &upgraded.name)
            .is_some_and(|row| !row.state.is_final())
        {
            let english = format!("{} stands already: submit it", upgraded.name);
            return Err(Error::Precondition("UPGRADE_STANDS", english));
        }
        draft.update("upgraded", &upgraded)?;
        return Ok(upgraded.id);
    }
    let old = entry.body.descriptor;
    moved(draft, entry, State::Archived, "archived")?;
    draft.update("upgraded", &upgraded)?;
    concern(draft, &upgraded, draft.setting.operator)?;
    descriptor::abandon(draft, old)?;
    Ok(upgraded.id)
}

/// The versions that the purposes of a pair have rested on before, newest first.
fn rested_on(
    draft: &Draft<'_>,
    agreement: &Entry<Agreement>,
) -> Result<Vec<Arc<Entry<Descriptor>>>, Error> {
    let pair = (agreement.body.consumer, agreement.body.eservice);
    let agreements = draft.entries::<Agreement>()?;
    let own = agreements.iter().filter(|it| {
        let same = (it.body.consumer, it.body.eservice) == pair;
        let rested = it.body.was_in_force || matches!(it.state, State::Active | State::Suspended);
        same && rested && it.id != agreement.id
    });
    let ids: BTreeSet<Uuid> = own.map(|it| it.body.descriptor).collect();
    let mut versions = Vec::new();
    for id in ids {
        versions.push(draft.entry::<Descriptor>(id)?);
    }
    versions.sort_by_key(|it| Reverse(it.body.version));
    Ok(versions)
}

/// Suspends the purposes of an agreement for which its version shows more than what they rested on
/// before; `by` has brought it.
fn concern(draft: &mut Draft<'_>, agreement: &Entry<Agreement>, by: &str) -> Result<(), Error> {
    let now = draft.entry::<Descriptor>(agreement.body.descriptor)?;
    let before = rested_on(draft, agreement)?;
    let sensitive = descriptor::compared(draft, &before, &now.body)?.sensitive;
    if sensitive.is_empty() {
        return Ok(());
    }
    let pair = (agreement.body.consumer, agreement.body.eservice);
    for purpose in draft.entries::<Purpose>()? {
        let own = (purpose.body.consumer, purpose.body.eservice) == pair;
        let lives = matches!(purpose.state, State::Active | State::Suspended);
        let content = &purpose.body.content;
        let concerned = sensitive
            .iter()
            .any(|change| change.concerns(&content.methods, &content.data_classes));
        if own && lives && concerned {
            let mut stopped = Entry::clone(&purpose);
            stopped.state = State::Suspended;
            stopped.body.suspended_by.platform = true;
            stopped.body.stopped_by = Some(by.to_owned());
            draft.update("suspended", &stopped)?;
        }
    }
    Ok(())
}

fn cloned(draft: &mut Draft<'_>, entry: &Entry<Agreement>) -> Result<Uuid, Error> {
    let Some(newest) = newest_published(draft, entry.body.eservice)? else {
        let english = format!("{}: the e-service has no published version", entry.name);
        return Err(Error::Precondition("NOTHING_PUBLISHED", english));
    };
    let name = pair(&entry.name);
    if draft
        .named(super::Kind::Agreement, name)
        .is_some_and(|row| !row.state.is_final())
    {
        let english = format!("{name} has an agreement that has not ended");
        return Err(Error::Precondition("AGREEMENT_STANDS", english));
    }
    created(draft, name, entry.body.consumer, &newest)
}

fn end(draft: &mut Draft<'_>, entry: &Entry<Agreement>, done: &'static str) -> Result<Uuid, Error> {
    moved(draft, entry, State::Archived, done)?;
    descriptor::abandon(draft, entry.body.descriptor)?;
    Ok(entry.id)
}

/// The version of an e-service that is published.
pub(super) fn newest_published(
    draft: &Draft<'_>,
    eservice: Uuid,
) -> Result<Option<Arc<Entry<Descriptor>>>, Error> {
    let versions = draft.versions(eservice)?;
    Ok(versions
        .into_iter()
        .rev()
        .find(|it| it.state == State::Published))
}

/// The name of the pair, `consumer/eservice`, without the version of an upgrade in waiting.
fn pair(name: &str) -> &str {
    name.split_once('@').map_or(name, |(pair, _)| pair)
}

fn unmet(name: &str, what: Unmet) -> Error {
    let (reason, missing) = match what {
        Unmet::Certified => ("ATTRIBUTES_CERTIFIED", "certified"),
        Unmet::Declared => ("ATTRIBUTES_DECLARED", "declared"),
        Unmet::Verified => ("ATTRIBUTES_VERIFIED", "verified"),
    };
    let english =
        format!("{name}: the consumer lacks {missing} attributes that the e-service asks for");
    Error::Precondition(reason, english)
}
