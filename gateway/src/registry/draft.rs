//! A change of the registry in the making: what was seen, with what is to be written over it.
//!
//! Everything that changes the registry, a document or a single action, works on a draft. Nothing
//! of it counts before it is written whole, on the epoch that it saw.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::agreement::Agreement;
use super::attribute::{self, Attribute, AttributeKind, Met};
use super::body::{Body, parsed};
use super::contract::{self, Contract, Contracts};
use super::descriptor::{ContractRef, Descriptor};
use super::entry::{Entry, Kind, Row, State};
use super::error::Error;
use super::eservice::Eservice;
use super::fields::Fields;
use super::load;
use super::purpose::{Purpose, Room};
use super::rule::Caps;
use super::snapshot::Snapshot;
use super::tenant::Tenant;

/// Who changes the registry, when, and by which rules.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// Name of the operator who answers for it.
    pub operator: &'a str,
    /// When.
    pub now: Timestamp,
    /// Whether who asks for access may not be who approves it.
    pub four_eyes: bool,
    /// What no rule of a method may go beyond.
    pub caps: Caps,
    /// Why, as the operator says it; empty where nobody has to.
    pub reason: &'a str,
    /// Makes the ids of new entries.
    pub new_id: &'a dyn Fn() -> Uuid,
}

/// An entry to be written, with what was done to it.
#[derive(Clone, Debug)]
pub struct Written {
    /// What was done.
    pub action: &'static str,
    /// The entry afterwards.
    pub row: Row,
}

/// A change that has been decided, ready to be written.
#[derive(Debug)]
pub struct Finished {
    /// What is to be written, in order.
    pub written: Vec<Written>,
    /// Descriptor sets to keep, by hash.
    pub sets: BTreeMap<String, Vec<u8>>,
    /// Their contracts, for when they have been written.
    pub contracts: HashMap<ContractRef, Arc<Contract>>,
}

/// A change in the making.
pub struct Draft<'a> {
    /// What was seen.
    pub seen: &'a Snapshot,
    /// Who, when, how.
    pub setting: Setting<'a>,
    contracts: &'a Contracts,
    /// Contracts that this change brings; nobody else sees them before it is written.
    compiled: HashMap<ContractRef, Arc<Contract>>,
    sets: BTreeMap<String, Vec<u8>>,
    changed: HashMap<Uuid, Row>,
    made: HashMap<(Kind, String), Uuid>,
    audiences: HashMap<String, Uuid>,
    written: Vec<Written>,
    /// Daily calls in force by consumer and e-service.
    load: HashMap<(Uuid, Uuid), u64>,
}

impl<'a> Draft<'a> {
    /// Begins a change.
    #[must_use]
    pub fn new(seen: &'a Snapshot, contracts: &'a Contracts, setting: Setting<'a>) -> Self {
        Self {
            seen,
            contracts,
            setting,
            compiled: HashMap::new(),
            sets: BTreeMap::new(),
            changed: HashMap::new(),
            made: HashMap::new(),
            audiences: HashMap::new(),
            written: Vec::new(),
            load: load(seen),
        }
    }

    /// What is to be written.
    #[must_use]
    pub fn finished(self) -> Finished {
        Finished {
            written: self.written,
            sets: self.sets,
            contracts: self.compiled,
        }
    }

    /// Compiles the contract of a descriptor and keeps its set.
    ///
    /// # Errors
    ///
    /// Every problem of the descriptor set.
    pub fn compile(
        &mut self,
        of: &ContractRef,
        set: Vec<u8>,
    ) -> Result<Arc<Contract>, Vec<String>> {
        let known = self.contract(of).ok();
        let compiled = match known {
            Some(known) => known,
            None => Arc::new(contract::compile(of, &set)?),
        };
        self.compiled.insert(of.clone(), Arc::clone(&compiled));
        self.sets.insert(of.set.clone(), set);
        Ok(compiled)
    }

    /// The contract of a descriptor.
    ///
    /// # Errors
    ///
    /// When it was never compiled.
    pub fn contract(&self, of: &ContractRef) -> Result<Arc<Contract>, Error> {
        let own = self.compiled.get(of).cloned();
        own.or_else(|| self.contracts.known(of))
            .ok_or_else(|| Error::Inconsistent(format!("contract {}", of.set)))
    }

    /// Whether an entry is to be written.
    #[must_use]
    pub fn touches(&self, id: Uuid) -> bool {
        self.changed.contains_key(&id)
    }

    /// The time of the change, in seconds since the Unix epoch.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.setting.now.as_second()
    }

    /// An entry as it would stand.
    #[must_use]
    pub fn row(&self, id: Uuid) -> Option<&Row> {
        self.changed.get(&id).or_else(|| self.seen.row(id))
    }

    /// The entry of that name that has not ended; else the one that has.
    #[must_use]
    pub fn named(&self, kind: Kind, name: &str) -> Option<&Row> {
        let made = self.made.get(&(kind, name.to_owned()));
        let made = made.and_then(|id| self.changed.get(id));
        if made.is_some_and(|row| !row.state.is_final() && row.name == name) {
            return made;
        }
        let seen = self.seen.named(kind, name).and_then(|row| self.row(row.id));
        let same = seen.filter(|row| row.name == name);
        same.or(made.filter(|row| row.name == name))
    }

    /// An entry with its fields.
    ///
    /// # Errors
    ///
    /// When there is none, or it does not parse.
    pub fn entry<T: Body>(&self, id: Uuid) -> Result<Arc<Entry<T>>, Error> {
        match self.changed.get(&id) {
            Some(row) => parsed(row).map(Arc::new),
            None => T::of(self.seen)
                .get(&id)
                .cloned()
                .ok_or_else(|| Error::NotFound(T::KIND.name(), id.to_string())),
        }
    }

    /// All entries of a kind as they would stand.
    ///
    /// # Errors
    ///
    /// When one does not parse.
    pub fn entries<T: Body>(&self) -> Result<Vec<Arc<Entry<T>>>, Error> {
        let seen = T::of(self.seen).values();
        let unchanged = seen.filter(|entry| !self.changed.contains_key(&entry.id));
        let mut entries: Vec<Arc<Entry<T>>> = unchanged.cloned().collect();
        for row in self.changed.values().filter(|row| row.kind == T::KIND) {
            entries.push(Arc::new(parsed(row)?));
        }
        Ok(entries)
    }

    /// Writes an entry into the draft.
    pub fn write(&mut self, action: &'static str, row: Row) {
        self.weigh(&row);
        let key = (row.kind, row.name.clone());
        self.made.insert(key, row.id);
        if let Some(audience) = row.field("audience") {
            self.audiences.insert(audience.to_owned(), row.id);
        }
        self.changed.insert(row.id, row.clone());
        self.written.push(Written { action, row });
    }

    /// Writes an entry with other fields or another state.
    ///
    /// # Errors
    ///
    /// When the fields cannot be written down.
    pub fn update<T: Body>(&mut self, action: &'static str, entry: &Entry<T>) -> Result<(), Error> {
        let version = self.row(entry.id).map_or(0, |row| row.version);
        let body =
            Fields::written(&entry.body).map_err(|_| Error::Inconsistent(entry.name.clone()))?;
        let row = Row {
            id: entry.id,
            kind: T::KIND,
            name: entry.name.clone(),
            state: entry.state,
            body,
            version,
        };
        self.write(action, row);
        Ok(())
    }

    /// The descriptor that has an audience, if any ever had.
    #[must_use]
    pub fn holder_of(&self, audience: &str) -> Option<Uuid> {
        let made = self.audiences.get(audience).copied();
        made.or_else(|| self.seen.audiences.get(audience).copied())
    }

    /// The versions of an e-service that have not ended, oldest first.
    ///
    /// # Errors
    ///
    /// When one does not parse.
    pub fn versions(&self, eservice: Uuid) -> Result<Vec<Arc<Entry<Descriptor>>>, Error> {
        let mut versions = self.entries::<Descriptor>()?;
        versions.retain(|entry| entry.body.eservice == eservice && !entry.state.is_final());
        versions.sort_by_key(|entry| entry.body.version);
        Ok(versions)
    }

    /// Whether agreements that have not ended rest on a descriptor.
    ///
    /// # Errors
    ///
    /// When one does not parse.
    pub fn has_agreements(&self, descriptor: Uuid) -> Result<bool, Error> {
        let agreements = self.entries::<Agreement>()?;
        let lives = |state| matches!(state, State::Active | State::Suspended);
        let on = |entry: &Arc<Entry<Agreement>>| {
            entry.body.descriptor == descriptor && lives(entry.state)
        };
        Ok(agreements.iter().any(on))
    }

    /// How a tenant stands against what a descriptor asks for.
    ///
    /// # Errors
    ///
    /// When an entry is missing or does not parse.
    pub fn met(&self, consumer: Uuid, descriptor: &Descriptor) -> Result<Met, Error> {
        let producer = self.entry::<Eservice>(descriptor.eservice)?.body.producer;
        if consumer == producer || descriptor.attributes.is_empty() {
            return Ok(Met::ALL);
        }
        let tenant = self.entry::<Tenant>(consumer)?;
        let known = self.attribute_kinds()?;
        let held = &tenant.body.attributes;
        let groups = &descriptor.attributes;
        Ok(attribute::met(
            groups,
            held,
            producer,
            |id| known.get(&id).copied(),
            self.now(),
        ))
    }

    /// Calls a day that a consumer may still ask for on a descriptor, beside what is in force.
    ///
    /// # Errors
    ///
    /// When an entry is missing or does not parse.
    pub fn room(&self, consumer: Uuid, descriptor: &Descriptor) -> Result<Room, Error> {
        let eservice = descriptor.eservice;
        let own = self.load.get(&(consumer, eservice)).copied();
        let all = self.load.iter().filter(|((_, on), _)| *on == eservice);
        let all: u64 = all.map(|(_, calls)| *calls).sum();
        let most = self.most_per_consumer(consumer, descriptor)?;
        Ok(Room {
            consumer: most.saturating_sub(own.unwrap_or(0)),
            total: descriptor.daily_total.saturating_sub(all),
        })
    }

    /// The highest quota that the tenant's certified attributes give it among those asked for.
    fn most_per_consumer(&self, consumer: Uuid, descriptor: &Descriptor) -> Result<u64, Error> {
        if descriptor.attributes.is_empty() {
            return Ok(descriptor.daily_per_consumer);
        }
        let tenant = self.entry::<Tenant>(consumer)?;
        let attribute = |id| self.entry::<Attribute>(id).ok();
        let most = load::most_per_consumer(descriptor, &tenant.body, attribute, self.now());
        Ok(most)
    }

    fn attribute_kinds(&self) -> Result<HashMap<Uuid, AttributeKind>, Error> {
        let mut attributes = self.entries::<Attribute>()?;
        attributes.retain(|entry| entry.state == State::Active);
        let kind = |entry: &Arc<Entry<Attribute>>| (entry.id, entry.body.kind);
        Ok(attributes.iter().map(kind).collect())
    }

    /// Keeps the sum of what is in force.
    fn weigh(&mut self, row: &Row) {
        if row.kind != Kind::Purpose {
            return;
        }
        let before = self.row(row.id).and_then(in_force);
        if let Some((key, calls)) = before {
            let sum = self.load.entry(key).or_default();
            *sum = sum.saturating_sub(calls);
        }
        if let Some((key, calls)) = in_force(row) {
            *self.load.entry(key).or_default() += calls;
        }
    }
}

fn load(seen: &Snapshot) -> HashMap<(Uuid, Uuid), u64> {
    let mut load = HashMap::new();
    for entry in seen
        .purposes
        .values()
        .filter(|it| it.state == State::Active)
    {
        let key = (entry.body.consumer, entry.body.eservice);
        *load.entry(key).or_default() += entry.body.content.daily_calls;
    }
    load
}

/// What a purpose adds to the sum of calls, when it is in force.
fn in_force(row: &Row) -> Option<((Uuid, Uuid), u64)> {
    let purpose: Purpose = row.body.parsed().ok()?;
    let key = (purpose.consumer, purpose.eservice);
    (row.state == State::Active).then_some((key, purpose.content.daily_calls))
}
