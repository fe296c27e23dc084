//! Planning who may use what: agreements and purposes.

use std::sync::Arc;

use uuid::Uuid;
use varco_proto::registry::v1 as proto;

use super::{Mode, Named, Planner, is_class, moment, names_a_person, some};
use crate::registry::act;
use crate::registry::agreement::Agreement;
use crate::registry::client::Client;
use crate::registry::descriptor::Descriptor;
use crate::registry::entry::{Entry, Kind, State, SuspendedBy};
use crate::registry::error::Error;
use crate::registry::purpose::{Content, Purpose, RiskAnalysis, Trigger};

impl Planner<'_, '_> {
    pub(super) fn agreements(&mut self, agreements: &[proto::Agreement]) -> Result<(), Error> {
        for declared in agreements {
            let full = format!("{}/{}", declared.consumer, declared.eservice);
            let name = Named::new(Kind::Agreement, full);
            let consumer = self.refer(&name, "consumer", Kind::Tenant, &declared.consumer);
            let eservice = self.refer(&name, "eservice", Kind::Eservice, &declared.eservice);
            let before = self.begin(&name);
            let (Some(consumer), Some(eservice)) = (consumer, eservice) else {
                continue;
            };
            let Some(target) = self.version(&name, eservice, declared)? else {
                continue;
            };
            let id = before.as_ref().map(|row| row.id);
            let seen = self.entry::<Agreement>(id);
            let moved = self.agreement(&name, consumer, seen.as_deref(), (&target, declared));
            let Some(id) = self.refused(&name, moved)? else {
                continue;
            };
            self.suspend(&name, id, declared.standing)?;
            let note = self.agreement_note(id);
            self.note(&name, id, before.as_ref(), &note);
        }
        Ok(())
    }

    /// Brings an agreement as far as it goes without anybody's approval.
    fn agreement(
        &mut self,
        name: &Named,
        consumer: Uuid,
        seen: Option<&Entry<Agreement>>,
        (target, declared): (&Entry<Descriptor>, &proto::Agreement),
    ) -> Result<Uuid, Error> {
        let id = match seen {
            None => act::agreement_created(self.draft, &name.full, consumer, target)?,
            Some(seen) => seen.id,
        };
        let entry = self.draft.entry::<Agreement>(id)?;
        let newer = target.body.version > entry.body.version;
        let drafted = self.is_draft(name, entry.state, declared.standing);
        match entry.state {
            _ if self.mode == Mode::Create || drafted => Ok(id),
            State::Draft => act::submit(self.draft, &entry),
            State::Active | State::Suspended if newer => act::upgrade(self.draft, &entry),
            State::Active | State::Suspended if target.id != entry.body.descriptor => {
                let english = format!("it is on version {} and cannot go back", entry.body.version);
                Err(Error::Precondition("VERSION_OLDER", english))
            }
            _ => Ok(id),
        }
    }

    fn agreement_note(&self, id: Uuid) -> String {
        let Some(entry) = self.entry::<Agreement>(Some(id)) else {
            return String::new();
        };
        match entry.state {
            State::Pending => "waits for the producer's approval".to_owned(),
            State::Draft => "is a draft: the consumer lacks attributes".to_owned(),
            State::MissingCertifiedAttributes => "lacks certified attributes".to_owned(),
            _ => String::new(),
        }
    }

    /// Whether nothing is wrong with an e-service or a version of it so far.
    fn is_offered_soundly(&self, eservice: &str) -> bool {
        let mut problems = self.problems.iter();
        let of_it = |kind, name: &str| match kind {
            Kind::Eservice => name == eservice,
            Kind::Descriptor => name.rsplit_once('/').is_some_and(|(of, _)| of == eservice),
            _ => false,
        };
        !problems.any(|problem| of_it(problem.kind, &problem.name))
    }

    /// The version that an agreement is to be on.
    fn version(
        &mut self,
        name: &Named,
        eservice: Uuid,
        declared: &proto::Agreement,
    ) -> Result<Option<Arc<Entry<Descriptor>>>, Error> {
        if !self.is_offered_soundly(&declared.eservice) {
            // What it would rest on has been told; nothing more can be said of it.
            return Ok(None);
        }
        let versions = self.draft.versions(eservice)?;
        let found = match declared.version {
            0 => versions
                .into_iter()
                .rev()
                .find(|it| it.state == State::Published),
            wanted => versions
                .into_iter()
                .find(|it| it.body.version == wanted && it.state != State::Draft),
        };
        // An agreement that stands may rest on a version that is suspended now.
        let stands = self.draft.named(Kind::Agreement, &name.full);
        let stands = stands.filter(|row| !row.state.is_final()).map(|row| row.id);
        let stands = self.entry::<Agreement>(stands).map(|it| it.body.descriptor);
        let found = found.or_else(|| self.entry::<Descriptor>(stands));
        if found.is_none() {
            self.problem(name, "eservice", "has no published descriptor");
        }
        Ok(found)
    }

    pub(super) fn purposes(&mut self, purposes: &[proto::Purpose]) -> Result<(), Error> {
        for declared in purposes {
            let full = format!("{}/{}", declared.consumer, declared.name);
            let name = Named::new(Kind::Purpose, full);
            let before = self.begin(&name);
            let id = before.as_ref().map(|row| row.id);
            let seen = self.entry::<Purpose>(id);
            let Some(entry) = self.purpose(&name, declared, seen.as_deref())? else {
                continue;
            };
            let state = entry.0.state;
            let drafted = self.is_draft(&name, state, declared.standing);
            let id = self.placed(&name, seen.as_deref(), entry, drafted)?;
            self.suspend(&name, id, declared.standing)?;
            let note = self.purpose_note(id);
            self.note(&name, id, before.as_ref(), &note);
        }
        Ok(())
    }

    /// Writes a purpose as it is declared and puts its content where it belongs.
    fn placed(
        &mut self,
        name: &Named,
        seen: Option<&Entry<Purpose>>,
        (mut entry, content): (Entry<Purpose>, Content),
        drafted: bool,
    ) -> Result<Uuid, Error> {
        let id = entry.id;
        let done = if seen.is_none() { "created" } else { "updated" };
        let agreed = self.agreement_in_force(&entry.body)?;
        let in_force = matches!(entry.state, State::Active | State::Suspended);
        if self.mode == Mode::Create {
            self.require(
                name,
                "eservice",
                agreed,
                "has no active agreement with the consumer",
            );
        }
        if (!agreed && !in_force) || drafted || self.mode == Mode::Create {
            // It is only being written, or there is nothing yet that it could rest on.
            entry.body.content = content;
            self.rewrite(done, seen, entry);
            return Ok(id);
        }
        let as_it_is = in_force && content == entry.body.content && entry.body.waiting.is_none();
        let waits = entry.body.waiting.as_ref() == Some(&content)
            || (entry.state == State::WaitingForApproval && content == entry.body.content);
        if as_it_is || waits {
            self.rewrite(done, seen, entry);
            return Ok(id);
        }
        let placed = act::place(self.draft, &entry, content, done);
        self.refused(name, placed)?;
        Ok(id)
    }

    /// Writes a purpose that differs. Whoever changes what waits for approval has asked for it.
    fn rewrite(
        &mut self,
        done: &'static str,
        seen: Option<&Entry<Purpose>>,
        mut entry: Entry<Purpose>,
    ) {
        if seen.is_some_and(|seen| seen.body == entry.body) {
            return;
        }
        if entry.state == State::WaitingForApproval {
            entry.body.asked_by = Some(self.draft.setting.operator.to_owned());
        }
        self.write(done, &entry);
    }

    /// A purpose as it is declared, with its content apart.
    fn purpose(
        &mut self,
        name: &Named,
        declared: &proto::Purpose,
        seen: Option<&Entry<Purpose>>,
    ) -> Result<Option<(Entry<Purpose>, Content)>, Error> {
        let consumer = self.refer(name, "consumer", Kind::Tenant, &declared.consumer);
        let eservice = self.refer(name, "eservice", Kind::Eservice, &declared.eservice);
        let agreement = format!("{}/{}", declared.consumer, declared.eservice);
        if consumer.and(eservice).is_some() {
            self.refer(name, "eservice", Kind::Agreement, &agreement);
        }
        self.check_purpose(name, declared);
        let clients = self.clients_of(name, declared, consumer);
        let known = match eservice {
            Some(eservice) => self.callable(eservice, &agreement)?,
            None => None,
        };
        let Some(known) = known else {
            return Ok(None);
        };
        let methods = self.methods(name, &declared.methods, &known);
        let Some((consumer, eservice)) = consumer.zip(eservice) else {
            return Ok(None);
        };
        let content = Content {
            methods,
            data_classes: declared.data_classes.clone(),
            daily_calls: declared.daily_calls,
            clients,
            chained: declared.chained,
            valid_from: moment(declared.valid_from),
            valid_until: moment(declared.valid_until),
        };
        let body = Purpose {
            consumer,
            eservice,
            legal_basis: declared.legal_basis.clone(),
            trigger: match declared.trigger.as_str() {
                "istanza" => Trigger::Istanza,
                _ => Trigger::Ufficio,
            },
            retention: some(&declared.retention),
            risk_analysis: declared.risk_analysis.as_ref().map(|it| RiskAnalysis {
                need: it.need.clone(),
                risk: it.risk.clone(),
                measures: it.measures.clone(),
            }),
            content: seen.map_or_else(|| content.clone(), |it| it.body.content.clone()),
            version: seen.map_or(0, |it| it.body.version),
            waiting: seen.and_then(|it| it.body.waiting.clone()),
            suspended_by: seen.map_or_else(SuspendedBy::default, |it| it.body.suspended_by),
            asked_by: seen.and_then(|it| it.body.asked_by.clone()),
            rejected_for: seen.and_then(|it| it.body.rejected_for.clone()),
            stopped_by: seen.and_then(|it| it.body.stopped_by.clone()),
        };
        let other = seen.is_some_and(|it| it.body.eservice != eservice);
        self.require(
            name,
            "eservice",
            !other,
            "cannot change: make another purpose",
        );
        let id = seen.map_or_else(|| self.id_of(name), |it| it.id);
        let entry = Entry {
            id,
            name: name.full.clone(),
            state: seen.map_or(State::Draft, |it| it.state),
            body,
        };
        Ok(Some((entry, content)))
    }

    fn check_purpose(&mut self, name: &Named, declared: &proto::Purpose) {
        let basis = &declared.legal_basis;
        let classes = &declared.data_classes;
        let fit = (1..=64).contains(&classes.len()) && classes.iter().all(|it| is_class(it));
        let trigger = ["", "istanza", "ufficio"].contains(&declared.trigger.as_str());
        let (from, until) = (declared.valid_from, declared.valid_until);
        let retention = declared.retention.is_empty() || is_class(&declared.retention);
        let analysis = declared.risk_analysis.clone().unwrap_or_default();
        let texts = [&analysis.need, &analysis.risk, &analysis.measures];
        let short = texts.iter().all(|text| text.len() <= 2000);
        let whole = declared.risk_analysis.is_none() || texts.iter().all(|it| !it.is_empty());
        for (field, holds, rule) in [
            (
                "legal_basis",
                (1..=500).contains(&basis.len()),
                "must have 1 to 500 bytes",
            ),
            ("legal_basis", !names_a_person(basis), PERSON_RULE),
            (
                "data_classes",
                fit,
                "must be 1 to 64 names of at most 64 characters",
            ),
            ("daily_calls", declared.daily_calls > 0, "is required"),
            (
                "daily_calls",
                declared.daily_calls <= 1_000_000_000,
                "may be at most 1000000000",
            ),
            (
                "clients",
                declared.clients.len() <= 100,
                "may be at most 100",
            ),
            ("trigger", trigger, "must be ufficio or istanza"),
            (
                "retention",
                retention,
                "must be a name of at most 64 characters",
            ),
            (
                "valid_until",
                until == 0 || from < until,
                "must come after valid_from",
            ),
            ("risk_analysis", whole, "needs need, risk and measures"),
            (
                "risk_analysis",
                short,
                "may have at most 2000 bytes in each part",
            ),
            (
                "risk_analysis",
                !texts.iter().any(names_a_person),
                PERSON_RULE,
            ),
        ] {
            self.require(name, field, holds, rule);
        }
    }

    fn clients_of(
        &mut self,
        name: &Named,
        declared: &proto::Purpose,
        consumer: Option<Uuid>,
    ) -> Vec<Uuid> {
        let mut clients = Vec::new();
        for client in &declared.clients {
            let id = self.refer(name, "clients", Kind::Client, client);
            let found = self.entry::<Client>(id);
            let own = found
                .zip(consumer)
                .is_none_or(|(it, consumer)| it.body.consumer == consumer);
            self.require(name, "clients", own, "names a client of another tenant");
            clients.extend(id.filter(|id| !clients.contains(id)));
        }
        clients
    }

    /// The methods of the version that the agreement is on, or will be.
    fn callable(&self, eservice: Uuid, agreement: &str) -> Result<Option<Vec<String>>, Error> {
        let row = self.draft.named(Kind::Agreement, agreement);
        let row = row.filter(|row| !row.state.is_final()).map(|row| row.id);
        if let Some(agreement) = self.entry::<Agreement>(row) {
            let on = self.draft.entry::<Descriptor>(agreement.body.descriptor)?;
            return Ok(Some(on.body.methods.clone()));
        }
        let mut newest = self.draft.versions(eservice)?;
        newest.retain(|it| it.state.serves() || self.is_own(it.id));
        Ok(newest.pop().map(|it| it.body.methods.clone()))
    }

    fn agreement_in_force(&self, purpose: &Purpose) -> Result<bool, Error> {
        let agreements = self.draft.entries::<Agreement>()?;
        Ok(agreements.iter().any(|it| {
            let pair = (it.body.consumer, it.body.eservice);
            pair == (purpose.consumer, purpose.eservice) && it.state == State::Active
        }))
    }

    fn purpose_note(&self, id: Uuid) -> String {
        let Some(entry) = self.entry::<Purpose>(Some(id)) else {
            return String::new();
        };
        if entry.body.waiting.is_some() {
            return "the change waits for approval; what was works on".to_owned();
        }
        match entry.state {
            State::WaitingForApproval => "waits for the producer's approval".to_owned(),
            State::Draft => "is a draft: its agreement is not active".to_owned(),
            _ if entry.body.suspended_by.platform => {
                "the contract has changed: it waits for confirmation".to_owned()
            }
            _ => String::new(),
        }
    }
}

const PERSON_RULE: &str = "must not hold a codice fiscale: it is kept for good";
