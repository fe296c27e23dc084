//! E-services and descriptors: what is missing, what breaks, what waits.

use super::*;

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

/// A version of a foreign contract whose fields have a class by default.
fn version(n: u32, class: &str, fields: &[(&str, i32, Type)]) -> proto::Descriptor {
    use prost_types::method_options::IdempotencyLevel::NoSideEffects;
    let mut version = descriptor(n);
    version.builtin.clear();
    version.descriptor_set = foreign(&[("Echo", Some(NoSideEffects))], fields).into();
    version.methods = vec!["eco.v1.EcoService/*".into()];
    version.defaults = Some(proto::DescriptorDefaults {
        effect: String::new(),
        data_class: class.into(),
    });
    version
}

/// A version of it with one text, of a class.
fn echo(n: u32, class: &str) -> proto::Descriptor {
    version(n, class, &[("text", 1, Type::String)])
}

/// A town whose e-service has the first version with a class, and a purpose that may see another.
fn echoing(class: &str) -> Document {
    let mut document = town();
    document.eservices[0].descriptors = vec![echo(1, class)];
    document.purposes[0].methods = vec!["eco.v1.EcoService/Echo".into()];
    document.purposes[0].data_classes = vec!["pubblico".into()];
    document
}

#[test]
fn contract_of_a_new_version_may_not_break_and_must_be_approved_where_it_shows_more() {
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
fn descriptor_set_without_its_imports_is_refused_by_name() {
    use prost::Message as _;
    let mut document = town();
    let version = &mut document.eservices[0].descriptors[0];
    let effect = Some(prost_types::method_options::IdempotencyLevel::NoSideEffects);
    let set = foreign(&[("Echo", effect)], &[("text", 1, Type::String)]);
    let mut set = prost_types::FileDescriptorSet::decode(&*set).unwrap();
    let missing = ["altrove/parti.proto", "altrove/resto.proto"];
    set.file[0].dependency.extend(missing.map(String::from));
    version.builtin.clear();
    version.descriptor_set = set.encode_to_vec().into();
    version.methods = vec!["eco.v1.EcoService/Echo".into()];

    let told = problems(&document);

    assert!(missing.iter().all(|it| told.contains(it)), "{told}");
    assert_eq!(told.matches("descriptor_set").count(), 2, "{told}");
}

/// The e-service alone, with some versions.
fn offering(document: &Document, versions: &[proto::Descriptor]) -> Document {
    let mut eservice = document.eservices[0].clone();
    eservice.descriptors = versions.to_vec();
    Document {
        eservices: vec![eservice],
        ..Default::default()
    }
}

#[test]
fn draft_is_compared_with_what_is_in_force_when_it_is_published() {
    let document = echoing("pubblico");
    let mut town = Town::holding(&document);
    let third = proto::Descriptor {
        standing: proto::Standing::Draft.into(),
        ..echo(3, "pubblico")
    };
    town.apply(&offering(&document, &[echo(2, "riservato"), third]))
        .unwrap();
    town.act(
        Kind::Descriptor,
        "anagrafe/2",
        Action::Approve,
        Actor::Producer,
    )
    .unwrap();

    let published = town
        .act(
            Kind::Descriptor,
            "anagrafe/3",
            Action::Publish,
            Actor::Producer,
        )
        .unwrap();

    assert_eq!(published.state, State::WaitingForApproval);
    assert_eq!(
        town.entry::<Descriptor>("anagrafe/3").body.sensitive.len(),
        1
    );
}

#[test]
fn what_waits_is_approved_only_as_it_was_asked_for() {
    let document = echoing("riservato");
    let mut town = Town::holding(&document);
    let both = [echo(2, "intimo"), echo(3, "pubblico")];
    town.apply(&offering(&document, &both)).unwrap();
    town.act(
        Kind::Descriptor,
        "anagrafe/2",
        Action::Approve,
        Actor::Producer,
    )
    .unwrap();

    let told = town.act(
        Kind::Descriptor,
        "anagrafe/3",
        Action::Approve,
        Actor::Producer,
    );

    let told = told.unwrap_err().to_string();
    assert!(told.contains("intimo → pubblico"), "{told}");
    assert!(told.contains("publish it again"), "{told}");
}

#[test]
fn published_version_keeps_its_packages() {
    let document = echoing("pubblico");
    let mut town = Town::holding(&document);
    let other = proto::Descriptor {
        builtin: "varco.albo.v1".into(),
        descriptor_set: Vec::new().into(),
        defaults: None,
        methods: vec!["varco.albo.v1.AlboService/*".into()],
        ..echo(1, "pubblico")
    };

    let told = town.apply(&offering(&document, &[other]));

    let told = told.unwrap_err().to_string();
    assert!(told.contains("lacks eco.v1, which it had"), "{told}");
}

#[test]
fn versions_come_one_at_a_time_and_in_their_order() {
    let document = echoing("pubblico");
    let draft = |version| {
        let draft = proto::Descriptor {
            standing: proto::Standing::Draft.into(),
            ..echo(version, "pubblico")
        };
        offering(&document, &[draft])
    };
    let mut town = Town::holding(&document);
    town.apply(&draft(2)).unwrap();

    let early = town.apply(&draft(3)).unwrap_err().to_string();
    let mut both = Town::holding(&document);
    let two = [draft(2), draft(3)].map(|it| it.eservices[0].descriptors[0].clone());
    both.apply(&offering(&document, &two)).unwrap();
    let publish = |town: &mut Town, name| {
        town.act(Kind::Descriptor, name, Action::Publish, Actor::Producer)
            .map(|row| row.state)
    };
    let third = publish(&mut both, "anagrafe/3");
    let late = publish(&mut both, "anagrafe/2").unwrap_err().to_string();

    assert!(
        early.contains("publish or delete anagrafe/2 first, which is DRAFT"),
        "{early}"
    );
    assert_eq!(third.unwrap(), State::Published);
    assert!(
        late.contains("a newer version has come into force"),
        "{late}"
    );
    assert_eq!(both.state(Kind::Descriptor, "anagrafe/2"), State::Draft);
}

#[test]
fn skipped_version_does_not_hide_what_it_shows() {
    let document = echoing("riservato");
    let mut town = Town::holding(&document);
    town.apply(&offering(&document, &[echo(2, "pubblico")]))
        .unwrap();
    town.act(
        Kind::Descriptor,
        "anagrafe/2",
        Action::Approve,
        Actor::Producer,
    )
    .unwrap();
    town.apply(&offering(&document, &[echo(3, "pubblico")]))
        .unwrap();
    assert_eq!(town.state(Kind::Descriptor, "anagrafe/3"), State::Published);
    let mut anew = town.fork();
    let mut again = town.fork();

    town.act(
        Kind::Agreement,
        "anagrafe",
        Action::Upgrade,
        Actor::Consumer,
    )
    .unwrap();
    assert_eq!(town.state(Kind::Purpose, "verifica"), State::Suspended);

    // Nor does an agreement that ends and is made anew.
    anew.act(
        Kind::Agreement,
        "anagrafe",
        Action::Archive,
        Actor::Consumer,
    )
    .unwrap();
    let agreement = Document {
        agreements: document.agreements.clone(),
        ..Default::default()
    };
    anew.apply(&agreement).unwrap();
    assert_eq!(anew.state(Kind::Purpose, "verifica"), State::Suspended);

    // Who asked for it brings the change, not who approves; what was confirmed once stays so.
    again.four_eyes = true;
    let (carla, dino) = (admin("carla"), admin("dino"));
    let archive = |town: &mut Town| {
        let entry = (Kind::Agreement, "anagrafe");
        town.act_as(&carla, entry, Action::Archive, Actor::Consumer)
            .unwrap();
        town.apply_as(&carla, &agreement, Mode::Apply).unwrap();
        town.act_as(&dino, entry, Action::Approve, Actor::Producer)
            .unwrap();
    };
    let purpose = (Kind::Purpose, "verifica");
    let confirm = |town: &mut Town, who| {
        town.act_as(who, purpose, Action::Confirm, Actor::Producer)
            .map(|row| row.state)
    };
    archive(&mut again);
    assert_eq!(again.state(Kind::Purpose, "verifica"), State::Suspended);
    assert!(matches!(
        confirm(&mut again, &carla),
        Err(Error::FourEyes(_))
    ));
    assert_eq!(confirm(&mut again, &dino).unwrap(), State::Active);
    archive(&mut again);
    assert_eq!(again.state(Kind::Purpose, "verifica"), State::Active);
}

#[test]
fn whoever_changes_a_version_that_waits_has_asked_for_it() {
    let document = echoing("riservato");
    let mut town = Town::holding(&document);
    town.four_eyes = true;
    let mut second = echo(2, "pubblico");
    town.apply_as(
        &admin("ada"),
        &offering(&document, &[second.clone()]),
        Mode::Apply,
    )
    .unwrap();
    second.voucher_lifespan = 86_400;
    town.apply(&offering(&document, &[second])).unwrap();

    let own = town.act(
        Kind::Descriptor,
        "anagrafe/2",
        Action::Approve,
        Actor::Producer,
    );

    assert!(matches!(own, Err(Error::FourEyes(_))), "{own:?}");
}

#[test]
fn contract_that_is_only_planned_is_kept_by_nobody() {
    let document = echoing("mai_scritto");
    let contracts = crate::registry::contract::Contracts::default();
    let snapshot = crate::registry::snapshot::Snapshot::empty();
    let next = std::cell::Cell::new(0);
    let new_id = || {
        next.set(next.get() + 1);
        uuid::Uuid::from_u128(next.get())
    };
    let setting = crate::registry::draft::Setting {
        reason: "",
        operator: "root",
        now: jiff::Timestamp::UNIX_EPOCH,
        four_eyes: false,
        caps: crate::registry::rule::Caps::default(),
        new_id: &new_id,
    };
    let mut draft = Draft::new(&snapshot, &contracts, setting);

    let planned = plan(&document, &mut draft, &admin("root"), Mode::Apply).unwrap();

    assert_eq!(planned.problems, []);
    let finished = draft.finished();
    assert_eq!(finished.contracts.len(), 1);
    for of in finished.contracts.keys() {
        assert!(contracts.known(of).is_none());
    }
}

#[test]
fn default_class_is_a_short_name() {
    for bad in ["Nomi Propri", "à", &"x".repeat(65)] {
        let mut document = town();
        document.eservices[0].descriptors = vec![echo(1, bad)];

        let told = problems(&document);

        assert!(told.contains("defaults.data_class"), "{bad}: {told}");
    }
}
