//! The registry file: what it may say, and that every mistake is told with its line.

use tempfile::TempDir;

use super::*;

#[test]
fn example_of_the_guide_is_a_document() {
    let document = document_of(EXAMPLE);

    let eservice = document.eservices.first().unwrap();
    let descriptor = eservice.descriptors.first().unwrap();
    let upstream = descriptor.upstream.as_ref().unwrap();
    assert_eq!(descriptor.audience, "https://eco.comune.example/v1");
    assert_eq!(&descriptor.descriptor_set[..], b"descriptors");
    assert_eq!(descriptor.daily_calls.unwrap().per_consumer, 1_000_000);
    assert!(upstream.ca_pem.contains("BEGIN CERTIFICATE"));
    let client = document.clients.first().unwrap();
    let key = client.keys.first().unwrap();
    assert!(key.pem.contains("BEGIN PUBLIC KEY"));
    assert_eq!(key.not_after, 0);
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

    let document = document_of(&text);

    let descriptor = &document.eservices[0].descriptors[0];
    assert_eq!(descriptor.builtin, "varco.anagrafe.v1");
    assert!(descriptor.descriptor_set.is_empty());
}

#[test]
fn everything_that_a_registry_holds_may_be_declared() {
    let text = EXAMPLE
        .replace("ipa = \"c_e648\"", TENANT)
        .replace("keys = [\"prova.assertion.pub.pem\"]", CLIENT)
        .replace("approval = \"automatic\"", DESCRIPTOR)
        .replace("clients = [\"prova\"]", PURPOSE);

    let document = document_of(&text);

    let tenant = &document.tenants[0];
    assert_eq!((tenant.aoo.as_str(), tenant.uo.as_str()), ("A1", "U1"));
    assert_eq!(tenant.attributes, ["comune"]);
    assert_eq!(tenant.verified[0].verifier, "anagrafe");
    assert_eq!(tenant.verified[0].expires, 1_798_758_000);
    assert_eq!(tenant.standing(), Standing::Suspended);
    let client = &document.clients[0];
    assert_eq!(client.keys[0].not_after, 1_798_758_000);
    assert_eq!(client.keys[0].standing(), Standing::Suspended);
    assert_eq!(
        (client.kind.as_str(), client.admin.as_str()),
        ("api", "capo")
    );
    let descriptor = &document.eservices[0].descriptors[0];
    assert_eq!(descriptor.attributes[0].any_of, ["a", "b"]);
    assert_eq!(descriptor.attributes[1].any_of, ["c"]);
    let purpose = &document.purposes[0];
    assert_eq!(purpose.trigger, "istanza");
    assert_eq!(purpose.valid_from, 1_798_758_000);
    assert_eq!(purpose.valid_until, 1_798_758_000 + 24 * 60 * 60);
    assert_eq!(purpose.risk_analysis.as_ref().unwrap().risk, "rischio");
}

#[test]
fn life_of_vouchers_alone_has_a_default() {
    let document = document_of(&without("voucher_lifespan", EXAMPLE));

    assert_eq!(document.eservices[0].descriptors[0].voucher_lifespan, 0);
}

#[test]
fn missing_audience_and_quota_are_named_with_their_line() {
    let text = without("audience", &without("daily_calls = {", EXAMPLE));

    assert_eq!(
        problems_of(&text),
        [
            "9: descriptor eco/1: audience is missing",
            "9: descriptor eco/1: daily_calls is missing",
        ]
    );
}

#[test]
fn half_a_quota_is_a_problem() {
    let text = EXAMPLE.replace(", total = 1000000", "");

    assert_eq!(
        problems_of(&text),
        ["17: descriptor eco/1: daily_calls.total is missing"]
    );
}

#[test]
fn eservice_without_versions_says_so() {
    let silent = "[[eservice]]\nname = \"eco\"\nproducer = \"a\"\n";

    let told = problems_of(silent);

    assert_eq!(told, ["1: eservice eco: descriptor is missing"]);
    document_of(&format!("{silent}descriptor = []\n"));
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
            "daily_calls = -1\nvalid_until = \"domani\"\nclients",
        );

    let problems = problems_of(&text);

    assert_eq!(problems.len(), 5, "{problems:?}");
    assert!(problems[0].starts_with("18: descriptor eco/1: approval must be one of"));
    assert_eq!(problems[1], "19: descriptor eco/1: extra is unknown");
    assert!(problems[2].starts_with("24: client prova: keys names "));
    assert_eq!(
        problems[3],
        "38: purpose laboratorio/collaudo: daily_calls must be a whole number above zero"
    );
    assert!(problems[4].starts_with("39: purpose laboratorio/collaudo: valid_until must be a"));
}

#[test]
fn entry_without_its_whole_name_is_told_by_the_rest() {
    let problems = problems_of("[[agreement]]\nconsumer = \"tributi\"\n");

    assert_eq!(problems, ["1: agreement tributi: eservice is missing"]);
}

#[test]
fn names_are_texts() {
    let text = EXAMPLE.replace("name = \"prova\"", "name = 7");

    let problems = problems_of(&text);

    assert!(
        problems.contains(&"21: client: name must be a text".to_owned()),
        "{problems:?}"
    );
}

#[test]
fn private_key_is_never_taken_for_a_public_one() {
    let folder = folder();
    let private = rcgen::KeyPair::generate().unwrap().serialize_pem();
    std::fs::write(folder.path().join("prova.assertion.pub.pem"), private).unwrap();

    let reading = parse(EXAMPLE, folder.path(), Mode::Whole);

    let told = reading.problems[0].to_string();
    assert!(told.contains("is a private key"), "{told}");
    assert!(reading.document.clients[0].keys.is_empty());
}

#[test]
fn text_that_is_no_toml_is_told_with_its_line() {
    let reading = parse("[[tenant]]\nname = \n", Path::new("."), Mode::Whole);

    assert!(!reading.is_toml);
    assert!(reading.problems.iter().any(|it| it.line == Some(2)));
}

#[test]
fn problems_of_the_registry_find_their_lines() {
    let reading = parse(EXAMPLE, folder().path(), Mode::Whole);
    let line = |kind: Kind, name: &str, field: &str| {
        let problem = varco_proto::registry::v1::Problem {
            kind: kind.into(),
            name: name.into(),
            field: field.into(),
            what: "is wrong".into(),
        };
        reading.places.locate(problem).line
    };

    assert_eq!(
        line(Kind::Descriptor, "eco/1", "daily_calls.total"),
        Some(17)
    );
    assert_eq!(line(Kind::Descriptor, "eco/1", "methods[0]"), Some(15));
    assert_eq!(
        line(Kind::Purpose, "laboratorio/collaudo", "eservice"),
        Some(33)
    );
    assert_eq!(
        line(Kind::Agreement, "laboratorio/eco", "unheard"),
        Some(26)
    );
    assert_eq!(line(Kind::Client, "ignoto", "name"), None);
    let pem = &reading.document.clients[0].keys[0].pem;
    let key = varco_runtime::jose::PublicKey::from_pem(pem).unwrap();
    assert_eq!(line(Kind::Key, key.kid(), "not_after"), Some(23));
}

#[test]
fn problem_covers_those_that_follow_from_it() {
    let problem = |name: &str, field: &str| Problem {
        line: None,
        kind: Kind::Descriptor,
        name: name.into(),
        field: field.into(),
        what: "is wrong".into(),
    };

    assert!(problem("eco/1", "upstream.ca").covers(&problem("eco/1", "upstream")));
    assert!(problem("eco/1", "name").covers(&problem("eco/1", "methods")));
    assert!(!problem("eco/1", "methods").covers(&problem("eco/1", "upstream")));
    assert!(!problem("eco/1", "methods").covers(&problem("eco/2", "methods")));
}

#[test]
fn key_of_a_client_that_exists_is_declared_without_the_rest() {
    let text = "[[client]]\nname = \"prova\"\nkeys = [\"prova.assertion.pub.pem\"]\n";
    let folder = folder();

    let made = parse(text, folder.path(), Mode::One(Kind::Key));
    let whole = parse(text, folder.path(), Mode::Whole);

    assert_eq!(made.problems, []);
    assert_eq!(
        whole.problems[0].to_string(),
        "client prova: consumer is missing"
    );
}

fn document_of(text: &str) -> Document {
    let reading = parse(text, folder().path(), Mode::Whole);
    assert_eq!(reading.problems, []);
    reading.document
}

fn problems_of(text: &str) -> Vec<String> {
    let reading = parse(text, folder().path(), Mode::Whole);
    let told = |it: &Problem| format!("{}: {it}", it.line.unwrap_or_default());
    reading.problems.iter().map(told).collect()
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

const TENANT: &str = r#"ipa = "c_e648"
aoo = "A1"
uo = "U1"
attributes = ["comune"]
verified = [{ attribute = "convenzione", verifier = "anagrafe", expires = 2026-12-31 }]
suspended = true"#;

const CLIENT: &str = r#"keys = [{ file = "prova.assertion.pub.pem", not_after = 2027-01-01T00:00:00+01:00, suspended = true }]
kind = "api"
admin = "capo""#;

const DESCRIPTOR: &str = r#"approval = "manual"
attributes = [["a", "b"], ["c"]]"#;

const PURPOSE: &str = r#"clients = ["prova"]
trigger = "istanza"
valid_from = 2027-01-01
valid_until = "2027-01-01"
retention = "5-anni"
risk_analysis = { need = "bisogno", risk = "rischio", measures = "misure" }"#;

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
