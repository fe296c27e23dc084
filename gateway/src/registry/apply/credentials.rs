//! Planning what a client proves itself with: its keys and its listed certificates.

use std::sync::Arc;

use uuid::Uuid;
use varco_proto::registry::v1 as proto;
use varco_runtime::jose::PublicKey;
use varco_runtime::tls;

use super::{Mode, Named, Planner, moment};
use crate::registry::body::Body;
use crate::registry::certificate::{Certificate, Source};
use crate::registry::entry::{Entry, Kind, State};
use crate::registry::error::Error;
use crate::registry::key::{self, Key};

impl Planner<'_, '_> {
    /// The keys of a client are those that are declared: others are revoked.
    pub(super) fn keys(
        &mut self,
        client: &Named,
        id: Uuid,
        keys: &[proto::Key],
    ) -> Result<(), Error> {
        let some = !keys.is_empty() || self.mode == Mode::Create;
        self.require(client, "keys", some, "is required");
        let mut kept = Vec::new();
        for declared in keys {
            match PublicKey::from_pem(&declared.pem) {
                Err(error) => {
                    let what = format!("holds what cannot be used: {error}");
                    self.problem(client, "keys", &what);
                }
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
        let most = self.keys_of(id)?.len() <= key::MOST;
        self.require(client, "keys", most, "may be at most 100");
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
    pub(super) fn certificates(
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
                    self.certificate(client, id, &name, (tls::not_after(pem), 0));
                    kept.push(name);
                }
            }
        }
        let suspended = i32::from(proto::Standing::Suspended);
        let counting = declared.thumbprints.iter().map(|it| (it, 0));
        let others = declared.suspended_thumbprints.iter();
        for (thumbprint, standing) in counting.chain(others.map(|it| (it, suspended))) {
            let fit = thumbprint.len() == 64 && thumbprint.chars().all(|c| c.is_ascii_hexdigit());
            self.require(
                client,
                "thumbprints",
                fit,
                "must be 64 hexadecimal digits each",
            );
            if fit {
                let name = thumbprint.to_ascii_lowercase();
                self.certificate(client, id, &name, (None, standing));
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

    fn certificate(
        &mut self,
        client: &Named,
        id: Uuid,
        name: &str,
        (not_after, standing): (Option<i64>, i32),
    ) {
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
            asked_by: None,
        };
        self.put(&name, body, standing);
    }
}
