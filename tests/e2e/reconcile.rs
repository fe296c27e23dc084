//! Register of accesses and services, compared: what the one says the others have done.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tonic::Code;
use uuid::Uuid;
use varco::data_folder::DataFolder;
use varco_gateway::keys::lifecycle::Role;
use varco_proto::audit::v1::{ListLinksRequest, ListLinksResponse};
use varco_runtime::client::Gateway;
use varco_runtime::clock::Clock;
use varco_runtime::grant::{Claims, MAX_LIFE, TYP};
use varco_tests::calls::{heading, reason, register, store, upload};
use varco_tests::comune::Comune;
use varco_tests::eco::Eco;
use varco_tests::folder::make_real;
use varco_tests::process::Running;
use varco_tests::program::Program;
use varco_tests::wait::until;
use varco_tests::wire::{Wire, frame};

use crate::PROGRAM;
use crate::roles::serve;

const LIST: &str = "varco.audit.v1.LinkService/ListLinks";
const UPLOAD: &str = "varco.documenti.v1.DocumentiService/UploadDocumento";
/// How often a service is killed.
const KILLS: u64 = 6;

#[tokio::test(flavor = "multi_thread")]
async fn change_around_the_gateway_is_found_and_named() {
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);
    let desk = comune.client("sportello");
    let documento = store(&desk, b"istanza", "k1").await.unwrap();
    for _ in 0..2 {
        register(&desk, &documento, b"istanza", "k1").await.unwrap();
    }

    let before = program.json(&["audit", "reconcile"]).await;
    let around = Clock::system().uuid();
    upload_around(&comune, around).await;
    let after = program.run(&["audit", "reconcile"]).await;

    // A registration, its replay and the document that was stored; protocollo's check is a read.
    assert_eq!(before["differences"], 0, "{before:#}");
    assert_eq!(calls(&before, "protocollo"), (2, 2), "{before:#}");
    assert_eq!(calls(&before, "documenti"), (1, 1), "{before:#}");
    assert_eq!(after.code, Some(1), "{}", after.out);
    let named = format!("{around} changed documenti, and the register has no call of it");
    assert!(after.out.contains(&named), "{}", after.out);
    assert!(after.err.contains("1 difference"), "{}", after.err);
    let found = program.json(&["audit", "search"]).await;
    let records = found.as_array().unwrap().iter();
    let kept = records.filter(|record| record["kind"] == "RECONCILIATION");
    let outcomes: Vec<_> = kept.map(|record| record["outcome"].clone()).collect();
    assert_eq!(outcomes, ["OK", "DIFFERENT"]);
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn service_tells_its_links_to_nobody_but_the_gateway_itself() {
    let comune = Comune::start().await;
    let desk = comune.client("sportello");
    store(&desk, b"istanza", "k1").await.unwrap();
    let of = |sub: &str, method: &str| {
        let claims = Claims {
            sub: sub.to_owned(),
            ..grant(&comune, method, Uuid::nil())
        };
        comune.signing_key(Role::Grant).sign(TYP, &claims).unwrap()
    };
    let gateway = format!("{}/gateway", comune.config().trust_domain());
    let client = Uuid::nil().to_string();
    let asked = frame(&ListLinksRequest {
        until_unix_us: i64::MAX,
        ..ListLinksRequest::default()
    });
    let ask = async |folder: &str, method: &str, token: &str| {
        let mut wire = connect(&comune, folder).await;
        let headers = [("varco-grant", token)];
        wire.send(method, &headers, asked.clone()).await.unwrap()
    };

    let own = of(&gateway, LIST);
    let told = ask("services/gateway", LIST, &own).await;
    for (folder, method, token, why) in [
        ("services/gateway", LIST, of(&client, LIST), "GRANT_SUBJECT"),
        (
            "services/gateway",
            UPLOAD,
            of(&gateway, UPLOAD),
            "GRANT_SUBJECT",
        ),
        (
            "services/gateway",
            LIST,
            of(&gateway, UPLOAD),
            "GRANT_METHOD",
        ),
        ("services/gateway", LIST, String::new(), "GRANT_INVALID"),
        ("services/albo", LIST, own.clone(), "PEER_NOT_GATEWAY"),
        ("clients/sportello", LIST, own, "PEER_NOT_GATEWAY"),
    ] {
        let refused = ask(folder, method, &token).await.status();
        assert_eq!(refused.code(), Code::Unauthenticated, "{why}");
        assert_eq!(reason(&refused), why, "{folder} {method}");
    }

    assert_eq!(told.status().code(), Code::Ok);
    let links = ListLinksResponse::decode(&told.body[5..]).unwrap().links;
    assert_eq!(links.len(), 1);
    assert_eq!(links[0].method, UPLOAD);
    assert_eq!(links[0].instance, comune.config().gateway.instance);
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn service_that_keeps_no_links_or_is_away_is_no_difference() {
    let comune = Comune::start().await;
    let eco = Eco::start();
    comune.apply(eco.document("write")).await;
    let compared = async || {
        let told = comune.program(PROGRAM).json(&["audit", "reconcile"]).await;
        let all = told["eservices"].as_array().unwrap().clone();
        let mut eco = all.iter().filter(|it| it["eservice"] == "eco");
        eco.next().unwrap()["comparability"].clone()
    };

    let foreign = compared().await;
    drop(eco);
    let away = compared().await;

    assert_eq!(
        (foreign, away),
        ("keeps no links".into(), "unreachable".into())
    );
    comune.stop().await;
}

/// Calls and links of an e-service.
fn calls(told: &serde_json::Value, eservice: &str) -> (u64, u64) {
    let all = told["eservices"].as_array().unwrap();
    let it = all.iter().find(|it| it["eservice"] == eservice).unwrap();
    let count = |field: &str| it[field].as_u64().unwrap();
    assert_eq!(it["comparability"], "compared", "{told:#}");
    (count("calls"), count("links"))
}

async fn connect(comune: &Comune, folder: &str) -> Wire {
    let documenti = &comune.config().services["documenti"];
    let folder = comune.path().join(folder);
    Wire::connect(documenti.listen, Some(&folder), &comune.ca())
        .await
        .unwrap()
}

/// A grant for a call of documenti.
fn grant(comune: &Comune, method: &str, txn: Uuid) -> Claims {
    let now = Clock::system().unix();
    Claims {
        iss: comune.config().issuer(),
        aud: comune.config().services["documenti"].audience.clone(),
        sub: Uuid::nil().to_string(),
        act: None,
        origin_purpose_id: None,
        consumer_id: Uuid::nil().to_string(),
        purpose_id: Uuid::nil().to_string(),
        method: method.to_owned(),
        txn,
        instance: comune.config().gateway.instance.clone(),
        iat: now,
        exp: now + MAX_LIFE,
        jti: Uuid::nil(),
    }
}

/// Stores a document with the gateway's stolen keys, past the gateway itself.
async fn upload_around(comune: &Comune, txn: Uuid) {
    let claims = grant(comune, UPLOAD, txn);
    let token = comune.signing_key(Role::Grant).sign(TYP, &claims).unwrap();
    let messages = upload(heading(b"altro"), b"altro", 1024);
    let frames: Vec<Bytes> = messages.iter().map(frame).collect();
    let body = Bytes::from(frames.concat());
    let headers = [("varco-grant", token.as_str()), ("idempotency-key", "k2")];
    let mut wire = connect(comune, "services/gateway").await;
    let answer = wire.send(UPLOAD, &headers, body).await.unwrap();
    assert_eq!(answer.status().code(), Code::Ok, "{:?}", answer.status());
}

#[tokio::test(flavor = "multi_thread")]
async fn service_killed_at_any_point_of_a_write_leaves_no_difference() {
    let place = TempDir::new().unwrap();
    let data = place.path().join("varco");
    drop(
        DataFolder::open(&data, Some(0), &Clock::system())
            .await
            .unwrap(),
    );
    make_real(&data);
    let _standing = ["gateway", "documenti"].map(|role| serve(role, &data));
    let mut protocollo = Some(serve("protocollo", &data));
    let done = Arc::new(AtomicU64::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    for caller in 0..4 {
        let (done, over) = (Arc::clone(&done), Arc::clone(&over));
        callers.spawn(work(desk(&data), caller, done, over));
    }

    for cycle in 0..=KILLS {
        let enough = done.load(Ordering::Relaxed) + 8 + cycle;
        let reached = async || (done.load(Ordering::Relaxed) >= enough).then_some(());
        until("registrations", reached).await;
        // Somewhere within the next registrations, elsewhere in every cycle.
        tokio::time::sleep(Duration::from_millis(cycle * 7 % 23)).await;
        if cycle < KILLS {
            let killed = protocollo.take().map(|it: Running| it.end("KILL"));
            assert_eq!(killed, Some(None));
            protocollo = Some(serve("protocollo", &data));
        }
    }
    over.store(true, Ordering::Relaxed);
    callers.join_all().await;

    let told = Program::new(PROGRAM, &data)
        .json(&["audit", "reconcile"])
        .await;
    assert_eq!(told["differences"], 0, "{told:#}");
    let (ok, links) = calls(&told, "protocollo");
    assert!(ok >= done.load(Ordering::Relaxed), "{told:#}");
    // Every link beyond the answered calls is one whose outcome nobody knew.
    let all = told["eservices"].as_array().unwrap().iter();
    let unknown = all
        .filter_map(|it| it["unknown_but_done"].as_u64())
        .sum::<u64>();
    assert!(links <= ok + unknown, "{told:#}");
}

/// Registers one document after another, each until it is answered, with the same key.
async fn work(desk: Gateway, caller: u64, done: Arc<AtomicU64>, over: Arc<AtomicBool>) {
    let content = format!("istanza {caller}").into_bytes();
    let key = format!("d{caller}");
    let documento = store(&desk, &content, &key).await.unwrap();
    let mut n = 0_u64;
    while !over.load(Ordering::Relaxed) {
        let key = format!("k{caller}-{n}");
        if register(&desk, &documento, &content, &key).await.is_ok() {
            n += 1;
            done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn desk(data: &Path) -> Gateway {
    let folder = data.join("clients/sportello");
    Gateway::open(&folder, &data.join("ca.pem"), &Clock::system()).unwrap()
}
