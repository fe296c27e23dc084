//! What applying a document does: a plan over the registry, with every problem at once.
//!
//! Names are resolved against the registry and the document itself; ids are given to what is new.
//! An entry that is not declared stays as it is, unless the plan prunes. What is declared goes
//! through the same laws as single actions: what needs somebody's approval waits for it.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::Serialize;
use uuid::Uuid;
use varco_proto::registry::v1::{self as proto, Change, Document, FieldChange, Standing};

use super::act;
use super::body::Body;
use super::draft::Draft;
use super::entry::{Entry, Kind, Row, State};
use super::error::Error;
use super::fields::Fields;
use super::law;
use super::operator::may_change;
use super::scope::{Sides, Who};

mod access;
mod credentials;
mod methods;
mod names;
mod offers;
mod parties;
mod prune;
mod rules;

use names::declared;

/// What a document changes, and what is wrong with it.
#[derive(Debug)]
pub struct Plan {
    /// What happens to each declared entry, in the order of references.
    pub changes: Vec<Change>,
    /// What the document cannot stand on.
    pub problems: Vec<Problem>,
}

/// Something that a document cannot stand on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Kind of the entry.
    pub kind: Kind,
    /// Its full name.
    pub name: String,
    /// The field.
    pub field: String,
    /// What is wrong with it.
    pub what: String,
}

/// How far a document goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The registry comes to hold what is declared; the rest stays.
    Apply,
    /// One entry is made, in its first state; nothing else changes.
    Create,
    /// As apply, and what is not declared ends.
    Prune,
}

/// Plans a document over a draft of the registry.
///
/// # Errors
///
/// When an entry of the registry does not parse; what is wrong with the document is in the plan.
pub fn plan(
    document: &Document,
    draft: &mut Draft<'_>,
    who: &Who,
    mode: Mode,
) -> Result<Plan, Error> {
    let mut planner = Planner {
        mode,
        names: declared(document),
        ids: HashMap::new(),
        done: HashSet::new(),
        changes: Vec::new(),
        problems: Vec::new(),
        draft,
        who,
    };
    planner.attributes(&document.attributes);
    planner.tenants(&document.tenants);
    planner.eservices(&document.eservices)?;
    act::recompute(planner.draft, None)?;
    planner.clients(&document.clients)?;
    planner.agreements(&document.agreements)?;
    planner.purposes(&document.purposes)?;
    planner.operators(&document.operators)?;
    if mode == Mode::Prune && planner.problems.is_empty() {
        planner.prune(document)?;
    }
    planner.settle();
    planner.keep_to_oneself();
    Ok(Plan {
        changes: planner.changes,
        problems: planner.problems,
    })
}

/// Plans the making of one entry and gives its id.
///
/// # Errors
///
/// [`Error::Document`] with everything that is wrong.
pub fn create(document: &Document, draft: &mut Draft<'_>, who: &Who) -> Result<Uuid, Error> {
    let entries = document.attributes.len()
        + document.tenants.len()
        + document.eservices.len()
        + document.clients.len()
        + document.agreements.len()
        + document.purposes.len()
        + document.operators.len();
    let parts = document
        .eservices
        .iter()
        .all(|it| it.descriptors.len() <= 1);
    if entries != 1 || !parts {
        let english = "exactly one entry has to be declared".to_owned();
        return Err(Error::Precondition("ONE_ENTRY", english));
    }
    let plan = plan(document, draft, who, Mode::Create)?;
    if !plan.problems.is_empty() {
        return Err(Error::Document(plan.problems));
    }
    let made = plan
        .changes
        .last()
        .and_then(|change| change.id.parse().ok());
    made.ok_or_else(|| {
        let english = "there is nothing to make: the entry exists already".to_owned();
        Error::Precondition("NOTHING_MADE", english)
    })
}

/// The registry with what the plan adds so far.
struct Planner<'a, 'b> {
    mode: Mode,
    draft: &'a mut Draft<'b>,
    who: &'a Who,
    /// What the document declares.
    names: HashSet<(Kind, String)>,
    /// Ids given ahead to what the document declares anew.
    ids: HashMap<(Kind, String), Uuid>,
    /// What has been declared so far.
    done: HashSet<(Kind, String)>,
    changes: Vec<Change>,
    problems: Vec<Problem>,
}

/// What a declared entry is called.
#[derive(Clone, Debug)]
struct Named {
    kind: Kind,
    /// Full name, unique within the kind.
    full: String,
}

impl Planner<'_, '_> {
    /// Plans one entry of a kind whose fields are all: it is made, changed, or already so.
    fn put<T: Body>(&mut self, name: &Named, body: T, standing: i32) -> Uuid {
        let before = self.begin(name);
        let drafted = standing == i32::from(Standing::Draft);
        let rule = "is for descriptors, agreements and purposes";
        self.require(name, "draft", !drafted, rule);
        let (id, state, made) = match &before {
            Some(row) => (row.id, row.state, false),
            None => (self.id_of(name), State::Active, true),
        };
        let asked = standing == i32::from(Standing::Suspended);
        let entry = Entry {
            id,
            name: name.full.clone(),
            state: if asked && state == State::Active {
                State::Suspended
            } else {
                state
            },
            body,
        };
        let after = Fields::written(&entry.body).unwrap_or_default();
        let same = before
            .as_ref()
            .is_some_and(|row| row.body == after && row.state == entry.state);
        if !same {
            self.write(if made { "created" } else { "updated" }, &entry);
        }
        self.note(name, id, before.as_ref(), "");
        id
    }

    /// Begins one entry: its name is fit, declared once, and has not ended for good.
    fn begin(&mut self, name: &Named) -> Option<Row> {
        let fit = is_name(name.kind, &name.full);
        self.require(name, "name", fit, "must have 1 to 100 of a-z A-Z 0-9 . _ -");
        let first = self.done.insert((name.kind, name.full.clone()));
        self.require(name, "name", first, "is declared twice");
        let before = self.draft.named(name.kind, &name.full).cloned();
        let ended = before.as_ref().is_some_and(|row| row.state.is_final());
        if ended && name.kind != Kind::Agreement {
            let rule = "is archived, which is final: use another name";
            self.problem(name, "name", rule);
        }
        let seen = self.draft.seen;
        let hidden = before.as_ref().is_some_and(|row| {
            let row = seen.row(row.id);
            row.is_some_and(|row| !self.who.sees(row, seen))
        });
        self.require(name, "name", !hidden, FOREIGN);
        let stands = before.filter(|row| !row.state.is_final());
        let again = self.mode == Mode::Create && stands.is_some();
        self.require(name, "name", !again, "exists already");
        stands
    }

    fn write<T: Body>(&mut self, action: &'static str, entry: &Entry<T>) {
        if self.draft.update(action, entry).is_err() {
            let name = Named::new(T::KIND, entry.name.clone());
            self.problem(&name, "name", "cannot be written down");
        }
    }

    /// Notes what has become of a declared entry, which must be this operator's to declare.
    fn note(&mut self, name: &Named, id: Uuid, before: Option<&Row>, note: &str) {
        let Some(row) = self.draft.row(id).cloned() else {
            return;
        };
        let same = before.is_some_and(|before| {
            (&before.body, before.state) == (&row.body, row.state) && before.id == row.id
        });
        if !same {
            self.entitle(name, &row);
        }
        let action = match before {
            None => proto::Action::Create,
            Some(_) if same => proto::Action::Unchanged,
            Some(_) => proto::Action::Update,
        };
        self.changes.push(Change {
            action: action.into(),
            kind: proto_kind(name.kind).into(),
            name: name.full.clone(),
            id: id.to_string(),
            fields: differences(before, &row),
            state: row.state.name().to_owned(),
            note: note.to_owned(),
        });
    }

    /// Whether this operator may change such an entry.
    fn entitle(&mut self, name: &Named, row: &Row) {
        let role = may_change(&self.who.roles, name.kind);
        self.require(name, "name", role, "needs a role that you do not have");
        let was = self.draft.seen.row(row.id);
        let own = self.who.may_declare(row, self.draft)
            && was.is_none_or(|was| self.who.owns(was, self.draft.seen));
        self.require(name, "name", own, FOREIGN);
    }

    /// Whether an entry, as it would become, is this operator's.
    fn is_own(&self, id: Uuid) -> bool {
        let row = self.draft.row(id);
        row.is_some_and(|row| self.who.may_declare(row, self.draft))
    }

    /// What is wrong with another tenant's entry would tell what stands in it.
    fn keep_to_oneself(&mut self) {
        if self.who.tenant.is_none() || self.problems.is_empty() {
            return;
        }
        self.changes.clear();
        let told = self.problems.iter().filter(|it| it.what == FOREIGN);
        let foreign: HashSet<(Kind, String)> = told.map(|it| (it.kind, it.name.clone())).collect();
        let other = |it: &Problem| foreign.contains(&(it.kind, it.name.clone()));
        self.problems.retain(|it| it.what == FOREIGN || !other(it));
    }

    /// The states as they are at the end: a later entry may have changed an earlier one.
    fn settle(&mut self) {
        for change in &mut self.changes {
            let id = change.id.parse().ok();
            let row = id.and_then(|id| self.draft.row(id));
            if let Some(row) = row {
                row.state.name().clone_into(&mut change.state);
            }
        }
    }

    /// The id of what a name refers to; a problem when it is neither there nor declared.
    fn refer(&mut self, from: &Named, field: &str, kind: Kind, to: &str) -> Option<Uuid> {
        let found = self
            .draft
            .named(kind, to)
            .filter(|row| !row.state.is_final());
        if let Some(row) = found {
            return Some(row.id);
        }
        if self.names.contains(&(kind, to.to_owned())) {
            return Some(self.id_of(&Named::new(kind, to.to_owned())));
        }
        self.problem(from, field, &format!("names no {}: {to}", kind.name()));
        None
    }

    /// The entry that a name refers to, once it has been planned.
    fn entry<T: Body>(&self, id: Option<Uuid>) -> Option<std::sync::Arc<Entry<T>>> {
        self.draft.entry::<T>(id?).ok()
    }

    /// The id that a declared entry has or will have.
    fn id_of(&mut self, name: &Named) -> Uuid {
        let key = (name.kind, name.full.clone());
        let new_id = self.draft.setting.new_id;
        *self.ids.entry(key).or_insert_with(new_id)
    }

    /// Whether nothing is wrong with a declared entry so far.
    fn is_sound(&self, kind: Kind, name: &str) -> bool {
        let mut problems = self.problems.iter();
        !problems.any(|problem| problem.kind == kind && problem.name == name)
    }

    fn require(&mut self, name: &Named, field: &str, holds: bool, problem: &str) {
        if !holds {
            self.problem(name, field, problem);
        }
    }

    fn problem(&mut self, name: &Named, field: &str, what: &str) {
        let problem = Problem {
            kind: name.kind,
            name: name.full.clone(),
            field: field.to_owned(),
            what: what.to_owned(),
        };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Keeps what the registry refuses as a problem of an entry.
    fn refused<T>(&mut self, name: &Named, outcome: Result<T, Error>) -> Result<Option<T>, Error> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(error @ (Error::Inconsistent(_) | Error::Store(_))) => Err(error),
            Err(error) => {
                self.problem(name, "name", &format!("cannot be so: {error}"));
                Ok(None)
            }
        }
    }

    /// Whether an entry is declared as one that is only being written; what has left that state
    /// does not come back to it.
    fn is_draft(&mut self, name: &Named, state: State, standing: i32) -> bool {
        let asked = standing == i32::from(Standing::Draft);
        let rule = format!("cannot come back: it is {state}, so leave draft out");
        self.require(name, "draft", !asked || state == State::Draft, &rule);
        asked
    }

    /// Suspends an entry that is declared as suspended, on the side of whoever declares it.
    fn suspend(&mut self, name: &Named, id: Uuid, standing: i32) -> Result<(), Error> {
        let asked = standing == i32::from(Standing::Suspended);
        let row = self.draft.row(id).cloned();
        let Some(row) = row.filter(|_| asked) else {
            return Ok(());
        };
        let sides = Sides::drafted(&row, self.draft);
        let Some(actor) = self.who.acts_as(sides, None).first().copied() else {
            // It is another tenant's, which has been told or will be.
            return Ok(());
        };
        let action = law::Action::Suspend;
        let stands = matches!(row.state, State::Suspended | State::ArchivingSuspended);
        if stands || law::check(row.kind, row.state, action, actor).is_err() {
            return Ok(());
        }
        let done = act::perform(self.draft, &row, action, actor);
        self.refused(name, done).map(drop)
    }
}

impl Named {
    fn new(kind: Kind, full: impl Into<String>) -> Self {
        let full = full.into();
        Self { kind, full }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            name,
            field,
            what,
        } = self;
        write!(f, "{} {name}: {field} {what}", kind.name())
    }
}

/// The contract's word for a kind.
#[must_use]
pub fn proto_kind(kind: Kind) -> proto::Kind {
    match kind {
        Kind::Attribute => proto::Kind::Attribute,
        Kind::Tenant => proto::Kind::Tenant,
        Kind::Eservice => proto::Kind::Eservice,
        Kind::Descriptor => proto::Kind::Descriptor,
        Kind::Client => proto::Kind::Client,
        Kind::Key => proto::Kind::Key,
        Kind::Certificate => proto::Kind::Certificate,
        Kind::Agreement => proto::Kind::Agreement,
        Kind::Purpose => proto::Kind::Purpose,
        Kind::Delegation => proto::Kind::Delegation,
        Kind::Operator => proto::Kind::Operator,
    }
}

fn differences(before: Option<&Row>, after: &Row) -> Vec<FieldChange> {
    let state = |row: &Row| serde_json::Value::from(row.state.name());
    let mut changes = Vec::new();
    let mut note = |field: &str, old: Option<&serde_json::Value>, new: &serde_json::Value| {
        if old != Some(new) {
            changes.push(FieldChange {
                field: field.to_owned(),
                before: old.map(ToString::to_string).unwrap_or_default(),
                after: new.to_string(),
            });
        }
    };
    if let Some(fields) = after.body.value().as_object() {
        for (field, value) in fields {
            note(
                field,
                before.and_then(|row| row.body.value().get(field)),
                value,
            );
        }
    }
    if let Some(before) = before {
        note("state", Some(&state(before)), &state(after));
    }
    changes
}

/// What a tenant's operator is told of what is another's, and nothing else of it.
const FOREIGN: &str = "belongs to another tenant than yours";

/// Whether a full name can be told from every other: what is called after two entries has one slash,
/// and no part has any.
fn is_name(kind: Kind, full: &str) -> bool {
    let parts = match kind {
        Kind::Descriptor | Kind::Agreement | Kind::Purpose => 2,
        _ => 1,
    };
    let fit = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let named = |part: &str| !part.is_empty() && part.chars().all(fit);
    full.len() <= 100 && full.split('/').count() == parts && full.split('/').all(named)
}

/// A text that may be left out: empty is none.
fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Whether a text can name a class of data.
fn is_class(text: &str) -> bool {
    let fit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    (1..=64).contains(&text.len()) && text.chars().all(fit)
}

/// A moment that may be left out: zero is none.
fn moment(seconds: i64) -> Option<i64> {
    (seconds != 0).then_some(seconds)
}

/// What is written into records for good holds no person.
fn names_a_person<T: Serialize>(of: &T) -> bool {
    crate::audit::record::names_a_person(&serde_json::to_string(of).unwrap_or_default())
}

#[cfg(test)]
mod tests;
