//! The names that a document declares, before anything of it is looked at.

use std::collections::HashSet;

use varco_proto::registry::v1::Document;

use crate::registry::entry::Kind;

/// The full names of everything that a document declares.
pub fn declared(document: &Document) -> HashSet<(Kind, String)> {
    let mut names = HashSet::new();
    let mut add = |kind: Kind, name: String| {
        names.insert((kind, name));
    };
    for attribute in &document.attributes {
        add(Kind::Attribute, attribute.name.clone());
    }
    for tenant in &document.tenants {
        add(Kind::Tenant, tenant.name.clone());
    }
    for eservice in &document.eservices {
        add(Kind::Eservice, eservice.name.clone());
        for descriptor in &eservice.descriptors {
            let full = format!("{}/{}", eservice.name, descriptor.version);
            add(Kind::Descriptor, full);
        }
    }
    for client in &document.clients {
        add(Kind::Client, client.name.clone());
    }
    for agreement in &document.agreements {
        let full = format!("{}/{}", agreement.consumer, agreement.eservice);
        add(Kind::Agreement, full);
    }
    for purpose in &document.purposes {
        let full = format!("{}/{}", purpose.consumer, purpose.name);
        add(Kind::Purpose, full);
    }
    for operator in &document.operators {
        add(Kind::Operator, operator.name.clone());
    }
    names
}
