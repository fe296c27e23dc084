//! Sets that the parser of descriptors does not survive.

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
