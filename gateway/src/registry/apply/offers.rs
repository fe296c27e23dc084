//! Planning what is offered: e-services and their descriptors.

use std::sync::Arc;

use uuid::Uuid;
use varco_proto::registry::v1 as proto;

use super::{Mode, Named, Planner, is_class, some};
use crate::registry::act;
use crate::registry::attribute::Attribute;
use crate::registry::compat;
use crate::registry::contract::{self, Contract, presence};
use crate::registry::descriptor::{Approval, ContractRef, Descriptor, Sensitive, Upstream};
use crate::registry::entry::{Entry, Kind, State};
use crate::registry::error::Error;
use crate::registry::eservice::Eservice;

impl Planner<'_, '_> {
    pub(super) fn eservices(&mut self, eservices: &[proto::Eservice]) -> Result<(), Error> {
        for eservice in eservices {
            let name = Named::new(Kind::Eservice, eservice.name.clone());
            let producer = self.refer(&name, "producer", Kind::Tenant, &eservice.producer);
            let id = self.eservice(&name, producer, eservice);
            let mut versions: Vec<&proto::Descriptor> = eservice.descriptors.iter().collect();
            versions.sort_by_key(|descriptor| descriptor.version);
            let mut kept = Vec::new();
            for descriptor in versions {
                let full = format!("{}/{}", eservice.name, descriptor.version);
                let name = Named::new(Kind::Descriptor, full);
                kept.extend(self.descriptor(&name, id, descriptor, &kept)?);
            }
        }
        Ok(())
    }

    /// Plans what the versions of an e-service hang on; without its producer that is only an id.
    fn eservice(
        &mut self,
        name: &Named,
        producer: Option<Uuid>,
        declared: &proto::Eservice,
    ) -> Uuid {
        let before = self.draft.named(Kind::Eservice, &name.full);
        let before = before.filter(|row| !row.state.is_final()).map(|row| row.id);
        let Some(producer) = producer else {
            return before.unwrap_or_else(|| self.id_of(name));
        };
        let unmoved = self
            .entry::<Eservice>(before)
            .is_none_or(|it| it.body.producer == producer);
        let rule = "cannot change: the e-service is another's then";
        self.require(name, "producer", unmoved, rule);
        let body = Eservice {
            producer,
            description: declared.description.clone(),
        };
        match before {
            Some(id) if self.mode == Mode::Create && some_version(declared) => id,
            _ => self.put(name, body, declared.standing),
        }
    }

    /// Plans a version; `kept` are the older ones that are declared beside it.
    pub(super) fn descriptor(
        &mut self,
        name: &Named,
        eservice: Uuid,
        declared: &proto::Descriptor,
        kept: &[Uuid],
    ) -> Result<Option<Uuid>, Error> {
        let before = self.begin(name);
        let seen = before.as_ref().map(|row| row.id);
        let seen = self.entry::<Descriptor>(seen);
        let Some(mut body) = self.described(name, eservice, declared) else {
            return Ok(None);
        };
        if seen.is_none() {
            self.one_at_a_time(name, eservice)?;
        }
        // What stands in the registry already is not judged by a rule that came later.
        if seen
            .as_ref()
            .is_none_or(|it| it.body.contract != body.contract)
        {
            self.withholding(name, &body)?;
        }
        self.compare(name, &mut body, seen.as_ref())?;
        let id = seen.as_ref().map_or_else(|| self.id_of(name), |it| it.id);
        if let Some(seen) = &seen {
            body.asked_by.clone_from(&seen.body.asked_by);
            body.rejected_for.clone_from(&seen.body.rejected_for);
            body.was_in_force = seen.body.was_in_force;
            let audience = seen.state == State::Draft || seen.body.audience == body.audience;
            let rule = "of a published version cannot change: publish a new one";
            self.require(name, "audience", audience, rule);
        }
        let mut entry = Entry {
            id,
            name: name.full.clone(),
            state: seen.as_ref().map_or(State::Draft, |it| it.state),
            body,
        };
        let differs = seen.as_ref().is_none_or(|seen| seen.body != entry.body);
        if differs && entry.state == State::WaitingForApproval {
            // Whoever changes what waits for approval has asked for it.
            entry.body.asked_by = Some(self.draft.setting.operator.to_owned());
        }
        if differs {
            self.write(if seen.is_none() { "created" } else { "updated" }, &entry);
        }
        let drafted = self.is_draft(name, entry.state, declared.standing);
        let publishes = self.mode != Mode::Create && !drafted && self.offers(name);
        if entry.state == State::Draft && publishes {
            let done = act::publish(self.draft, &entry, kept);
            self.refused(name, done)?;
        }
        self.suspend(name, id, declared.standing)?;
        let note = self.waits_for(id);
        self.note(name, id, before.as_ref(), &note);
        Ok(Some(id))
    }

    /// A new version is begun when the one before it has come into force, or both come together.
    fn one_at_a_time(&mut self, name: &Named, eservice: Uuid) -> Result<(), Error> {
        let versions = self.draft.versions(eservice)?;
        let begun = |state| matches!(state, State::Draft | State::WaitingForApproval);
        let stands =
            |it: &&Arc<Entry<Descriptor>>| begun(it.state) && self.draft.seen.row(it.id).is_some();
        if let Some(other) = versions.iter().find(stands) {
            let rule = format!(
                "comes too early: publish or delete {} first, which is {}",
                other.name, other.state
            );
            self.problem(name, "version", &rule);
        }
        Ok(())
    }

    /// Whether nothing is wrong with a version or its e-service so far.
    pub(super) fn offers(&self, descriptor: &Named) -> bool {
        let eservice = descriptor.full.split('/').next().unwrap_or_default();
        self.is_sound(Kind::Descriptor, &descriptor.full) && self.is_sound(Kind::Eservice, eservice)
    }

    /// A version as it is declared, when its contract can be read.
    fn described(
        &mut self,
        name: &Named,
        eservice: Uuid,
        declared: &proto::Descriptor,
    ) -> Option<Descriptor> {
        self.check_descriptor(name, declared);
        let attributes = self.requirement(name, declared);
        let (contract, compiled) = self.contract(name, declared)?;
        let methods = self.exposed(name, declared, &compiled);
        let rules = self.rules(name, &declared.rules, (&methods, &compiled));
        let daily = declared.daily_calls.unwrap_or_default();
        let upstream = declared.upstream.clone().unwrap_or_default();
        Some(Descriptor {
            eservice,
            version: declared.version,
            audience: declared.audience.clone(),
            contract,
            upstream: Upstream {
                address: upstream.address,
                server_name: upstream.server_name,
                ca_pem: upstream.ca_pem,
                replicas: upstream.replicas,
            },
            methods,
            rules,
            voucher_lifespan: lifespan(declared),
            daily_per_consumer: daily.per_consumer,
            daily_total: daily.total,
            approval: match declared.approval.as_str() {
                "manual" => Approval::Manual,
                _ => Approval::Automatic,
            },
            attributes,
            sensitive: Vec::new(),
            asked_by: None,
            rejected_for: None,
            was_in_force: false,
        })
    }

    fn check_descriptor(&mut self, name: &Named, declared: &proto::Descriptor) {
        let daily = declared.daily_calls.unwrap_or_default();
        let upstream = declared.upstream.clone().unwrap_or_default();
        let audience = &declared.audience;
        let fit = (1..=250).contains(&audience.len()) && !audience.contains([',', ' ']);
        let holder = self.draft.holder_of(audience);
        let free = holder
            .and_then(|id| self.draft.row(id))
            .is_none_or(|row| row.name == name.full);
        let life = (60..=86_400).contains(&lifespan(declared));
        let quotas = daily.per_consumer > 0 && daily.total >= daily.per_consumer;
        let most = daily.total <= 1_000_000_000;
        let named = !upstream.server_name.is_empty() || upstream.address.starts_with("http://");
        let replicas = upstream.replicas.iter().all(|it| is_upstream(it));
        let few = upstream.replicas.len() <= MOST_REPLICAS;
        let approval = ["automatic", "manual"].contains(&declared.approval.as_str());
        for (field, holds, rule) in [
            ("version", declared.version > 0, "must be 1 or more"),
            (
                "audience",
                fit,
                "must have 1 to 250 characters, no comma, no space",
            ),
            ("audience", free, "belongs to another descriptor"),
            ("voucher_lifespan", life, "must be 60 to 86400 seconds"),
            (
                "daily_calls",
                quotas,
                "needs per_consumer and a total that is not less",
            ),
            ("daily_calls", most, "may be at most 1000000000"),
            ("upstream", is_upstream(&upstream.address), UPSTREAM_RULE),
            ("upstream.server_name", named, "is required"),
            ("upstream.replicas", replicas, UPSTREAM_RULE),
            ("upstream.replicas", few, "may be at most 16"),
            ("approval", approval, "must be automatic or manual"),
        ] {
            self.require(name, field, holds, rule);
        }
    }

    /// The groups of attributes that a consumer needs; each group is of one kind.
    fn requirement(&mut self, name: &Named, declared: &proto::Descriptor) -> Vec<Vec<Uuid>> {
        let mut groups = Vec::new();
        for group in &declared.attributes {
            let ids: Vec<Uuid> = group
                .any_of
                .iter()
                .filter_map(|to| self.refer(name, "attributes", Kind::Attribute, to))
                .collect();
            let kind = |id: &Uuid| self.entry::<Attribute>(Some(*id)).map(|it| it.body.kind);
            let mut kinds: Vec<_> = ids.iter().filter_map(kind).collect();
            kinds.dedup();
            let one = kinds.len() <= 1;
            self.require(
                name,
                "attributes",
                one,
                "mixes kinds of attributes in one group",
            );
            groups.extend((!ids.is_empty()).then_some(ids));
        }
        groups
    }

    /// The contract of a descriptor, compiled; problems when it cannot be.
    fn contract(
        &mut self,
        name: &Named,
        declared: &proto::Descriptor,
    ) -> Option<(ContractRef, Arc<Contract>)> {
        let set = if declared.builtin.is_empty() {
            declared.descriptor_set.to_vec()
        } else if let Some(set) = contract::builtin(&declared.builtin) {
            set
        } else {
            let what = format!("names no package of the product: {}", declared.builtin);
            self.problem(name, "descriptor_set", &what);
            return None;
        };
        let defaults = declared.defaults.clone().unwrap_or_default();
        let effect = defaults.effect.as_str();
        let fit = ["", "read", "write"].contains(&effect);
        self.require(
            name,
            "defaults.effect",
            fit,
            "must be \"read\" or \"write\"",
        );
        let class = &defaults.data_class;
        let fit = class.is_empty() || is_class(class);
        let rule = "must be a name of at most 64 characters";
        self.require(name, "defaults.data_class", fit, rule);
        let of = ContractRef {
            set: contract::hash(&set),
            builtin: some(&declared.builtin),
            default_effect: some(effect),
            default_class: some(&defaults.data_class),
        };
        match self.draft.compile(&of, set) {
            Ok(compiled) => Some((of, compiled)),
            Err(problems) => {
                for problem in problems {
                    self.problem(name, "descriptor_set", &problem);
                }
                None
            }
        }
    }

    /// Asks of a contract that is new what withholding values takes.
    fn withholding(&mut self, name: &Named, body: &Descriptor) -> Result<(), Error> {
        let contract = self.draft.contract(&body.contract)?;
        for problem in presence::problems(&contract) {
            self.problem(name, "descriptor_set", &problem);
        }
        let assumed = &body.contract.default_class;
        let named = contract.classes.iter();
        let named = named.filter(|class| assumed.as_ref() != Some(*class));
        for class in named.filter(|class| !is_class(class)) {
            let class: String = class.chars().take(64).collect();
            let what = format!("names the data class {class:?}, {CLASS_RULE}");
            self.problem(name, "descriptor_set", &what);
        }
        let holds = assumed.is_none() || !contract.is_classed;
        self.require(name, "defaults.data_class", holds, DEFAULT_RULE);
        Ok(())
    }

    /// Compares a contract with the version before it, and with what this version had.
    fn compare(
        &mut self,
        name: &Named,
        body: &mut Descriptor,
        seen: Option<&Arc<Entry<Descriptor>>>,
    ) -> Result<(), Error> {
        let Some(seen) = seen.filter(|it| it.state != State::Draft) else {
            let found = act::against_before(self.draft, body)?;
            self.tell(name, &found);
            body.sensitive = found.sensitive;
            return Ok(());
        };
        body.sensitive.clone_from(&seen.body.sensitive);
        if seen.body.contract != body.contract {
            let (was, is) = (&seen.body.contract, &body.contract);
            let (was, is) = (self.draft.contract(was)?, self.draft.contract(is)?);
            for package in compat::lost_packages(&was, &is) {
                let what = format!("lacks {package}, which it had: publish it as a new version");
                self.problem(name, "descriptor_set", &what);
            }
            let before = [Arc::clone(seen)];
            let found = act::compared(self.draft, &before, body)?;
            self.tell(name, &found);
            for change in &found.sensitive {
                let what = format!("changes the {}: publish it as a new version", change.told());
                self.problem(name, "descriptor_set", &what);
            }
        }
        Ok(())
    }

    fn tell(&mut self, name: &Named, found: &compat::Comparison) {
        for broken in &found.breaking {
            let what = format!("breaks the version before: {broken}");
            self.problem(name, "descriptor_set", &what);
        }
    }

    fn waits_for(&self, id: Uuid) -> String {
        let Some(entry) = self.entry::<Descriptor>(Some(id)) else {
            return String::new();
        };
        if entry.state != State::WaitingForApproval {
            return String::new();
        }
        let told: Vec<String> = entry.body.sensitive.iter().map(Sensitive::told).collect();
        format!("waits for approval: it changes the {}", told.join("; the "))
    }
}

fn some_version(eservice: &proto::Eservice) -> bool {
    !eservice.descriptors.is_empty()
}

/// PDND's default where none is declared.
fn lifespan(declared: &proto::Descriptor) -> u32 {
    match declared.voucher_lifespan {
        0 => 300,
        seconds => seconds,
    }
}

/// `https://`, or `http://` on loopback.
fn is_upstream(address: &str) -> bool {
    let Ok(uri) = address.parse::<http::Uri>() else {
        return false;
    };
    let Some(host) = uri.host() else { return false };
    let loopback = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
    uri.port().is_some()
        && match uri.scheme_str() {
            Some("https") => true,
            Some("http") => loopback,
            _ => false,
        }
}

const CLASS_RULE: &str = "which is no name of at most 64 of a-z 0-9 . _ -";
const DEFAULT_RULE: &str =
    "is for contracts without our options: this one names the classes of its fields";
const MOST_REPLICAS: usize = 16;
const UPSTREAM_RULE: &str = "address must be https://host:port, or http:// on loopback";
