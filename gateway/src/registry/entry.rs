//! What the registry holds: the aggregates and their states, with PDND's names.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The kinds of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// An office, or another body.
    Tenant,
    /// A service that a tenant offers.
    Eservice,
    /// A version of an e-service.
    Descriptor,
    /// A system that signs assertions.
    Client,
    /// A tenant's leave to use an e-service.
    Agreement,
    /// What a tenant uses an e-service for.
    Purpose,
    /// A person who administers or audits.
    Operator,
}

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// In force.
    Active,
    /// Stopped, until the suspension is lifted.
    Suspended,
    /// Ended for good.
    Archived,
}

/// An office, or another body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Title for people.
    pub title: String,
    /// Code in the IPA.
    pub ipa: String,
}

/// A service that a tenant offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Eservice {
    /// The tenant.
    pub producer: Uuid,
}

/// A version of an e-service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// The e-service.
    pub eservice: Uuid,
    /// Version, from 1.
    pub version: u32,
    /// Audience of its vouchers.
    pub audience: String,
    /// Where its contract stands.
    pub contract: ContractRef,
    /// Where the service listens.
    pub upstream: Upstream,
    /// Methods, `pkg.Service/Method`.
    pub methods: Vec<String>,
    /// Life of a voucher, seconds.
    pub voucher_lifespan: u32,
    /// Daily calls for all purposes of one consumer.
    pub daily_per_consumer: u64,
    /// Daily calls for all consumers.
    pub daily_total: u64,
    /// `automatic` or `manual`.
    pub approval: String,
}

/// Where a contract stands, and what is assumed where it carries none of our options.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ContractRef {
    /// `builtin`, or the SHA-256 of the stored descriptor set in hexadecimal.
    pub set: String,
    /// `read` or `write`, for a contract without options.
    pub default_effect: Option<String>,
    /// Class of every field, for a contract without options.
    pub default_class: Option<String>,
}

/// Where a service listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Upstream {
    /// `https://host:port`, or `http://` on loopback.
    pub address: String,
    /// Name that its certificate must bear.
    pub server_name: String,
    /// PEM of its CA; empty for the comune's own.
    pub ca_pem: String,
}

/// A system that signs assertions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// The tenant that it belongs to.
    pub consumer: Uuid,
    /// Its public keys.
    pub keys: Vec<Key>,
    /// SHA-256 of certificates of other CAs, in hexadecimal.
    pub certificates: Vec<String>,
    /// Whether its assertions may live 30 days.
    pub legacy: bool,
}

/// A public key of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// RFC 7638 thumbprint, unique in the registry.
    pub kid: String,
    /// PEM.
    pub pem: String,
}

/// A tenant's leave to use an e-service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// The tenant.
    pub consumer: Uuid,
    /// The e-service.
    pub eservice: Uuid,
    /// The version that it was made on.
    pub descriptor: Uuid,
}

/// What a tenant uses an e-service for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purpose {
    /// The tenant.
    pub consumer: Uuid,
    /// The e-service.
    pub eservice: Uuid,
    /// The rule of law, or the task, that it serves.
    pub legal_basis: String,
    /// Methods, `pkg.Service/Method`.
    pub methods: Vec<String>,
    /// Classes of data that it may see.
    pub data_classes: Vec<String>,
    /// Calls a day.
    pub daily_calls: u64,
    /// The clients that may act for it.
    pub clients: Vec<Uuid>,
    /// Whether a service may use it to serve another call.
    pub chained: bool,
}

/// A person who administers or audits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// admin, security, api, auditor, viewer.
    pub roles: Vec<String>,
}

impl Kind {
    /// All kinds, each after those that it refers to.
    pub const ALL: [Self; 7] = [
        Self::Tenant,
        Self::Eservice,
        Self::Descriptor,
        Self::Client,
        Self::Agreement,
        Self::Purpose,
        Self::Operator,
    ];

    /// The word for it, in the database and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Eservice => "eservice",
            Self::Descriptor => "descriptor",
            Self::Client => "client",
            Self::Agreement => "agreement",
            Self::Purpose => "purpose",
            Self::Operator => "operator",
        }
    }

    /// The kind that a word names.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl State {
    /// The word for it, in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Suspended => "SUSPENDED",
            Self::Archived => "ARCHIVED",
        }
    }

    /// The state that a word names.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Active, Self::Suspended, Self::Archived]
            .into_iter()
            .find(|s| s.name() == name)
    }

    /// What is done to an entry to bring it here.
    #[must_use]
    pub fn participle(self) -> &'static str {
        match self {
            Self::Active => "unsuspended",
            Self::Suspended => "suspended",
            Self::Archived => "archived",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
