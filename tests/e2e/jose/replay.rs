//! The same assertion again: at once, later, spelt otherwise, at another gateway.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;
use varco_runtime::store::Db;
use varco_tests::assertion::Asker;
use varco_tests::comune::Comune;
use varco_tests::records;
use varco_tests::wire::{Answer, Wire};

use super::forge::stranger;
use super::signatures::mirrored;
use super::{Case, Cast};
use crate::postgres::{OTHER, config, second_gateway, serve, town};

/// What goes wrong when assertions come twice to one town.
pub async fn of_one_town(cast: &Cast, comune: &Comune, asker: &Asker) -> Vec<String> {
    let mut wrong = Vec::new();
    // Nobody but the client spends its ids, and not with what is refused.
    let claims = cast.ec.claims();
    let nobody = cast.ec.under(stranger());
    let header = cast.ec.header().to_string();
    let forged = nobody.forge.seal(&header, claims.to_string());
    let mut unfit = claims.clone();
    unfit["scope"] = json!("everything");
    let unfit = cast.ec.forge.seal(&header, unfit.to_string());
    let good = cast.ec.forge.seal(&header, claims.to_string());
    for (assertion, status) in [(&forged, 401), (&unfit, 400), (&good, 200)] {
        let answer = asker.post(&Case::new("", assertion, "").form()).await;
        if answer.status.as_u16() != status {
            wrong.push(format!("wanted {status} of one jti, got {}", answer.body));
        }
    }

    let mut otherwise = claims.clone();
    otherwise["iat"] = json!(cast.ec.now - 1);
    let again = [
        ("the same", good.clone()),
        ("with the mirrored signature", mirrored(&good)),
        (
            "signed anew",
            cast.ec.forge.seal(&header, claims.to_string()),
        ),
        (
            "under another header",
            cast.ec.forge.seal(with_space(&header), claims.to_string()),
        ),
        (
            "with other times",
            cast.ec.forge.seal(&header, otherwise.to_string()),
        ),
    ];
    for (what, assertion) in again {
        let replay = Case::new(format!("again, {what}"), &assertion, "JTI_REUSED");
        let answer = asker.post(&replay.form()).await;
        if let Err(how) = replay.judge(&answer, comune).await {
            wrong.push(format!("{}: {how}", replay.what));
        }
    }
    wrong
}

fn with_space(header: &str) -> String {
    header.replacen(':', ": ", 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn assertion_shown_to_two_gateways_at_once_gives_one_voucher() {
    let Some((town, _)) = town().await else {
        return;
    };
    let mut town = town.with("VARCO_GATEWAY__LIMITS__TOKENS_PER_SECOND", "1000");
    town.start();
    assert_eq!(town.terminate(), Some(0));
    varco_tests::folder::make_real(&town.data());
    let gateways = [
        serve(&town, "gateway", &[]),
        serve(&town, "gateway", &second_gateway(&town)),
    ];
    let folder = town.data().join("clients/tributi");
    let asker = Asker::open(&folder, Some(&folder), &town.data().join("ca.pem"));
    let purpose = asker.file.purposes["verifica-residenza"].purpose_id.clone();
    let (mut one, mut two) = wires(&town).await;

    let mut ids = Vec::new();
    for pair in 0..PAIRS {
        let assertion = asker.sign(&asker.claims(&purpose));
        let answers = tokio::join!(
            ask(&mut one, &asker, &assertion),
            ask(&mut two, &asker, &assertion)
        );
        let mut told = [outcome(&answers.0), outcome(&answers.1)];
        told.sort_unstable();
        assert_eq!(told, ["JTI_REUSED", "OK"], "pair {pair}");
        ids.extend([correlation(&answers.0), correlation(&answers.1)]);
    }

    assert_eq!(gateways.map(|gateway| gateway.end("TERM")), [Some(0); 2]);
    let address = town.environment().iter();
    let address = address
        .clone()
        .find(|(key, _)| key.ends_with("AUDIT_DATABASE"))
        .unwrap();
    let db = Db::open_as_it_is(&address.1, &town.data()).await.unwrap();
    let records = records::of(db.clone(), db).await;
    let records = records
        .iter()
        .filter(|it| ids.contains(&it.audit_id.to_vec()));
    assert_eq!(records.count(), 2 * PAIRS);
}

/// A connection to each gateway's token endpoint.
async fn wires(town: &varco_tests::process::Process) -> (Wire, Wire) {
    let folder = town.data().join("clients/tributi");
    let first = config(town).gateway.token;
    let mut second = first;
    second.set_ip(OTHER.parse().unwrap());
    let connect = async |address| {
        let ca = town.data().join("ca.pem");
        Wire::connect(address, Some(&folder), &ca).await.unwrap()
    };
    (connect(first).await, connect(second).await)
}

async fn ask(wire: &mut Wire, asker: &Asker, assertion: &str) -> Answer {
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let form = Bytes::from(asker.form(assertion));
    wire.send("token.oauth2", &kind, form).await.unwrap()
}

fn outcome(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    if answer.http == StatusCode::OK {
        return "OK".to_owned();
    }
    body["reason"].as_str().unwrap_or_default().to_owned()
}

fn correlation(answer: &Answer) -> Vec<u8> {
    let id = answer.headers["x-correlation-id"].to_str().unwrap();
    id.parse::<Uuid>().unwrap().as_bytes().to_vec()
}

const PAIRS: usize = 20;
