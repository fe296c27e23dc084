//! Sets that the parser of descriptors does not survive.

use prost::encoding::{bytes, int32};

use crate::registry::contract::testing::{file, only, told};

#[test]
fn file_in_an_edition_is_refused_by_name() {
    for syntax in ["editions", "proto4", ""] {
        let mut edition = file("e.proto", &[], &[]);
        edition.syntax = Some(syntax.to_owned());

        assert_eq!(
            told(&only(vec![file("a.proto", &[], &[]), edition])),
            ["e.proto is not written in proto2 or proto3: editions are not read yet"]
        );
    }
}

#[test]
fn set_over_which_the_parser_panics_is_refused() {
    assert_eq!(
        told(&panicking()),
        ["descriptor set does not parse: build it with protoc or buf"]
    );
}

/// A set whose own `FieldOptions` has a map, the entries of which have no key.
fn panicking() -> Vec<u8> {
    let (repeated, message) = (3, 11);
    let field = [
        of(1, b"m"),
        of(6, b".google.protobuf.FieldOptions.MEntry"),
        of(8, &of(999, b"")),
        number(3, 999),
        number(4, repeated),
        number(5, message),
    ];
    let entry = [of(1, b"MEntry"), of(7, &number(7, 1))];
    let options = [
        of(1, b"FieldOptions"),
        of(2, &field.concat()),
        of(3, &entry.concat()),
    ];
    let file = [
        of(1, b"google/protobuf/descriptor.proto"),
        of(2, b"google.protobuf"),
        of(4, &options.concat()),
    ];
    of(1, &file.concat())
}

fn of(tag: u32, value: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    bytes::encode(tag, &value.to_vec(), &mut encoded);
    encoded
}

fn number(tag: u32, value: i32) -> Vec<u8> {
    let mut encoded = Vec::new();
    int32::encode(tag, &value, &mut encoded);
    encoded
}
