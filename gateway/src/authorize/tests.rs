//! The decision over a small registry: what permits, the reason of each refusal, and that taking
//! away never gives.

use proptest::prelude::*;

use super::*;
use crate::registry::descriptor::Descriptor;
use crate::registry::key::Key;
use crate::registry::testing::{METHOD, NOW, OTHER, Town, town};
use crate::voucher::AssertionDigest;

pub(crate) fn registry() -> Town {
    Town::holding(&town())
}

pub(crate) fn claims(town: &Town) -> Claims {
    let descriptor = town.entry::<Descriptor>("anagrafe/1");
    let digest: Option<AssertionDigest> = None;
    Claims {
        client_id: town.entry::<Client>("tributi").id,
        purpose_id: town.entry::<Purpose>("tributi/verifica").id,
        descriptor_id: descriptor.id,
        aud: descriptor.body.audience,
        client_kid: town.snapshot.keys.keys().next().unwrap().clone(),
        digest,
        ..crate::voucher::tests::claims(NOW)
    }
}

fn reason(town: &Town, method: &str) -> Option<Reason> {
    decide(&claims(town), method, &town.snapshot, NOW).err()
}

#[test]
fn live_entries_permit_the_methods_of_the_purpose() {
    let town = registry();

    let permit = decide(&claims(&town), METHOD, &town.snapshot, NOW).unwrap();

    assert_eq!(permit.contract.names(permit.allowed), ["esito"]);
    assert_eq!(permit.epoch, 1);
    assert_eq!(permit.office, "tributi");
}

#[test]
fn permit_carries_the_rule_of_its_method() {
    let mut document = town();
    document.eservices[0].descriptors[0].rules = vec![varco_proto::registry::v1::MethodRule {
        methods: vec![METHOD.into()],
        seconds: 7,
        message_bytes: 512,
        evidence: vec!["tracking".into()],
    }];
    let (ruled, free) = (Town::holding(&document), registry());

    let of = |town: &Town| decide(&claims(town), METHOD, &town.snapshot, NOW).unwrap();

    let rule = of(&ruled).rule;
    assert_eq!((rule.seconds, rule.message_bytes), (Some(7), Some(512)));
    assert!(rule.asks(rule::Evidence::Tracking) && !rule.asks(rule::Evidence::Signature));
    assert_eq!(of(&free).rule, Rule::default());
}

#[test]
fn method_decides_between_unknown_elsewhere_and_outside_the_purpose() {
    let mut document = town();
    let mut elsewhere = document.eservices[0].clone();
    elsewhere.name = "albo".into();
    let version = &mut elsewhere.descriptors[0];
    version.builtin = "varco.albo.v1".into();
    version.audience = "https://albo.example/v1".into();
    version.methods = vec!["varco.albo.v1.AlboService/*".into()];
    document.eservices.push(elsewhere);
    let town = Town::holding(&document);

    assert_eq!(reason(&town, "no.Such/Method"), Some(Reason::MethodUnknown));
    assert_eq!(
        reason(&town, "varco.albo.v1.AlboService/PublishAtto"),
        Some(Reason::VoucherAudience)
    );
    assert_eq!(reason(&town, OTHER), Some(Reason::MethodNotInPurpose));
}

#[test]
fn each_entry_that_is_not_live_has_its_reason() {
    use Live::{Archived, Archiving, ArchivingSuspended, Deprecated, Draft, Suspended};
    let bent: [(fn(&mut Town), Option<Reason>); 17] = [
        (
            |t| t.bend::<Client>("tributi", |it| it.state = Suspended),
            Some(Reason::ClientSuspended),
        ),
        (
            |t| t.bend::<Client>("tributi", |it| it.body.kind = ClientKind::Api),
            Some(Reason::ClientSuspended),
        ),
        (
            |t| t.bend::<Tenant>("tributi", |it| it.state = Suspended),
            Some(Reason::ClientSuspended),
        ),
        (
            |t| t.bend::<Tenant>("demo", |it| it.state = Suspended),
            Some(Reason::EserviceSuspended),
        ),
        (
            |t| bend_key(t, |it| it.state = Suspended),
            Some(Reason::KeyRevoked),
        ),
        (
            |t| bend_key(t, |it| it.state = Archived),
            Some(Reason::KeyRevoked),
        ),
        (
            |t| bend_key(t, |it| it.body.not_after = Some(NOW)),
            Some(Reason::KeyRevoked),
        ),
        (
            |t| bend_key(t, |it| it.body.not_after = Some(NOW + 1)),
            None,
        ),
        (
            |t| t.bend::<Purpose>("verifica", |it| it.state = Suspended),
            Some(Reason::PurposeSuspended),
        ),
        (
            |t| t.bend::<Purpose>("verifica", |it| it.state = Archived),
            Some(Reason::PurposeExpired),
        ),
        (
            |t| t.bend::<Purpose>("verifica", |it| it.body.content.valid_until = Some(NOW)),
            Some(Reason::PurposeExpired),
        ),
        (
            |t| t.bend::<Agreement>("anagrafe", |it| it.state = Suspended),
            Some(Reason::AgreementSuspended),
        ),
        (
            |t| t.bend::<Agreement>("anagrafe", |it| it.state = Archived),
            Some(Reason::AgreementSuspended),
        ),
        (
            |t| t.bend::<Eservice>("anagrafe", |it| it.state = Suspended),
            Some(Reason::EserviceSuspended),
        ),
        (
            |t| t.bend::<Descriptor>("anagrafe/1", |it| it.state = Draft),
            Some(Reason::EserviceSuspended),
        ),
        (
            |t| t.bend::<Purpose>("verifica", |it| it.body.content.clients.clear()),
            Some(Reason::PurposeSuspended),
        ),
        (
            |t| {
                let demo = t.entry::<Tenant>("demo").id;
                t.bend::<Client>("tributi", |it| it.body.consumer = demo);
            },
            Some(Reason::PurposeSuspended),
        ),
    ];
    for (place, (bend, expected)) in bent.into_iter().enumerate() {
        let mut town = registry();
        bend(&mut town);
        assert_eq!(reason(&town, METHOD), expected, "case {place}");
    }
    for (state, serves) in [
        (Deprecated, true),
        (Archiving, true),
        (ArchivingSuspended, false),
        (Suspended, false),
        (Archived, false),
    ] {
        let mut town = registry();
        town.bend::<Descriptor>("anagrafe/1", |it| it.state = state);
        assert_eq!(reason(&town, METHOD).is_none(), serves, "{state}");
    }
}

fn bend_key(town: &mut Town, change: impl FnOnce(&mut Entry<Key>)) {
    let kid = town.snapshot.keys.keys().next().unwrap().clone();
    town.bend::<Key>(&kid, change);
}

#[test]
fn what_is_done_on_behalf_of_others_ends_with_them() {
    let mut document = town();
    document.purposes[0].chained = true;
    document
        .purposes
        .push(crate::registry::testing::purpose("origine", 5));
    document.clients.push(varco_proto::registry::v1::Client {
        name: "prima".into(),
        keys: vec![varco_proto::registry::v1::Key {
            pem: crate::registry::testing::key(),
            ..Default::default()
        }],
        ..document.clients[0].clone()
    });
    document.purposes[1].clients = vec!["prima".into()];
    let town = Town::holding(&document);
    let own = town.entry::<Client>("tributi").id;
    let first = town.entry::<Client>("prima").id;
    let kid = town.snapshot.keys.values().find(|key| key.client == own);
    let claims = Claims {
        sub: first.to_string(),
        client_kid: kid.unwrap().kid.clone(),
        act: Some(varco_runtime::grant::Actor {
            sub: own.to_string(),
            act: None,
        }),
        origin_purpose_id: Some(town.entry::<Purpose>("tributi/origine").id),
        ..claims(&town)
    };
    let reason = |bend: fn(&mut Town)| {
        let mut town = town.fork();
        bend(&mut town);
        decide(&claims, METHOD, &town.snapshot, NOW).err()
    };

    assert_eq!(reason(|_| {}), None);
    assert_eq!(
        reason(|t| t.bend::<Client>("prima", |it| it.state = Live::Suspended)),
        Some(Reason::ClientSuspended)
    );
    assert_eq!(
        reason(|t| t.bend::<Purpose>("origine", |it| it.state = Live::Suspended)),
        Some(Reason::PurposeSuspended)
    );
    assert_eq!(
        reason(|t| t.bend::<Purpose>("origine", |it| it.state = Live::Archived)),
        Some(Reason::PurposeExpired)
    );
    let anonymous = Claims {
        origin_purpose_id: None,
        ..claims.clone()
    };
    let refused = decide(&anonymous, METHOD, &town.snapshot, NOW).err();
    assert_eq!(refused, Some(Reason::PurposeExpired));
}

#[test]
fn voucher_of_another_descriptor_is_refused() {
    let town = registry();
    let other = Claims {
        descriptor_id: Uuid::from_u128(70),
        ..claims(&town)
    };

    let refused = decide(&other, METHOD, &town.snapshot, NOW).err();

    assert_eq!(refused, Some(Reason::VoucherAudience));
}

/// Takings-away, each of one thing.
pub(crate) const TAKEN: [fn(&mut Town); 8] = [
    |t| t.bend::<Purpose>("verifica", |it| drop(it.body.content.methods.pop())),
    |t| t.bend::<Purpose>("verifica", |it| drop(it.body.content.data_classes.pop())),
    |t| t.bend::<Purpose>("verifica", |it| it.body.content.clients.clear()),
    |t| t.bend::<Purpose>("verifica", |it| it.state = Live::Suspended),
    |t| t.bend::<Client>("tributi", |it| it.state = Live::Suspended),
    |t| t.bend::<Agreement>("anagrafe", |it| it.state = Live::Suspended),
    |t| t.bend::<Descriptor>("anagrafe/1", |it| drop(it.body.methods.pop())),
    |t| bend_key(t, |it| it.state = Live::Archived),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn taking_a_grant_away_never_gives_access(
        takings in proptest::collection::vec(0..TAKEN.len(), 1..6),
        classes in proptest::sample::subsequence(vec!["esito", "residenza", "anagrafica"], 1..=3),
    ) {
        let mut document = town();
        document.purposes[0].methods = vec![METHOD.into(), OTHER.into()];
        document.purposes[0].data_classes = classes.iter().map(|it| (*it).to_owned()).collect();
        let mut town = Town::holding(&document);
        let claims = claims(&town);
        let allowed = |town: &Town, method: &str| {
            decide(&claims, method, &town.snapshot, NOW).map_or(None, |permit| Some(permit.allowed))
        };
        for taking in takings {
            let before = [METHOD, OTHER].map(|method| allowed(&town, method));
            TAKEN[taking](&mut town);
            let after = [METHOD, OTHER].map(|method| allowed(&town, method));
            for (before, after) in before.into_iter().zip(after) {
                // What is allowed now was allowed before, class by class.
                let held = before.unwrap_or(0);
                prop_assert!(after.is_none_or(|after| before.is_some() && after & !held == 0));
            }
        }
    }
}
