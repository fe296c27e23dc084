//! A commented example of each kind of entry, to be edited and made with `varco create`.

use varco_proto::registry::v1::Kind;

/// The example of a kind; none for delegations, which are not declared in files.
#[must_use]
pub fn of(kind: Kind) -> Option<&'static str> {
    let found = EXAMPLES.iter().find(|(known, _)| *known == kind);
    found.map(|(_, text)| *text)
}

const EXAMPLES: &[(Kind, &str)] = &[
    (Kind::Tenant, include_str!("example/tenant.toml")),
    (Kind::Attribute, include_str!("example/attribute.toml")),
    (Kind::Eservice, include_str!("example/eservice.toml")),
    (Kind::Descriptor, include_str!("example/descriptor.toml")),
    (Kind::Client, include_str!("example/client.toml")),
    (Kind::Key, include_str!("example/key.toml")),
    (Kind::Certificate, include_str!("example/certificate.toml")),
    (Kind::Agreement, include_str!("example/agreement.toml")),
    (Kind::Purpose, include_str!("example/purpose.toml")),
    (Kind::Operator, include_str!("example/operator.toml")),
];
