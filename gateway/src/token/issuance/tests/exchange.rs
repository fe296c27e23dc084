//! Grants exchanged: by whom, for what, and how far.

use varco_runtime::grant::{self, Actor};
use varco_runtime::pki::KeyKind;

use super::{ISSUER, NOW, Town, claims, client, id, issue, purpose};
use crate::proof::tests::key;
use crate::registry::eservice::Eservice;
use crate::registry::purpose::Purpose;
use crate::registry::tenant::Tenant;
use crate::token::issuance::Case;
use crate::voucher::Claims;

/// A grant of a call to the office of the client, which offers the e-service too.
fn grant(act: Option<Actor>) -> grant::Claims {
    grant::Claims {
        iss: ISSUER.to_owned(),
        aud: "https://anagrafe.example/v1".to_owned(),
        sub: client().to_string(),
        origin_purpose_id: act.as_ref().map(|_| purpose()),
        act,
        consumer_id: id(20).to_string(),
        purpose_id: purpose().to_string(),
        method: "pkg.S/M".to_owned(),
        txn: id(22),
        instance: "uno".to_owned(),
        iat: NOW,
        exp: NOW + grant::MAX_LIFE,
        jti: id(23),
    }
}

fn chained() -> Town {
    let mut town = Town::new();
    town.registry
        .bend::<Purpose>("verifica", |it| it.body.content.chained = true);
    let own = town.registry.entry::<Tenant>("tributi").id;
    town.registry
        .bend::<Eservice>("anagrafe", |it| it.body.producer = own);
    town
}

fn exchange(town: &Town, grant: &grant::Claims) -> Result<Claims, &'static str> {
    let (token, grant) = (
        town.sign(&claims()),
        town.grants.sign(grant::TYP, grant).unwrap(),
    );
    issue(&Case {
        grant: Some(&grant),
        ..town.case(&token)
    })
}

#[test]
fn exchanged_grant_names_who_acts_for_whom_and_why() {
    let town = chained();

    let first = exchange(&town, &grant(None)).unwrap();

    let origin = client().to_string();
    assert_eq!((&first.sub, first.client_id), (&origin, client()));
    assert_eq!(
        (first.purpose_id, first.origin_purpose_id),
        (purpose(), Some(purpose()))
    );
    assert_eq!((first.txn, first.hop()), (Some(id(22)), 1));
    assert_eq!(first.on_behalf_of(), [origin.as_str()]);
    let actors: Vec<_> = first.act.as_ref().unwrap().clients().collect();
    assert_eq!(actors, [client().to_string()]);

    let before = crate::token::chain::extend(None, origin.clone()).unwrap();
    let later = exchange(&town, &grant(Some(before))).unwrap();
    assert_eq!(later.on_behalf_of(), [origin.as_str(), origin.as_str()]);
    assert_eq!((later.hop(), later.origin_purpose_id), (2, Some(purpose())));
}

#[test]
fn grant_is_exchanged_only_where_all_of_it_fits() {
    let bent: [(fn(&mut grant::Claims), &str); 4] = [
        (|g| g.exp = NOW, "GRANT_EXPIRED"),
        (|g| g.iat = NOW + 11, "GRANT_EXPIRED"),
        (|g| "https://other".clone_into(&mut g.aud), "GRANT_AUDIENCE"),
        (|g| "https://other".clone_into(&mut g.iss), "GRANT_INVALID"),
    ];
    for (bend, reason) in bent {
        let mut grant = grant(None);
        bend(&mut grant);
        assert_eq!(exchange(&chained(), &grant).unwrap_err(), reason);
    }
    let mut foreign = chained();
    let other = foreign.registry.entry::<Tenant>("demo").id;
    foreign
        .registry
        .bend::<Eservice>("anagrafe", |it| it.body.producer = other);
    assert_eq!(
        exchange(&foreign, &grant(None)).unwrap_err(),
        "GRANT_AUDIENCE"
    );
    let mut single = chained();
    single
        .registry
        .bend::<Purpose>("verifica", |it| it.body.content.chained = false);
    assert_eq!(
        exchange(&single, &grant(None)).unwrap_err(),
        "CHAIN_NOT_ALLOWED"
    );
    let mut unknown = chained();
    unknown.grants = key(KeyKind::EcP256);
    assert_eq!(
        exchange(&unknown, &grant(None)).unwrap_err(),
        "GRANT_INVALID"
    );

    let four = ["a", "b", "c", "d"].into_iter().fold(None, |chain, name| {
        crate::token::chain::extend(chain, name.to_owned()).ok()
    });
    assert_eq!(
        exchange(&chained(), &grant(four)).unwrap_err(),
        "CHAIN_TOO_LONG"
    );
}

#[test]
fn grant_of_whoever_may_not_call_any_more_is_exchanged_no_more() {
    let stranger = crate::token::chain::extend(None, id(77).to_string()).unwrap();
    let bent: [(fn(&mut grant::Claims), &str); 2] = [
        (|g| g.sub = id(77).to_string(), "CLIENT_SUSPENDED"),
        (|g| g.purpose_id = id(77).to_string(), "PURPOSE_EXPIRED"),
    ];

    for (bend, reason) in bent {
        let mut grant = grant(None);
        bend(&mut grant);
        assert_eq!(exchange(&chained(), &grant).unwrap_err(), reason);
    }
    assert_eq!(
        exchange(&chained(), &grant(Some(stranger))).unwrap_err(),
        "CLIENT_SUSPENDED"
    );
}

#[test]
fn voucher_is_no_grant() {
    let town = chained();
    let (token, voucher) = (
        town.sign(&claims()),
        town.grants.sign(crate::voucher::TYP, &grant(None)).unwrap(),
    );

    let refused = issue(&Case {
        grant: Some(&voucher),
        ..town.case(&token)
    });

    assert_eq!(refused.unwrap_err(), "GRANT_INVALID");
}
