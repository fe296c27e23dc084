//! The registry file: what it may say, and that every mistake is told with its line.

use tempfile::TempDir;

use super::*;

#[test]
fn example_of_the_guide_is_a_document() {
    let folder = folder();

    let document = parse(EXAMPLE, folder.path()).unwrap();

    let eservice = document.eservices.first().unwrap();
    let descriptor = eservice.descriptors.first().unwrap();
    let upstream = descriptor.upstream.as_ref().unwrap();
    assert_eq!(descriptor.audience, "https://eco.comune.example/v1");
    assert_eq!(&descriptor.descriptor_set[..], b"descriptors");
    assert_eq!(descriptor.daily_calls.unwrap().per_consumer, 1_000_000);
    assert!(upstream.ca_pem.contains("BEGIN CERTIFICATE"));
    let client = document.clients.first().unwrap();
    assert!(client.keys.first().unwrap().contains("BEGIN PUBLIC KEY"));
    assert!(!client.legacy);
    let purpose = document.purposes.first().unwrap();
    assert_eq!(
        (purpose.name.as_str(), purpose.daily_calls),
        ("collaudo", 1_000_000)
    );
    assert!(!purpose.chained);
}

#[test]
fn builtin_contract_needs_no_file() {
    let text = EXAMPLE.replace("\"eco.binpb\"", "\"builtin:varco.anagrafe.v1\"");

    let document = parse(&text, folder().path()).unwrap();

    let descriptor = &document.eservices[0].descriptors[0];
    assert_eq!(descriptor.builtin, "varco.anagrafe.v1");
    assert!(descriptor.descriptor_set.is_empty());
}

#[test]
fn missing_audience_and_quota_are_named_with_their_line() {
    let text = without("audience", &without("daily_calls = {", EXAMPLE));

    let problems = parse(&text, folder().path()).unwrap_err();

    assert_eq!(
        problems,
        [
            "line 9: eservice.descriptor.audience is missing",
            "line 9: eservice.descriptor.daily_calls is missing",
        ]
    );
}

#[test]
fn half_a_quota_is_a_problem() {
    let text = EXAMPLE.replace(", total = 1000000", "");

    let problems = parse(&text, folder().path()).unwrap_err();

    assert_eq!(
        problems,
        ["line 17: eservice.descriptor.daily_calls.total is missing"]
    );
}

#[test]
fn problems_of_the_whole_file_are_told_at_once() {
    let text = EXAMPLE
        .replace(
            "approval = \"automatic\"",
            "approval = \"forse\"\nextra = 1",
        )
        .replace(
            "keys = [\"prova.assertion.pub.pem\"]",
            "keys = [\"lost.pem\"]",
        )
        .replace(
            "daily_calls = 1000000\nclients",
            "daily_calls = -1\nclients",
        );

    let problems = parse(&text, folder().path()).unwrap_err();

    assert_eq!(problems.len(), 4, "{problems:?}");
    assert!(problems[0].starts_with("line 18: eservice.descriptor.approval must be one of"));
    assert_eq!(problems[1], "line 19: eservice.descriptor.extra is unknown");
    assert!(problems[2].starts_with("line 24: client.keys names "));
    assert_eq!(
        problems[3],
        "line 38: purpose.daily_calls must be a whole number above zero"
    );
}

#[test]
fn private_key_is_never_taken_for_a_public_one() {
    let folder = folder();
    let private = rcgen::KeyPair::generate().unwrap().serialize_pem();
    std::fs::write(folder.path().join("prova.assertion.pub.pem"), private).unwrap();

    let problems = parse(EXAMPLE, folder.path()).unwrap_err();

    assert!(problems[0].starts_with("line 23: client.keys names a file that is no public key"));
}

#[test]
fn text_that_is_no_toml_is_told_with_its_line() {
    let problems = parse("[[tenant]]\nname = \n", Path::new(".")).unwrap_err();

    assert!(
        problems
            .iter()
            .any(|problem| problem.starts_with("line 2: "))
    );
}

fn without(key: &str, text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let found = lines.iter().position(|line| line.starts_with(key)).unwrap();
    lines.remove(found);
    lines.join("\n")
}

/// A folder with the files that the example names.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).unwrap();
    let certificate = certificate.self_signed(&key).unwrap().pem();
    std::fs::write(folder.path().join("eco.binpb"), "descriptors").unwrap();
    std::fs::write(folder.path().join("upstream-ca.pem"), &certificate).unwrap();
    std::fs::write(
        folder.path().join("prova.assertion.pub.pem"),
        key.public_key_pem(),
    )
    .unwrap();
    std::fs::write(folder.path().join("prova.tls.pem"), &certificate).unwrap();
    folder
}

const EXAMPLE: &str = r#"[[tenant]]
name = "laboratorio"
title = "Servizio di prova"
ipa = "c_e648"

[[eservice]]
name = "eco"
producer = "laboratorio"
[[eservice.descriptor]]
version = 1
audience = "https://eco.comune.example/v1"
descriptor_set = "eco.binpb"
defaults = { effect = "write", data_class = "pubblico" }
upstream = { address = "https://127.0.0.1:50051", server_name = "localhost", ca = "upstream-ca.pem" }
methods = ["grpc.testing.TestService/*"]
voucher_lifespan = 300
daily_calls = { per_consumer = 1000000, total = 1000000 }
approval = "automatic"

[[client]]
name = "prova"
consumer = "laboratorio"
keys = ["prova.assertion.pub.pem"]
certificates = ["prova.tls.pem"]

[[agreement]]
consumer = "laboratorio"
eservice = "eco"

[[purpose]]
name = "collaudo"
consumer = "laboratorio"
eservice = "eco"
legal_basis = "collaudo interno"
methods = ["grpc.testing.TestService/*"]
data_classes = ["pubblico"]
daily_calls = 1000000
clients = ["prova"]
"#;
