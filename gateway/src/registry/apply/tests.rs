//! Plans over a small town: what is made, which safeguards may not be missing, what waits.

use super::*;
use crate::registry::agreement::Agreement;
use crate::registry::descriptor::Descriptor;
use crate::registry::law::{Action, Actor};
use crate::registry::purpose::Purpose;
use crate::registry::testing::{Town, admin, descriptor, foreign, key, purpose, town};
use prost_types::field_descriptor_proto::Type;

fn problems(document: &Document) -> String {
    Town::empty().apply(document).unwrap_err().to_string()
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
fn voucher_life_is_five_minutes_when_nothing_else_is_said() {
    let mut document = town();
    document.eservices[0].descriptors[0].voucher_lifespan = 0;

    let town = Town::holding(&document);

    assert_eq!(
        town.entry::<Descriptor>("anagrafe/1").body.voucher_lifespan,
        300
    );
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
    assert!(Town::empty().apply(&document).is_ok());
}

#[test]
fn key_is_refused_for_what_it_is() {
    let private = varco_runtime::pki::generate_key(varco_runtime::pki::KeyKind::EcP256).unwrap();
    let two = format!("{}\n{}", key(), key());
    for bad in [
        private.as_str(),
        &two,
        "",
        "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----",
    ] {
        let mut document = town();
        document.clients[0].keys[0].pem = bad.to_owned();
        assert!(problems(&document).contains("keys"), "{bad}");
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
fn audience_belongs_to_one_descriptor_for_ever() {
    let mut document = town();
    let mut thief = document.eservices[0].clone();
    thief.name = "falsa".into();
    document.eservices.push(thief);

    assert!(problems(&document).contains("belongs to another descriptor"));
}

#[test]
fn method_without_effect_is_refused_by_name() {
    let mut document = town();
    let version = &mut document.eservices[0].descriptors[0];
    version.builtin.clear();
    version.descriptor_set = foreign(
        &[("Echo", None), ("Wait", None)],
        &[("text", 1, Type::String)],
    )
    .into();
    version.methods = vec!["eco.v1.EcoService/*".into()];

    let told = problems(&document);

    assert!(
        told.contains("eco.v1.EcoService/Echo, which declares no effect"),
        "{told}"
    );
    assert!(
        told.contains("eco.v1.EcoService/Wait, which declares no effect"),
        "{told}"
    );
}

#[test]
fn quota_beyond_the_total_waits_and_the_old_one_works_on() {
    let document = town();
    let mut town = Town::holding(&document);
    let mut more = document.clone();
    more.purposes[0].daily_calls = 1001;

    let changes = town.apply(&more).unwrap();
    let again = town.apply(&more).unwrap();

    let entry = town.entry::<Purpose>("tributi/verifica");
    assert_eq!(
        (entry.state, entry.body.content.daily_calls),
        (State::Active, 100)
    );
    assert_eq!(entry.body.waiting.as_ref().unwrap().daily_calls, 1001);
    let note = |changes: &[Change]| {
        changes
            .iter()
            .find(|it| it.kind() == proto::Kind::Purpose)
            .unwrap()
            .note
            .clone()
    };
    assert!(note(&changes).contains("waits for approval"));
    assert!(
        again
            .iter()
            .all(|it| it.action() == proto::Action::Unchanged),
        "{again:?}"
    );

    town.act(Kind::Purpose, "verifica", Action::Approve, Actor::Producer)
        .unwrap();
    let entry = town.entry::<Purpose>("tributi/verifica");
    assert_eq!(
        (entry.body.content.daily_calls, entry.body.version),
        (1001, 2)
    );
}

#[test]
fn quotas_count_what_is_in_force_to_the_last_call() {
    let mut document = town();
    document.purposes = vec![purpose("a", 400), purpose("b", 600), purpose("c", 1)];

    let mut town = Town::holding(&document);

    assert_eq!(town.state(Kind::Purpose, "b"), State::Active);
    assert_eq!(town.state(Kind::Purpose, "c"), State::WaitingForApproval);
    town.act(Kind::Purpose, "a", Action::Suspend, Actor::Consumer)
        .unwrap();
    document.purposes[2].daily_calls = 2;
    town.apply(&document).unwrap();
    assert_eq!(town.state(Kind::Purpose, "c"), State::Active);
    // What comes back beyond the quota stays where it is and waits.
    let back = town
        .act(Kind::Purpose, "a", Action::Unsuspend, Actor::Consumer)
        .unwrap();
    assert_eq!(back.state, State::Suspended);
    assert!(town.entry::<Purpose>("tributi/a").body.waiting.is_some());
}

#[test]
fn second_version_deprecates_or_archives_the_first() {
    let document = town();
    let mut second = document.clone();
    second.eservices[0].descriptors = vec![descriptor(2)];
    second.agreements.clear();
    second.purposes.clear();
    let mut used = Town::holding(&document);
    let mut unused = Town::holding(&Document {
        agreements: Vec::new(),
        purposes: Vec::new(),
        ..document
    });

    used.apply(&second).unwrap();
    unused.apply(&second).unwrap();

    assert_eq!(
        used.state(Kind::Descriptor, "anagrafe/1"),
        State::Deprecated
    );
    assert_eq!(used.state(Kind::Descriptor, "anagrafe/2"), State::Published);
    assert_eq!(
        unused.state(Kind::Descriptor, "anagrafe/1"),
        State::Archived
    );

    used.act(
        Kind::Agreement,
        "anagrafe",
        Action::Upgrade,
        Actor::Consumer,
    )
    .unwrap();
    assert_eq!(used.state(Kind::Descriptor, "anagrafe/1"), State::Archived);
    let upgraded = used
        .snapshot
        .agreements
        .values()
        .find(|it| it.state == State::Active)
        .unwrap();
    assert_eq!(upgraded.body.version, 2);
}

#[test]
fn upgrade_keeps_state_and_flags() {
    let document = town();
    let mut second = document.clone();
    second.eservices[0].descriptors.push(descriptor(2));
    let mut town = Town::holding(&document);
    town.act(
        Kind::Agreement,
        "anagrafe",
        Action::Suspend,
        Actor::Consumer,
    )
    .unwrap();

    town.apply(&second).unwrap();

    let row = town
        .snapshot
        .find(Kind::Agreement, "tributi/anagrafe")
        .unwrap();
    let entry: Entry<Agreement> = crate::registry::draft::parsed(&row).unwrap();
    assert_eq!((entry.state, entry.body.version), (State::Suspended, 2));
    assert!(entry.body.suspended_by.consumer);
}

#[test]
fn manual_approval_leaves_the_agreement_pending_and_the_purpose_a_draft() {
    let mut document = town();
    document.eservices[0].descriptors[0].approval = "manual".into();
    let mut town = Town::holding(&document);
    assert_eq!(town.state(Kind::Agreement, "anagrafe"), State::Pending);
    assert_eq!(town.state(Kind::Purpose, "verifica"), State::Draft);

    town.act(
        Kind::Agreement,
        "anagrafe",
        Action::Approve,
        Actor::Producer,
    )
    .unwrap();
    town.apply(&document).unwrap();

    assert_eq!(town.state(Kind::Agreement, "anagrafe"), State::Active);
    assert_eq!(town.state(Kind::Purpose, "verifica"), State::Active);
}

#[test]
fn four_eyes_make_everything_that_widens_wait_for_somebody_else() {
    let document = town();
    let mut town = Town::empty();
    town.four_eyes = true;
    town.apply(&document).unwrap();
    assert_eq!(town.state(Kind::Agreement, "anagrafe"), State::Pending);

    let own = town.act(
        Kind::Agreement,
        "anagrafe",
        Action::Approve,
        Actor::Producer,
    );
    assert!(matches!(own, Err(Error::FourEyes(_))), "{own:?}");
    let (ada, agreement) = (admin("ada"), (Kind::Agreement, "anagrafe"));
    town.act_as(&ada, agreement, Action::Approve, Actor::Producer)
        .unwrap();

    town.apply(&document).unwrap();
    assert_eq!(
        town.state(Kind::Purpose, "verifica"),
        State::WaitingForApproval
    );
    let own = town.act(Kind::Purpose, "verifica", Action::Approve, Actor::Producer);
    assert!(matches!(own, Err(Error::FourEyes(_))), "{own:?}");
    town.act_as(
        &ada,
        (Kind::Purpose, "verifica"),
        Action::Approve,
        Actor::Producer,
    )
    .unwrap();

    let mut less = document.clone();
    less.purposes[0].daily_calls = 50;
    town.apply(&less).unwrap();
    assert_eq!(
        town.entry::<Purpose>("tributi/verifica")
            .body
            .content
            .daily_calls,
        50
    );
    let mut wider = less;
    wider.purposes[0].data_classes.push("residenza".into());
    town.apply(&wider).unwrap();
    let entry = town.entry::<Purpose>("tributi/verifica");
    assert_eq!(entry.body.content.data_classes, ["esito"]);
    assert!(entry.body.waiting.is_some());

    let mut more = wider;
    more.operators.push(proto::Operator {
        name: "bruno".into(),
        roles: vec!["admin".into()],
        ..Default::default()
    });
    town.apply(&more).unwrap();
    assert_eq!(
        town.state(Kind::Operator, "bruno"),
        State::WaitingForApproval
    );
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
fn tenants_operator_declares_only_what_is_its_own() {
    let document = town();
    let mut town = Town::holding(&document);
    let tributi = Who {
        name: "carla".to_owned(),
        roles: vec!["admin".to_owned()],
        tenant: Some(town.snapshot.find(Kind::Tenant, "tributi").unwrap().id),
    };
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
fn contract_of_a_new_version_may_not_break_and_must_be_approved_where_it_shows_more() {
    use prost_types::method_options::IdempotencyLevel::NoSideEffects;
    let echo = [("Echo", Some(NoSideEffects))];
    let version = |n: u32, class: &str, fields: &[(&str, i32, Type)]| {
        let mut version = descriptor(n);
        version.builtin.clear();
        version.descriptor_set = foreign(&echo, fields).into();
        version.methods = vec!["eco.v1.EcoService/*".into()];
        version.defaults = Some(proto::DescriptorDefaults {
            effect: String::new(),
            data_class: class.into(),
        });
        version
    };
    let mut document = town();
    document.eservices[0].descriptors = vec![version(1, "riservato", &[("text", 1, Type::String)])];
    document.purposes[0].methods = vec!["eco.v1.EcoService/Echo".into()];
    document.purposes[0].data_classes = vec!["pubblico".into()];
    let mut town = Town::holding(&document);

    let mut broken = document.clone();
    broken.eservices[0]
        .descriptors
        .push(version(2, "riservato", &[("testo", 1, Type::Int64)]));
    let told = town.apply(&broken).unwrap_err().to_string();
    assert!(
        told.contains("breaks the version before: field eco.v1.Text.text has another type"),
        "{told}"
    );
    assert!(told.contains("is called testo"), "{told}");

    let mut lowered = document.clone();
    lowered.eservices[0]
        .descriptors
        .push(version(2, "pubblico", &[("text", 1, Type::String)]));
    let changes = town.apply(&lowered).unwrap();
    assert_eq!(
        town.state(Kind::Descriptor, "anagrafe/2"),
        State::WaitingForApproval
    );
    assert!(
        changes.iter().any(|it| it
            .note
            .contains("class of eco.v1.Text.text riservato → pubblico")),
        "{changes:?}"
    );
    assert_eq!(town.state(Kind::Purpose, "verifica"), State::Active);

    town.act(
        Kind::Descriptor,
        "anagrafe/2",
        Action::Approve,
        Actor::Producer,
    )
    .unwrap();
    town.apply(&lowered).unwrap();
    assert_eq!(town.state(Kind::Purpose, "verifica"), State::Suspended);
    assert!(
        town.entry::<Purpose>("tributi/verifica")
            .body
            .suspended_by
            .platform
    );
    let lifted = town
        .act(
            Kind::Purpose,
            "verifica",
            Action::Unsuspend,
            Actor::Consumer,
        )
        .unwrap();
    assert_eq!(lifted.state, State::Suspended);
    let confirmed = town
        .act(Kind::Purpose, "verifica", Action::Confirm, Actor::Producer)
        .unwrap();
    assert_eq!(confirmed.state, State::Active);
}

#[test]
fn nobody_gets_roles_by_way_of_a_client() {
    let document = town();
    let mut town = Town::holding(&document);
    let tributi = town.snapshot.find(Kind::Tenant, "tributi").unwrap().id;
    let who = |roles: &[&str], tenant| Who {
        name: "carla".to_owned(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        tenant,
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
}

#[test]
fn higher_certified_quota_wins_and_fewer_calls_make_room() {
    let mut document = town();
    let attribute = |name: &str, calls| proto::Attribute {
        name: name.into(),
        kind: "certified".into(),
        description: "capoluogo".into(),
        daily_calls_per_consumer: calls,
    };
    document.attributes = vec![attribute("capoluogo", 3000), attribute("piccolo", 2000)];
    document.tenants[0].attributes = vec!["capoluogo".into(), "piccolo".into()];
    document.eservices[0].descriptors[0].attributes = vec![proto::AttributeGroup {
        any_of: vec!["piccolo".into(), "capoluogo".into()],
    }];
    document.purposes = vec![purpose("a", 2000), purpose("b", 1000), purpose("c", 1)];
    let mut town = Town::holding(&document);
    assert_eq!(town.state(Kind::Purpose, "b"), State::Active);
    assert_eq!(town.state(Kind::Purpose, "c"), State::WaitingForApproval);

    document.purposes[0].daily_calls = 1999;
    town.apply(&document).unwrap();
    document.purposes[2].legal_basis = "L. 160/2019".into();
    document.purposes[2].daily_calls = 1;
    town.act(Kind::Purpose, "c", Action::Reject, Actor::Producer)
        .unwrap();
    document.purposes[2].name = "d".into();
    town.apply(&document).unwrap();

    assert_eq!(town.state(Kind::Purpose, "d"), State::Active);
}

#[test]
fn descriptor_set_without_its_imports_is_refused_by_name() {
    use prost::Message as _;
    let mut document = town();
    let version = &mut document.eservices[0].descriptors[0];
    let effect = Some(prost_types::method_options::IdempotencyLevel::NoSideEffects);
    let set = foreign(&[("Echo", effect)], &[("text", 1, Type::String)]);
    let mut set = prost_types::FileDescriptorSet::decode(&*set).unwrap();
    set.file[0].dependency.push("altrove/parti.proto".into());
    version.builtin.clear();
    version.descriptor_set = set.encode_to_vec().into();
    version.methods = vec!["eco.v1.EcoService/Echo".into()];

    let told = problems(&document);

    assert!(told.contains("altrove/parti.proto"), "{told}");
    assert_eq!(told.matches("descriptor_set").count(), 1, "{told}");
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
