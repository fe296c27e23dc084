//! Planning what is offered: e-services and their descriptors.

use varco_proto::registry::v1 as proto;

use super::{Named, Planner};
use crate::registry::contract::{BUILTIN, Contract, hash};
use crate::registry::entry::{ContractRef, Descriptor, Eservice, Kind, Upstream};

impl Planner<'_> {
    pub(super) fn eservices(&mut self, eservices: &[proto::Eservice]) {
        for eservice in eservices {
            let name = Named::new(Kind::Eservice, eservice.name.clone(), &eservice.name);
            let producer = self.refer(&name, "producer", Kind::Tenant, &eservice.producer);
            self.require(
                &name,
                "descriptor",
                !eservice.descriptors.is_empty(),
                "is required",
            );
            let Some(producer) = producer else { continue };
            let id = self.put(
                name,
                &Eservice {
                    producer: producer.id,
                },
            );
            for descriptor in &eservice.descriptors {
                self.descriptor(&eservice.name, id, descriptor);
            }
        }
    }

    fn descriptor(&mut self, eservice: &str, id: uuid::Uuid, declared: &proto::Descriptor) {
        let full = format!("{eservice}/{}", declared.version);
        let name = Named::new(Kind::Descriptor, full.clone(), &full);
        self.check_descriptor(&name, declared);
        let Some((contract, compiled)) = self.contract(&name, declared) else {
            return;
        };
        let known: Vec<String> = compiled.methods.keys().cloned().collect();
        let methods = self.methods(
            &name,
            &declared.methods,
            |method| compiled.methods.contains_key(method) && in_builtin(declared, method),
            &known,
        );
        let daily = declared.daily_calls.unwrap_or_default();
        let upstream = declared.upstream.clone().unwrap_or_default();
        let body = Descriptor {
            eservice: id,
            version: declared.version,
            audience: declared.audience.clone(),
            contract,
            upstream: Upstream {
                address: upstream.address,
                server_name: upstream.server_name,
                ca_pem: upstream.ca_pem,
            },
            methods,
            voucher_lifespan: declared.voucher_lifespan,
            daily_per_consumer: daily.per_consumer,
            daily_total: daily.total,
            approval: declared.approval.clone(),
        };
        self.put(name, &body);
    }

    fn check_descriptor(&mut self, name: &Named<'_>, declared: &proto::Descriptor) {
        let daily = declared.daily_calls.unwrap_or_default();
        let upstream = declared.upstream.clone().unwrap_or_default();
        let audience = &declared.audience;
        self.require(name, "version", declared.version > 0, "must be 1 or more");
        let fit = (1..=250).contains(&audience.len()) && !audience.contains([',', ' ']);
        self.require(
            name,
            "audience",
            fit,
            "must have 1 to 250 characters, no comma, no space",
        );
        let free = self.audience_is_free(&name.full, audience);
        self.require(name, "audience", free, "belongs to another descriptor");
        let lifespan = (60..=86_400).contains(&declared.voucher_lifespan);
        self.require(
            name,
            "voucher_lifespan",
            lifespan,
            "must be 60 to 86400 seconds",
        );
        let daily = daily.per_consumer > 0 && daily.total >= daily.per_consumer;
        self.require(
            name,
            "daily_calls",
            daily,
            "needs per_consumer and a total that is not less",
        );
        self.require(
            name,
            "upstream",
            is_upstream(&upstream.address),
            UPSTREAM_RULE,
        );
        let named = !upstream.server_name.is_empty() || upstream.address.starts_with("http://");
        self.require(name, "upstream.server_name", named, "is required");
        let automatic = declared.approval == "automatic";
        self.require(
            name,
            "approval",
            automatic,
            "must be \"automatic\": manual is not offered yet",
        );
    }

    /// The contract of a descriptor, compiled; problems when it cannot be.
    fn contract(
        &mut self,
        name: &Named<'_>,
        declared: &proto::Descriptor,
    ) -> Option<(ContractRef, std::sync::Arc<Contract>)> {
        let builtin = !declared.builtin.is_empty();
        let set: &[u8] = if builtin {
            varco_proto::DESCRIPTOR_SET
        } else {
            &declared.descriptor_set
        };
        let defaults = declared.defaults.clone().unwrap_or_default();
        let effect = defaults.effect.as_str();
        self.require(
            name,
            "defaults.effect",
            ["", "read", "write"].contains(&effect),
            EFFECTS,
        );
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let of = ContractRef {
            set: if builtin {
                BUILTIN.to_owned()
            } else {
                hash(set)
            },
            default_effect: text(effect),
            default_class: text(&defaults.data_class),
        };
        match self.contracts.compile(&of, set) {
            Ok(compiled) => {
                if !builtin {
                    self.plan.sets.insert(of.set.clone(), set.to_vec());
                }
                Some((of, compiled))
            }
            Err(problems) => {
                for problem in problems {
                    self.problem(name, "descriptor_set", &problem);
                }
                None
            }
        }
    }

    /// Expands `pkg.Service/*` and checks each method; sorted, without doubles.
    pub(super) fn methods(
        &mut self,
        name: &Named<'_>,
        declared: &[String],
        allowed: impl Fn(&str) -> bool,
        known: &[String],
    ) -> Vec<String> {
        self.require(name, "methods", !declared.is_empty(), "is required");
        let mut methods = Vec::new();
        for pattern in declared {
            let before = methods.len();
            match pattern.strip_suffix('*') {
                Some(prefix) if prefix.ends_with('/') => methods.extend(
                    known
                        .iter()
                        .filter(|m| m.starts_with(prefix) && allowed(m))
                        .cloned(),
                ),
                _ => methods.extend(allowed(pattern).then(|| pattern.clone())),
            }
            if methods.len() == before {
                let what =
                    format!("names no callable method: {pattern} (unknown, or without effect)");
                self.problem(name, "methods", &what);
            }
        }
        methods.sort();
        methods.dedup();
        methods
    }

    fn audience_is_free(&self, name: &str, audience: &str) -> bool {
        !self.rows.values().any(|row| {
            row.kind == Kind::Descriptor
                && row.name != name
                && row.field("audience") == Some(audience)
        })
    }
}

fn in_builtin(declared: &proto::Descriptor, method: &str) -> bool {
    declared.builtin.is_empty() || method.starts_with(&format!("{}.", declared.builtin))
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

const EFFECTS: &str = "must be \"read\" or \"write\"";
const UPSTREAM_RULE: &str = "address must be https://host:port, or http:// on loopback";
