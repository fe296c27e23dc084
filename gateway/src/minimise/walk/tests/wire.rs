//! Wire types, groups and lengths, byte by byte.

use std::sync::LazyLock;

use serde_json::{Value as Json, json};

use super::*;
use crate::registry::contract::testing::{IMPORTS, compiled, set};

/// One field of each kind; `secret` and `inner.secret` have a class that is not allowed.
pub static CONTRACT: LazyLock<Arc<Contract>> = LazyLock::new(|| {
    let field = |number: i32, name: &str, kind: &str, label: &str, class: &str| {
        let (kind, typed) = kind.split_once(' ').unwrap_or((kind, ""));
        let mut field = json!({
            "number": number, "name": name, "type": format!("TYPE_{kind}"),
            "label": format!("LABEL_{label}"),
            "options": {"[varco.options.v1.data_class]": class},
        });
        if !typed.is_empty() {
            field["typeName"] = json!(typed);
        }
        field
    };
    let any = "MESSAGE .google.protobuf.Any";
    let record = "MESSAGE .google.protobuf.Struct";
    let fields = [
        field(1, "number", "INT32", "OPTIONAL", "open"),
        field(2, "numbers", "SINT64", "REPEATED", "open"),
        field(3, "text", "STRING", "OPTIONAL", "open"),
        field(4, "inner", "MESSAGE .t.M", "OPTIONAL", "open"),
        field(5, "group", "GROUP .t.M", "OPTIONAL", "open"),
        field(6, "any", any, "OPTIONAL", "open"),
        field(7, "record", record, "OPTIONAL", "open"),
        field(9, "secret", "STRING", "OPTIONAL", "shut"),
        field(10, "anys", any, "REPEATED", "open"),
    ];
    let method = json!({
        "name": "Do", "inputType": ".t.M", "outputType": ".t.M",
        "options": {"idempotencyLevel": "NO_SIDE_EFFECTS"},
    });
    let more = field(500, "more", "FIXED32", "OPTIONAL", "open");
    let hidden = field(501, "hidden", "FIXED32", "OPTIONAL", "shut");
    let unclassed = json!({
        "number": 502, "name": "unclassed", "type": "TYPE_FIXED32", "label": "LABEL_OPTIONAL",
    });
    let extensions = [more, hidden, unclassed].map(|mut it| {
        it["extendee"] = json!(".t.M");
        it
    });
    let file: Json = json!({
        "name": "t.proto", "package": "t", "syntax": "proto2", "dependency": IMPORTS,
        "messageType": [
            {"name": "M", "field": fields, "extensionRange": [{"start": 500, "end": 600}]},
            {"name": "OnlyInAny", "field": [
                field(1, "number", "INT32", "OPTIONAL", "open"),
                field(2, "secret", "INT32", "OPTIONAL", "shut"),
            ]},
        ],
        "extension": extensions,
        "service": [{"name": "S", "method": [method]}],
    });
    compiled(&set(&[file]))
});

/// Walks a message of which only the open class is allowed.
pub fn walked(outside: Outside, message: &[u8]) -> Result<Passed<'_>, Obstacle> {
    let place = CONTRACT.methods["t.S/Do"].output;
    walk(
        &CONTRACT,
        place,
        mask(&CONTRACT, &["open"]),
        outside,
        message,
    )
}

/// What of a message is left.
pub fn left(message: &[u8]) -> Vec<u8> {
    let passed = walked(Outside::Drop, message).unwrap();
    assert_eq!(
        walked(Outside::Refuse, message).is_ok(),
        passed.reduced.is_none()
    );
    passed.reduced.unwrap_or_else(|| message.to_vec())
}

#[test]
fn known_number_in_a_foreign_wire_type_is_unknown() {
    for foreign in [
        &[0x0a, 0x01, 0x07][..],         // a number as a packed list
        &[0x0d, 1, 2, 3, 4],             // a varint as four bytes
        &[0x11, 1, 2, 3, 4, 5, 6, 7, 8], // a list of varints as eight bytes
        &[0x18, 0x01],                   // a text as a number
        &[0x20, 0x01],                   // a message as a number
        &[0x23, 0x08, 0x01, 0x24],       // a message as a group
        &[0x2a, 0x02, 0x08, 0x01],       // a group as a message
        &[0x30, 0x01],                   // an Any as a number
    ] {
        assert!(left(foreign).is_empty(), "{foreign:02x?}");
    }
}

#[test]
fn numbers_pass_packed_and_one_by_one() {
    let both = [0x10, 0x02, 0x12, 0x02, 0x04, 0x06];

    assert_eq!(left(&both), both);
}

#[test]
fn lengths_shrink_with_what_they_hold() {
    let secret = [&[0x4a, 0x78][..], &[b'x'; 0x78]].concat();
    let inner = [&[0x08, 0x01][..], &secret].concat();
    let middle = [&[0x22, 0x7c][..], &inner, &[0x08, 0x02]].concat();
    let outer = [&[0x22, 0x80, 0x01][..], &middle, &[0x08, 0x03]].concat();

    let reduced = left(&outer);

    assert_eq!(
        reduced,
        [0x22, 0x06, 0x22, 0x02, 0x08, 0x01, 0x08, 0x02, 0x08, 0x03]
    );
}

#[test]
fn groups_are_walked_where_they_are_known_and_left_out_where_not() {
    let known = [0x2b, 0x4a, 0x01, b'x', 0x08, 0x01, 0x2c];
    let unknown = [0x43, 0x43, 0x08, 0x01, 0x44, 0x0b, 0x0c, 0x44];

    assert_eq!(left(&known), [0x2b, 0x08, 0x01, 0x2c]);
    assert_eq!(left(&[&unknown[..], &[0x08, 0x01]].concat()), [0x08, 0x01]);
}

#[test]
fn extensions_are_fields_with_classes_of_their_own() {
    let value = [1, 2, 3, 4];
    let extension = |key: u8| [&[key, 0x1f][..], &value].concat();
    let (more, hidden, unclassed) = (extension(0xa5), extension(0xad), extension(0xb5));

    let all = [more.clone(), hidden, unclassed].concat();

    assert_eq!(left(&all), more);
}

#[test]
fn what_no_decoder_takes_is_malformed() {
    let overlong = [&[0x08][..], &[0x80; 10], &[0x00]].concat();
    let overflowing = [&[0x08][..], &[0xff; 9], &[0x02]].concat();
    let deep = [0x2b; 101]
        .into_iter()
        .chain([0x2c; 101])
        .collect::<Vec<u8>>();
    let deep_unknown = [0x43; 101]
        .into_iter()
        .chain([0x44; 101])
        .collect::<Vec<u8>>();
    for bad in [
        &overlong[..],
        &overflowing,
        &deep,
        &deep_unknown,
        &[0x00, 0x00],                                     // number 0
        &[0x80, 0x80, 0x80, 0x80, 0x10, 0x00],             // number 2^29
        &[0x0e],                                           // wire type 6
        &[0x2c],                                           // an end without a start
        &[0x2b, 0x34],                                     // the end of another group
        &[0x43, 0x4b, 0x44, 0x4c],                         // groups that cross
        &[0x2b],                                           // a group without an end
        &[0x22, 0x02, 0x2b, 0x2c, 0x22, 0x01, 0x2b, 0x2c], // one that ends outside
        &[
            0x1a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
        ],
        &[0x0d, 1, 2, 3],
    ] {
        for outside in [Outside::Drop, Outside::Refuse] {
            let walked = walked(outside, bad);
            let is_field = matches!(walked, Err(Obstacle::Field(_)));
            let fits = walked == Err(Obstacle::Malformed) || outside == Outside::Refuse && is_field;
            assert!(fits, "{bad:02x?}: {walked:?}");
        }
    }
    let longest = [&[0x08][..], &[0xff; 9], &[0x01]].concat();
    assert_eq!(left(&longest), longest);
    let deepest = [0x2b; 100]
        .into_iter()
        .chain([0x2c; 100])
        .collect::<Vec<u8>>();
    assert_eq!(left(&deepest), deepest);
}
