//! The kinds of entries of the registry, as the command line names them.

use clap::ValueEnum;
use varco_proto::registry::v1::Kind;

/// A kind of entries, in the singular or the plural.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KindName {
    /// Offices and other bodies
    #[value(alias = "tenants")]
    Tenant,
    /// Qualities of a tenant that e-services ask for
    #[value(alias = "attributes")]
    Attribute,
    /// Services that are offered
    #[value(alias = "eservices")]
    Eservice,
    /// Versions of e-services
    #[value(alias = "descriptors")]
    Descriptor,
    /// Systems that sign assertions
    #[value(alias = "clients")]
    Client,
    /// Public keys of clients, by their RFC 7638 thumbprint
    #[value(alias = "keys")]
    Key,
    /// TLS certificates, by their SHA-256 thumbprint
    #[value(alias = "certificates")]
    Certificate,
    /// Leaves to use an e-service
    #[value(alias = "agreements")]
    Agreement,
    /// What an e-service is used for
    #[value(alias = "purposes")]
    Purpose,
    /// Leaves to act for another tenant
    #[value(alias = "delegations")]
    Delegation,
    /// People who administer or audit
    #[value(alias = "operators")]
    Operator,
}

impl From<KindName> for Kind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Tenant => Self::Tenant,
            KindName::Attribute => Self::Attribute,
            KindName::Eservice => Self::Eservice,
            KindName::Descriptor => Self::Descriptor,
            KindName::Client => Self::Client,
            KindName::Key => Self::Key,
            KindName::Certificate => Self::Certificate,
            KindName::Agreement => Self::Agreement,
            KindName::Purpose => Self::Purpose,
            KindName::Delegation => Self::Delegation,
            KindName::Operator => Self::Operator,
        }
    }
}

/// The word for a kind of entry.
#[must_use]
pub fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Tenant => "tenant",
        Kind::Attribute => "attribute",
        Kind::Eservice => "eservice",
        Kind::Descriptor => "descriptor",
        Kind::Client => "client",
        Kind::Key => "key",
        Kind::Certificate => "certificate",
        Kind::Agreement => "agreement",
        Kind::Purpose => "purpose",
        Kind::Delegation => "delegation",
        Kind::Operator => "operator",
        Kind::Unspecified => "unspecified",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_known_in_the_singular_and_the_plural() {
        for name in KindName::value_variants() {
            let word = kind_word(Kind::from(*name));

            assert_eq!(KindName::from_str(word, false), Ok(*name));
            assert_eq!(KindName::from_str(&format!("{word}s"), false), Ok(*name));
        }
    }
}
