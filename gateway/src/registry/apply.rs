//! What applying a document would do: a pure plan, with every problem at once.
//!
//! Names are resolved against the registry and the document itself; ids are given to what is new.
//! An entry that is not declared stays as it is, and a suspension survives an update.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;
use uuid::Uuid;
use varco_proto::registry::v1::{self as proto, Action, Change, Document, FieldChange};

use super::Error;
use super::contract::Contracts;
use super::entry::{Kind, State};
use super::snapshot::Snapshot;
use super::store_entries::{Row, Written};

mod access;
mod services;

/// What a document changes.
#[derive(Debug)]
pub struct Plan {
    steps: Vec<Step>,
    /// Descriptor sets to keep, by hash.
    pub sets: BTreeMap<String, Vec<u8>>,
}

#[derive(Debug)]
struct Step {
    change: Change,
    written: Option<Written>,
}

/// Plans a document over the registry as it stands.
///
/// # Errors
///
/// [`Error::Document`] with every problem, or [`Error::Archived`].
pub fn plan(
    document: &Document,
    snapshot: &Snapshot,
    contracts: &Contracts,
    new_id: impl Fn() -> Uuid,
) -> Result<Plan, Error> {
    let rows = snapshot
        .all()
        .iter()
        .map(|row| ((row.kind, row.name.clone()), row.clone()));
    let mut planner = Planner {
        contracts,
        new_id: &new_id,
        rows: rows.collect(),
        declared: HashSet::new(),
        plan: Plan {
            steps: Vec::new(),
            sets: BTreeMap::new(),
        },
        problems: Vec::new(),
    };
    planner.tenants(&document.tenants);
    planner.eservices(&document.eservices);
    planner.clients(&document.clients);
    planner.agreements(&document.agreements);
    planner.purposes(&document.purposes);
    planner.operators(&document.operators);
    if planner.problems.is_empty() {
        Ok(planner.plan)
    } else {
        Err(Error::Document(planner.problems))
    }
}

impl Plan {
    /// Whether anything is to be written.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.steps.iter().any(|step| step.written.is_some())
    }

    /// What is to be written, in the order of references.
    pub fn written(&self) -> impl Iterator<Item = &Written> {
        self.steps.iter().filter_map(|step| step.written.as_ref())
    }

    /// What happens to each declared entry.
    #[must_use]
    pub fn into_changes(self) -> Vec<Change> {
        self.steps.into_iter().map(|step| step.change).collect()
    }
}

/// The registry with what the plan adds so far.
struct Planner<'a> {
    contracts: &'a Contracts,
    new_id: &'a dyn Fn() -> Uuid,
    rows: HashMap<(Kind, String), Row>,
    /// What the document has declared so far.
    declared: HashSet<(Kind, String)>,
    plan: Plan,
    problems: Vec<String>,
}

/// What a declared entry is called.
struct Named<'a> {
    kind: Kind,
    /// Full name, unique within the kind.
    full: String,
    /// Name in the document.
    short: &'a str,
}

impl Planner<'_> {
    fn tenants(&mut self, tenants: &[proto::Tenant]) {
        for tenant in tenants {
            let name = Named::new(Kind::Tenant, tenant.name.clone(), &tenant.name);
            self.require(&name, "title", !tenant.title.is_empty(), "is required");
            self.require(
                &name,
                "ipa",
                is_ipa(&tenant.ipa),
                "must be a code of the IPA",
            );
            let body = super::entry::Tenant {
                title: tenant.title.clone(),
                ipa: tenant.ipa.clone(),
            };
            self.put(name, &body);
        }
    }

    fn operators(&mut self, operators: &[proto::Operator]) {
        for operator in operators {
            let name = Named::new(Kind::Operator, operator.name.clone(), &operator.name);
            let known = |role: &String| ROLES.contains(&role.as_str());
            let fit = !operator.roles.is_empty() && operator.roles.iter().all(known);
            self.require(
                &name,
                "roles",
                fit,
                "must be of admin, security, api, auditor, viewer",
            );
            self.put(
                name,
                &super::entry::Operator {
                    roles: operator.roles.clone(),
                },
            );
        }
    }

    /// Plans one entry: it is made, changed, or already so.
    fn put<T: Serialize>(&mut self, name: Named<'_>, body: &T) -> Uuid {
        self.require(
            &name,
            "name",
            is_name(&name.full),
            "must have 1 to 100 of a-z A-Z 0-9 . _ - /",
        );
        let body = serde_json::to_value(body).unwrap_or_default();
        let again = self.declared.insert((name.kind, name.full.clone()));
        self.require(&name, "name", again, "is declared twice");
        let key = (name.kind, name.full.clone());
        let before = self.rows.get(&key).cloned();
        if before
            .as_ref()
            .is_some_and(|row| row.state == State::Archived)
        {
            self.problem(
                &name,
                "name",
                "is archived, which is final: use another name",
            );
        }
        let (id, state) = before.as_ref().map_or_else(
            || ((self.new_id)(), State::Active),
            |row| (row.id, row.state),
        );
        let (action, word) = match &before {
            None => (Action::Create, "created"),
            Some(row) if row.body == body => (Action::Unchanged, "unchanged"),
            Some(_) => (Action::Update, "updated"),
        };
        let old = before.map(|row| row.body);
        let row = Row {
            id,
            kind: name.kind,
            name: name.full,
            state,
            body,
        };
        let change = Change {
            action: action.into(),
            kind: proto_kind(name.kind).into(),
            name: name.short.to_owned(),
            id: id.to_string(),
            fields: differences(old.as_ref(), &row.body),
        };
        let written = (action != Action::Unchanged).then(|| Written {
            action: word,
            row: row.clone(),
        });
        self.rows.insert(key, row);
        self.plan.steps.push(Step { change, written });
        id
    }

    /// The row that a name refers to; a problem when there is none.
    fn refer(&mut self, from: &Named<'_>, field: &str, kind: Kind, to: &str) -> Option<Row> {
        let found = self.rows.get(&(kind, to.to_owned())).cloned();
        if found.is_none() {
            self.problem(from, field, &format!("names no {}: {to}", kind.name()));
        }
        found
    }

    fn require(&mut self, name: &Named<'_>, field: &str, holds: bool, problem: &str) {
        if !holds {
            self.problem(name, field, problem);
        }
    }

    fn problem(&mut self, name: &Named<'_>, field: &str, problem: &str) {
        self.problems.push(format!(
            "{} {}: {field} {problem}",
            name.kind.name(),
            name.full
        ));
    }
}

impl<'a> Named<'a> {
    fn new(kind: Kind, full: String, short: &'a str) -> Self {
        Self { kind, full, short }
    }
}

/// The contract's word for a kind.
#[must_use]
pub fn proto_kind(kind: Kind) -> proto::Kind {
    match kind {
        Kind::Tenant => proto::Kind::Tenant,
        Kind::Eservice => proto::Kind::Eservice,
        Kind::Descriptor => proto::Kind::Descriptor,
        Kind::Client => proto::Kind::Client,
        Kind::Agreement => proto::Kind::Agreement,
        Kind::Purpose => proto::Kind::Purpose,
        Kind::Operator => proto::Kind::Operator,
    }
}

fn differences(before: Option<&serde_json::Value>, after: &serde_json::Value) -> Vec<FieldChange> {
    let Some(after) = after.as_object() else {
        return Vec::new();
    };
    let differing = |(field, value): (&String, &serde_json::Value)| {
        let old = before.and_then(|before| before.get(field));
        (old != Some(value)).then(|| FieldChange {
            field: field.clone(),
            before: old.map(ToString::to_string).unwrap_or_default(),
            after: value.to_string(),
        })
    };
    after.iter().filter_map(differing).collect()
}

fn is_name(name: &str) -> bool {
    let fit = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    (1..=100).contains(&name.len()) && name.chars().all(fit)
}

fn is_ipa(code: &str) -> bool {
    let fit = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=32).contains(&code.len()) && code.chars().all(fit)
}

const ROLES: [&str; 5] = ["admin", "security", "api", "auditor", "viewer"];

#[cfg(test)]
mod tests;
