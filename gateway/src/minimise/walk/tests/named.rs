//! Whom messages of real and of made-up contracts name.

use serde_json::{Value, json};
use varco_proto::protocollo::v1::{GetRegistrazioneRequest, Identificatore};

use super::*;
use crate::registry::contract::testing;

fn texts(contract: &Contract, place: usize, message: &[u8]) -> Vec<String> {
    let passed = walk(contract, place, u64::MAX, Outside::Drop, message).unwrap();
    let named = passed.named.iter().flat_map(|it| it.identifiers(contract));
    named.map(|it| it.text().to_owned()).collect()
}

/// A contract whose answer has one field that identifies somebody, beside a message `N` of parts.
fn naming(kind: &str, label: &str, type_name: Option<&str>) -> Arc<Contract> {
    let options = json!({
        "[varco.options.v1.data_class]": "c",
        "[varco.options.v1.subject]": "SUBJECT_KIND_RECORD_NUMBER",
    });
    let field = |number: i32, kind: &str| {
        json!({
            "number": number, "name": format!("f{number}"), "type": kind,
            "label": "LABEL_OPTIONAL", "options": {"[varco.options.v1.data_class]": "c"},
        })
    };
    let mut who = json!({
        "number": 1, "name": "who", "type": kind, "label": label, "options": options,
    });
    if let Some(name) = type_name {
        who["typeName"] = Value::from(name);
    }
    let file = json!({
        "name": "p.proto", "package": "p", "syntax": "proto2", "dependency": testing::IMPORTS,
        "messageType": [
            {"name": "M", "field": [who]},
            {"name": "N", "field": [field(1, "TYPE_STRING"), field(2, "TYPE_UINT32"),
                                    field(4, "TYPE_FIXED64")]},
        ],
        "service": [{"name": "S", "method": [{
            "name": "Do", "inputType": ".p.M", "outputType": ".p.M",
            "options": {"idempotencyLevel": "NO_SIDE_EFFECTS"},
        }]}],
    });
    testing::compiled(&testing::set(&[file]))
}

fn named(contract: &Contract, message: &[u8]) -> Vec<String> {
    texts(contract, contract.methods["p.S/Do"].output, message)
}

#[test]
fn every_member_of_a_family_is_named_and_only_what_passes() {
    let contract = contract();
    let place = answer_of(&contract, "GetFamiglia");
    let bytes = family().encode_to_vec();

    let all = texts(&contract, place, &bytes);
    let allowed = mask(&contract, &["famiglia.numero"]);
    let count = walk(&contract, place, allowed, Outside::Drop, &bytes).unwrap();

    assert_eq!(all, ["RSSMRA80A01H501U", "RSSMRA80A01H501U"]);
    assert!(count.named.is_empty());
    let told = contract.told.names(&count.fields);
    assert_eq!(told, ["GetFamigliaResponse.numero_componenti"]);
}

#[test]
fn number_of_a_record_is_its_parts_in_order() {
    let contract = contract();
    let method = "varco.protocollo.v1.ProtocolloService/GetRegistrazione";
    let place = contract.methods[method].input;
    let request = |registro: Option<&str>| GetRegistrazioneRequest {
        identificatore: Some(Identificatore {
            aoo: Some("AOO01".to_owned()),
            registro: registro.map(str::to_owned),
            anno: Some(2026),
            numero: Some(12),
        }),
    };

    let whole = texts(&contract, place, &request(Some("PG")).encode_to_vec());
    let part = texts(&contract, place, &request(None).encode_to_vec());

    assert_eq!(whole, ["AOO01/PG/2026/12"]);
    assert_eq!(part, ["AOO01//2026/12"]);
}

#[test]
fn numbers_are_named_in_decimal_packed_or_not() {
    let list = naming("TYPE_UINT64", "LABEL_REPEATED", None);
    let fixed = naming("TYPE_FIXED32", "LABEL_REPEATED", None);

    assert_eq!(
        named(&list, &[0x08, 0x05, 0x0a, 0x03, 0x07, 0xac, 0x02]),
        ["5", "7", "300"]
    );
    assert_eq!(
        named(&fixed, &[0x0d, 1, 1, 0, 0, 0x0a, 4, 2, 0, 0, 0]),
        ["257", "2"]
    );
}

#[test]
fn group_and_message_of_protobuf_are_read_too() {
    let group = naming("TYPE_GROUP", "LABEL_OPTIONAL", Some(".p.N"));
    let wrapped = naming(
        "TYPE_MESSAGE",
        "LABEL_OPTIONAL",
        Some(".google.protobuf.StringValue"),
    );

    let parts = [
        0x0b, 0x0a, 1, b'a', 0x10, 9, 0x21, 3, 0, 0, 0, 0, 0, 0, 0, 0x0c,
    ];
    assert_eq!(named(&group, &parts), ["a/9/3"]);
    assert_eq!(named(&wrapped, &[0x0a, 3, 0x0a, 1, b'x']), ["x"]);
}

#[test]
fn nothing_and_bytes_that_are_no_text_name_as_they_can() {
    let bytes = naming("TYPE_BYTES", "LABEL_OPTIONAL", None);
    let parts = naming("TYPE_MESSAGE", "LABEL_OPTIONAL", Some(".p.N"));

    assert_eq!(named(&bytes, &[0x0a, 2, 0xff, 0x01]), ["ff01"]);
    assert_eq!(named(&bytes, &[0x0a, 0]), [""; 0]);
    assert_eq!(named(&parts, &[0x0a, 0]), [""; 0]);
}

#[test]
fn identifier_that_lost_a_part_is_none() {
    let parts = naming("TYPE_MESSAGE", "LABEL_OPTIONAL", Some(".p.N"));

    // Field 3 is unknown.
    assert_eq!(named(&parts, &[0x0a, 5, 0x0a, 1, b'a', 0x18, 1]), [""; 0]);
}
