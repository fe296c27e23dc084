//! The day's checkpoint stands in the comune's own registers, and bears the stamp of an authority.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use prost::Message as _;
use serde_json::Value;
use varco_gateway::audit::reading::Reading;
use varco_proto::audit::v1::{Anchor, Record};
use varco_runtime::clock::Clock;
use varco_runtime::config::anchors::Tsa as TsaConfig;
use varco_tests::calls::{register, sha256, store};
use varco_tests::comune::Comune;
use varco_tests::tsa::Tsa;
use varco_tlog::checkpoint::Checkpoint;

use crate::PROGRAM;

#[tokio::test(flavor = "multi_thread")]
async fn checkpoint_stands_in_protocollo_and_at_the_albo_once_a_day() {
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);
    let desk = comune.client("sportello");
    let documento = store(&desk, b"istanza", "k1").await.unwrap();

    let anchored = program.json(&["audit", "anchor"]).await;
    let again = program.json(&["audit", "anchor"]).await;
    let next = register(&desk, &documento, b"istanza", "k1").await.unwrap();

    assert_eq!(places(&anchored), ["protocollo", "albo"], "{anchored:#}");
    assert_eq!(anchored, again);
    // One registration and no more: the next number is the second.
    let next = next.into_inner().registrazione.unwrap_or_default();
    assert_eq!(next.identificatore.unwrap_or_default().numero(), 2);
    let note = anchored["checkpoint"].as_str().unwrap();
    let published = on_the_board(&comune).await;
    assert_eq!(
        published,
        note.as_bytes(),
        "what anybody can download is the note"
    );
    let reading = Reading::open(comune.config(), None).await.unwrap();
    let head = Checkpoint::open(note, &reading.log.vkey.parse().unwrap()).unwrap();
    assert_eq!(anchored["anchors"][0]["records"], head.size);
    let verified = program.json(&["audit", "verify"]).await;
    assert_eq!(verified["logs"][0]["anchors"], 2, "{verified:#}");
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn office_that_refused_takes_the_same_checkpoint_later() {
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);
    let purpose = ["suspend", "purpose", "segreteria/ancora-protocollo"];
    program
        .done(&[&purpose[..], &["--reason", "prova"]].concat())
        .await;

    let refused = program.refused(&["audit", "anchor"]).await;
    let begun = begun(&comune);
    let doctor = program.json(&["doctor"]).await.to_string();
    program
        .done(&["unsuspend", "purpose", "segreteria/ancora-protocollo"])
        .await;
    let anchored = program.json(&["audit", "anchor"]).await;

    assert!(
        refused.contains("protocollo non ha preso il checkpoint: PURPOSE_SUSPENDED"),
        "{refused}"
    );
    assert!(doctor.contains("stands in protocollo, albo"), "{doctor}");
    assert_eq!(anchored["checkpoint"], begun["note"]);
    let kept = self::begun(&comune);
    assert_eq!(kept["documento"], begun["documento"], "stored once");
    assert_eq!(places(&anchored), ["protocollo", "albo"]);
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stamp_of_an_authority_is_kept_as_it_came() {
    let tsa = Tsa::start().await;
    let address = tsa.address.clone();
    let comune = Comune::start_with(Clock::system(), |config| {
        config.gateway.anchors.offices = None;
        config.gateway.anchors.tsa = Some(TsaConfig { address, ca: None });
    })
    .await;
    let program = comune.program(PROGRAM);

    let anchored = program.json(&["audit", "anchor"]).await;

    assert_eq!(places(&anchored), ["tsa"], "{anchored:#}");
    let note = anchored["checkpoint"].as_str().unwrap();
    let anchor = last_anchor(&comune).await;
    assert_eq!(anchor.checkpoint, note);
    assert_eq!(anchor.checkpoint_sha256, sha256(note.as_bytes()));
    assert!(tsa.verify(&anchor.evidence, note.as_bytes()));
    assert!(!tsa.verify(&anchor.evidence, b"another note"));
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anchoring_that_nobody_configured_says_where_to() {
    let comune = Comune::start_with(Clock::system(), |config| {
        config.gateway.anchors.offices = None;
    })
    .await;

    let refused = comune.program(PROGRAM).refused(&["audit", "anchor"]).await;

    assert!(refused.contains("ANCHORS_NOT_CONFIGURED"), "{refused}");
    assert!(refused.contains("[gateway.anchors]"), "{refused}");
    comune.stop().await;
}

fn places(anchored: &Value) -> Vec<&str> {
    let anchors = anchored["anchors"].as_array().unwrap().iter();
    anchors.map(|it| it["place"].as_str().unwrap()).collect()
}

/// What the gateway has begun today.
fn begun(comune: &Comune) -> Value {
    let file = comune.config().audit_folder().join("gw1.anchor.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

async fn last_anchor(comune: &Comune) -> Anchor {
    let reading = Reading::open(comune.config(), None).await.unwrap();
    let leaves = reading.leaves(0, 1000).await.unwrap();
    let mut anchors = leaves
        .iter()
        .filter_map(|(_, leaf)| Record::decode(leaf.as_slice()).unwrap().anchor);
    anchors.next_back().unwrap()
}

/// The document of the one act on the board, as anybody downloads it.
async fn on_the_board(comune: &Comune) -> Bytes {
    let board = get(comune, "/albo.json").await;
    let board: Value = serde_json::from_slice(&board).unwrap();
    let acts = board["pubblicazioni"].as_array().unwrap();
    assert_eq!(acts.len(), 1, "{board:#}");
    let link: http::Uri = acts[0]["documento"].as_str().unwrap().parse().unwrap();
    get(comune, link.path()).await
}

async fn get(comune: &Comune, path: &str) -> Bytes {
    let address = comune.config().services["albo"].public.unwrap();
    let uri = format!("http://{address}{path}").parse().unwrap();
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let response = client.get(uri).await.unwrap();
    response.into_body().collect().await.unwrap().to_bytes()
}
