//! The registry as a document would make it, to be looked at and for nothing else.
//!
//! It is planned as `apply` plans it. Nobody's second pair of eyes is waited for, since the question
//! is what would be once the document is in force.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;
use varco_proto::registry::v1::Document;

use super::Registry;
use super::apply::{self, Mode, Problem};
use super::body::parsed;
use super::contract::Contracts;
use super::descriptor::Descriptor;
use super::draft::{Draft, Finished, Setting};
use super::entry::{Kind, Row};
use super::error::Error;
use super::scope::Who;
use super::snapshot::Snapshot;

/// What would be, beside what is.
#[derive(Clone, Debug)]
pub struct Supposed {
    /// The registry as it stands.
    pub current: Arc<Snapshot>,
    /// As the document would make it.
    pub proposed: Arc<Snapshot>,
}

impl Registry {
    /// The registry as a document would make it; nothing is changed.
    ///
    /// # Errors
    ///
    /// [`Error::Document`] with everything that is wrong with the document.
    pub fn supposing(&self, document: &Document, mode: Mode) -> Result<Supposed, Error> {
        let current = self.snapshot();
        let finished = self.drafted(document, mode, &current)?;
        if finished.written.is_empty() {
            let proposed = Arc::clone(&current);
            return Ok(Supposed { current, proposed });
        }
        // Apart from those of the registry, which only what stands in it may fill.
        let contracts = Contracts::default();
        for (of, contract) in &finished.contracts {
            contracts.keep(of.clone(), Arc::clone(contract));
        }
        let mut last: HashMap<Uuid, Row> = HashMap::new();
        for written in finished.written {
            last.insert(written.row.id, written.row);
        }
        for row in last.values().filter(|row| row.kind == Kind::Descriptor) {
            let of = parsed::<Descriptor>(row)?.body.contract;
            if let Some(known) = self.contracts.known(&of) {
                contracts.keep(of, known);
            }
        }
        let rows = last.into_values().collect();
        let epoch = current.epoch;
        let proposed = current.followed_by(rows, epoch, &contracts, Instant::now())?;
        Ok(Supposed {
            current,
            proposed: Arc::new(proposed),
        })
    }

    fn drafted(&self, document: &Document, mode: Mode, seen: &Snapshot) -> Result<Finished, Error> {
        let who = Who::installation();
        let new_id = || self.clock.uuid();
        let setting = Setting {
            four_eyes: false,
            ..self.setting(&who, &new_id)
        };
        let mut draft = Draft::new(seen, &self.contracts, setting);
        let problems: Vec<Problem> = apply::plan(document, &mut draft, &who, mode)?.problems;
        if problems.is_empty() {
            Ok(draft.finished())
        } else {
            Err(Error::Document(problems))
        }
    }
}

#[cfg(test)]
mod tests {
    use varco_runtime::clock::Clock;
    use varco_runtime::store::testing::each_db;

    use super::*;
    use crate::registry::Rules;
    use crate::registry::purpose::Purpose;
    use crate::registry::testing::{OTHER, admin, descriptor, purpose, town};

    #[tokio::test]
    async fn document_is_supposed_whole_and_changes_nothing() {
        for fresh in each_db(crate::REGISTRY_MIGRATIONS).await.unwrap() {
            let rules = Rules {
                four_eyes: true,
                ..Rules::default()
            };
            let opened = Registry::open(fresh.db.clone(), Clock::system(), rules);
            let registry = opened.await.unwrap();
            let (mut document, root) = (town(), admin("root"));
            let applied = registry.apply(&document, Mode::Apply, 0, &root);
            applied.await.unwrap();
            let stands = document.clone();
            document.purposes[0].methods.push(OTHER.into());
            document.purposes.push(purpose("nuova", 10));
            // A version with a contract of its own.
            let mut version = descriptor(2);
            version.builtin = "varco.albo.v1".into();
            version.methods = vec!["varco.albo.v1.AlboService/*".into()];
            document.eservices[0].descriptors.push(version);

            let same = registry.supposing(&stands, Mode::Apply).unwrap();
            let supposed = registry.supposing(&document, Mode::Apply);

            assert!(Arc::ptr_eq(&same.current, &same.proposed), "{}", fresh.name);
            let proposed = supposed.unwrap().proposed;
            let row = proposed.find(Kind::Purpose, "tributi/verifica").unwrap();
            let body = parsed::<Purpose>(&row).unwrap().body;
            assert!(body.content.methods.contains(&OTHER.to_owned()));
            assert!(proposed.find(Kind::Purpose, "nuova").is_ok());
            let version = proposed.find(Kind::Descriptor, "anagrafe/2").unwrap().id;
            assert!(proposed.descriptor(version).is_some());
            assert_eq!(registry.snapshot().epoch, 1);
            assert!(registry.find(Kind::Purpose, "nuova").is_err());
        }
    }

    #[tokio::test]
    async fn every_problem_of_a_document_is_told() {
        let fresh = each_db(crate::REGISTRY_MIGRATIONS).await.unwrap().remove(0);
        let opened = Registry::open(fresh.db.clone(), Clock::system(), Rules::default());
        let registry = opened.await.unwrap();
        let mut document = town();
        document.purposes[0].eservice = "nessuno".into();
        document.clients[0].consumer = "nessuno".into();

        let refused = registry.supposing(&document, Mode::Apply);

        let Err(Error::Document(problems)) = refused else {
            panic!("{refused:?}");
        };
        assert!(problems.len() >= 2, "{problems:?}");
    }
}
