//! Planning who takes part: attributes, tenants, clients with their keys, operators.

use std::sync::Arc;

use uuid::Uuid;
use varco_proto::registry::v1 as proto;
use varco_runtime::jose::PublicKey;
use varco_runtime::tls;

use super::{Mode, Named, Planner, moment, some};
use crate::registry::Error;
use crate::registry::attribute::{Attribute, AttributeKind};
use crate::registry::certificate::{Certificate, Source};
use crate::registry::client::{Client, ClientKind};
use crate::registry::draft::Body;
use crate::registry::entry::{Entry, Kind, State};
use crate::registry::key::{self, Key};
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
            let kind = match client.kind.as_str() {
                "" | "consumer" => ClientKind::Consumer,
                "api" => ClientKind::Api,
                _ => {
                    self.problem(&name, "kind", "must be consumer or api");
                    continue;
                }
            };
            let admin = some(&client.admin);
            let named = admin.is_some() == (kind == ClientKind::Api);
            let rule = "is required for an api client, and for no other";
            self.require(&name, "admin", named, rule);
            if let Some(admin) = &admin {
                self.check_admin(&name, admin);
            }
            let Some(consumer) = consumer else { continue };
            let body = Client {
                consumer,
                kind,
                admin,
                legacy: client.legacy,
            };
            let id = self.put(&name, body, client.standing);
            self.keys(&name, id, &client.keys)?;
            self.certificates(&name, id, client)?;
        }
        Ok(())
    }

    /// The client that stands already, where one only makes a key or a certificate for it.
    fn only_adds(&self, name: &Named, client: &proto::Client) -> Option<Uuid> {
        let adds = !(client.keys.is_empty()
            && client.certificates.is_empty()
            && client.thumbprints.is_empty());
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
        if before.is_some_and(|it| it.body.admin.as_deref() == Some(admin)) {
            return;
        }
        let operator = self.entry::<Operator>(id);
        let mut roles = operator.iter().flat_map(|it| &it.body.roles);
        let covers = roles.all(|role| self.who.roles.contains(role) || self.who.administers());
        let own = self.who.tenant.is_none()
            || operator.is_some_and(|it| it.body.tenant == self.who.tenant);
        let rule = "has roles that are not yours to give";
        self.require(client, "admin", covers && own, rule);
    }

    /// The keys of a client are those that are declared: others are revoked.
    fn keys(&mut self, client: &Named, id: Uuid, keys: &[proto::Key]) -> Result<(), Error> {
        let some = !keys.is_empty() || self.mode == Mode::Create;
        self.require(client, "keys", some, "is required");
        self.require(
            client,
            "keys",
            keys.len() <= key::MOST,
            "may be at most 100",
        );
        let mut kept = Vec::new();
        for declared in keys {
            match PublicKey::from_pem(&declared.pem) {
                Err(error) => self.problem(client, "keys", &error.to_string()),
                Ok(key) => {
                    let twice = kept.iter().any(|kid| kid == key.kid());
                    self.require(client, "keys", !twice, "holds the same key twice");
                    self.key(client, id, (&key, declared));
                    kept.push(key.kid().to_owned());
                }
            }
        }
        for key in self.keys_of(id)? {
            if !kept.contains(&key.name) && self.mode != Mode::Create {
                self.revoke(&key)?;
            }
        }
        Ok(())
    }

    fn key(&mut self, client: &Named, id: Uuid, (key, declared): (&PublicKey, &proto::Key)) {
        let known = self.draft.named(Kind::Key, key.kid()).cloned();
        if let Some(known) = known.and_then(|row| self.entry::<Key>(Some(row.id))) {
            if known.body.client != id {
                return self.problem(client, "keys", "holds a key of another client");
            }
            if known.state.is_final() {
                let rule = "holds a key that was revoked, which is final: make a new one";
                return self.problem(client, "keys", rule);
            }
        }
        let name = Named::new(Kind::Key, key.kid());
        if self.done.contains(&(Kind::Key, name.full.clone())) {
            return;
        }
        let body = Key {
            client: id,
            pem: declared.pem.trim().to_owned(),
            not_after: moment(declared.not_after),
        };
        self.put(&name, body, declared.standing);
    }

    /// The keys of a client that have not ended.
    pub(super) fn keys_of(&self, client: Uuid) -> Result<Vec<Arc<Entry<Key>>>, Error> {
        let mut keys = self.draft.entries::<Key>()?;
        keys.retain(|key| key.body.client == client && !key.state.is_final());
        keys.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(keys)
    }

    pub(super) fn revoke<T: Body>(&mut self, entry: &Entry<T>) -> Result<(), Error> {
        let ended = Entry {
            state: State::Archived,
            ..entry.clone()
        };
        self.draft.update("revoked", &ended)?;
        let name = Named::new(T::KIND, entry.name.clone());
        let row = self.draft.row(entry.id).cloned();
        if let Some(row) = row {
            self.entitle(&name, &row);
            self.changes.push(proto::Change {
                action: proto::Action::Archive.into(),
                kind: super::proto_kind(T::KIND).into(),
                name: entry.name.clone(),
                id: entry.id.to_string(),
                state: State::Archived.name().to_owned(),
                ..Default::default()
            });
        }
        Ok(())
    }

    /// The listed certificates of a client are those that are declared; issued ones stay.
    fn certificates(
        &mut self,
        client: &Named,
        id: Uuid,
        declared: &proto::Client,
    ) -> Result<(), Error> {
        let mut kept = Vec::new();
        for pem in &declared.certificates {
            match tls::thumbprint(pem) {
                None => self.problem(client, "certificates", "holds no PEM certificate"),
                Some(thumbprint) => {
                    let name = hex::encode(thumbprint);
                    self.certificate(client, id, &name, tls::not_after(pem));
                    kept.push(name);
                }
            }
        }
        for thumbprint in &declared.thumbprints {
            let fit = thumbprint.len() == 64 && thumbprint.chars().all(|c| c.is_ascii_hexdigit());
            self.require(
                client,
                "thumbprints",
                fit,
                "must be 64 hexadecimal digits each",
            );
            if fit {
                let name = thumbprint.to_ascii_lowercase();
                self.certificate(client, id, &name, None);
                kept.push(name);
            }
        }
        let mut listed = self.draft.entries::<Certificate>()?;
        listed.retain(|it| {
            let own = it.body.client == Some(id) && it.body.source == Source::Listed;
            own && !it.state.is_final() && !kept.contains(&it.name)
        });
        if self.mode == Mode::Create {
            listed.clear();
        }
        for certificate in listed {
            self.revoke(&certificate)?;
        }
        Ok(())
    }

    fn certificate(&mut self, client: &Named, id: Uuid, name: &str, not_after: Option<i64>) {
        let known = self.draft.named(Kind::Certificate, name).map(|row| row.id);
        let known = self.entry::<Certificate>(known);
        if let Some(known) = &known {
            if known.body.client != Some(id) {
                return self.problem(
                    client,
                    "certificates",
                    "holds a certificate of another client",
                );
            }
            if known.state.is_final() {
                let rule = "holds a certificate that was revoked, which is final";
                return self.problem(client, "certificates", rule);
            }
            if known.body.source == Source::Issued {
                return;
            }
        }
        let name = Named::new(Kind::Certificate, name);
        if self.done.contains(&(Kind::Certificate, name.full.clone())) {
            return;
        }
        let not_after = not_after.or_else(|| known.and_then(|it| it.body.not_after));
        let body = Certificate {
            holder: String::new(),
            client: Some(id),
            source: Source::Listed,
            not_after,
        };
        self.put(&name, body, 0);
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
            let waits = self.needs_another(before.as_deref(), &body)?;
            if waits {
                body.asked_by = Some(self.draft.setting.operator.to_owned());
            }
            let id = self.put(&name, body, operator.standing);
            if waits {
                let mut entry = Entry::clone(&*self.draft.entry::<Operator>(id)?);
                entry.state = State::WaitingForApproval;
                self.draft.update("updated", &entry)?;
            }
        }
        Ok(())
    }

    /// Whether somebody else has to approve an operator: four eyes are asked for, the roles grow,
    /// and there is somebody else who could.
    fn needs_another(
        &self,
        before: Option<&Entry<Operator>>,
        after: &Operator,
    ) -> Result<bool, Error> {
        let grows = before.is_none_or(|before| {
            let more = after
                .roles
                .iter()
                .any(|role| !before.body.roles.contains(role));
            more || before.body.tenant != after.tenant || before.state.is_final()
        });
        if !self.draft.setting.four_eyes || !grows {
            return Ok(false);
        }
        let others = self.draft.entries::<Operator>()?;
        Ok(others.iter().any(|other| {
            let administers = other.body.roles.iter().any(|role| role == "admin");
            let whole = other.body.tenant.is_none() && other.state == State::Active;
            administers && whole && other.name != self.draft.setting.operator
        }))
    }
}

fn is_code(code: &str) -> bool {
    let fit = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=32).contains(&code.len()) && code.chars().all(fit)
}
