//! What sets import that no compiler would write.

use prost_reflect::DescriptorPool;

use super::*;
use crate::registry::contract::testing::{compiled, file, only, told};

#[test]
fn file_that_imports_itself_publicly_is_refused() {
    let set = [0x0a, 0x08, 0x0a, 0x01, 0x61, 0x1a, 0x01, 0x61, 0x50, 0x00];

    assert_eq!(
        told(&set),
        ["a imports itself, directly or through others: break the circle"]
    );
}

#[test]
fn circle_of_imports_is_refused_in_any_order_of_the_files() {
    for public in [&[][..], &[0]] {
        let circle = [
            file("a", &["b"], public),
            file("b", &["c"], public),
            file("c", &["a"], public),
        ];
        for first in 0..circle.len() {
            let mut files = circle.to_vec();
            files.rotate_left(first);
            files.insert(0, file("root", &["b"], &[]));
            files.push(file("leaf", &[], &[]));

            let problems = told(&only(files));

            let named = |name: &str| {
                problems
                    == [format!(
                        "{name} imports itself, directly or through others: break the circle"
                    )]
            };
            assert!(["a", "b", "c"].into_iter().any(named), "{problems:?}");
        }
    }
}

#[test]
fn file_that_is_there_twice_is_refused() {
    let twice = only(vec![
        file("a", &[], &[]),
        file("a", &["b"], &[]),
        file("b", &[], &[]),
    ]);

    assert_eq!(told(&twice), ["holds a twice: give each file once"]);
}

#[test]
fn public_imports_that_lead_too_many_ways_are_refused() {
    let name = |layer: usize, side: &str| format!("{layer:02}{side}");
    let mut files = Vec::new();
    for layer in 0..40 {
        for side in ["l", "r"] {
            let next = ["l", "r"].map(|side| name(layer + 1, side));
            let next = [next[0].as_str(), &next[1]];
            let (imports, public) = if layer < 39 {
                (&next[..], &[0, 1][..])
            } else {
                (&[][..], &[][..])
            };
            files.push(file(&name(layer, side), imports, public));
        }
    }
    let all: Vec<String> = files.iter().rev().map(|it| it.name().to_owned()).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    files.push(file("root", &all, &[]));

    let problems = told(&only(files));

    let text = "imports more than can be followed: its public imports lead too many ways: import what is used directly";
    assert!(
        problems.len() == 1 && problems[0].contains(text),
        "{problems:?}"
    );
}

#[test]
fn files_come_after_their_imports_each_once() {
    let files = vec![
        file("d", &["b", "c"], &[]),
        file("c", &["a"], &[]),
        file("b", &["a"], &[]),
        file("a", &[], &[]),
    ];
    let contract = compiled(&only(files));
    let mut found = Vec::new();

    for name in ["c", "d"] {
        let file = contract.pool.get_file_by_name(name).unwrap();
        with_imports(&file, &mut found);
    }

    let names: Vec<&str> = found.iter().map(FileDescriptor::name).collect();
    assert_eq!(names, ["a", "c", "b", "d"]);
}

#[test]
fn imports_of_a_circle_come_to_an_end() {
    let set = only(vec![file("a", &["b"], &[]), file("b", &["a"], &[])]);
    let pool = DescriptorPool::decode(&*set).unwrap();
    let mut found = Vec::new();

    with_imports(&pool.get_file_by_name("a").unwrap(), &mut found);

    assert_eq!(found.len(), 2);
}

#[test]
fn imports_may_be_deeper_than_a_stack() {
    let name = |place: usize| format!("f{place}");
    let deep = |place: usize| file(&name(place), &[&name(place + 1)], &[]);
    let mut files: Vec<_> = (0..12_000).map(deep).collect();
    files.push(file(&name(12_000), &[], &[]));
    let contract = compiled(&only(files));
    let mut found = Vec::new();

    with_imports(&contract.pool.get_file_by_name("f0").unwrap(), &mut found);

    assert_eq!(found.len(), 12_001);
}

#[test]
fn what_is_imported_publicly_is_seen_however_far_away() {
    let mut files = vec![
        file("x", &["b"], &[]),
        file("b", &["c"], &[0]),
        file("c", &["d"], &[0]),
        file("d", &[], &[]),
    ];
    files[3].message_type = vec![prost_types::DescriptorProto {
        name: Some("D".to_owned()),
        ..Default::default()
    }];
    files[0].service = vec![prost_types::ServiceDescriptorProto {
        name: Some("S".to_owned()),
        method: vec![prost_types::MethodDescriptorProto {
            name: Some("Do".to_owned()),
            input_type: Some(".D".to_owned()),
            output_type: Some(".D".to_owned()),
            ..Default::default()
        }],
        ..Default::default()
    }];

    let contract = compiled(&only(files));

    assert_eq!(contract.without_effect, ["S/Do"]);
}
