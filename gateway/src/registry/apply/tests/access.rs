//! Agreements and purposes: quotas, approvals, four eyes.

use super::*;

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
fn draft_stays_one_until_it_is_declared_otherwise() {
    let mut document = town();
    let draft = proto::Standing::Draft.into();
    document.agreements[0].standing = draft;
    document.purposes[0].standing = draft;

    let mut town = Town::holding(&document);
    assert_eq!(town.state(Kind::Agreement, "anagrafe"), State::Draft);
    document.agreements[0].standing = 0;
    town.apply(&document).unwrap();
    assert_eq!(town.state(Kind::Agreement, "anagrafe"), State::Active);
    assert_eq!(town.state(Kind::Purpose, "verifica"), State::Draft);
    document.purposes[0].daily_calls = 5;
    town.apply(&document).unwrap();
    let purpose = town.entry::<Purpose>("tributi/verifica");
    assert_eq!((purpose.state, purpose.body.version), (State::Draft, 0));
    assert_eq!(purpose.body.content.daily_calls, 5);
    document.purposes[0].standing = 0;
    town.apply(&document).unwrap();
    assert_eq!(town.state(Kind::Purpose, "verifica"), State::Active);

    document.purposes[0].standing = draft;
    document.tenants[0].standing = draft;
    let told = town.apply(&document).unwrap_err().to_string();
    assert!(
        told.contains("purpose tributi/verifica: draft cannot come back: it is ACTIVE"),
        "{told}"
    );
    assert!(told.contains("draft is for descriptors"), "{told}");
}

#[test]
fn consumer_suspends_its_own_side_by_a_file() {
    let document = town();
    let mut town = Town::holding(&document);
    let tributi = town.operator_of("tributi");
    let suspended = proto::Standing::Suspended.into();
    let own = Document {
        agreements: vec![proto::Agreement {
            standing: suspended,
            ..document.agreements[0].clone()
        }],
        purposes: vec![proto::Purpose {
            standing: suspended,
            ..document.purposes[0].clone()
        }],
        ..Default::default()
    };

    town.apply_as(&tributi, &own, Mode::Apply).unwrap();

    let agreement = town.entry::<Agreement>("tributi/anagrafe").body;
    let purpose = town.entry::<Purpose>("tributi/verifica").body;
    for by in [agreement.suspended_by, purpose.suspended_by] {
        assert!(by.consumer && !by.producer, "{by:?}");
    }
}

#[test]
fn new_agreement_is_on_the_version_in_force() {
    let document = town();
    let mut town = Town::holding(&document);
    let mut second = document.clone();
    second.eservices[0].descriptors.push(descriptor(2));
    second.agreements[0].version = 1;
    town.apply(&second).unwrap();
    let mut late = document.clone();
    late.agreements = vec![proto::Agreement {
        consumer: "demo".into(),
        version: 1,
        ..document.agreements[0].clone()
    }];
    late.eservices.clear();

    let told = town.apply(&late).unwrap_err().to_string();
    late.agreements[0].version = 2;
    town.apply(&late).unwrap();
    // Where both come together a registry is restored.
    let restored = Town::holding(&second);

    assert!(told.contains("anagrafe/1 is DEPRECATED"), "{told}");
    assert_eq!(restored.state(Kind::Agreement, "anagrafe"), State::Active);
}

#[test]
fn rejection_says_why_until_it_is_asked_again() {
    let mut document = town();
    document.eservices[0].descriptors[0].approval = "manual".into();
    let mut town = Town::holding(&document);

    town.act(Kind::Agreement, "anagrafe", Action::Reject, Actor::Producer)
        .unwrap();

    let agreement = town.entry::<Agreement>("tributi/anagrafe");
    assert_eq!(agreement.state, State::Rejected);
    assert_eq!(agreement.body.rejected_for.as_deref(), Some("perché no"));
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
    let entry: Entry<Agreement> = crate::registry::body::parsed(&row).unwrap();
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

/// A town with two administrators, ada and root, where four eyes are asked for.
fn watched() -> (Document, Town) {
    let mut document = town();
    document.operators.push(operator("root", &["admin"]));
    let mut town = Town::holding(&document);
    town.four_eyes = true;
    (document, town)
}

fn operator(name: &str, roles: &[&str]) -> proto::Operator {
    proto::Operator {
        name: name.into(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        ..Default::default()
    }
}

#[test]
fn nobody_makes_himself_the_only_administrator() {
    let (document, town) = watched();
    let mut demoted = document.clone();
    demoted.operators[0].roles = vec!["viewer".into()];
    demoted.operators.push(operator("mia", &["admin"]));
    let mut grown = document.clone();
    grown.operators[0].roles.push("auditor".into());

    for taken in [&demoted, &grown] {
        let told = town.fork().apply(taken).unwrap_err().to_string();
        assert!(told.contains("only administrator beside you"), "{told}");
    }
    let mut archived = town.fork();
    let told = archived.act(Kind::Operator, "ada", Action::Archive, Actor::Installation);
    let told = told.unwrap_err().to_string();
    assert!(told.contains("appoint another one first"), "{told}");
}

#[test]
fn suspended_administrator_is_still_another() {
    let (mut document, mut town) = watched();
    town.act(Kind::Operator, "ada", Action::Suspend, Actor::Installation)
        .unwrap();
    document.operators[0].standing = proto::Standing::Suspended.into();
    document.operators.push(operator("mia", &["admin"]));

    town.apply(&document).unwrap();

    assert_eq!(town.state(Kind::Operator, "mia"), State::WaitingForApproval);
}

#[test]
fn system_has_the_eyes_of_who_answers_for_it() {
    let (mut document, mut town) = watched();
    document.operators.push(operator("mia", &["admin"]));
    town.apply(&document).unwrap();
    let system = Who {
        name: "client/sistema".to_owned(),
        ..admin("root")
    };
    let mia = (Kind::Operator, "mia");

    let own = town.act_as(&system, mia, Action::Approve, Actor::Installation);
    assert!(matches!(own, Err(Error::FourEyes(_))), "{own:?}");
    town.act_as(&admin("ada"), mia, Action::Approve, Actor::Installation)
        .unwrap();
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
fn who_asked_and_who_changed_the_contract_are_kept_apart() {
    let (mut document, mut town) = watched();
    town.bend::<Purpose>("verifica", |it| {
        it.state = State::Suspended;
        it.body.suspended_by.platform = true;
        it.body.stopped_by = Some("ada".to_owned());
    });
    document.purposes[0].data_classes.push("residenza".into());
    town.apply(&document).unwrap();
    let verifica = (Kind::Purpose, "verifica");

    let own = town.act(Kind::Purpose, "verifica", Action::Approve, Actor::Producer);
    assert!(matches!(own, Err(Error::FourEyes(_))), "{own:?}");
    let own = town.act_as(&admin("ada"), verifica, Action::Confirm, Actor::Producer);
    assert!(matches!(own, Err(Error::FourEyes(_))), "{own:?}");
    town.act(Kind::Purpose, "verifica", Action::Confirm, Actor::Producer)
        .unwrap();
    let own = town.act(Kind::Purpose, "verifica", Action::Approve, Actor::Producer);
    assert!(matches!(own, Err(Error::FourEyes(_))), "{own:?}");
    town.act_as(&admin("ada"), verifica, Action::Approve, Actor::Producer)
        .unwrap();
}

#[test]
fn whoever_changes_what_waits_has_asked_for_it() {
    let (mut document, mut town) = watched();
    town.bend::<Purpose>("verifica", |it| {
        it.state = State::WaitingForApproval;
        it.body.asked_by = Some("ada".to_owned());
    });
    document.purposes[0].legal_basis = "L. 160/2019".into();
    town.apply(&document).unwrap();

    let own = town.act(Kind::Purpose, "verifica", Action::Approve, Actor::Producer);

    assert!(matches!(own, Err(Error::FourEyes(_))), "{own:?}");
}

#[test]
fn nothing_is_approved_without_an_agreement() {
    let (_, mut town) = watched();
    town.bend::<Purpose>("verifica", |it| it.state = State::WaitingForApproval);
    town.bend::<Agreement>("anagrafe", |it| it.state = State::Archived);

    let told = town.act(Kind::Purpose, "verifica", Action::Approve, Actor::Producer);

    let told = told.unwrap_err().to_string();
    assert!(told.contains("no agreement in force"), "{told}");
}
