//! What is offered: e-services and their versions, with contract, address and quotas.

use varco_proto::registry::v1::{DailyCalls, Descriptor, DescriptorDefaults, Eservice, Upstream};

use super::fields::Fields;

/// Reads an `[[eservice]]`.
pub fn eservice(fields: &mut Fields<'_>) -> Eservice {
    let descriptors = fields.entries("descriptor", descriptor);
    if descriptors.is_empty() {
        fields.problem("descriptor", "is missing: an e-service has at least one");
    }
    Eservice {
        name: fields.text("name"),
        producer: fields.text("producer"),
        descriptors,
    }
}

fn descriptor(fields: &mut Fields<'_>) -> Descriptor {
    let (descriptor_set, builtin) = contract(fields);
    Descriptor {
        version: fields.small_number("version"),
        audience: fields.text("audience"),
        descriptor_set: descriptor_set.into(),
        builtin,
        defaults: fields.table("defaults", defaults),
        upstream: fields.required_table("upstream", upstream),
        methods: fields.texts("methods"),
        voucher_lifespan: fields.small_number("voucher_lifespan"),
        daily_calls: fields.required_table("daily_calls", daily_calls),
        approval: fields.choice("approval", &["automatic", "manual"]),
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
    let secure = !address.starts_with("http://");
    let server_name = if secure {
        fields.text("server_name")
    } else {
        fields.optional_text("server_name").unwrap_or_default()
    };
    let ca = fields.optional_text("ca");
    let ca = ca.and_then(|name| fields.file("ca", &name));
    Upstream {
        address,
        server_name,
        ca_pem: ca.map_or_else(String::new, |pem| {
            String::from_utf8_lossy(&pem).into_owned()
        }),
    }
}

fn daily_calls(fields: &mut Fields<'_>) -> DailyCalls {
    DailyCalls {
        per_consumer: fields.number("per_consumer"),
        total: fields.number("total"),
    }
}
