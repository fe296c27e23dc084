//! A service that has a new field: nobody sees it before it has a class.

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, Value};

use super::*;
use crate::registry::contract::testing::compiled;

/// The contract of anagrafe, with a field of no class in every message.
fn with_newcomer() -> Vec<u8> {
    let own = DescriptorPool::decode(varco_proto::DESCRIPTOR_SET).unwrap();
    let of = own.get_message_by_name("google.protobuf.FileDescriptorSet");
    let mut set = DynamicMessage::decode(of.unwrap(), varco_proto::DESCRIPTOR_SET).unwrap();
    let field = own.get_message_by_name("google.protobuf.FieldDescriptorProto");
    let mut newcomer = DynamicMessage::new(field.unwrap());
    newcomer.set_field_by_name("name", Value::String("nota".to_owned()));
    newcomer.set_field_by_name("number", Value::I32(2000));
    newcomer.set_field_by_name("label", Value::EnumNumber(1));
    newcomer.set_field_by_name("type", Value::EnumNumber(9));
    for file in list(&mut set, "file") {
        let package = file.get_field_by_name("package").unwrap();
        if package.as_str() == Some("varco.anagrafe.v1") {
            for message in list(file, "message_type") {
                let fields = message.get_field_by_name_mut("field").unwrap();
                let fields = fields.as_list_mut().unwrap();
                fields.push(Value::Message(newcomer.clone()));
            }
        }
    }
    set.encode_to_vec()
}

fn list<'a>(
    of: &'a mut DynamicMessage,
    field: &str,
) -> impl Iterator<Item = &'a mut DynamicMessage> {
    let items = of.get_field_by_name_mut(field).unwrap();
    let items = items.as_list_mut().unwrap().iter_mut();
    items.map(|item| item.as_message_mut().unwrap())
}

const CLASSES: [&str; 3] = [
    "famiglia.numero",
    "famiglia.componenti",
    "famiglia.parentela",
];

/// What a consumer reads of the family, by how many of the classes its purpose has.
const READ: [&str; 4] = [
    "",
    "0802",
    "080212120a105253534d52413830413031483530315512120a105253534d524138304130314835303156",
    "080212140a105253534d524138304130314835303155100112140a105253534d5241383041303148353031561002",
];

/// A family as the service answers with `more` in every message.
fn family(more: &[u8]) -> Vec<u8> {
    let mut family = vec![0x08, 0x02];
    for (codice_fiscale, parentela) in [("RSSMRA80A01H501U", 1), ("RSSMRA80A01H501V", 2)] {
        let member = Componente {
            codice_fiscale: Some(codice_fiscale.to_owned()),
            parentela: Some(parentela),
            dal: None,
        };
        let member = [&member.encode_to_vec()[..], more].concat();
        prost::encoding::bytes::encode(2, &member, &mut family);
    }
    [&family[..], more].concat()
}

fn sent(contract: &Contract, classes: &[&str], message: &[u8]) -> String {
    let place = answer_of(contract, "GetFamiglia");
    let allowed = mask(contract, classes);
    let passed = walk(contract, place, allowed, Outside::Drop, message).unwrap();
    hex::encode(passed.reduced.as_deref().unwrap_or(message))
}

#[test]
fn unclassified_newcomer_changes_nothing_for_any_consumer() {
    let (old, new) = (contract(), compiled(&with_newcomer()));
    let nota = &[0x82, 0x7d, 0x04, b'n', b'o', b't', b'a'];
    let new_fields = new.pool.get_message_by_name("varco.anagrafe.v1.Componente");
    assert!(new_fields.unwrap().get_field(2000).is_some());

    for (known, read) in READ.iter().enumerate() {
        let classes = &CLASSES[..known];

        assert_eq!(sent(&old, classes, &family(&[])), *read);
        assert_eq!(sent(&old, classes, &family(nota)), *read);
        assert_eq!(sent(&new, classes, &family(nota)), *read);
    }
}

#[test]
fn request_with_an_unclassified_newcomer_is_refused() {
    let new = compiled(&with_newcomer());
    let place = new.methods["varco.anagrafe.v1.AnagrafeService/GetFamiglia"].input;

    let refused = walk(
        &new,
        place,
        u64::MAX,
        Outside::Refuse,
        &[0x82, 0x7d, 0x01, b'a'],
    );

    assert_eq!(refused, Err(Obstacle::Field("#2000".to_owned())));
}
