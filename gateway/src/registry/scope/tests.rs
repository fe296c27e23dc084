//! What one tenant may see and do of another's.

use super::*;
use crate::registry::testing::{Town, admin, descriptor, town};

/// The kinds and names that an operator sees.
fn seen(who: &Who, town: &Town) -> Vec<(Kind, String)> {
    let rows = town
        .snapshot
        .all()
        .filter(|row| who.sees(row, &town.snapshot));
    let mut seen: Vec<_> = rows.map(|row| (row.kind, row.name.clone())).collect();
    seen.sort();
    seen
}

#[test]
fn tenant_sees_its_own_both_sides_of_its_agreements_and_what_is_offered() {
    let mut document = town();
    let mut third = document.tenants[0].clone();
    third.name = "terzo".into();
    document.tenants.push(third);
    let mut hidden = document.eservices[0].clone();
    hidden.name = "riservata".into();
    hidden.descriptors = vec![descriptor(9)];
    hidden.descriptors[0].version = 1;
    document.eservices.push(hidden);
    let mut town = Town::holding(&document);
    town.bend::<crate::registry::descriptor::Descriptor>("riservata/1", |it| {
        it.state = State::Draft;
    });

    let names = |who: &Who| {
        let seen = seen(who, &town);
        move |kind, name: &str| seen.contains(&(kind, name.to_owned()))
    };
    let (tributi, demo, terzo) = (
        names(&town.operator_of("tributi")),
        names(&town.operator_of("demo")),
        names(&town.operator_of("terzo")),
    );

    let agreement = (Kind::Agreement, "tributi/anagrafe");
    let purpose = (Kind::Purpose, "tributi/verifica");
    for (kind, name) in [agreement, purpose] {
        assert!(
            tributi(kind, name) && demo(kind, name) && !terzo(kind, name),
            "{name}"
        );
    }
    assert!(tributi(Kind::Client, "tributi"));
    assert!(!demo(Kind::Client, "tributi") && !terzo(Kind::Client, "tributi"));
    for who in [&tributi as &dyn Fn(Kind, &str) -> bool, &demo, &terzo] {
        assert!(who(Kind::Descriptor, "anagrafe/1"));
        assert!(who(Kind::Tenant, "terzo"));
        assert!(!who(Kind::Operator, "ada"));
    }
    assert!(demo(Kind::Descriptor, "riservata/1"));
    assert!(!tributi(Kind::Descriptor, "riservata/1"));
    assert_eq!(
        seen(&admin("root"), &town).len(),
        town.snapshot.all().count()
    );
}

#[test]
fn tenant_acts_only_on_its_own_side() {
    let town = Town::holding(&town());
    let sides = |kind, name: &str| {
        let row = town.snapshot.find(kind, name).unwrap();
        Sides::of(&row, &town.snapshot)
    };
    let agreement = sides(Kind::Agreement, "tributi/anagrafe");
    let client = sides(Kind::Client, "tributi");
    let (tributi, demo) = (town.operator_of("tributi"), town.operator_of("demo"));

    assert_eq!(tributi.acts_as(agreement, None), [Actor::Consumer]);
    assert_eq!(demo.acts_as(agreement, None), [Actor::Producer]);
    assert!(tributi.acts_as(agreement, Some(Actor::Producer)).is_empty());
    assert!(demo.acts_as(client, None).is_empty());
    assert_eq!(admin("root").acts_as(client, None), [Actor::Installation]);
}
