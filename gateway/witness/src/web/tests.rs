//! What a witness says over HTTP.

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use tempfile::TempDir;
use tower::ServiceExt as _;
use varco_runtime::store::testing::{Fresh, each_db};

use super::*;
use crate::MIGRATIONS;
use crate::testing::{Log, ORIGIN, open, time_of};

/// A witness behind its pages, on SQLite.
struct Served {
    witness: Arc<Witness>,
    router: Router,
    _tasks: Tasks,
    fresh: Fresh,
    _folder: TempDir,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    kind: String,
    body: String,
}

async fn served(per_second: u32) -> Served {
    let fresh = each_db(MIGRATIONS).await.unwrap().remove(0);
    let folder = TempDir::new().unwrap();
    let witness = Arc::new(open(folder.path(), &fresh.db).await.unwrap());
    let tasks = Tasks::default();
    Served {
        router: router(Arc::clone(&witness), per_second, &tasks),
        witness,
        _tasks: tasks,
        fresh,
        _folder: folder,
    }
}

impl Served {
    async fn ask(&self, method: &str, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = request.body(body.into()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let kind = response.headers().get(CONTENT_TYPE);
        let kind = kind.map_or("", |kind| kind.to_str().unwrap()).to_owned();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer { status, kind, body }
    }

    async fn add(&self, body: impl Into<Body>) -> Answer {
        self.ask("POST", "/add-checkpoint", body).await
    }
}

fn honest() -> Log {
    Log::new(ORIGIN, 1)
}

#[tokio::test]
async fn cosignature_comes_as_plain_lines() {
    let served = served(100).await;
    let log = honest();

    let answer = served.add(log.request(0, 5)).await;

    assert_eq!(answer.status, 200);
    assert_eq!(answer.kind, "text/plain; charset=utf-8");
    assert!(time_of(&answer.body, &log, 5, &served.witness).is_some());
}

#[tokio::test]
async fn conflict_tells_the_size_in_its_own_type() {
    let served = served(100).await;
    served.add(honest().request(0, 5)).await;

    let answer = served.add(honest().request(0, 9)).await;

    assert_eq!((answer.status, answer.body.as_str()), (409, "5\n"));
    assert_eq!(answer.kind, "text/x.tlog.size");
}

#[tokio::test]
async fn refusals_have_the_statuses_of_the_specification() {
    let served = served(100).await;
    let (log, other) = (honest(), Log::new(ORIGIN, 2));
    served.add(log.request(0, 5)).await;
    let cases = [
        ("hello".to_owned(), 400),
        (log.request(7, 5), 400),
        (log.request(5, 9).replace("\n9\n", "\n8\n"), 403),
        (log.request(5, 9).replace("c_z999", "c_z998"), 404),
        (other.request(5, 9), 422),
        (other.request(5, 5), 422),
    ];

    for (body, status) in cases {
        let answer = served.add(body.clone()).await;

        assert_eq!(answer.status, status, "{body}");
        assert!(answer.body.ends_with('\n') && answer.body.len() > 20);
    }
}

#[tokio::test]
async fn hostile_bodies_are_bounded() {
    let served = served(100).await;

    let large = served.add(vec![b'a'; MAX_BODY + 1]).await;
    let bytes = served.add(vec![0xff; 100]).await;
    let nothing = served.add(Body::empty()).await;

    assert_eq!(
        (large.status, bytes.status, nothing.status),
        (413, 400, 400)
    );
}

#[tokio::test]
async fn only_what_exists_is_answered() {
    let served = served(100).await;
    let mut statuses = Vec::new();

    for (method, path) in [
        ("GET", "/add-checkpoint"),
        ("PUT", "/add-checkpoint"),
        ("POST", "/"),
        ("GET", "/zz/checkpoint"),
        ("POST", "/sign-subtree"),
    ] {
        statuses.push(served.ask(method, path, Body::empty()).await.status);
    }

    assert_eq!(statuses, [405, 405, 404, 404, 404]);
}

#[tokio::test]
async fn monitor_reads_the_last_checkpoint_of_a_log() {
    let served = served(100).await;
    let log = honest();
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, ORIGIN.as_bytes());
    let hash = hex::encode(hash);
    let path = format!("/{hash}/checkpoint");
    let before = served.ask("GET", &path, Body::empty()).await;
    let stranger = "— stranger.example AAAAAAA=\n";
    let line = served.add(log.request(0, 5) + stranger).await.body;

    let after = served.ask("GET", &path, Body::empty()).await;
    let capital = format!("/{}/checkpoint", hash.to_uppercase());
    let capital = served.ask("GET", &capital, Body::empty()).await;

    assert_eq!((before.status, capital.status), (404, 404));
    assert_eq!((after.status, after.body), (200, log.note(5) + &line));
}

#[tokio::test]
async fn verifier_key_is_told() {
    let served = served(100).await;

    let answer = served.ask("GET", "/vkey", Body::empty()).await;

    assert_eq!(answer.body, format!("{}\n", served.witness.vkey()));
}

#[tokio::test]
async fn peer_that_asks_too_often_is_told_to_wait() {
    let served = served(2).await;
    let mut statuses = Vec::new();

    for _ in 0..3 {
        statuses.push(served.ask("GET", "/vkey", Body::empty()).await.status);
    }

    assert_eq!(statuses, [200, 200, 429]);
}

#[tokio::test]
async fn state_that_cannot_be_written_gives_no_cosignature() {
    let served = served(100).await;
    served.fresh.db.close().await;

    let answer = served.add(honest().request(0, 5)).await;

    assert_eq!(answer.status, 503);
    assert!(!answer.body.contains('—'));
}
