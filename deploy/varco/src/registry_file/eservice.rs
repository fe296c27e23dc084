//! What is offered: e-services and their versions, with contract, address and quotas.

use varco_proto::registry::v1::{
    AttributeGroup, DailyCalls, Descriptor, DescriptorDefaults, Eservice, Kind, MethodRule,
    Upstream,
};

use super::fields::{Fields, Need};
use super::{standing, standing_or_draft};

/// Reads an `[[eservice]]`.
pub fn eservice(fields: &mut Fields<'_>) -> Eservice {
    let name = fields.text("name");
    // A descriptor is made in an e-service that exists, with whose producer nothing is done.
    let producer = if fields.makes(Kind::Descriptor) {
        fields.optional_text("producer").unwrap_or_default()
    } else {
        fields.text("producer")
    };
    // To have no version is said, with `descriptor = []`, and never left out.
    let need = if fields.makes(Kind::Eservice) {
        Need::Optional
    } else {
        Need::Required
    };
    Eservice {
        name,
        producer,
        description: fields.optional_text("description").unwrap_or_default(),
        standing: standing(fields),
        descriptors: fields.entries_if("descriptor", need, (Kind::Descriptor, descriptor)),
    }
}

fn descriptor(fields: &mut Fields<'_>) -> Descriptor {
    let version = fields.small_number("version");
    let audience = fields.text("audience");
    let (descriptor_set, builtin) = contract(fields);
    let group = |any_of| AttributeGroup { any_of };
    Descriptor {
        version,
        audience,
        descriptor_set: descriptor_set.into(),
        builtin,
        defaults: fields.table("defaults", defaults),
        upstream: fields.required_table("upstream", upstream),
        methods: fields.texts("methods"),
        voucher_lifespan: fields.optional_small_number("voucher_lifespan"),
        daily_calls: fields.required_table("daily_calls", daily_calls),
        approval: fields.choice("approval", &["automatic", "manual"]),
        attributes: fields.groups("attributes").into_iter().map(group).collect(),
        standing: standing_or_draft(fields),
        rules: fields.parts("rule", rule),
    }
}

/// Reads an `[[eservice.descriptor.rule]]`.
fn rule(fields: &mut Fields<'_>) -> MethodRule {
    MethodRule {
        methods: fields.texts("methods"),
        seconds: fields.optional_small_number("seconds"),
        message_bytes: fields.optional_number("message_bytes"),
        evidence: fields.optional_texts("evidence"),
    }
}

/// A contract is a file, or one that the gateway knows already.
fn contract(fields: &mut Fields<'_>) -> (Vec<u8>, String) {
    let named = fields.text("descriptor_set");
    match named.strip_prefix("builtin:") {
        Some(package) => (Vec::new(), package.to_owned()),
        None if named.is_empty() => (Vec::new(), String::new()),
        None => {
            let bytes = fields.file("descriptor_set", &named).unwrap_or_default();
            (bytes, String::new())
        }
    }
}

fn defaults(fields: &mut Fields<'_>) -> DescriptorDefaults {
    DescriptorDefaults {
        effect: fields.choice("effect", &["read", "write"]),
        data_class: fields.text("data_class"),
    }
}

fn upstream(fields: &mut Fields<'_>) -> Upstream {
    let address = fields.text("address");
    let server_name = fields.optional_text("server_name");
    // Without TLS, allowed on loopback only, there is no certificate to bear a name.
    let secure = !address.is_empty() && !address.starts_with("http://");
    if secure && server_name.is_none() {
        fields.problem("server_name", "is missing");
    }
    let replicas = fields.optional_texts("replicas");
    let ca = fields.optional_text("ca");
    let ca = ca.and_then(|name| fields.file("ca", &name));
    Upstream {
        address,
        server_name: server_name.unwrap_or_default(),
        ca_pem: ca.map_or_else(String::new, |pem| {
            String::from_utf8_lossy(&pem).into_owned()
        }),
        replicas,
    }
}

fn daily_calls(fields: &mut Fields<'_>) -> DailyCalls {
    DailyCalls {
        per_consumer: fields.number("per_consumer"),
        total: fields.number("total"),
    }
}
