//! Planning who may use what: clients, agreements, purposes.

use varco_proto::registry::v1 as proto;
use varco_runtime::jose::PublicKey;
use varco_runtime::tls;

use super::{Named, Planner};
use crate::audit::record::names_a_person;
use crate::registry::entry::{Agreement, Client, Descriptor, Key, Kind, Purpose, State};
use crate::registry::store_entries::Row;

impl Planner<'_> {
    pub(super) fn clients(&mut self, clients: &[proto::Client]) {
        for client in clients {
            let name = Named::new(Kind::Client, client.name.clone(), &client.name);
            let consumer = self.refer(&name, "consumer", Kind::Tenant, &client.consumer);
            let keys = self.keys(&name, &client.keys);
            let certificates = self.certificates(&name, &client.certificates);
            let Some(consumer) = consumer else { continue };
            let body = Client {
                consumer: consumer.id,
                keys,
                certificates,
                legacy: client.legacy,
            };
            self.put(name, &body);
        }
    }

    pub(super) fn agreements(&mut self, agreements: &[proto::Agreement]) {
        for agreement in agreements {
            let full = format!("{}/{}", agreement.consumer, agreement.eservice);
            let name = Named::new(Kind::Agreement, full.clone(), &full);
            let consumer = self.refer(&name, "consumer", Kind::Tenant, &agreement.consumer);
            let eservice = self.refer(&name, "eservice", Kind::Eservice, &agreement.eservice);
            let (Some(consumer), Some(eservice)) = (consumer, eservice) else {
                continue;
            };
            let Some((descriptor, _)) = self.descriptor_of(&name, &eservice) else {
                continue;
            };
            let body = Agreement {
                consumer: consumer.id,
                eservice: eservice.id,
                descriptor,
            };
            self.put(name, &body);
        }
    }

    pub(super) fn purposes(&mut self, purposes: &[proto::Purpose]) {
        for purpose in purposes {
            let full = format!("{}/{}", purpose.consumer, purpose.name);
            let name = Named::new(Kind::Purpose, full, &purpose.name);
            if let Some(body) = self.purpose(&name, purpose) {
                self.put(name, &body);
            }
        }
    }

    fn purpose(&mut self, name: &Named<'_>, declared: &proto::Purpose) -> Option<Purpose> {
        let consumer = self.refer(name, "consumer", Kind::Tenant, &declared.consumer);
        let eservice = self.refer(name, "eservice", Kind::Eservice, &declared.eservice);
        let clients: Vec<Option<Row>> = declared
            .clients
            .iter()
            .map(|client| self.refer(name, "clients", Kind::Client, client))
            .collect();
        let basis = (1..=500).contains(&declared.legal_basis.len());
        self.require(name, "legal_basis", basis, "must have 1 to 500 bytes");
        let person = names_a_person(&declared.legal_basis);
        let rule = "must not hold a codice fiscale: it enters every record";
        self.require(name, "legal_basis", !person, rule);
        let classes = &declared.data_classes;
        let fit = (1..=64).contains(&classes.len()) && classes.iter().all(|it| is_class(it));
        self.require(
            name,
            "data_classes",
            fit,
            "must be 1 to 64 names of at most 64 characters",
        );
        let (consumer, eservice) = (consumer?, eservice?);
        let agreement = format!("{}/{}", declared.consumer, declared.eservice);
        self.refer(name, "eservice", Kind::Agreement, &agreement);
        let (_, descriptor) = self.descriptor_of(name, &eservice)?;
        let methods = self.methods(
            name,
            &declared.methods,
            |method| descriptor.methods.iter().any(|known| known == method),
            &descriptor.methods,
        );
        self.quota(name, declared.daily_calls, &descriptor);
        let clients: Vec<Row> = clients.into_iter().flatten().collect();
        let foreign =
            |client: &Row| client.field("consumer") != Some(consumer.id.to_string().as_str());
        let own = !clients.iter().any(foreign);
        self.require(name, "clients", own, "names a client of another tenant");
        Some(Purpose {
            consumer: consumer.id,
            eservice: eservice.id,
            legal_basis: declared.legal_basis.clone(),
            methods,
            data_classes: declared.data_classes.clone(),
            daily_calls: declared.daily_calls,
            clients: clients.iter().map(|client| client.id).collect(),
            chained: declared.chained,
        })
    }

    fn quota(&mut self, name: &Named<'_>, daily_calls: u64, descriptor: &Descriptor) {
        self.require(name, "daily_calls", daily_calls > 0, "is required");
        let within = daily_calls <= descriptor.daily_per_consumer;
        let limit = descriptor.daily_per_consumer;
        let rule = format!("is more than the e-service gives one consumer ({limit})");
        self.require(name, "daily_calls", within, &rule);
    }

    /// The newest descriptor of an e-service.
    fn descriptor_of(
        &mut self,
        name: &Named<'_>,
        eservice: &Row,
    ) -> Option<(uuid::Uuid, Descriptor)> {
        let newest = self
            .rows
            .values()
            .filter(|row| row.kind == Kind::Descriptor)
            .filter_map(|row| {
                let body: Descriptor = serde_json::from_value(row.body.clone()).ok()?;
                let live = row.state != State::Archived;
                (live && body.eservice == eservice.id).then_some((row.id, body))
            })
            .max_by_key(|(_, body)| body.version);
        if newest.is_none() {
            self.problem(name, "eservice", "has no descriptor");
        }
        newest
    }

    fn keys(&mut self, name: &Named<'_>, pems: &[String]) -> Vec<Key> {
        self.require(name, "keys", !pems.is_empty(), "is required");
        let mut keys = Vec::new();
        for pem in pems {
            match PublicKey::from_pem(pem) {
                Ok(key) if self.kid_is_free(&name.full, key.kid()) => {
                    keys.push(Key {
                        kid: key.kid().to_owned(),
                        pem: pem.trim().to_owned(),
                    });
                }
                Ok(_) => self.problem(name, "keys", "holds a key of another client"),
                Err(error) => self.problem(name, "keys", &error.to_string()),
            }
        }
        keys
    }

    fn kid_is_free(&self, client: &str, kid: &str) -> bool {
        !self.rows.values().any(|row| {
            let keys = row.body.get("keys").and_then(serde_json::Value::as_array);
            let holds = keys.is_some_and(|keys| {
                keys.iter()
                    .any(|key| key.get("kid").is_some_and(|known| known == kid))
            });
            row.kind == Kind::Client && row.name != client && holds
        })
    }

    fn certificates(&mut self, name: &Named<'_>, pems: &[String]) -> Vec<String> {
        let mut thumbprints = Vec::new();
        for pem in pems {
            match tls::thumbprint(pem) {
                Some(thumbprint) if !self.thumbprint_is_free(&name.full, &thumbprint) => {
                    self.problem(
                        name,
                        "certificates",
                        "holds a certificate of another client",
                    );
                }
                Some(thumbprint) => thumbprints.push(hex::encode(thumbprint)),
                None => self.problem(name, "certificates", "holds no PEM certificate"),
            }
        }
        thumbprints
    }

    fn thumbprint_is_free(&self, client: &str, thumbprint: &[u8; 32]) -> bool {
        let thumbprint = hex::encode(thumbprint);
        !self.rows.values().any(|row| {
            let listed = row
                .body
                .get("certificates")
                .and_then(serde_json::Value::as_array);
            let holds = listed.is_some_and(|listed| listed.iter().any(|it| *it == thumbprint));
            row.kind == Kind::Client && row.name != client && holds
        })
    }
}

/// Whether a text can name a class of data.
fn is_class(text: &str) -> bool {
    let fit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    (1..=64).contains(&text.len()) && text.chars().all(fit)
}
