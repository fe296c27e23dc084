//! What a log hears from a witness, an honest and a lying one, over real sockets.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::post;
use http::StatusCode;
use tempfile::TempDir;
use varco_runtime::server::{self, Listener};
use varco_runtime::store::testing::{Fresh, each_db};
use varco_runtime::tasks::Tasks;
use varco_runtime::tls::Identity;
use varco_tlog::cosignature::Cosigner;
use varco_tlog::note::Note;

use super::*;
use crate::MIGRATIONS;
use crate::testing::{Log, ORIGIN, open};
use crate::web;

/// Something that listens until it is dropped.
struct Listening {
    address: SocketAddr,
    tasks: Tasks,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.tasks.stopping().cancel();
    }
}

async fn serve(router: Router, tls: Option<tls::Server>) -> Listening {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), tls).await;
    let listener = listener.unwrap();
    let address = listener.address().unwrap();
    let tasks = Tasks::default();
    let stop = tasks.stopping();
    tasks.spawn(server::serve(listener, router, web::LIMITS, stop));
    Listening { address, tasks }
}

/// A witness on SQLite, with the database that must outlive it.
async fn witness(folder: &TempDir) -> (Router, CosignerKey, Fresh) {
    let fresh = each_db(MIGRATIONS).await.unwrap().remove(0);
    let witness = open(folder.path(), &fresh.db).await.unwrap();
    let key = witness.vkey().parse().unwrap();
    let router = web::router(Arc::new(witness), 1_000, &Tasks::default());
    (router, key, fresh)
}

fn client(listening: &Listening, key: CosignerKey) -> WitnessClient {
    WitnessClient::new(&format!("http://{}/", listening.address), key, None).unwrap()
}

/// A witness that answers anything with this.
async fn liar(status: StatusCode, answer: &str) -> Listening {
    let answer = answer.to_owned();
    let says = post(async move || (status, answer));
    serve(Router::new().route("/add-checkpoint", says), None).await
}

fn key() -> CosignerKey {
    let cosigner = Cosigner::from_seed("witness.example", &[5; 32]).unwrap();
    cosigner.vkey().parse().unwrap()
}

#[tokio::test]
async fn log_follows_the_witness_to_its_cosignature() {
    let folder = TempDir::new().unwrap();
    let (router, key, _fresh) = witness(&folder).await;
    let listening = serve(router, None).await;
    let (client, log) = (client(&listening, key.clone()), Log::new(ORIGIN, 1));

    let first = client.add_checkpoint(0, &[], &log.note(5)).await.unwrap();
    let conflict = client.add_checkpoint(0, &[], &log.note(9)).await;
    let next = client
        .add_checkpoint(5, &log.proof(5, 9), &log.note(9))
        .await
        .unwrap();
    let forked = Log::new(ORIGIN, 2);
    let refused = client
        .add_checkpoint(9, &forked.proof(9, 12), &forked.note(12))
        .await;

    assert!(first.time > 0);
    assert!(matches!(conflict, Err(Error::Conflict(5))), "{conflict:?}");
    let cosigned = log.note(9) + &next.line;
    let note = Note::parse(&cosigned).unwrap();
    let newest = key.newest_on(&note).unwrap().unwrap();
    assert_eq!(newest.time, next.time);
    assert!(
        matches!(&refused, Err(Error::Refused(status, why))
            if status.as_u16() == 422 && why.contains("rewritten")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn witness_is_asked_over_tls_under_a_named_authority() {
    tls::install();
    let folder = TempDir::new().unwrap();
    let (router, key, _fresh) = witness(&folder).await;
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, file) = (folder.path().join("tls.pem"), folder.path().join("tls.key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&file, made.signing_key.serialize_pem()).unwrap();
    let identity = Identity::load(&certificate, &file).unwrap();
    let tls = tls::public_server(&identity, &["h2", "http/1.1"]).unwrap();
    let listening = serve(router, Some(tls)).await;
    let address = format!("https://localhost:{}", listening.address.port());
    let roots = tls::roots(&certificate).unwrap();
    let note = Log::new(ORIGIN, 1).note(5);

    let trusting = WitnessClient::new(&address, key.clone(), Some(&roots)).unwrap();
    let trusting = trusting.add_checkpoint(0, &[], &note).await;
    let wary = WitnessClient::new(&address, key, None).unwrap();
    let wary = wary.add_checkpoint(0, &[], &note).await;

    assert!(trusting.is_ok(), "{trusting:?}");
    assert!(matches!(wary, Err(Error::Unreachable(..))), "{wary:?}");
}

#[tokio::test]
async fn answer_that_is_no_cosignature_of_the_key_is_not_believed() {
    let log = Log::new(ORIGIN, 1);
    let stranger = Cosigner::from_seed("witness.example", &[6; 32]).unwrap();
    let real = Cosigner::from_seed("witness.example", &[5; 32]).unwrap();
    let (asked, other) = (log.note(5), log.note(6));
    let cosign =
        |cosigner: &Cosigner, note: &str| cosigner.cosign(&Note::parse(note).unwrap(), 7).unwrap();
    let good = cosign(&real, &asked);
    let answers = [
        String::new(),
        "ok\n".to_owned(),
        cosign(&stranger, &asked),
        cosign(&real, &other),
        good.trim_end().to_owned(),
        format!("{good}\n{good}"),
        format!("text\n\n{good}"),
        "a".repeat(100 * 1024),
    ];

    for answer in answers {
        let listening = liar(StatusCode::OK, &answer).await;
        let said = client(&listening, key())
            .add_checkpoint(0, &[], &asked)
            .await;
        assert!(
            matches!(said, Err(Error::WrongAnswer | Error::Unreachable(..))),
            "{said:?}"
        );
    }
    let several = format!("{}{good}", cosign(&stranger, &asked));
    let listening = liar(StatusCode::OK, &several).await;
    let said = client(&listening, key())
        .add_checkpoint(0, &[], &asked)
        .await;
    assert_eq!(
        said.unwrap(),
        Cosignature {
            line: good,
            time: 7
        }
    );
}

#[tokio::test]
async fn statuses_become_what_the_log_can_do() {
    let note = Log::new(ORIGIN, 1).note(5);
    let said = async |status, answer| {
        let listening = liar(status, answer).await;
        client(&listening, key())
            .add_checkpoint(0, &[], &note)
            .await
    };

    let conflict = said(StatusCode::CONFLICT, "17\n").await;
    let nonsense = said(StatusCode::CONFLICT, "many\n").await;
    let busy = said(StatusCode::TOO_MANY_REQUESTS, "").await;
    let broken = said(StatusCode::BAD_GATEWAY, "<html>").await;
    let unknown = said(StatusCode::NOT_FOUND, "log is\tunknown\nsecond line").await;

    assert!(matches!(conflict, Err(Error::Conflict(17))), "{conflict:?}");
    assert!(matches!(nonsense, Err(Error::WrongAnswer)), "{nonsense:?}");
    assert!(matches!(busy, Err(Error::Unavailable(_))), "{busy:?}");
    assert!(matches!(broken, Err(Error::Unavailable(_))), "{broken:?}");
    assert!(
        matches!(&unknown, Err(Error::Refused(_, why)) if why == "log isunknown"),
        "{unknown:?}"
    );
}

#[tokio::test]
async fn witness_that_is_away_or_silent_costs_five_seconds_at_most() {
    let note = Log::new(ORIGIN, 1).note(5);
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let gone = serve(Router::new(), None).await.address;
    let begun = std::time::Instant::now();

    let silent_said = WitnessClient::new(&address, key(), None).unwrap();
    let silent_said = silent_said.add_checkpoint(0, &[], &note).await;
    let gone_said = WitnessClient::new(&format!("http://{gone}"), key(), None).unwrap();
    let gone_said = gone_said.add_checkpoint(0, &[], &note).await;

    assert!(matches!(silent_said, Err(Error::Unreachable(..))));
    assert!(gone_said.is_err());
    assert!(begun.elapsed() < PATIENCE * 3);
}

#[test]
fn what_is_no_address_is_refused() {
    for address in [
        "",
        "witness.example",
        "ftp://witness.example",
        "https://",
        "http://a/?b=c",
    ] {
        let refused = WitnessClient::new(address, key(), None);

        assert!(matches!(refused, Err(Error::Address)), "{address}");
    }
}
