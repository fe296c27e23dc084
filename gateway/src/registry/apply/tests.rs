//! Plans over a small town: what is made, which safeguards may not be missing, what waits.

use super::*;
use crate::registry::agreement::Agreement;
use crate::registry::contract::hash;
use crate::registry::descriptor::{ContractRef, Descriptor};
use crate::registry::law::{Action, Actor};
use crate::registry::purpose::Purpose;
use crate::registry::testing::{Town, admin, descriptor, foreign, key, purpose, town};
use prost_types::field_descriptor_proto::Type;

mod access;
mod classes;
mod offers;
mod presence;
mod rules;

fn problems(document: &Document) -> String {
    Town::empty().apply(document).unwrap_err().to_string()
}

/// The town with these versions, which nobody uses.
fn offering(versions: Vec<proto::Descriptor>) -> Document {
    let mut document = town();
    document.eservices[0].descriptors = versions;
    document.agreements.clear();
    document.purposes.clear();
    document
}

/// A registry from before a rule: it holds a version that could not come today, in the place of a
/// fine one.
fn older(fine: proto::Descriptor, stands: &proto::Descriptor) -> Town {
    let mut town = Town::holding(&offering(vec![fine]));
    let mut entry = town.entry::<Descriptor>("anagrafe/1");
    let set = stands.descriptor_set.to_vec();
    let assumed = stands.defaults.as_ref().map(|it| it.data_class.clone());
    entry.body.contract = ContractRef {
        set: hash(&set),
        default_class: assumed.filter(|it| !it.is_empty()),
        ..entry.body.contract
    };
    let bent = town.change(&admin("root"), |draft| {
        draft.compile(&entry.body.contract, set).unwrap();
        draft.update("bent", &entry)
    });
    bent.unwrap();
    town
}

#[test]
fn whole_town_is_created_in_the_order_of_references() {
    let changes = Town::empty().apply(&town()).unwrap();

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
            "KIND_KEY",
            "KIND_AGREEMENT",
            "KIND_PURPOSE",
            "KIND_OPERATOR",
        ]
    );
    assert!(
        changes
            .iter()
            .all(|it| it.action() == proto::Action::Create)
    );
    let states: Vec<&str> = changes.iter().map(|change| change.state.as_str()).collect();
    assert!(
        states
            .iter()
            .all(|state| ["ACTIVE", "PUBLISHED"].contains(state)),
        "{states:?}"
    );
}

#[test]
fn document_that_stands_already_changes_nothing() {
    let document = town();
    let mut town = Town::holding(&document);

    let changes = town.apply(&document).unwrap();

    let epoch = town.snapshot.epoch;
    assert!(
        changes
            .iter()
            .all(|it| it.action() == proto::Action::Unchanged),
        "{changes:?}"
    );
    assert_eq!(epoch, 1);
}

#[test]
fn missing_safeguards_are_refused() {
    let bent: [(fn(&mut Document), &str); 9] = [
        (
            |d| d.eservices[0].descriptors[0].audience.clear(),
            "audience",
        ),
        (
            |d| d.eservices[0].descriptors[0].daily_calls = None,
            "daily_calls",
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
        let told = problems(&document);
        assert!(told.contains(field), "{field}: {told}");
    }
}

#[test]
fn every_problem_is_told_at_once_and_none_twice() {
    let mut document = town();
    document.eservices[0].descriptors[0].voucher_lifespan = 59;
    document.purposes[0].clients.push("nobody".into());
    document.purposes[0].trigger = "noia".into();
    document.clients[0].consumer = "nowhere".into();

    let Error::Document(problems) = Town::empty().apply(&document).unwrap_err() else {
        panic!("no document error")
    };

    let fields: Vec<&str> = problems.iter().map(|it| it.field.as_str()).collect();
    for field in ["voucher_lifespan", "clients", "trigger", "consumer"] {
        assert_eq!(
            fields.iter().filter(|it| **it == field).count(),
            1,
            "{field}: {problems:?}"
        );
    }
}

#[test]
fn key_is_refused_for_what_it_is() {
    let private = varco_runtime::pki::generate_key(varco_runtime::pki::KeyKind::EcP256).unwrap();
    let two = format!("{}\n{}", key(), key());
    for (bad, why) in [
        (private.as_str(), "is a private key"),
        (&two, "is more than one PEM block"),
        ("", "is no PEM"),
        (
            "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----",
            "is a certificate",
        ),
    ] {
        let mut document = town();
        document.clients[0].keys[0].pem = bad.to_owned();
        let told = problems(&document);
        assert!(
            told.contains("client tributi: keys") && told.contains(why),
            "{told}"
        );
    }
    let mut document = town();
    let mut twin = document.clients[0].clone();
    twin.name = "twin".into();
    document.clients.push(twin);
    assert!(problems(&document).contains("another client"));
    let mut document = town();
    document.clients[0].keys = std::iter::repeat_with(|| proto::Key {
        pem: key(),
        ..Default::default()
    })
    .take(101)
    .collect();
    assert!(problems(&document).contains("at most 100"));
    document.clients[0].keys.pop();
    let mut full = Town::holding(&document);
    document.clients[0].keys = vec![proto::Key {
        pem: key(),
        ..Default::default()
    }];
    let one_more = full.apply_as(&admin("root"), &clients_of(&document), Mode::Create);
    assert!(one_more.unwrap_err().to_string().contains("at most 100"));
}

/// The clients of a document alone.
fn clients_of(document: &Document) -> Document {
    Document {
        clients: document.clients.clone(),
        ..Default::default()
    }
}

#[test]
fn fault_hides_no_other() {
    let mut document = town();
    document.eservices[0].producer = "nessuno".into();
    document.eservices[0].descriptors[0].audience.clear();
    document.eservices[0].descriptors[0].daily_calls = None;
    document.clients[0].consumer = "nessuno".into();
    document.clients[0].kind = "strano".into();
    document.clients[0].keys[0].pem.clear();
    document.purposes[0].consumer = "nessuno".into();
    document.purposes[0].clients = vec!["altro".into()];
    document.purposes[0].methods = vec!["no.Such/Method".into()];
    document.operators[0].roles = vec!["re".into()];

    let told = problems(&document);

    for place in [
        "eservice anagrafe: producer",
        "descriptor anagrafe/1: audience",
        "descriptor anagrafe/1: daily_calls",
        "client tributi: consumer",
        "client tributi: kind",
        "client tributi: keys",
        "purpose nessuno/verifica: consumer",
        "purpose nessuno/verifica: clients",
        "purpose nessuno/verifica: methods",
        "operator ada: roles",
    ] {
        assert!(told.contains(place), "{place}: {told}");
    }
}

#[test]
fn what_is_sound_is_looked_at_beside_what_is_not() {
    let mut document = town();
    document.clients[0].keys[0].pem.clear();
    document.agreements[0].version = 7;

    let told = problems(&document);

    assert!(told.contains("client tributi: keys"), "{told}");
    assert!(
        told.contains("agreement tributi/anagrafe: eservice has no published descriptor"),
        "{told}"
    );
}

#[test]
fn nobody_verifies_himself() {
    let mut document = town();
    document.attributes = vec![proto::Attribute {
        name: "convenzione".into(),
        description: "Una convenzione".into(),
        kind: "verified".into(),
        ..Default::default()
    }];
    let verified = |verifier: &str| {
        vec![proto::VerifiedAttribute {
            attribute: "convenzione".into(),
            verifier: verifier.into(),
            expires: 0,
        }]
    };
    document.tenants[0].verified = verified("demo");
    assert!(Town::empty().apply(&document).is_ok());
    let itself = document.tenants[0].name.clone();
    document.tenants[0].verified = verified(&itself);

    let told = problems(&document);

    assert!(told.contains("names the tenant itself"), "{told}");
}

#[test]
fn revoked_key_never_comes_back() {
    let first = town();
    let mut second = first.clone();
    second.clients[0].keys[0].pem = key();
    let mut town = Town::holding(&first);

    town.apply(&second).unwrap();
    let back = town.apply(&first).unwrap_err().to_string();

    assert!(back.contains("revoked"), "{back}");
}

#[test]
fn pruning_ends_what_is_not_declared_and_spares_operators() {
    let document = town();
    let mut town = Town::holding(&document);
    let less = Document {
        purposes: Vec::new(),
        operators: Vec::new(),
        clients: Vec::new(),
        ..document
    };

    let changes = town.apply_as(&admin("root"), &less, Mode::Prune).unwrap();

    let archived: Vec<&str> = changes
        .iter()
        .filter(|it| it.action() == proto::Action::Archive)
        .map(|it| it.name.as_str())
        .collect();
    assert_eq!(archived.len(), 3, "{archived:?}");
    assert_eq!(town.state(Kind::Purpose, "verifica"), State::Archived);
    assert_eq!(town.state(Kind::Client, "tributi"), State::Archived);
    assert_eq!(town.state(Kind::Operator, "ada"), State::Active);
}

#[test]
fn tenants_operator_takes_no_other_tenants_client() {
    let document = town();
    let mut town = Town::holding(&document);
    let thief = document
        .tenants
        .iter()
        .find(|it| it.name != document.clients[0].consumer)
        .unwrap();
    let who = town.operator_of(&thief.name);
    let mut taken = Document {
        clients: vec![document.clients[0].clone()],
        ..Default::default()
    };
    taken.clients[0].consumer.clone_from(&thief.name);

    let refused = town.apply_as(&who, &taken, Mode::Apply).unwrap_err();

    let refused = refused.to_string();
    assert!(refused.contains("another tenant"), "{refused}");
    // Nothing else is said of what is not theirs.
    assert!(!refused.contains("consumer"), "{refused}");
    let refused = town.apply(&taken).unwrap_err().to_string();
    assert!(refused.contains("consumer cannot change"), "{refused}");
}

#[test]
fn tenants_operator_takes_no_other_tenants_purpose() {
    let document = town();
    let mut town = Town::holding(&document);
    let demo = town.operator_of("demo");
    let mut widened = Document {
        purposes: vec![document.purposes[0].clone()],
        ..Default::default()
    };
    widened.purposes[0].daily_calls += 1;

    let refused = town.apply_as(&demo, &widened, Mode::Apply).unwrap_err();

    let refused = refused.to_string();
    assert!(refused.contains("another tenant"), "{refused}");
    assert_eq!(town.state(Kind::Purpose, "verifica"), State::Active);
}

#[test]
fn stranger_learns_nothing_by_declaring_what_stands() {
    let mut document = town();
    document.tenants.push(proto::Tenant {
        name: "terzo".into(),
        ..document.tenants[0].clone()
    });
    let mut town = Town::holding(&document);
    let terzo = town.operator_of("terzo");
    let guessed = |bend: fn(&mut Document)| {
        let mut guess = document.clone();
        guess.tenants.clear();
        bend(&mut guess);
        guess
    };
    let tries: [fn(&mut Document); 4] = [
        |_| {},
        |it| it.agreements[0].version = 7,
        |it| it.purposes[0].methods = vec!["no.Such/Method".into()],
        |it| it.operators[0].roles = vec!["re".into()],
    ];
    for (place, bend) in tries.into_iter().enumerate() {
        let told = town.apply_as(&terzo, &guessed(bend), Mode::Apply);
        let Error::Document(problems) = told.unwrap_err() else {
            panic!("no document error")
        };
        let foreign = [Kind::Agreement, Kind::Client, Kind::Operator, Kind::Purpose];
        let told = problems.iter().filter(|it| foreign.contains(&it.kind));
        assert!(told.clone().count() >= 4, "{place}: {problems:?}");
        for problem in told {
            assert!(
                problem.what.contains("another tenant"),
                "{place}: {problem}"
            );
        }
    }
}

#[test]
fn name_has_one_reading() {
    let bent: [fn(&mut Document); 6] = [
        |d| d.tenants[0].name = "tributi/x".into(),
        |d| d.eservices[0].name = "anagrafe/1".into(),
        |d| d.clients[0].name = "client/tributi".into(),
        |d| d.operators[0].name = "client/tributi".into(),
        |d| d.purposes[0].name = "x/verifica".into(),
        |d| d.purposes[0].name.clear(),
    ];

    for (place, bend) in bent.into_iter().enumerate() {
        let mut document = town();
        bend(&mut document);
        let told = problems(&document);
        assert!(told.contains("name must have 1 to 100"), "{place}: {told}");
    }
}

#[test]
fn tenants_operator_declares_only_what_is_its_own() {
    let document = town();
    let mut town = Town::holding(&document);
    let tributi = town.operator_of("tributi");
    let own = Document {
        purposes: vec![purpose("altra", 10)],
        ..Default::default()
    };
    let mut others = Document {
        eservices: document.eservices.clone(),
        ..Default::default()
    };
    others.eservices[0].descriptors[0].voucher_lifespan = 600;

    town.apply_as(&tributi, &own, Mode::Apply).unwrap();
    let refused = town.apply_as(&tributi, &others, Mode::Apply).unwrap_err();

    assert!(refused.to_string().contains("another tenant"), "{refused}");
}

#[test]
fn archived_name_is_not_used_again() {
    let document = town();
    let mut town = Town::holding(&document);
    town.act(Kind::Purpose, "verifica", Action::Archive, Actor::Consumer)
        .unwrap();

    let refused = town.apply(&document).unwrap_err().to_string();

    assert!(refused.contains("archived, which is final"), "{refused}");
}

#[test]
fn creation_begins_with_drafts_and_touches_nothing_else() {
    let document = town();
    let mut town = Town::holding(&document);
    let mut eservice = document.eservices[0].clone();
    eservice.descriptors = vec![descriptor(2)];
    let one = |document: Document, town: &mut Town| {
        let who = admin("root");
        let id = town.change(&who, |draft| create(&document, draft, &who))?;
        Ok::<_, Error>(town.snapshot.row(id).unwrap().clone())
    };

    let drafted = one(
        Document {
            eservices: vec![eservice],
            ..Default::default()
        },
        &mut town,
    )
    .unwrap();
    let purpose = one(
        Document {
            purposes: vec![purpose("nuova", 5)],
            ..Default::default()
        },
        &mut town,
    )
    .unwrap();
    let mut client = document.clients[0].clone();
    client.keys = vec![proto::Key {
        pem: key(),
        ..Default::default()
    }];
    let added = one(
        Document {
            clients: vec![client],
            ..Default::default()
        },
        &mut town,
    )
    .unwrap();
    let again = one(
        Document {
            tenants: document.tenants[..1].to_vec(),
            ..Default::default()
        },
        &mut town,
    );

    assert_eq!(
        (drafted.kind, drafted.state),
        (Kind::Descriptor, State::Draft)
    );
    assert_eq!((purpose.kind, purpose.state), (Kind::Purpose, State::Draft));
    assert_eq!((added.kind, added.state), (Kind::Key, State::Active));
    assert_eq!(
        town.snapshot
            .client_keys
            .values()
            .filter(|it| it.state == State::Active)
            .count(),
        2
    );
    assert_eq!(town.state(Kind::Descriptor, "anagrafe/1"), State::Published);
    assert!(again.unwrap_err().to_string().contains("exists already"));
}

#[test]
fn nobody_gets_roles_by_way_of_a_client() {
    let document = town();
    let mut town = Town::holding(&document);
    let tributi = town.snapshot.find(Kind::Tenant, "tributi").unwrap().id;
    let who = |roles: &[&str], tenant| Who {
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        tenant,
        ..admin("carla")
    };
    let system = Document {
        clients: vec![proto::Client {
            name: "sistema".into(),
            consumer: "tributi".into(),
            kind: "api".into(),
            admin: "ada".into(),
            keys: vec![proto::Key {
                pem: key(),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };

    for weaker in [who(&["security"], None), who(&["admin"], Some(tributi))] {
        let refused = town.apply_as(&weaker, &system, Mode::Apply).unwrap_err();
        assert!(
            refused.to_string().contains("not yours to give"),
            "{refused}"
        );
    }
    assert!(
        town.apply_as(&who(&["admin"], None), &system, Mode::Apply)
            .is_ok()
    );

    // With four eyes nobody takes another's name by way of a system whose key he has.
    let mut passed = system;
    passed.operators = vec![proto::Operator {
        name: "bice".into(),
        roles: vec!["admin".into()],
        ..Default::default()
    }];
    passed.clients[0].admin = "bice".into();
    town.four_eyes = true;
    let refused = town.apply(&passed).unwrap_err();
    assert!(
        refused.to_string().contains("cannot pass to another"),
        "{refused}"
    );
}

#[test]
fn references_that_lead_nowhere_or_in_a_circle_are_all_told() {
    let mut document = town();
    document.tenants[0].verified = vec![proto::VerifiedAttribute {
        attribute: "nessuno".into(),
        verifier: "tributi".into(),
        expires: 0,
    }];
    document.eservices[0].producer = "nessuno".into();
    document.agreements[0].consumer = "nessuno".into();
    document.purposes[0].clients = vec!["nessuno".into()];

    let told = problems(&document);

    for place in [
        "tenant tributi: verified names no attribute",
        "eservice anagrafe: producer names no tenant",
        "agreement nessuno/anagrafe: consumer names no tenant",
        "purpose tributi/verifica: clients names no client",
    ] {
        assert!(told.contains(place), "{place}: {told}");
    }
}
