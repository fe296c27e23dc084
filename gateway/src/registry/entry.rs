//! Kinds and states of what the registry holds, with PDND's names.
//!
//! What an entry of a kind consists of, and the law of its transitions, stands in the kind's own
//! file; here is only what all of them share.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::fields::Fields;

/// The kinds of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A quality of a tenant that e-services ask for.
    Attribute,
    /// An office, or another body.
    Tenant,
    /// A service that a tenant offers.
    Eservice,
    /// A version of an e-service.
    Descriptor,
    /// A system that signs assertions.
    Client,
    /// A public key of a client.
    Key,
    /// A TLS certificate.
    Certificate,
    /// A tenant's leave to use an e-service.
    Agreement,
    /// What a tenant uses an e-service for.
    Purpose,
    /// A tenant's leave to act for another.
    Delegation,
    /// A person who administers or audits.
    Operator,
}

/// Where an entry stands; each kind uses some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// In force.
    Active,
    /// Ended for good.
    Archived,
    /// In force until its last agreement has ended.
    Archiving,
    /// Archiving, and suspended.
    ArchivingSuspended,
    /// In force for old agreements only: a newer version is published.
    Deprecated,
    /// Being written; never was in force.
    Draft,
    /// Submitted without the certified attributes that are asked for.
    MissingCertifiedAttributes,
    /// Submitted; waits for the producer.
    Pending,
    /// In force for old and new agreements.
    Published,
    /// Refused by the producer, for good.
    Rejected,
    /// Withdrawn by whoever gave it, for good.
    Revoked,
    /// Stopped, until the suspension is lifted.
    Suspended,
    /// Waits for somebody else's approval.
    WaitingForApproval,
}

/// Who has suspended an entry: three flags, each lifted only by its own side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuspendedBy {
    /// The tenant that uses.
    pub consumer: bool,
    /// The tenant that offers.
    pub producer: bool,
    /// The platform: an attribute is missing, or a changed contract is not confirmed.
    pub platform: bool,
}

/// An entry as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub id: Uuid,
    /// Its kind.
    pub kind: Kind,
    /// Its full name, unique among the entries of the kind that have not ended.
    pub name: String,
    /// Where it stands.
    pub state: State,
    /// Its fields.
    pub body: Fields,
    /// Epoch of its last change, which is its etag; zero before the first.
    pub version: u64,
}

/// An entry with its fields parsed.
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

impl Kind {
    /// All kinds, each after those that it refers to.
    pub const ALL: [Self; 11] = [
        Self::Attribute,
        Self::Tenant,
        Self::Eservice,
        Self::Descriptor,
        Self::Client,
        Self::Key,
        Self::Certificate,
        Self::Agreement,
        Self::Purpose,
        Self::Delegation,
        Self::Operator,
    ];

    /// The word for it, in the database and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Attribute => "attribute",
            Self::Tenant => "tenant",
            Self::Eservice => "eservice",
            Self::Descriptor => "descriptor",
            Self::Client => "client",
            Self::Key => "key",
            Self::Certificate => "certificate",
            Self::Agreement => "agreement",
            Self::Purpose => "purpose",
            Self::Delegation => "delegation",
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
    /// All states.
    pub const ALL: [Self; 13] = [
        Self::Active,
        Self::Archived,
        Self::Archiving,
        Self::ArchivingSuspended,
        Self::Deprecated,
        Self::Draft,
        Self::MissingCertifiedAttributes,
        Self::Pending,
        Self::Published,
        Self::Rejected,
        Self::Revoked,
        Self::Suspended,
        Self::WaitingForApproval,
    ];

    /// The word for it, in the database and in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Archived => "ARCHIVED",
            Self::Archiving => "ARCHIVING",
            Self::ArchivingSuspended => "ARCHIVING_SUSPENDED",
            Self::Deprecated => "DEPRECATED",
            Self::Draft => "DRAFT",
            Self::MissingCertifiedAttributes => "MISSING_CERTIFIED_ATTRIBUTES",
            Self::Pending => "PENDING",
            Self::Published => "PUBLISHED",
            Self::Rejected => "REJECTED",
            Self::Revoked => "REVOKED",
            Self::Suspended => "SUSPENDED",
            Self::WaitingForApproval => "WAITING_FOR_APPROVAL",
        }
    }

    /// The state that a word names.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether nothing leads out of it.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Archived | Self::Rejected | Self::Revoked)
    }

    /// Whether a descriptor in it serves vouchers and calls: PDND issues for these three.
    #[must_use]
    pub fn serves(self) -> bool {
        matches!(self, Self::Archiving | Self::Deprecated | Self::Published)
    }
}

impl SuspendedBy {
    /// Whether any side has.
    #[must_use]
    pub fn any(self) -> bool {
        self.consumer || self.producer || self.platform
    }
}

impl Row {
    /// A text field of the body.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.body
            .value()
            .get(name)
            .and_then(serde_json::Value::as_str)
    }

    /// What names this version of the entry.
    #[must_use]
    pub fn etag(&self) -> String {
        self.version.to_string()
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
