//! A document as a registry file with the files beside it: the opposite of reading one.
//!
//! Order and form depend on the document alone, so that two exports of one registry are the same
//! bytes and a version control shows what has changed. Keys, contracts and certificates are files
//! of their own; nothing in them is secret.

use std::collections::BTreeMap;

use varco_proto::registry::v1::{
    Attribute, Client, Descriptor, Document, Eservice, Key, Operator, Standing, Tenant,
};

use super::time::Edge;

mod access;
mod text;

use text::{Inline, Text};

/// A registry file with what it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The registry file.
    pub text: String,
    /// The files beside it, by their path from it.
    pub beside: BTreeMap<String, Vec<u8>>,
}

struct Writer {
    text: Text,
    beside: BTreeMap<String, Vec<u8>>,
}

/// Writes a document down.
#[must_use]
pub fn write(document: &Document) -> Files {
    let mut document = document.clone();
    sort(&mut document);
    let mut writer = Writer {
        text: Text::new(HEADING),
        beside: BTreeMap::new(),
    };
    document
        .attributes
        .iter()
        .for_each(|it| writer.attribute(it));
    document.tenants.iter().for_each(|it| writer.tenant(it));
    document.eservices.iter().for_each(|it| writer.eservice(it));
    document.clients.iter().for_each(|it| writer.client(it));
    document
        .agreements
        .iter()
        .for_each(|it| writer.agreement(it));
    document.purposes.iter().for_each(|it| writer.purpose(it));
    document.operators.iter().for_each(|it| writer.operator(it));
    Files {
        text: writer.text.into_string(),
        beside: writer.beside,
    }
}

/// Puts entries in the order of their names; what is within an entry stays as it is.
pub fn sort(document: &mut Document) {
    let by_pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    document.attributes.sort_by_key(|it| it.name.clone());
    document.tenants.sort_by_key(|it| it.name.clone());
    document.eservices.sort_by_key(|it| it.name.clone());
    for eservice in &mut document.eservices {
        eservice.descriptors.sort_by_key(|it| it.version);
    }
    document.clients.sort_by_key(|it| it.name.clone());
    document
        .agreements
        .sort_by_key(|it| by_pair(&it.consumer, &it.eservice));
    document
        .purposes
        .sort_by_key(|it| by_pair(&it.consumer, &it.name));
    document.operators.sort_by_key(|it| it.name.clone());
}

impl Writer {
    fn attribute(&mut self, attribute: &Attribute) {
        self.text.entry("attribute");
        self.text.text("name", &attribute.name);
        self.text.text("description", &attribute.description);
        self.text.text("kind", &attribute.kind);
        let daily_calls = attribute.daily_calls_per_consumer;
        self.text.number("daily_calls_per_consumer", daily_calls);
    }

    fn tenant(&mut self, tenant: &Tenant) {
        self.text.entry("tenant");
        self.text.text("name", &tenant.name);
        self.text.text("title", &tenant.title);
        self.text.text("ipa", &tenant.ipa);
        self.text.text("aoo", &tenant.aoo);
        self.text.text("uo", &tenant.uo);
        self.text.some_texts("attributes", &tenant.attributes);
        let verified = tenant.verified.iter().map(|it| {
            Inline::default()
                .text("attribute", &it.attribute)
                .text("verifier", &it.verifier)
                .moment("expires", it.expires, Edge::Until)
                .into_string()
        });
        self.text
            .some_items("verified", &verified.collect::<Vec<_>>());
        self.suspended(tenant.standing);
    }

    fn eservice(&mut self, eservice: &Eservice) {
        self.text.entry("eservice");
        self.text.text("name", &eservice.name);
        self.text.text("producer", &eservice.producer);
        self.text.text("description", &eservice.description);
        self.suspended(eservice.standing);
        if eservice.descriptors.is_empty() {
            self.text.items("descriptor", &[]);
        }
        for descriptor in &eservice.descriptors {
            self.descriptor(&eservice.name, descriptor);
        }
    }

    fn descriptor(&mut self, eservice: &str, descriptor: &Descriptor) {
        let named = format!("{eservice}-{}", descriptor.version);
        let contract = if descriptor.builtin.is_empty() {
            self.file("contracts", &named, "binpb", &descriptor.descriptor_set)
        } else {
            format!("builtin:{}", descriptor.builtin)
        };
        self.text.part("eservice.descriptor");
        self.text.number("version", descriptor.version.into());
        self.text.text("audience", &descriptor.audience);
        self.text.text("descriptor_set", &contract);
        if let Some(defaults) = &descriptor.defaults {
            let defaults = Inline::default()
                .text("effect", &defaults.effect)
                .text("data_class", &defaults.data_class);
            self.text.table("defaults", defaults);
        }
        if let Some(upstream) = &descriptor.upstream {
            let ca = match upstream.ca_pem.as_str() {
                "" => String::new(),
                pem => self.file("ca", &named, "pem", pem.as_bytes()),
            };
            let upstream = Inline::default()
                .text("address", &upstream.address)
                .text("server_name", &upstream.server_name)
                .text("ca", &ca)
                .texts("replicas", &upstream.replicas);
            self.text.table("upstream", upstream);
        }
        self.limits(descriptor);
    }

    fn limits(&mut self, descriptor: &Descriptor) {
        self.text.texts("methods", &descriptor.methods);
        let lifespan = descriptor.voucher_lifespan.into();
        self.text.number("voucher_lifespan", lifespan);
        if let Some(daily) = &descriptor.daily_calls {
            let daily = Inline::default()
                .number("per_consumer", daily.per_consumer)
                .number("total", daily.total);
            self.text.table("daily_calls", daily);
        }
        self.text.text("approval", &descriptor.approval);
        let groups = descriptor.attributes.iter();
        let groups = groups.map(|group| text::list(&text::quoted_all(&group.any_of)));
        self.text
            .some_items("attributes", &groups.collect::<Vec<_>>());
        self.suspended(descriptor.standing);
        for rule in &descriptor.rules {
            self.text.part("eservice.descriptor.rule");
            self.text.texts("methods", &rule.methods);
            self.text.number("seconds", rule.seconds.into());
            self.text.number("message_bytes", rule.message_bytes);
            self.text.some_texts("evidence", &rule.evidence);
        }
    }

    fn client(&mut self, client: &Client) {
        self.text.entry("client");
        self.text.text("name", &client.name);
        self.text.text("consumer", &client.consumer);
        self.text.text("kind", &client.kind);
        self.text.text("admin", &client.admin);
        let keys = client.keys.iter().zip(1..);
        let keys: Vec<String> = keys
            .map(|(key, n)| self.key(&format!("{}-{n}", client.name), key))
            .collect();
        self.text.items("keys", &keys);
        let pems = client.certificates.iter().zip(1..);
        let certificates = pems.map(|(pem, n)| {
            let name = format!("{}-{n}", client.name);
            self.file("certificates", &name, "pem", pem.as_bytes())
        });
        let certificates: Vec<String> = certificates.collect();
        self.text.some_texts("certificates", &certificates);
        self.text.some_texts("thumbprints", &client.thumbprints);
        let suspended = &client.suspended_thumbprints;
        self.text.some_texts("suspended_thumbprints", suspended);
        self.text.flag("legacy", client.legacy);
        self.suspended(client.standing);
    }

    /// A key of a client: its file, or a table where there is more to say.
    fn key(&mut self, name: &str, key: &Key) -> String {
        let file = self.file("keys", name, "pem", key.pem.as_bytes());
        let suspended = key.standing() == Standing::Suspended;
        if key.not_after == 0 && !suspended {
            return text::quoted(&file);
        }
        Inline::default()
            .text("file", &file)
            .moment("not_after", key.not_after, Edge::Until)
            .flag("suspended", suspended)
            .into_string()
    }

    fn operator(&mut self, operator: &Operator) {
        self.text.entry("operator");
        self.text.text("name", &operator.name);
        self.text.texts("roles", &operator.roles);
        self.text.text("tenant", &operator.tenant);
        self.suspended(operator.standing);
    }

    fn suspended(&mut self, standing: i32) {
        let suspended = standing == i32::from(Standing::Suspended);
        self.text.flag("suspended", suspended);
        let draft = standing == i32::from(Standing::Draft);
        self.text.flag("draft", draft);
    }

    /// Keeps a file beside the registry file, under a name that no other has.
    fn file(&mut self, folder: &str, name: &str, ending: &str, bytes: &[u8]) -> String {
        // Nothing of a name becomes a folder.
        let mut name = name.replace(|it: char| !it.is_ascii_alphanumeric() && it != '.', "-");
        let mut path = format!("{folder}/{name}.{ending}");
        while self.beside.contains_key(&path) {
            name.push_str("-bis");
            path = format!("{folder}/{name}.{ending}");
        }
        self.beside.insert(path.clone(), bytes.to_vec());
        path
    }
}

const HEADING: &str = "\
# The registry as `varco export` has written it; `varco apply -f` makes a registry hold it.
# Entries stand in the order of their names, and paths start from the folder of this file.
";
