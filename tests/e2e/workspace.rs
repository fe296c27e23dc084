//! The dependency rule of the architecture page, over `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Which crates of ours each crate may depend on.
const ALLOWED: &[(&str, &[&str])] = &[
    ("varco-proto", &[]),
    ("varco-tlog", &[]),
    ("varco-runtime", &["varco-proto"]),
    (
        "varco-gateway",
        &[
            "varco-proto",
            "varco-runtime",
            "varco-tlog",
            "varco-witness",
        ],
    ),
    ("varco-witness", &["varco-runtime", "varco-tlog"]),
    ("varco-anagrafe", &["varco-proto", "varco-runtime"]),
    ("varco-protocollo", &["varco-proto", "varco-runtime"]),
    ("varco-albo", &["varco-proto", "varco-runtime"]),
    ("varco-documenti", &["varco-proto", "varco-runtime"]),
];

fn ours() -> BTreeMap<String, BTreeSet<String>> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let out = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
            "--manifest-path",
        ])
        .arg(manifest)
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&out.stdout).unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let needs = package["dependencies"].as_array().unwrap().iter().map(name);
            (
                name(package),
                needs.filter(|need| need.starts_with("varco")).collect(),
            )
        })
        .collect()
}

#[test]
fn dependencies_point_one_way() {
    let ours = ours();

    for (package, allowed) in ALLOWED {
        let found = &ours[*package];
        let extra: Vec<_> = found
            .iter()
            .filter(|need| !allowed.contains(&need.as_str()) && need.as_str() != *package)
            .collect();
        assert!(extra.is_empty(), "{package} must not depend on {extra:?}");
    }
}

#[test]
fn only_the_composition_root_and_the_tests_know_everybody() {
    let known: BTreeSet<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();

    let others: Vec<String> = ours()
        .into_keys()
        .filter(|name| !known.contains(name.as_str()))
        .collect();

    assert_eq!(others, ["varco", "varco-tests"]);
}
