//! Every triple of state, action and actor, done to a real entry of each kind.

use super::*;
use crate::registry::agreement::Agreement;
use crate::registry::attribute::Attribute;
use crate::registry::certificate::Certificate;
use crate::registry::client::Client;
use crate::registry::descriptor::Descriptor;
use crate::registry::entry::SuspendedBy;
use crate::registry::eservice::Eservice;
use crate::registry::key::Key;
use crate::registry::purpose::Purpose;
use crate::registry::tenant::{Held, Tenant};
use crate::registry::testing::{Town, descriptor, town};
use varco_proto::registry::v1::{self as proto, Document};

const ACTORS: [Actor; 3] = [Actor::Consumer, Actor::Producer, Actor::Installation];

/// A town with one entry of each kind that has a law.
fn whole() -> Document {
    let mut document = town();
    document.attributes = vec![proto::Attribute {
        name: "comune".into(),
        kind: "certified".into(),
        description: "un comune".into(),
        ..Default::default()
    }];
    document.clients[0].thumbprints = vec!["ab".repeat(32)];
    document.eservices[0].descriptors.push(descriptor(2));
    document
}

/// The name of the entry of a kind on which actions are tried.
fn subject(kind: Kind, town: &Town) -> String {
    match kind {
        Kind::Attribute => "comune".to_owned(),
        Kind::Tenant | Kind::Client => "tributi".to_owned(),
        Kind::Eservice => "anagrafe".to_owned(),
        Kind::Descriptor => "anagrafe/2".to_owned(),
        Kind::Agreement => "tributi/anagrafe".to_owned(),
        Kind::Purpose => "tributi/verifica".to_owned(),
        Kind::Operator => "ada".to_owned(),
        other => town.snapshot.rows(other).next().unwrap().name.clone(),
    }
}

/// Puts the subject into a state, with what goes with that state.
fn bend(town: &mut Town, kind: Kind, name: &str, state: State) {
    match kind {
        Kind::Attribute => town.bend::<Attribute>(name, |it| it.state = state),
        Kind::Tenant => town.bend::<Tenant>(name, |it| it.state = state),
        Kind::Eservice => town.bend::<Eservice>(name, |it| it.state = state),
        Kind::Descriptor => town.bend::<Descriptor>(name, |it| it.state = state),
        Kind::Client => town.bend::<Client>(name, |it| it.state = state),
        Kind::Key => town.bend::<Key>(name, |it| it.state = state),
        Kind::Certificate => town.bend::<Certificate>(name, |it| it.state = state),
        Kind::Operator => town.bend::<Operator>(name, |it| it.state = state),
        Kind::Agreement => town.bend::<Agreement>(name, |it| {
            it.state = state;
            it.body.suspended_by.producer = state == State::Suspended;
        }),
        Kind::Purpose => town.bend::<Purpose>(name, |it| {
            it.state = state;
            it.body.suspended_by.platform = state == State::Suspended;
            it.body.waiting = Some(it.body.content.clone());
        }),
        Kind::Delegation => {}
    }
}

#[test]
fn every_triple_does_what_its_table_says_and_nothing_else() {
    let whole = Town::holding(&whole());
    let mut tried = 0;
    for kind in Kind::ALL
        .into_iter()
        .filter(|kind| *kind != Kind::Delegation)
    {
        for state in State::ALL {
            for action in Action::ALL {
                for actor in ACTORS {
                    let mut town = whole.fork();
                    let name = subject(kind, &town);
                    if action == Action::Upgrade {
                        // Something newer than what the agreement is on.
                        town.bend::<Agreement>("tributi/anagrafe", |it| it.body.version = 1);
                    }
                    bend(&mut town, kind, &name, state);
                    let before = town.snapshot.find(kind, &name).unwrap();
                    let epoch = town.snapshot.epoch;

                    let done = town.act(kind, &before.id.to_string(), action, actor);

                    let case = format!("{kind:?} {state} {action:?} {actor:?}");
                    if let Ok(row) = law::check(kind, state, action, actor) {
                        let after = done.unwrap_or_else(|error| panic!("{case}: {error}"));
                        assert!(row.to.contains(&after.state), "{case}: {}", after.state);
                    } else {
                        let refused = done.unwrap_err();
                        let lawful = matches!(
                            refused,
                            Error::Transition { .. }
                                | Error::NotTheirs(..)
                                | Error::NoSuchAction(..)
                        );
                        assert!(lawful, "{case}: {refused}");
                        assert_eq!(town.snapshot.epoch, epoch, "{case}");
                    }
                    tried += 1;
                }
            }
        }
    }
    assert_eq!(tried, 10 * 13 * 12 * 3);
}

#[test]
fn each_side_lifts_only_its_own_suspension() {
    let mut town = Town::holding(&town());
    let agreement = (Kind::Agreement, "anagrafe");
    let mut act = |action, actor| {
        town.act(agreement.0, agreement.1, action, actor)
            .unwrap()
            .state
    };

    act(Action::Suspend, Actor::Consumer);
    act(Action::Suspend, Actor::Producer);

    assert_eq!(act(Action::Unsuspend, Actor::Consumer), State::Suspended);
    assert_eq!(act(Action::Unsuspend, Actor::Consumer), State::Suspended);
    assert_eq!(act(Action::Unsuspend, Actor::Producer), State::Active);
}

#[test]
fn lost_attribute_suspends_by_the_platform_until_it_is_back() {
    let mut document = whole();
    document.tenants[0].attributes = vec!["comune".into()];
    for version in &mut document.eservices[0].descriptors {
        version.attributes = vec![proto::AttributeGroup {
            any_of: vec!["comune".into()],
        }];
    }
    let mut town = Town::holding(&document);
    let tenant = town.snapshot.find(Kind::Tenant, "tributi").unwrap().id;
    let held = Held {
        attribute: town.snapshot.find(Kind::Attribute, "comune").unwrap().id,
        verifier: None,
        expires: None,
    };
    let by = |town: &Town| {
        town.entry::<Agreement>("tributi/anagrafe")
            .body
            .suspended_by
    };
    let who = crate::registry::testing::admin("root");

    town.change(&who, |draft| revoke(draft, tenant, &held))
        .unwrap();
    assert_eq!(town.state(Kind::Agreement, "anagrafe"), State::Suspended);
    assert_eq!(
        by(&town),
        SuspendedBy {
            platform: true,
            ..SuspendedBy::default()
        }
    );
    town.act(
        Kind::Agreement,
        "anagrafe",
        Action::Suspend,
        Actor::Producer,
    )
    .unwrap();
    town.change(&who, |draft| assign(draft, tenant, held.clone()))
        .unwrap();
    assert_eq!(town.state(Kind::Agreement, "anagrafe"), State::Suspended);
    let lifted = town.act(
        Kind::Agreement,
        "anagrafe",
        Action::Unsuspend,
        Actor::Producer,
    );
    assert_eq!(lifted.unwrap().state, State::Active);
}

#[test]
fn upgrade_without_declared_attributes_leaves_a_draft_beside() {
    let mut document = whole();
    document.attributes.push(proto::Attribute {
        name: "regola".into(),
        kind: "declared".into(),
        description: "si impegna".into(),
        ..Default::default()
    });
    let both = document.eservices[0].descriptors.clone();
    document.eservices[0].descriptors = both[..1].to_vec();
    let mut town = Town::holding(&document);
    let mut second = both[1].clone();
    second.attributes = vec![proto::AttributeGroup {
        any_of: vec!["regola".into()],
    }];
    document.eservices[0].descriptors.push(second);
    document.agreements.clear();
    document.purposes.clear();
    town.apply(&document).unwrap();

    let draft = town.act(
        Kind::Agreement,
        "tributi/anagrafe",
        Action::Upgrade,
        Actor::Consumer,
    );

    let draft = draft.unwrap();
    assert_eq!(
        (draft.state, draft.name.as_str()),
        (State::Draft, "tributi/anagrafe@2")
    );
    assert_eq!(
        town.state(Kind::Agreement, "tributi/anagrafe"),
        State::Active
    );
    let refused = town.act(
        Kind::Agreement,
        &draft.name,
        Action::Submit,
        Actor::Consumer,
    );
    assert!(matches!(
        refused,
        Err(Error::Precondition("ATTRIBUTES_DECLARED", _))
    ));
    document.tenants[0].attributes = vec!["regola".into()];
    town.apply(&document).unwrap();
    town.act(
        Kind::Agreement,
        &draft.name,
        Action::Submit,
        Actor::Consumer,
    )
    .unwrap();
    let entry = town.entry::<Agreement>("tributi/anagrafe");
    assert_eq!((entry.state, entry.body.version), (State::Active, 2));
    assert_eq!(town.state(Kind::Descriptor, "anagrafe/1"), State::Archived);
}

#[test]
fn copy_of_a_purpose_begins_as_a_draft_of_its_own() {
    let mut town = Town::holding(&town());

    let copy = town
        .act(Kind::Purpose, "verifica", Action::Clone, Actor::Consumer)
        .unwrap();

    assert_eq!(
        (copy.state, copy.name.as_str()),
        (State::Draft, "tributi/verifica-copia")
    );
    assert_eq!(town.state(Kind::Purpose, "tributi/verifica"), State::Active);
}

#[test]
fn attribute_is_given_only_as_its_kind_and_its_life_allow() {
    let mut document = whole();
    document.attributes.push(proto::Attribute {
        name: "convenzione".into(),
        kind: "verified".into(),
        description: "una convenzione".into(),
        ..Default::default()
    });
    let mut town = Town::holding(&document);
    let of = |town: &Town, kind, name: &str| town.snapshot.find(kind, name).unwrap().id;
    let (tributi, demo) = (
        of(&town, Kind::Tenant, "tributi"),
        of(&town, Kind::Tenant, "demo"),
    );
    let certified = of(&town, Kind::Attribute, "comune");
    let verified = of(&town, Kind::Attribute, "convenzione");
    let give = |town: &mut Town, attribute, verifier, expires| {
        let held = Held {
            attribute,
            verifier,
            expires,
        };
        let who = crate::registry::testing::admin("root");
        let given = town.change(&who, |draft| assign(draft, tributi, held.clone()));
        match given {
            Ok(_) => "given",
            Err(Error::Precondition(reason, _)) => reason,
            Err(error) => panic!("{error}"),
        }
    };

    for (attribute, verifier, expires, told) in [
        (certified, None, None, "given"),
        (certified, None, Some(1), "ATTRIBUTE_EXPIRES"),
        (certified, Some(demo), None, "ATTRIBUTE_VERIFIER"),
        (verified, None, None, "ATTRIBUTE_VERIFIER"),
        (verified, Some(tributi), None, "ATTRIBUTE_VERIFIER"),
        (verified, Some(demo), Some(1), "given"),
    ] {
        assert_eq!(give(&mut town, attribute, verifier, expires), told);
    }
    town.act(
        Kind::Attribute,
        "comune",
        Action::Archive,
        Actor::Installation,
    )
    .unwrap();
    assert_eq!(give(&mut town, certified, None, None), "ENTRY_ENDED");
}
