//! Fields of each kind of entry: their type, and where a snapshot keeps them.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::agreement::Agreement;
use super::attribute::Attribute;
use super::certificate::Certificate;
use super::client::Client;
use super::delegation::Delegation;
use super::descriptor::Descriptor;
use super::entry::{Entry, Kind, Row};
use super::error::Error;
use super::eservice::Eservice;
use super::key::Key;
use super::operator::Operator;
use super::purpose::Purpose;
use super::snapshot::Snapshot;
use super::tenant::Tenant;

/// What kind of entry has this type for its fields, and where a snapshot keeps them.
pub trait Body: Clone + Serialize + DeserializeOwned {
    /// The kind.
    const KIND: Kind;

    /// The entries of a snapshot.
    fn of(snapshot: &Snapshot) -> &HashMap<Uuid, Arc<Entry<Self>>>;
}

/// An entry with its fields parsed.
///
/// # Errors
///
/// When they do not parse: the registry is damaged.
pub fn parsed<T: Body>(row: &Row) -> Result<Entry<T>, Error> {
    let body = row
        .body
        .parsed()
        .map_err(|_| Error::Inconsistent(row.name.clone()))?;
    Ok(Entry {
        id: row.id,
        name: row.name.clone(),
        state: row.state,
        body,
    })
}

/// Says for each type of fields its kind and its place.
macro_rules! bodies {
    ($($body:ident $kind:ident $field:ident)*) => {
        $(impl Body for $body {
            const KIND: Kind = Kind::$kind;

            fn of(snapshot: &Snapshot) -> &HashMap<Uuid, Arc<Entry<Self>>> {
                &snapshot.$field
            }
        })*
    };
}

bodies! {
    Agreement Agreement agreements
    Attribute Attribute attributes
    Certificate Certificate certificates
    Client Client clients
    Delegation Delegation delegations
    Descriptor Descriptor descriptors
    Eservice Eservice eservices
    Key Key client_keys
    Operator Operator operators
    Purpose Purpose purposes
    Tenant Tenant tenants
}
