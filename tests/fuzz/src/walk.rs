//! What holds of whatever is walked as a message.

use std::sync::LazyLock;

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, ReflectMessage as _, Value};
use varco_gateway::minimise::walk::{Obstacle, Outside, Passed, walk};
use varco_gateway::registry::contract::{Contract, compile, hash};
use varco_gateway::registry::descriptor::ContractRef;

/// Walks a message: the first byte says which classes are allowed, the rest is the message.
///
/// # Panics
///
/// When something does not hold.
pub fn holds(bytes: &[u8]) {
    let Some((mask, message)) = bytes.split_first() else {
        return;
    };
    let mask = u64::from(*mask);
    let asked = walk(&CONTRACT, *PLACE, mask, Outside::Refuse, message);
    let Ok(passed) = walk(&CONTRACT, *PLACE, mask, Outside::Drop, message) else {
        assert!(asked.is_err());
        return;
    };
    let reduced = passed.reduced.as_deref();
    assert!(reduced.is_none_or(|left| left.len() < message.len()));
    assert_eq!(passed.delivered & !mask, 0);
    assert_eq!(passed.withheld & mask, 0);
    match &asked {
        Ok(asked) => assert_eq!(asked, &passed),
        Err(Obstacle::Field(_)) => assert!(reduced.is_some()),
        Err(Obstacle::Malformed) => panic!("a request is malformed and an answer is not"),
    }
    let left = reduced.unwrap_or(message);
    let whole = Passed {
        reduced: None,
        withheld: 0,
        ..passed.clone()
    };
    let again = walk(&CONTRACT, *PLACE, mask, Outside::Drop, left);
    assert_eq!(again, Ok(whole));
    named(&passed);
    decodes(message, left);
}

/// Whoever is named is named within bounds.
fn named(passed: &Passed<'_>) {
    for named in &passed.named {
        for identifier in named.identifiers(&CONTRACT) {
            let length = identifier.text().len();
            assert!((1..=64).contains(&length), "{length}");
        }
    }
}

/// What a decoder takes it still takes, and finds nothing that it does not know.
fn decodes(message: &[u8], left: &[u8]) {
    let of = CONTRACT.pool.get_message_by_name("t.M");
    let Some(of) = of else { return };
    if DynamicMessage::decode(of.clone(), message).is_ok() {
        let left = DynamicMessage::decode(of, left);
        assert!(left.is_ok_and(|left| is_known(&left)));
    }
}

fn is_known(message: &DynamicMessage) -> bool {
    let fields = message.fields().map(|(_, value)| value);
    let extensions = message.extensions().map(|(_, value)| value);
    let known = fields.chain(extensions).all(|value| match value {
        Value::Message(inner) => is_known(inner),
        Value::List(items) => items
            .iter()
            .all(|item| item.as_message().is_none_or(is_known)),
        Value::Map(entries) => entries
            .values()
            .all(|item| item.as_message().is_none_or(is_known)),
        _ => true,
    });
    known && message.unknown_fields().next().is_none() && is_known_any(message)
}

fn is_known_any(message: &DynamicMessage) -> bool {
    if message.descriptor().full_name() != "google.protobuf.Any" {
        return true;
    }
    let url = message.get_field_by_name("type_url");
    let url = url.as_ref().and_then(|url| url.as_str()).unwrap_or("");
    let name = url.rsplit('/').next().unwrap_or("");
    url.is_empty() || CONTRACT.pool.get_message_by_name(name).is_some()
}

/// A contract with one of everything.
static CONTRACT: LazyLock<Contract> = LazyLock::new(|| contract().expect("a contract"));
static PLACE: LazyLock<usize> = LazyLock::new(|| CONTRACT.methods["t.S/Do"].output);

fn contract() -> Option<Contract> {
    let own = DescriptorPool::decode(varco_proto::DESCRIPTOR_SET).ok()?;
    let mut set = varco_proto::DESCRIPTOR_SET.to_vec();
    for name in ["google/protobuf/any.proto", "google/protobuf/struct.proto"] {
        if own.get_file_by_name(name).is_none() {
            let known = DescriptorPool::global().get_file_by_name(name)?;
            prost::encoding::bytes::encode(1, &known.encode_to_vec(), &mut set);
        }
    }
    let of = own.get_message_by_name("google.protobuf.FileDescriptorProto")?;
    let mut json = serde_json::Deserializer::from_str(include_str!("contract.json"));
    let file = DynamicMessage::deserialize(of, &mut json).ok()?;
    prost::encoding::bytes::encode(1, &file.encode_to_vec(), &mut set);
    let of = ContractRef {
        set: hash(&set),
        builtin: None,
        default_effect: None,
        default_class: None,
    };
    compile(&of, &set).ok()
}
