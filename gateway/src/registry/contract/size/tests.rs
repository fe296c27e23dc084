//! Sets of a few bytes for each thing.

use prost_types::field_descriptor_proto::Type;
use prost_types::source_code_info::Location;
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FieldOptions, FileDescriptorProto, SourceCodeInfo,
    UninterpretedOption,
};

use crate::registry::contract::testing::{file, only, told};

fn message(name: &str) -> DescriptorProto {
    DescriptorProto {
        name: Some(name.to_owned()),
        ..Default::default()
    }
}

fn field(place: usize) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(format!("f{place}")),
        number: i32::try_from(place).ok(),
        r#type: Some(Type::Bool.into()),
        ..Default::default()
    }
}

/// A set of one file.
fn one(change: impl FnOnce(&mut FileDescriptorProto)) -> Vec<u8> {
    let mut file = file("a.proto", &[], &[]);
    change(&mut file);
    only(vec![file])
}

#[test]
fn set_that_declares_too_much_is_refused() {
    let nested = one(|file| {
        let mut outer = message("M");
        let inner = |place| message(&format!("M{place}"));
        outer.field = (1..15_000).map(field).collect();
        outer.nested_type = (0..20_000).map(inner).collect();
        file.message_type.push(outer);
    });
    let commented = one(|file| {
        let location = vec![Location::default(); 60_000];
        file.source_code_info = Some(SourceCodeInfo { location });
    });
    let importing = one(|file| file.public_dependency = vec![7; 60_000]);
    let options = one(|file| {
        let mut own = field(1);
        own.options = Some(FieldOptions {
            uninterpreted_option: vec![UninterpretedOption::default(); 60_000],
            ..Default::default()
        });
        file.extension.push(own);
    });
    let mut cut_short = [0x22, 0x00].repeat(60_000);
    cut_short.extend([0x22, 0x7f]);
    let mut set = Vec::new();
    prost::encoding::bytes::encode(1, &cut_short, &mut set);
    let files = only(vec![FileDescriptorProto::default(); 60_000]);

    for set in [nested, commented, importing, options, set, files] {
        let told = told(&set);
        let text =
            "declares more than 50000 messages, fields, options, imports and places in the source";
        assert!(told.len() == 1 && told[0].starts_with(text), "{told:?}");
    }
}

#[test]
fn too_many_extensions_are_refused() {
    let set = one(|file| file.extension = (1..=1001).map(field).collect());

    assert_eq!(
        told(&set),
        ["declares more than 1000 extensions: leave out what no method needs"]
    );
}

#[test]
fn names_that_grow_with_each_thing_within_are_refused() {
    let set = one(|file| {
        file.package = Some("p".repeat(300));
        let mut outer = message(&"m".repeat(210));
        outer.field.push(field(1));
        file.message_type.push(outer);
    });

    assert_eq!(
        told(&set),
        ["has a full name of more than 512 bytes: shorten it, or nest it less"]
    );
}
