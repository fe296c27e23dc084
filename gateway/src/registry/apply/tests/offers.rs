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
