//! Planning who takes part: attributes, tenants, clients, operators.

use uuid::Uuid;
use varco_proto::registry::v1 as proto;

use super::{Mode, Named, Planner, moment, some};
use crate::registry::attribute::{Attribute, AttributeKind};
use crate::registry::client::{Client, ClientKind};
use crate::registry::entry::{Entry, Kind, State};
use crate::registry::error::Error;
use crate::registry::eyes;
use crate::registry::operator::{Operator, ROLES};
use crate::registry::tenant::{Held, Tenant};

impl Planner<'_, '_> {
    pub(super) fn attributes(&mut self, attributes: &[proto::Attribute]) {
        for attribute in attributes {
            let name = Named::new(Kind::Attribute, attribute.name.clone());
            let Some(kind) = AttributeKind::parse(&attribute.kind) else {
                self.problem(&name, "kind", "must be certified, declared or verified");
                continue;
            };
            let calls = attribute.daily_calls_per_consumer;
            let fit = calls == 0 || kind == AttributeKind::Certified;
            let rule = "is for certified attributes only";
            self.require(&name, "daily_calls_per_consumer", fit, rule);
            let id = self
                .draft
                .named(Kind::Attribute, &name.full)
                .map(|row| row.id);
            let same = self
                .entry::<Attribute>(id)
                .is_none_or(|it| it.body.kind == kind);
            self.require(&name, "kind", same, "cannot change: use another name");
            let body = Attribute {
                kind,
                description: attribute.description.clone(),
                daily_calls_per_consumer: (calls != 0).then_some(calls),
            };
            self.put(&name, body, 0);
        }
    }

    pub(super) fn tenants(&mut self, tenants: &[proto::Tenant]) {
        for tenant in tenants {
            let name = Named::new(Kind::Tenant, tenant.name.clone());
            self.require(&name, "title", !tenant.title.is_empty(), "is required");
            for (field, code, needed) in [
                ("ipa", &tenant.ipa, true),
                ("aoo", &tenant.aoo, false),
                ("uo", &tenant.uo, false),
            ] {
                let fit = is_code(code) || (!needed && code.is_empty());
                self.require(&name, field, fit, "must be a code of the IPA");
            }
            let attributes = self.held(&name, tenant);
            let body = Tenant {
                title: tenant.title.clone(),
                ipa: tenant.ipa.clone(),
                aoo: some(&tenant.aoo),
                uo: some(&tenant.uo),
                attributes,
            };
            self.put(&name, body, tenant.standing);
        }
    }

    /// What a tenant holds as declared, in the order in which it holds it already.
    fn held(&mut self, name: &Named, tenant: &proto::Tenant) -> Vec<Held> {
        let mut held = Vec::new();
        for attribute in &tenant.attributes {
            let id = self.refer(name, "attributes", Kind::Attribute, attribute);
            let kind = self.entry::<Attribute>(id).map(|it| it.body.kind);
            let fit = kind != Some(AttributeKind::Verified);
            let rule = format!("holds {attribute}, which a producer verifies: see verified");
            self.require(name, "attributes", fit, &rule);
            held.extend(id.map(|attribute| Held {
                attribute,
                verifier: None,
                expires: None,
            }));
        }
        for verified in &tenant.verified {
            let id = self.refer(name, "verified", Kind::Attribute, &verified.attribute);
            let kind = self.entry::<Attribute>(id).map(|it| it.body.kind);
            let fit = kind.is_none_or(|kind| kind == AttributeKind::Verified);
            self.require(
                name,
                "verified",
                fit,
                "names an attribute that nobody verifies",
            );
            let other = verified.verifier != name.full;
            self.require(
                name,
                "verified",
                other,
                "names the tenant itself as verifier",
            );
            let verifier = self.refer(name, "verified", Kind::Tenant, &verified.verifier);
            held.extend(id.zip(verifier).map(|(attribute, verifier)| Held {
                attribute,
                verifier: Some(verifier),
                expires: moment(verified.expires),
            }));
        }
        let before = self.draft.named(Kind::Tenant, &name.full).map(|row| row.id);
        let before = self
            .entry::<Tenant>(before)
            .map(|it| it.body.attributes.clone());
        let place = |it: &Held| {
            let before = before.as_deref().unwrap_or_default();
            before
                .iter()
                .position(|known| known == it)
                .unwrap_or(usize::MAX)
        };
        held.sort_by_key(place);
        held
    }

    pub(super) fn clients(&mut self, clients: &[proto::Client]) -> Result<(), Error> {
        for client in clients {
            let name = Named::new(Kind::Client, client.name.clone());
            if let Some(id) = self.only_adds(&name, client) {
                self.keys(&name, id, &client.keys)?;
                self.certificates(&name, id, client)?;
                continue;
            }
            let consumer = self.refer(&name, "consumer", Kind::Tenant, &client.consumer);
            let known = ["", "consumer", "api"].contains(&client.kind.as_str());
            self.require(&name, "kind", known, "must be consumer or api");
            let kind = match client.kind.as_str() {
                "api" => ClientKind::Api,
                _ => ClientKind::Consumer,
            };
            let admin = some(&client.admin);
            let named = !known || admin.is_some() == (kind == ClientKind::Api);
            let rule = "is required for an api client, and for no other";
            self.require(&name, "admin", named, rule);
            if let Some(admin) = &admin {
                self.check_admin(&name, admin);
            }
            let stands = self.draft.named(Kind::Client, &name.full).map(|row| row.id);
            let body = consumer.map(|consumer| Client {
                consumer,
                kind,
                admin,
                legacy: client.legacy,
            });
            let id = match body {
                Some(body) => {
                    let stands = self.entry::<Client>(stands);
                    let moved = stands.is_some_and(|it| it.body.consumer != body.consumer);
                    let rule = "cannot change: make another client";
                    self.require(&name, "consumer", !moved, rule);
                    self.put(&name, body, client.standing)
                }
                // Its keys are looked at all the same.
                None => stands.unwrap_or_else(|| self.id_of(&name)),
            };
            self.keys(&name, id, &client.keys)?;
            self.certificates(&name, id, client)?;
        }
        Ok(())
    }

    /// The client that stands already, where one only makes a key or a certificate for it.
    fn only_adds(&self, name: &Named, client: &proto::Client) -> Option<Uuid> {
        let adds = !(client.keys.is_empty()
            && client.certificates.is_empty()
            && client.thumbprints.is_empty()
            && client.suspended_thumbprints.is_empty());
        let stands = self.draft.named(Kind::Client, &name.full);
        let stands = stands.filter(|row| !row.state.is_final());
        let only = self.mode == Mode::Create && adds;
        stands.filter(|_| only).map(|row| row.id)
    }

    /// A system may act in the name of an operator only when whoever says so could do as much:
    /// nobody gets roles by way of a client.
    fn check_admin(&mut self, client: &Named, admin: &str) {
        let id = self.refer(client, "admin", Kind::Operator, admin);
        let before = self
            .draft
            .named(Kind::Client, &client.full)
            .map(|row| row.id);
        let before = self.entry::<Client>(before);
        if before
            .as_ref()
            .is_some_and(|it| it.body.admin.as_deref() == Some(admin))
        {
            return;
        }
        // Its certificates were issued for somebody else to act as somebody else.
        let passes = before.is_some() && admin != self.draft.setting.operator;
        let rule = "cannot pass to another operator with four eyes: make another client";
        let alone = self.draft.setting.four_eyes && passes;
        self.require(client, "admin", !alone, rule);
        let operator = self.entry::<Operator>(id);
        let mut roles = operator.iter().flat_map(|it| &it.body.roles);
        let covers = roles.all(|role| self.who.roles.contains(role) || self.who.administers());
        let own = self.who.tenant.is_none()
            || operator.is_some_and(|it| it.body.tenant == self.who.tenant);
        let rule = "has roles that are not yours to give";
        self.require(client, "admin", covers && own, rule);
    }

    pub(super) fn operators(&mut self, operators: &[proto::Operator]) -> Result<(), Error> {
        for operator in operators {
            let name = Named::new(Kind::Operator, operator.name.clone());
            let known = |role: &String| ROLES.contains(&role.as_str());
            let fit = !operator.roles.is_empty() && operator.roles.iter().all(known);
            let rule = "must be of admin, security, api, auditor, viewer";
            self.require(&name, "roles", fit, rule);
            let tenant = match operator.tenant.as_str() {
                "" => None,
                tenant => self.refer(&name, "tenant", Kind::Tenant, tenant),
            };
            let before = self
                .draft
                .named(Kind::Operator, &name.full)
                .map(|row| row.id);
            let before = self.entry::<Operator>(before);
            let mut body = Operator {
                roles: operator.roles.clone(),
                tenant,
                asked_by: before.as_ref().and_then(|it| it.body.asked_by.clone()),
            };
            let waits = self.needs_another(before.as_deref(), &body);
            if waits {
                body.asked_by = Some(self.draft.setting.operator.to_owned());
            }
            let id = self.put(&name, body, operator.standing);
            if waits {
                let mut entry = Entry::clone(&*self.draft.entry::<Operator>(id)?);
                entry.state = State::WaitingForApproval;
                self.draft.update("updated", &entry)?;
            }
            let goes = eyes::last_other_goes(self.draft)?;
            self.require(&name, "roles", !goes, eyes::LAST_OTHER);
        }
        Ok(())
    }

    /// Whether somebody else has to approve an operator: four eyes are asked for, the roles grow,
    /// and there is somebody else who could.
    fn needs_another(&self, before: Option<&Entry<Operator>>, after: &Operator) -> bool {
        let grows = before.is_none_or(|before| {
            let more = after
                .roles
                .iter()
                .any(|role| !before.body.roles.contains(role));
            more || before.body.tenant != after.tenant || before.state.is_final()
        });
        self.draft.setting.four_eyes && grows && eyes::another_could(self.draft)
    }
}

fn is_code(code: &str) -> bool {
    let fit = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=32).contains(&code.len()) && code.chars().all(fit)
}
