//! Who takes part and under what title: tenants, clients, agreements, purposes, operators.

use varco_proto::registry::v1::{Agreement, Client, Operator, Purpose, Tenant};
use varco_runtime::jose::PublicKey;
use varco_runtime::tls;

use super::fields::Fields;

/// Reads a `[[tenant]]`.
pub fn tenant(fields: &mut Fields<'_>) -> Tenant {
    Tenant {
        name: fields.text("name"),
        title: fields.text("title"),
        ipa: fields.text("ipa"),
    }
}

/// Reads a `[[client]]` with the files of its keys and certificates.
pub fn client(fields: &mut Fields<'_>) -> Client {
    Client {
        name: fields.text("name"),
        consumer: fields.text("consumer"),
        keys: keys(fields),
        certificates: certificates(fields),
        legacy: fields.flag("legacy"),
    }
}

/// Reads an `[[agreement]]`.
pub fn agreement(fields: &mut Fields<'_>) -> Agreement {
    Agreement {
        consumer: fields.text("consumer"),
        eservice: fields.text("eservice"),
    }
}

/// Reads a `[[purpose]]`.
pub fn purpose(fields: &mut Fields<'_>) -> Purpose {
    Purpose {
        name: fields.text("name"),
        consumer: fields.text("consumer"),
        eservice: fields.text("eservice"),
        legal_basis: fields.text("legal_basis"),
        methods: fields.texts("methods"),
        data_classes: fields.texts("data_classes"),
        daily_calls: fields.number("daily_calls"),
        clients: fields.texts("clients"),
        chained: fields.flag("chained"),
    }
}

/// Reads an `[[operator]]`.
pub fn operator(fields: &mut Fields<'_>) -> Operator {
    Operator {
        name: fields.text("name"),
        roles: fields.texts("roles"),
    }
}

/// Reads only public keys: a private one named by mistake never leaves this machine.
fn keys(fields: &mut Fields<'_>) -> Vec<String> {
    let pems = pems("keys", &fields.texts("keys"), fields);
    for pem in &pems {
        if let Err(error) = PublicKey::from_pem(pem) {
            fields.problem(
                "keys",
                &format!("names a file that is no public key: {error}"),
            );
        }
    }
    pems
}

fn certificates(fields: &mut Fields<'_>) -> Vec<String> {
    let names = fields.optional_texts("certificates");
    let pems = pems("certificates", &names, fields);
    if pems.iter().any(|pem| tls::thumbprint(pem).is_none()) {
        fields.problem("certificates", "names a file that holds no PEM certificate");
    }
    pems
}

fn pems(key: &'static str, names: &[String], fields: &Fields<'_>) -> Vec<String> {
    let bytes = names.iter().filter_map(|name| fields.file(key, name));
    bytes
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect()
}
