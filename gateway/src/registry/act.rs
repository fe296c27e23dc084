//! One action on one entry: the law is asked, then the entry's own kind says what follows.

use super::body::{Body, parsed};
use super::certificate::Certificate;
use super::draft::Draft;
use super::entry::{Entry, Kind, Row, State};
use super::error::Error;
use super::eyes;
use super::law::{self, Action, Actor, Illegal};
use super::operator::Operator;

mod agreement;
mod attributes;
mod descriptor;
mod purpose;

pub use agreement::{created as agreement_created, submit, upgrade};
pub use attributes::{assign, recompute, revoke};
pub use descriptor::{against_before, compared, publish};
pub use purpose::place;

/// Does an action and tells which entry shows the outcome.
///
/// # Errors
///
/// When the law, the four eyes or what the entry rests on forbids it; nothing is written then.
pub fn perform(
    draft: &mut Draft<'_>,
    row: &Row,
    action: Action,
    actor: Actor,
) -> Result<uuid::Uuid, Error> {
    law::check(row.kind, row.state, action, actor)
        .map_err(|illegal| refused(row, action, illegal))?;
    if action.widens() {
        let field = match action {
            Action::Confirm => "stopped_by",
            _ => "asked_by",
        };
        eyes::are_two(draft, row, field)?;
    }
    match row.kind {
        Kind::Agreement => agreement::act(draft, &parsed(row)?, action, actor),
        Kind::Certificate => certificate(draft, parsed(row)?, action),
        Kind::Descriptor => descriptor::act(draft, &parsed(row)?, action),
        Kind::Operator => operator(draft, parsed(row)?, action),
        Kind::Purpose => purpose::act(draft, &parsed(row)?, action, actor),
        _ => {
            let state = plain(action);
            draft.write(
                action.participle(),
                Row {
                    state,
                    ..row.clone()
                },
            );
            if row.kind == Kind::Attribute {
                attributes::recompute(draft, None)?;
            }
            Ok(row.id)
        }
    }
}

fn certificate(
    draft: &mut Draft<'_>,
    mut entry: Entry<Certificate>,
    action: Action,
) -> Result<uuid::Uuid, Error> {
    entry.state = decided(action);
    entry.body.asked_by = None;
    draft.update(action.participle(), &entry)?;
    Ok(entry.id)
}

fn operator(
    draft: &mut Draft<'_>,
    mut entry: Entry<Operator>,
    action: Action,
) -> Result<uuid::Uuid, Error> {
    entry.state = decided(action);
    entry.body.asked_by = None;
    draft.update(action.participle(), &entry)?;
    if eyes::last_other_goes(draft)? {
        let english = format!("{} {}", entry.name, eyes::LAST_OTHER);
        return Err(Error::Precondition("LAST_ADMINISTRATOR", english));
    }
    Ok(entry.id)
}

/// As [`plain`], for kinds that may wait for approval.
fn decided(action: Action) -> State {
    match action {
        Action::Reject => State::Archived,
        other => plain(other),
    }
}

/// Where an action leads for kinds that are only in force, suspended or ended.
fn plain(action: Action) -> State {
    match action {
        Action::Archive | Action::Delete => State::Archived,
        Action::Suspend => State::Suspended,
        _ => State::Active,
    }
}

fn refused(row: &Row, action: Action, illegal: Illegal) -> Error {
    match illegal {
        Illegal::Actor => Error::NotTheirs(row.name.clone(), action.participle()),
        Illegal::Kind => Error::NoSuchAction(row.kind.name(), action.participle()),
        Illegal::State(legal) => Error::Transition {
            name: row.name.clone(),
            state: row.state,
            done: action.participle(),
            legal,
        },
    }
}

/// Writes an entry in another state.
fn moved<T: Body>(
    draft: &mut Draft<'_>,
    entry: &Entry<T>,
    state: State,
    done: &'static str,
) -> Result<uuid::Uuid, Error> {
    let moved = Entry {
        state,
        ..entry.clone()
    };
    draft.update(done, &moved)?;
    Ok(entry.id)
}

#[cfg(test)]
mod tests;
