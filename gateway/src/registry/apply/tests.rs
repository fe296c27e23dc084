//! Plans over a small town: what is created, and which safeguards may not be missing.

use super::*;
use crate::registry::snapshot::Snapshot;

fn ids() -> impl Fn() -> Uuid {
    let next = std::cell::Cell::new(1_u128);
    move || {
        next.set(next.get() + 1);
        Uuid::from_u128(next.get())
    }
}

fn key() -> String {
    let pem = varco_runtime::pki::generate_key(varco_runtime::pki::KeyKind::EcP256).unwrap();
    varco_runtime::pki::public_key(&pem).unwrap()
}

fn town() -> Document {
    let method = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza".to_owned();
    Document {
        tenants: vec![
            proto::Tenant {
                name: "tributi".into(),
                title: "Tributi".into(),
                ipa: "c_z999".into(),
            },
            proto::Tenant {
                name: "demo".into(),
                title: "Demografici".into(),
                ipa: "c_z999".into(),
            },
        ],
        eservices: vec![proto::Eservice {
            name: "anagrafe".into(),
            producer: "demo".into(),
            descriptors: vec![proto::Descriptor {
                version: 1,
                audience: "https://anagrafe.example/v1".into(),
                builtin: "varco.anagrafe.v1".into(),
                upstream: Some(proto::Upstream {
                    address: "https://127.0.0.1:7451".into(),
                    server_name: "localhost".into(),
                    ca_pem: String::new(),
                }),
                methods: vec!["varco.anagrafe.v1.AnagrafeService/*".into()],
                voucher_lifespan: 300,
                daily_calls: Some(proto::DailyCalls {
                    per_consumer: 1000,
                    total: 5000,
                }),
                approval: "automatic".into(),
                ..Default::default()
            }],
        }],
        clients: vec![proto::Client {
            name: "tributi".into(),
            consumer: "tributi".into(),
            keys: vec![key()],
            ..Default::default()
        }],
        agreements: vec![proto::Agreement {
            consumer: "tributi".into(),
            eservice: "anagrafe".into(),
        }],
        purposes: vec![proto::Purpose {
            name: "verifica".into(),
            consumer: "tributi".into(),
            eservice: "anagrafe".into(),
            legal_basis: "L. 147/2013".into(),
            methods: vec![method],
            data_classes: vec!["esito".into()],
            daily_calls: 100,
            clients: vec!["tributi".into()],
            chained: false,
        }],
        operators: vec![proto::Operator {
            name: "ada".into(),
            roles: vec!["admin".into()],
        }],
    }
}

fn planned(document: &Document) -> Result<Plan, Error> {
    plan(document, &Snapshot::empty(0), &Contracts::default(), ids())
}

fn problems(document: &Document) -> String {
    planned(document).unwrap_err().to_string()
}

#[test]
fn whole_town_is_created_in_the_order_of_references() {
    let changes = planned(&town()).unwrap().into_changes();

    let kinds: Vec<&str> = changes
        .iter()
        .map(|change| change.kind().as_str_name())
        .collect();
    assert_eq!(
        kinds,
        [
            "KIND_TENANT",
            "KIND_TENANT",
            "KIND_ESERVICE",
            "KIND_DESCRIPTOR",
            "KIND_CLIENT",
            "KIND_AGREEMENT",
            "KIND_PURPOSE",
            "KIND_OPERATOR",
        ]
    );
    assert!(
        changes
            .iter()
            .all(|change| change.action() == Action::Create)
    );
}

#[test]
fn missing_safeguards_are_refused() {
    let bent: [(fn(&mut Document), &str); 10] = [
        (
            |d| d.eservices[0].descriptors[0].audience.clear(),
            "audience",
        ),
        (
            |d| d.eservices[0].descriptors[0].daily_calls = None,
            "daily_calls",
        ),
        (
            |d| d.eservices[0].descriptors[0].voucher_lifespan = 0,
            "voucher_lifespan",
        ),
        (
            |d| d.eservices[0].descriptors[0].approval.clear(),
            "approval",
        ),
        (
            |d| d.eservices[0].descriptors[0].upstream = None,
            "upstream",
        ),
        (|d| d.purposes[0].legal_basis.clear(), "legal_basis"),
        (|d| d.purposes[0].data_classes.clear(), "data_classes"),
        (|d| d.purposes[0].daily_calls = 0, "daily_calls"),
        (|d| d.purposes[0].methods.clear(), "methods"),
        (|d| d.clients[0].keys.clear(), "keys"),
    ];

    for (bend, field) in bent {
        let mut document = town();
        bend(&mut document);
        assert!(
            problems(&document).contains(field),
            "{field}: {}",
            problems(&document)
        );
    }
}

#[test]
fn every_problem_is_told_at_once() {
    let mut document = town();
    document.purposes[0].daily_calls = 9999;
    document.purposes[0].clients.push("nobody".into());
    document.agreements.clear();

    let told = problems(&document);

    for part in ["9999", "nobody", "tributi/anagrafe"].iter().skip(1) {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(told.contains("more than the e-service gives"), "{told}");
}

#[test]
fn plain_http_upstream_is_for_loopback_only() {
    let mut document = town();
    let upstream = |address: &str| {
        Some(proto::Upstream {
            address: address.into(),
            ..Default::default()
        })
    };
    document.eservices[0].descriptors[0].upstream = upstream("http://10.0.0.7:50051");

    assert!(problems(&document).contains("loopback"));
    document.eservices[0].descriptors[0].upstream = upstream("http://127.0.0.1:50051");
    assert!(planned(&document).is_ok());
}

#[test]
fn one_key_belongs_to_one_client() {
    let mut document = town();
    let mut twin = document.clients[0].clone();
    twin.name = "twin".into();
    document.clients.push(twin);

    assert!(problems(&document).contains("another client"));
}

#[test]
fn private_key_is_refused() {
    let mut document = town();
    let pem = varco_runtime::pki::generate_key(varco_runtime::pki::KeyKind::EcP256).unwrap();
    document.clients[0].keys = vec![pem.to_string()];

    assert!(problems(&document).contains("key must be"));
}
