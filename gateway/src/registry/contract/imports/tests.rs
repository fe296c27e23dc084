//! What sets import that no compiler would write.

use crate::registry::contract::testing::{file, only, told};

#[test]
fn file_that_imports_itself_publicly_is_refused() {
    let set = [0x0a, 0x08, 0x0a, 0x01, 0x61, 0x1a, 0x01, 0x61, 0x50, 0x00];

    assert_eq!(told(&set), ["a imports itself, directly or through others"]);
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
                problems == [format!("{name} imports itself, directly or through others")]
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

    assert_eq!(told(&twice), ["holds a twice"]);
}
