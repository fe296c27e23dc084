//! Who takes part: tenants with their attributes, clients with their keys, operators.

use varco_proto::registry::v1::{
    Attribute, Client, Key, Kind, Operator, Standing, Tenant, VerifiedAttribute,
};
use varco_runtime::jose::PublicKey;
use varco_runtime::tls;

use super::fields::{Fields, Need};
use super::standing;
use super::time::Edge;

/// Reads an `[[attribute]]`.
pub fn attribute(fields: &mut Fields<'_>) -> Attribute {
    Attribute {
        name: fields.text("name"),
        description: fields.text("description"),
        kind: fields.choice("kind", &["certified", "declared", "verified"]),
        daily_calls_per_consumer: fields.optional_number("daily_calls_per_consumer"),
    }
}

/// Reads a `[[tenant]]`.
pub fn tenant(fields: &mut Fields<'_>) -> Tenant {
    Tenant {
        name: fields.text("name"),
        title: fields.text("title"),
        ipa: fields.text("ipa"),
        aoo: fields.optional_text("aoo").unwrap_or_default(),
        uo: fields.optional_text("uo").unwrap_or_default(),
        attributes: fields.optional_texts("attributes"),
        verified: fields.parts("verified", verified),
        standing: standing(fields),
    }
}

fn verified(fields: &mut Fields<'_>) -> VerifiedAttribute {
    VerifiedAttribute {
        attribute: fields.text("attribute"),
        verifier: fields.text("verifier"),
        expires: fields.moment("expires", Edge::Until),
    }
}

/// Reads a `[[client]]` with the files of its keys and certificates.
pub fn client(fields: &mut Fields<'_>) -> Client {
    let name = fields.text("name");
    // A key or certificate is made in a client that exists.
    let exists = fields.makes(Kind::Key) || fields.makes(Kind::Certificate);
    let consumer = if exists {
        fields.optional_text("consumer").unwrap_or_default()
    } else {
        fields.text("consumer")
    };
    let need = if fields.makes(Kind::Certificate) || fields.makes(Kind::Client) {
        Need::Optional
    } else {
        Need::Required
    };
    let keys = fields.files("keys", need, (named_key, key));
    Client {
        name,
        consumer,
        // What is no public key has left a problem, and never leaves this machine.
        keys: keys.into_iter().flatten().collect(),
        certificates: certificates(fields),
        legacy: fields.flag("legacy"),
        kind: fields.optional_choice("kind", &["consumer", "api"]),
        admin: fields.optional_text("admin").unwrap_or_default(),
        standing: standing(fields),
        thumbprints: thumbprints("thumbprints", fields),
        suspended_thumbprints: thumbprints("suspended_thumbprints", fields),
    }
}

/// Reads an `[[operator]]`.
pub fn operator(fields: &mut Fields<'_>) -> Operator {
    Operator {
        name: fields.text("name"),
        roles: fields.texts("roles"),
        tenant: fields.optional_text("tenant").unwrap_or_default(),
        standing: standing(fields),
    }
}

fn named_key(name: &str, fields: &Fields<'_>) -> Option<Key> {
    let pem = public_key("keys", name, fields)?;
    Some(Key {
        pem,
        not_after: 0,
        standing: Standing::Unspecified.into(),
    })
}

fn key(fields: &mut Fields<'_>) -> Option<Key> {
    let name = fields.text("file");
    let not_after = fields.moment("not_after", Edge::Until);
    let standing = standing(fields);
    let pem = Some(name).filter(|name| !name.is_empty());
    Some(Key {
        pem: public_key("file", &pem?, fields)?,
        not_after,
        standing,
    })
}

/// Reads only public keys: a private one named by mistake is not taken.
fn public_key(field: &'static str, name: &str, fields: &Fields<'_>) -> Option<String> {
    let pem = fields.file(field, name)?;
    let pem = String::from_utf8_lossy(&pem).into_owned();
    match PublicKey::from_pem(&pem) {
        Ok(key) => {
            fields.place_entry(field, Kind::Key, key.kid());
            Some(pem)
        }
        Err(error) => {
            let what = format!("names {name}, which cannot be used: {error}");
            fields.problem(field, &what);
            None
        }
    }
}

fn certificates(fields: &mut Fields<'_>) -> Vec<String> {
    let names = fields.optional_texts("certificates");
    let read = |name: String| {
        let pem = fields.file("certificates", &name)?;
        let pem = String::from_utf8_lossy(&pem).into_owned();
        if let Some(thumbprint) = tls::thumbprint(&pem) {
            let name = hex::encode(thumbprint);
            fields.place_entry("certificates", Kind::Certificate, &name);
            return Some(pem);
        }
        let what = format!("names {name}, which holds no PEM certificate");
        fields.problem("certificates", &what);
        None
    };
    names.into_iter().filter_map(read).collect()
}

fn thumbprints(field: &'static str, fields: &mut Fields<'_>) -> Vec<String> {
    let thumbprints = fields.optional_texts(field);
    for thumbprint in &thumbprints {
        let digits = thumbprint.bytes();
        let fit = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
        if thumbprint.len() != 64 || !digits.into_iter().all(fit) {
            let what = "must hold SHA-256 thumbprints of 64 hexadecimal digits in lower case";
            fields.problem(field, what);
        }
        fields.place_entry(field, Kind::Certificate, thumbprint);
    }
    thumbprints
}
