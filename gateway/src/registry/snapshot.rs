//! The registry as the data plane reads it: immutable, whole, with its epoch.
//!
//! What every call needs is resolved when the snapshot is built: methods are sets, classes are
//! masks, contracts are compiled.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use uuid::Uuid;
use varco_runtime::jose::PublicKey;
use varco_runtime::store::Db;

use super::Error;
use super::contract::{BUILTIN, Contract, Contracts};
use super::entry::{
    Agreement, Client, Descriptor, Eservice, Kind, Operator, Purpose, State, Tenant,
};
use super::store_entries::{self, Row};

/// An entry with its place in the registry.
#[derive(Clone, Debug)]
pub struct Entry<T> {
    /// Its id.
    pub id: Uuid,
    /// Its full name.
    pub name: String,
    /// Where it stands.
    pub state: State,
    /// Its fields.
    pub body: T,
}

/// A descriptor with its compiled contract.
#[derive(Clone, Debug)]
pub struct LiveDescriptor {
    /// The entry.
    pub entry: Entry<Descriptor>,
    /// Its contract.
    pub contract: Arc<Contract>,
}

/// A client's key, parsed.
#[derive(Clone, Debug)]
pub struct LiveKey {
    /// The client.
    pub client: Uuid,
    /// The key.
    pub key: PublicKey,
}

/// The whole registry at one epoch.
#[derive(Debug)]
pub struct Snapshot {
    /// The epoch.
    pub epoch: u64,
    /// Tenants by id.
    pub tenants: HashMap<Uuid, Entry<Tenant>>,
    /// E-services by id.
    pub eservices: HashMap<Uuid, Entry<Eservice>>,
    /// Descriptors by id.
    pub descriptors: HashMap<Uuid, LiveDescriptor>,
    /// Clients by id.
    pub clients: HashMap<Uuid, Entry<Client>>,
    /// Agreements by consumer and e-service.
    pub agreements: HashMap<(Uuid, Uuid), Entry<Agreement>>,
    /// Purposes by id.
    pub purposes: HashMap<Uuid, Entry<Purpose>>,
    /// Operators by name.
    pub operators: HashMap<String, Entry<Operator>>,
    /// Clients' keys by `kid`.
    pub keys: HashMap<String, LiveKey>,
    /// Clients by the thumbprint of a foreign certificate.
    pub certificates: HashMap<[u8; 32], Uuid>,
    /// Every method that any descriptor exposes.
    pub methods: HashSet<String>,
    rows: Vec<Row>,
    born: Instant,
    /// Milliseconds after birth at which the database last confirmed this epoch.
    confirmed: AtomicU64,
}

/// Reads the registry whole.
///
/// # Errors
///
/// When the database cannot be read or an entry does not parse.
pub async fn read(db: &Db, contracts: &Contracts) -> Result<Snapshot, Error> {
    let (epoch, rows) = store_entries::read(db).await?;
    let mut snapshot = Snapshot::empty(epoch);
    for row in &rows {
        snapshot.add(row, db, contracts).await?;
    }
    snapshot.rows = rows;
    Ok(snapshot)
}

impl Snapshot {
    /// A registry that holds nothing.
    #[must_use]
    pub fn empty(epoch: u64) -> Self {
        Self {
            epoch,
            tenants: HashMap::new(),
            eservices: HashMap::new(),
            descriptors: HashMap::new(),
            clients: HashMap::new(),
            agreements: HashMap::new(),
            purposes: HashMap::new(),
            operators: HashMap::new(),
            keys: HashMap::new(),
            certificates: HashMap::new(),
            methods: HashSet::new(),
            rows: Vec::new(),
            born: Instant::now(),
            confirmed: AtomicU64::new(0),
        }
    }

    /// Whether nothing has been declared yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The entries of a kind, ordered by name.
    #[must_use]
    pub fn rows(&self, kind: Kind) -> Vec<&Row> {
        self.rows.iter().filter(|row| row.kind == kind).collect()
    }

    /// An entry by id, by full name, or by the last part of its name where that is unambiguous.
    ///
    /// # Errors
    ///
    /// When there is none, or more than one.
    pub fn find(&self, kind: Kind, name: &str) -> Result<Row, Error> {
        let rows = self.rows(kind);
        if let Some(row) = rows
            .iter()
            .find(|row| row.name == name || row.id.to_string() == name)
        {
            return Ok((*row).clone());
        }
        let mut short = rows
            .iter()
            .filter(|row| row.name.rsplit('/').next() == Some(name));
        match (short.next(), short.next()) {
            (Some(row), None) => Ok((*row).clone()),
            (Some(_), Some(_)) => Err(Error::Ambiguous(kind.name(), name.to_owned())),
            _ => Err(Error::NotFound(kind.name(), name.to_owned())),
        }
    }

    /// Every entry.
    #[must_use]
    pub fn all(&self) -> &[Row] {
        &self.rows
    }

    /// How long the database has not confirmed this epoch.
    #[must_use]
    pub fn age(&self) -> Duration {
        let confirmed = Duration::from_millis(self.confirmed.load(Ordering::Relaxed));
        self.born.elapsed().saturating_sub(confirmed)
    }

    /// Notes that the database still is at this epoch.
    pub fn touch(&self) {
        let now = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.confirmed.store(now, Ordering::Relaxed);
    }

    async fn add(&mut self, row: &Row, db: &Db, contracts: &Contracts) -> Result<(), Error> {
        match row.kind {
            Kind::Tenant => keep(&mut self.tenants, entry(row)?),
            Kind::Eservice => keep(&mut self.eservices, entry(row)?),
            Kind::Descriptor => self.add_descriptor(entry(row)?, db, contracts).await?,
            Kind::Client => self.add_client(entry(row)?)?,
            Kind::Agreement => {
                let agreement: Entry<Agreement> = entry(row)?;
                let key = (agreement.body.consumer, agreement.body.eservice);
                self.agreements.insert(key, agreement);
            }
            Kind::Purpose => keep(&mut self.purposes, entry(row)?),
            Kind::Operator => {
                let operator: Entry<Operator> = entry(row)?;
                self.operators.insert(operator.name.clone(), operator);
            }
        }
        Ok(())
    }

    async fn add_descriptor(
        &mut self,
        entry: Entry<Descriptor>,
        db: &Db,
        contracts: &Contracts,
    ) -> Result<(), Error> {
        let of = &entry.body.contract;
        let contract = if let Some(known) = contracts.known(of) {
            known
        } else {
            let set = match of.set.as_str() {
                BUILTIN => varco_proto::DESCRIPTOR_SET.to_vec(),
                hash => store_entries::descriptor_set(db, hash).await?,
            };
            contracts
                .compile(of, &set)
                .map_err(|_| Error::Inconsistent(entry.name.clone()))?
        };
        self.methods.extend(entry.body.methods.iter().cloned());
        self.descriptors
            .insert(entry.id, LiveDescriptor { entry, contract });
        Ok(())
    }

    fn add_client(&mut self, entry: Entry<Client>) -> Result<(), Error> {
        let bad = || Error::Inconsistent(entry.name.clone());
        for key in &entry.body.keys {
            let parsed = PublicKey::from_pem(&key.pem).map_err(|_| bad())?;
            self.keys.insert(
                key.kid.clone(),
                LiveKey {
                    client: entry.id,
                    key: parsed,
                },
            );
        }
        for text in &entry.body.certificates {
            let mut thumbprint = [0; 32];
            hex::decode_to_slice(text, &mut thumbprint).map_err(|_| bad())?;
            self.certificates.insert(thumbprint, entry.id);
        }
        keep(&mut self.clients, entry);
        Ok(())
    }
}

fn keep<T>(map: &mut HashMap<Uuid, Entry<T>>, entry: Entry<T>) {
    map.insert(entry.id, entry);
}

fn entry<T: DeserializeOwned>(row: &Row) -> Result<Entry<T>, Error> {
    let body = serde_json::from_value(row.body.clone())
        .map_err(|_| Error::Inconsistent(row.name.clone()))?;
    Ok(Entry {
        id: row.id,
        name: row.name.clone(),
        state: row.state,
        body,
    })
}
