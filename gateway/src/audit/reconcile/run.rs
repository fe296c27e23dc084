//! One reconciliation: the services are asked, the register is read, the outcome is recorded.
//!
//! The links are read first: whatever has a link then has its INTENT in the register already, and
//! whatever was answered OK before has its link.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

use uuid::Uuid;
use varco_proto::audit::v1::Record;
use varco_runtime::audit_link::Link;

use super::asking::{self, NoLinks};
use super::window::Window;
use super::{Call, Comparison, Gateways, Service, compare, register};
use crate::audit::committer::Unavailable;
use crate::audit::{self, record};
use crate::gate::Gate;
use crate::registry::contract::Effect;
use crate::registry::descriptor::{Descriptor, is_in_force};
use crate::registry::entry::Entry;
use crate::registry::snapshot::Snapshot;

/// What a reconciliation found.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its id in the register of accesses.
    pub audit_id: Uuid,
    /// The time that was compared.
    pub window: Window,
    /// Each e-service with side effects, by name.
    pub eservices: BTreeMap<String, Result<Comparison, NoLinks>>,
}

/// Ways that a reconciliation ends early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The register cannot be read.
    #[error(transparent)]
    Audit(#[from] audit::Error),
    /// The other gateways are not known.
    #[error("the gateways cannot be told apart now: {0}")]
    Keys(#[from] crate::Error),
    /// The register cannot be written.
    #[error(transparent)]
    Record(#[from] Unavailable),
}

impl Outcome {
    /// How many differences nothing explains.
    #[must_use]
    pub fn differences(&self) -> usize {
        let compared = self.eservices.values().flatten();
        compared.map(Comparison::differences).sum()
    }

    /// Whether every service that keeps links was compared.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let mut found = self.eservices.values();
        found.all(|it| matches!(it, Ok(_) | Err(NoLinks::NotKept)))
    }
}

/// Compares the register with every service over a window that has passed, and leaves the record.
///
/// # Errors
///
/// When the register cannot be read or written; a service that cannot be asked is no error.
pub async fn run(gate: &Gate, window: Window) -> Result<Outcome, Error> {
    let audit_id = gate.clock.uuid();
    let snapshot = gate.registry.snapshot();
    let mut asked = Vec::new();
    for service in services(&snapshot) {
        let links = ask(gate, &service, window.with_margins(), audit_id).await;
        asked.push((service, links));
    }
    let methods = asked.iter().flat_map(|(it, _)| it.service.writes.clone());
    let reading = gate.register.reading();
    let calls = register::calls(&reading, window.with_margins(), &methods.collect()).await?;
    let gateways = gateways(gate).await?;
    let found = asked.into_iter().map(|(it, links)| {
        let compared = links.map(|links| judge(&it.service, (&calls, &links), window, &gateways));
        (it.name, compared)
    });
    let outcome = Outcome {
        audit_id,
        window,
        eservices: found.collect(),
    };
    gate.register.commit(told(&outcome, snapshot.epoch)).await?;
    Ok(outcome)
}

fn judge(
    service: &Service,
    compared: (&HashMap<Uuid, Call>, &[Link]),
    window: Window,
    gateways: &Gateways,
) -> Comparison {
    let found = compare(service, compared, window, gateways);
    if found.differences() > 0 {
        let (lost, around) = (found.only_in_register.len(), found.only_in_service.len());
        let eservice = service.eservice.to_string();
        tracing::error!(
            eservice,
            lost,
            around,
            "register of accesses and service differ"
        );
    }
    found
}

/// A service with the places where it is asked.
struct Asked<'a> {
    name: String,
    service: Service,
    versions: Vec<&'a Descriptor>,
}

/// The e-services of which a version in force has methods with side effects.
fn services(snapshot: &Snapshot) -> Vec<Asked<'_>> {
    let mut found: BTreeMap<Uuid, Asked<'_>> = BTreeMap::new();
    for entry in snapshot.descriptors.values() {
        let writes = writes(entry, snapshot);
        let Some(eservice) = snapshot.eservices.get(&entry.body.eservice) else {
            continue;
        };
        if writes.is_empty() || !is_in_force(entry.state) {
            continue;
        }
        let asked = found.entry(eservice.id).or_insert_with(|| Asked {
            name: eservice.name.clone(),
            service: Service {
                eservice: eservice.id,
                writes: HashSet::new(),
            },
            versions: Vec::new(),
        });
        asked.service.writes.extend(writes);
        asked.versions.push(&entry.body);
    }
    found.into_values().collect()
}

/// The methods of a version that have side effects.
fn writes(entry: &Entry<Descriptor>, snapshot: &Snapshot) -> Vec<String> {
    let Some(descriptor) = snapshot.descriptor(entry.id) else {
        return Vec::new();
    };
    let methods = &descriptor.contract.methods;
    let is_write = |name: &&String| {
        methods
            .get(*name)
            .is_some_and(|it| it.effect == Effect::Write)
    };
    entry
        .body
        .methods
        .iter()
        .filter(is_write)
        .cloned()
        .collect()
}

/// The links of a service, whose versions may run in several places; those that run in one place
/// have one answer.
async fn ask(
    gate: &Gate,
    asked: &Asked<'_>,
    window: Window,
    audit_id: Uuid,
) -> Result<Vec<Link>, NoLinks> {
    let mut places: BTreeMap<&str, Result<Vec<Link>, NoLinks>> = BTreeMap::new();
    for version in &asked.versions {
        let place = version.upstream.address.as_str();
        if places.get(place).is_none_or(Result::is_err) {
            let links = asking::links(gate, version, window, audit_id).await;
            places.insert(place, links);
        }
    }
    let answers: Result<Vec<_>, NoLinks> = places.into_values().collect();
    Ok(answers?.into_iter().flatten().collect())
}

async fn gateways(gate: &Gate) -> Result<Gateways, Error> {
    let (keys, _) = gate.keys.history().await?;
    Ok(Gateways {
        own: gate.instance.clone(),
        known: keys.into_iter().map(|key| key.instance).collect(),
    })
}

/// The record of a reconciliation: counts, and the ids of the first differences.
fn told(outcome: &Outcome, epoch: u64) -> Record {
    let differences = outcome.differences();
    let mut detail = format!("{}: {differences} differences", outcome.window);
    for (name, found) in &outcome.eservices {
        let _ = match found {
            Err(why) => write!(detail, "; {name} not compared: {why}"),
            Ok(it) => write!(detail, "; {name} {} calls, {} links", it.calls, it.links),
        };
        for (what, ids) in found.iter().flat_map(different) {
            let first: Vec<String> = ids.iter().take(TOLD).map(Uuid::to_string).collect();
            let _ = write!(detail, ", {} {what}: {}", ids.len(), first.join(" "));
        }
    }
    let word = match (differences, outcome.is_complete()) {
        (0, true) => "OK",
        (0, false) => "INCOMPLETE",
        _ => "DIFFERENT",
    };
    Record {
        policy_epoch: epoch,
        ..record::reconciliation(outcome.audit_id, word, detail)
    }
}

fn different(found: &Comparison) -> impl Iterator<Item = (&'static str, &Vec<Uuid>)> {
    let both = [
        ("only in the register", &found.only_in_register),
        ("only in the service", &found.only_in_service),
    ];
    both.into_iter().filter(|(_, ids)| !ids.is_empty())
}

/// Ids of differences that a record names, for each service and direction.
const TOLD: usize = 5;
