//! The registry as the data plane reads it: immutable, whole, with its epoch.
//!
//! What every call needs is resolved when the snapshot is built: contracts are compiled, keys are
//! parsed. The next snapshot shares everything that has not changed with the one before it, so its
//! cost follows the change and not the registry.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use uuid::Uuid;
use varco_runtime::jose::PublicKey;
use varco_runtime::store::Db;

use super::agreement::Agreement;
use super::attribute::Attribute;
use super::body::{Body, parsed};
use super::certificate::{Certificate, Source};
use super::client::Client;
use super::contract::{Contract, Contracts};
use super::delegation::Delegation;
use super::descriptor::Descriptor;
use super::entry::{Entry, Kind, Row, State};
use super::error::Error;
use super::eservice::Eservice;
use super::key::Key;
use super::load::Load;
use super::operator::Operator;
use super::purpose::Purpose;
use super::store_entries;
use super::tenant::Tenant;

/// A descriptor with its compiled contract.
#[derive(Clone, Copy, Debug)]
pub struct LiveDescriptor<'a> {
    /// The entry.
    pub entry: &'a Entry<Descriptor>,
    /// Its contract.
    pub contract: &'a Arc<Contract>,
}

/// A client's key, parsed when it is first used: at the start of a gateway nobody waits for the
/// keys of a thousand clients.
#[derive(Debug)]
pub struct LiveKey {
    /// RFC 7638 thumbprint.
    pub kid: String,
    /// The client.
    pub client: Uuid,
    /// Where it stands.
    pub state: State,
    /// Until when it may sign, in seconds since the Unix epoch.
    pub not_after: Option<i64>,
    pem: String,
    parsed: OnceLock<PublicKey>,
}

impl LiveKey {
    fn of(entry: &Entry<Key>, before: Option<&Self>) -> Self {
        let parsed = before.map_or_else(OnceLock::new, |before| before.parsed.clone());
        Self {
            kid: entry.name.clone(),
            client: entry.body.client,
            state: entry.state,
            not_after: entry.body.not_after,
            pem: entry.body.pem.clone(),
            parsed,
        }
    }

    /// A key of a client in a state, for what is judged by keys alone.
    #[cfg(test)]
    pub(crate) fn of_test(kid: &str, client: Uuid, state: State, pem: &str) -> Self {
        Self {
            kid: kid.to_owned(),
            client,
            state,
            not_after: None,
            pem: pem.to_owned(),
            parsed: OnceLock::new(),
        }
    }

    /// The key itself; none when what is stored is no longer the key of that name.
    #[must_use]
    pub fn public(&self) -> Option<&PublicKey> {
        if let Some(known) = self.parsed.get() {
            return Some(known);
        }
        let key = PublicKey::from_pem(&self.pem).ok();
        let Some(key) = key.filter(|key| key.kid() == self.kid) else {
            tracing::error!(kid = self.kid, "a stored key is damaged: restore a backup");
            return None;
        };
        Some(self.parsed.get_or_init(|| key))
    }

    /// Whether what it signs counts at a time (Unix seconds).
    #[must_use]
    pub fn signs_at(&self, now: i64) -> bool {
        self.state == State::Active && self.not_after.is_none_or(|end| now < end)
    }
}

/// The whole registry at one epoch.
#[derive(Debug)]
pub struct Snapshot {
    /// The epoch.
    pub epoch: u64,
    /// Attributes by id.
    pub attributes: HashMap<Uuid, Arc<Entry<Attribute>>>,
    /// Tenants by id.
    pub tenants: HashMap<Uuid, Arc<Entry<Tenant>>>,
    /// E-services by id.
    pub eservices: HashMap<Uuid, Arc<Entry<Eservice>>>,
    /// Descriptors by id.
    pub descriptors: HashMap<Uuid, Arc<Entry<Descriptor>>>,
    /// Clients by id.
    pub clients: HashMap<Uuid, Arc<Entry<Client>>>,
    /// Clients' keys by id.
    pub client_keys: HashMap<Uuid, Arc<Entry<Key>>>,
    /// Certificates by id.
    pub certificates: HashMap<Uuid, Arc<Entry<Certificate>>>,
    /// Agreements by id.
    pub agreements: HashMap<Uuid, Arc<Entry<Agreement>>>,
    /// Purposes by id.
    pub purposes: HashMap<Uuid, Arc<Entry<Purpose>>>,
    /// Delegations by id.
    pub delegations: HashMap<Uuid, Arc<Entry<Delegation>>>,
    /// Operators by id.
    pub operators: HashMap<Uuid, Arc<Entry<Operator>>>,
    /// Clients' keys by `kid`, revoked ones too.
    pub keys: HashMap<String, Arc<LiveKey>>,
    /// Descriptors by their audience.
    pub audiences: HashMap<String, Uuid>,
    /// Every method that any descriptor exposes.
    pub methods: Arc<HashSet<String>>,
    contracts: HashMap<Uuid, Arc<Contract>>,
    in_force: HashMap<(Uuid, Uuid), Uuid>,
    thumbprints: HashMap<[u8; 32], Uuid>,
    rows: HashMap<Uuid, Arc<Row>>,
    names: BTreeMap<(Kind, String), Vec<Uuid>>,
    load: OnceLock<Load>,
    born: Instant,
    /// Milliseconds after birth at which the database last confirmed this epoch.
    confirmed: AtomicU64,
}

/// Reads what has changed since a snapshot and gives the one that follows it.
///
/// # Errors
///
/// When the database cannot be read or an entry does not parse.
pub async fn read(db: &Db, contracts: &Contracts, before: &Snapshot) -> Result<Snapshot, Error> {
    let begun = Instant::now();
    let (epoch, rows) = store_entries::read(db, before.epoch).await?;
    for row in rows.iter().filter(|row| row.kind == Kind::Descriptor) {
        load_contract(row, db, contracts).await?;
    }
    before.followed_by(rows, epoch, contracts, begun)
}

/// Compiles the contract of a descriptor, unless it is known.
///
/// # Errors
///
/// When it is not stored, or the registry is damaged.
pub async fn load_contract(row: &Row, db: &Db, contracts: &Contracts) -> Result<(), Error> {
    let entry = parsed::<Descriptor>(row)?;
    let of = &entry.body.contract;
    if contracts.known(of).is_none() {
        let set = store_entries::descriptor_set(db, &of.set).await?;
        contracts
            .compile(of, &set)
            .map_err(|_| Error::Inconsistent(entry.name))?;
    }
    Ok(())
}

impl Snapshot {
    /// A registry that holds nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            epoch: 0,
            attributes: HashMap::new(),
            tenants: HashMap::new(),
            eservices: HashMap::new(),
            descriptors: HashMap::new(),
            clients: HashMap::new(),
            client_keys: HashMap::new(),
            certificates: HashMap::new(),
            agreements: HashMap::new(),
            purposes: HashMap::new(),
            delegations: HashMap::new(),
            operators: HashMap::new(),
            keys: HashMap::new(),
            audiences: HashMap::new(),
            methods: Arc::default(),
            contracts: HashMap::new(),
            in_force: HashMap::new(),
            thumbprints: HashMap::new(),
            rows: HashMap::new(),
            names: BTreeMap::new(),
            load: OnceLock::new(),
            born: Instant::now(),
            confirmed: AtomicU64::new(0),
        }
    }

    /// The snapshot in which these rows, each of another entry, stand in the place of those with
    /// their ids.
    ///
    /// # Errors
    ///
    /// When one does not parse.
    pub fn followed_by(
        &self,
        rows: Vec<Row>,
        epoch: u64,
        contracts: &Contracts,
        born: Instant,
    ) -> Result<Self, Error> {
        let mut next = self.following(epoch, born);
        let mut purposes = std::mem::take(&mut next.purposes);
        // There are more purposes than all else, and nothing here rests on them.
        let mut aside = || {
            let found = rows.iter().filter(|row| row.kind == Kind::Purpose);
            found
                .into_iter()
                .try_for_each(|row| keep(&mut purposes, row))
        };
        let mut here = || rows.iter().try_for_each(|row| next.add(row, contracts));
        if rows.len() < MANY {
            aside().and_then(|()| here())?;
        } else {
            std::thread::scope(|scope| {
                let aside = scope.spawn(aside);
                let here = here();
                let aside = aside.join();
                let aside = aside.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                here.and(aside)
            })?;
        }
        next.purposes = purposes;
        let rows = rows.into_iter().map(|row| (row.id, Arc::new(row)));
        next.rows.extend(rows);
        Ok(next)
    }

    fn following(&self, epoch: u64, born: Instant) -> Self {
        Self {
            epoch,
            attributes: self.attributes.clone(),
            tenants: self.tenants.clone(),
            eservices: self.eservices.clone(),
            descriptors: self.descriptors.clone(),
            clients: self.clients.clone(),
            client_keys: self.client_keys.clone(),
            certificates: self.certificates.clone(),
            agreements: self.agreements.clone(),
            purposes: self.purposes.clone(),
            delegations: self.delegations.clone(),
            operators: self.operators.clone(),
            keys: self.keys.clone(),
            audiences: self.audiences.clone(),
            methods: Arc::clone(&self.methods),
            contracts: self.contracts.clone(),
            in_force: self.in_force.clone(),
            thumbprints: self.thumbprints.clone(),
            rows: self.rows.clone(),
            names: self.names.clone(),
            load: OnceLock::new(),
            born,
            confirmed: AtomicU64::new(0),
        }
    }

    /// Whether nothing has been declared yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The entries of a kind, ordered by name, ended ones too.
    pub fn rows(&self, kind: Kind) -> impl Iterator<Item = &Arc<Row>> {
        self.rows_after(kind, "")
    }

    /// The entries of a kind whose names come after one.
    pub fn rows_after(&self, kind: Kind, name: &str) -> impl Iterator<Item = &Arc<Row>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = (kind, name.to_owned());
        let named = self.names.range((Excluded(from), Unbounded));
        named
            .take_while(move |((of, _), _)| *of == kind)
            .flat_map(|(_, ids)| ids.iter().filter_map(|id| self.rows.get(id)))
    }

    /// Every entry.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Row>> {
        self.rows.values()
    }

    /// An entry by its id.
    #[must_use]
    pub fn row(&self, id: Uuid) -> Option<&Row> {
        self.rows.get(&id).map(Arc::as_ref)
    }

    /// The entry of a full name that has not ended; else the one that ended last.
    #[must_use]
    pub fn named(&self, kind: Kind, name: &str) -> Option<&Row> {
        let ids = self.names.get(&(kind, name.to_owned()))?;
        let rows = || ids.iter().filter_map(|id| self.row(*id));
        let live = rows().find(|row| !row.state.is_final());
        live.or_else(|| rows().max_by_key(|row| row.version))
    }

    /// An entry by id, by full name, or by the last part of its name where that is unambiguous.
    ///
    /// # Errors
    ///
    /// When there is none, or more than one.
    pub fn find(&self, kind: Kind, name: &str) -> Result<Row, Error> {
        let by_id = name.parse().ok().and_then(|id| self.row(id));
        let exact = by_id.filter(|row| row.kind == kind);
        if let Some(row) = exact.or_else(|| self.named(kind, name)) {
            return Ok(row.clone());
        }
        let mut short: Vec<&Row> = self
            .rows(kind)
            .map(Arc::as_ref)
            .filter(|row| row.name.rsplit('/').next() == Some(name))
            .collect();
        if short.len() > 1 {
            short.retain(|row| !row.state.is_final());
        }
        match short.as_slice() {
            [row] => Ok((*row).clone()),
            [] => Err(Error::NotFound(kind.name(), name.to_owned())),
            _ => Err(Error::Ambiguous(kind.name(), name.to_owned())),
        }
    }

    /// A descriptor with its contract.
    #[must_use]
    pub fn descriptor(&self, id: Uuid) -> Option<LiveDescriptor<'_>> {
        Some(LiveDescriptor {
            entry: self.descriptors.get(&id)?,
            contract: self.contracts.get(&id)?,
        })
    }

    /// The agreement of a tenant on an e-service that is active or suspended.
    #[must_use]
    pub fn agreement(&self, consumer: Uuid, eservice: Uuid) -> Option<&Entry<Agreement>> {
        let id = self.in_force.get(&(consumer, eservice))?;
        self.agreements.get(id).map(Arc::as_ref)
    }

    /// An operator by name.
    #[must_use]
    pub fn operator(&self, name: &str) -> Option<&Entry<Operator>> {
        let id = self.named(Kind::Operator, name)?.id;
        self.operators.get(&id).map(Arc::as_ref)
    }

    /// What the registry says of a certificate.
    #[must_use]
    pub fn certificate(&self, thumbprint: &[u8; 32]) -> Option<&Entry<Certificate>> {
        let id = self.thumbprints.get(thumbprint)?;
        self.certificates.get(id).map(Arc::as_ref)
    }

    /// Whether a certificate of another authority is listed for a client. A suspended one still
    /// is, so that its holder is told why it is refused.
    #[must_use]
    pub fn lists(&self, thumbprint: &[u8; 32]) -> bool {
        self.certificate(thumbprint)
            .is_some_and(|it| it.body.source == Source::Listed && !it.state.is_final())
    }

    /// Whether a certificate has been suspended or revoked.
    #[must_use]
    pub fn is_revoked(&self, thumbprint: &[u8; 32]) -> bool {
        self.certificate(thumbprint)
            .is_some_and(|entry| entry.state != State::Active)
    }

    /// What the purposes in force may call, summed up when it is first asked for.
    #[must_use]
    pub fn load(&self) -> &Load {
        self.load
            .get_or_init(|| Load::of(self.purposes.values().map(AsRef::as_ref)))
    }

    /// How long the database has not confirmed this epoch.
    #[must_use]
    pub fn age(&self) -> Duration {
        let confirmed = Duration::from_millis(self.confirmed.load(Ordering::Relaxed));
        self.born.elapsed().saturating_sub(confirmed)
    }

    /// Notes that the database still was at this epoch when it was asked at `asked`.
    pub fn touch(&self, asked: Instant) {
        let then = asked.saturating_duration_since(self.born).as_millis();
        let then = u64::try_from(then).unwrap_or(u64::MAX);
        self.confirmed.fetch_max(then, Ordering::Relaxed);
    }

    /// Takes an entry in by its kind and its name; the purposes are taken in apart.
    fn add(&mut self, row: &Row, contracts: &Contracts) -> Result<(), Error> {
        match row.kind {
            Kind::Attribute => keep(&mut self.attributes, row)?,
            Kind::Tenant => keep(&mut self.tenants, row)?,
            Kind::Eservice => keep(&mut self.eservices, row)?,
            Kind::Descriptor => self.add_descriptor(row, contracts)?,
            Kind::Client => keep(&mut self.clients, row)?,
            Kind::Key => self.add_key(row)?,
            Kind::Certificate => self.add_certificate(row)?,
            Kind::Agreement => self.add_agreement(row)?,
            Kind::Purpose => {}
            Kind::Delegation => keep(&mut self.delegations, row)?,
            Kind::Operator => keep(&mut self.operators, row)?,
        }
        self.name(row);
        Ok(())
    }

    fn name(&mut self, row: &Row) {
        let before = self.rows.get(&row.id).map(|old| old.name.clone());
        if before.as_ref() == Some(&row.name) {
            return;
        }
        if let Some(ids) = before.and_then(|name| self.names.get_mut(&(row.kind, name))) {
            ids.retain(|id| *id != row.id);
        }
        let ids = self.names.entry((row.kind, row.name.clone())).or_default();
        ids.push(row.id);
    }

    fn add_descriptor(&mut self, row: &Row, contracts: &Contracts) -> Result<(), Error> {
        let entry = parsed::<Descriptor>(row)?;
        let bad = || Error::Inconsistent(row.name.clone());
        let contract = contracts.known(&entry.body.contract).ok_or_else(bad)?;
        self.contracts.insert(entry.id, contract);
        if let Some(old) = self.descriptors.get(&entry.id) {
            self.audiences.remove(&old.body.audience);
        }
        self.audiences.insert(entry.body.audience.clone(), entry.id);
        self.descriptors.insert(entry.id, Arc::new(entry));
        let methods = self.descriptors.values().flat_map(|it| &it.body.methods);
        self.methods = Arc::new(methods.cloned().collect());
        Ok(())
    }

    fn add_key(&mut self, row: &Row) -> Result<(), Error> {
        let entry = parsed::<Key>(row)?;
        let before = self.keys.get(&entry.name).map(Arc::as_ref);
        let live = LiveKey::of(&entry, before);
        self.keys.insert(entry.name.clone(), Arc::new(live));
        self.client_keys.insert(entry.id, Arc::new(entry));
        Ok(())
    }

    fn add_certificate(&mut self, row: &Row) -> Result<(), Error> {
        let mut thumbprint = [0; 32];
        hex::decode_to_slice(&row.name, &mut thumbprint)
            .map_err(|_| Error::Inconsistent(row.name.clone()))?;
        keep(&mut self.certificates, row)?;
        self.thumbprints.insert(thumbprint, row.id);
        Ok(())
    }

    fn add_agreement(&mut self, row: &Row) -> Result<(), Error> {
        let entry = parsed::<Agreement>(row)?;
        let pair = (entry.body.consumer, entry.body.eservice);
        if matches!(entry.state, State::Active | State::Suspended) {
            self.in_force.insert(pair, entry.id);
        } else if self.in_force.get(&pair) == Some(&entry.id) {
            self.in_force.remove(&pair);
        }
        self.agreements.insert(entry.id, Arc::new(entry));
        Ok(())
    }
}

/// Entries from which on a second thread is worth its start.
const MANY: usize = 500;

fn keep<T: Body>(map: &mut HashMap<Uuid, Arc<Entry<T>>>, row: &Row) -> Result<(), Error> {
    map.insert(row.id, Arc::new(parsed(row)?));
    Ok(())
}
