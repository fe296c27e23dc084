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

/// The features of the gateway in a build of a package.
fn features_of_the_gateway(package: &str) -> String {
    let out = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--package",
            package,
            "--edges",
            "normal,build",
        ])
        .args([
            "--prefix",
            "none",
            "--format",
            "{p} has {f}",
            "--manifest-path",
        ])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .output()
        .unwrap();
    let tree = String::from_utf8(out.stdout).unwrap();
    let gateway = tree.lines().find(|line| line.starts_with("varco-gateway "));
    let gateway = gateway.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&out.stderr)));
    gateway.rsplit_once("has ").unwrap().1.to_owned()
}

/// A build for release has none even where the feature is on: see `gateway/src/points.rs`.
#[test]
fn product_has_no_points_at_which_it_dies() {
    let tested = features_of_the_gateway("varco-tests");
    let product = features_of_the_gateway("varco");

    assert!(tested.contains("failpoints"), "{tested}");
    assert!(!product.contains("failpoints"), "{product}");
}
