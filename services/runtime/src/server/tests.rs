//! What a listener does with peers that ask too much, over real sockets.

use axum::Router;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::problem::reason;

/// A listener that serves until it is dropped.
struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    served: JoinSet<()>,
}

impl Running {
    async fn start(limits: Limits) -> Self {
        let address = (std::net::Ipv4Addr::LOCALHOST, 0).into();
        let listener = Listener::bind(address, None).await.unwrap();
        let address = listener.address().unwrap();
        let router = Router::new()
            .route("/", get(async || "ciao"))
            .route("/body", post(async |_: String| "letto"))
            .route("/unread", post(async || "rifiutato"));
        let (mut served, stop) = (JoinSet::new(), CancellationToken::new());
        served.spawn(serve(listener, router, limits, stop.clone()));
        Self {
            address,
            stop,
            served,
        }
    }

    /// A connection that the listener has taken, and on which nothing was said yet.
    async fn silent(&self) -> TcpStream {
        let silent = TcpStream::connect(self.address).await.unwrap();
        // They are taken in turn: this one comes after it.
        assert!(self.told(PAGE).await.starts_with("HTTP/1.1 200"));
        silent
    }

    /// Sends some bytes and reads all that comes until the listener closes.
    async fn told(&self, sent: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        read_all(stream).await
    }
}

async fn read_all(mut stream: TcpStream) -> String {
    let mut told = Vec::new();
    // A connection that is closed with bytes unread is reset: what came before counts.
    let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut told))
        .await
        .expect("the listener closes the connection");
    String::from_utf8_lossy(&told).into_owned()
}

const SOON: Duration = Duration::from_millis(50);
const PAGE: &str = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn silent_peers_are_let_go() {
    for limits in [Limits::GRPC, Limits::HTTP] {
        let running = Running::start(Limits {
            greeting: SOON,
            ..limits
        })
        .await;

        for greeting in ["", "P", "PRI * HTTP/2.0"] {
            let told = running.told(greeting).await;

            assert!(!told.contains("HTTP/1.1 200"), "{told}");
        }
    }
}

#[tokio::test]
async fn connections_of_a_peer_beyond_its_share_are_closed() {
    let running = Running::start(Limits {
        per_peer: 1,
        ..Limits::HTTP
    })
    .await;
    let mut held = TcpStream::connect(running.address).await.unwrap();
    held.write_all(PAGE.replace("close", "keep-alive").as_bytes())
        .await
        .unwrap();
    held.read_u8().await.unwrap();

    let refused = running.told("").await;

    assert_eq!(refused, "");
}

#[tokio::test]
async fn grpc_ports_speak_no_older_http() {
    let grpc = Running::start(Limits::GRPC).await;
    let http = Running::start(Limits::HTTP).await;

    assert!(!grpc.told(PAGE).await.contains("HTTP/1.1"));
    assert!(http.told(PAGE).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn request_without_a_place_is_told_when_to_come_back() {
    let running = Running::start(Limits {
        requests: 0,
        ..Limits::HTTP
    })
    .await;

    let told = running.told(PAGE).await;

    assert!(told.starts_with("HTTP/1.1 503"), "{told}");
    assert!(told.contains("retry-after: 1\r\n"), "{told}");
}

#[test]
fn call_without_a_place_is_told_in_grpc() {
    let request = Request::builder().header("content-type", "application/grpc+proto");

    let response = overloaded(&request.body(Body::empty()).unwrap());

    let status = tonic::Status::from_header_map(response.headers()).unwrap();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(reason(&status).as_deref(), Some("OVERLOADED"));
}

#[tokio::test]
async fn unfinished_body_does_not_hold_a_place() {
    let running = Running::start(Limits {
        answer: Some(SOON),
        ..Limits::HTTP
    })
    .await;

    let head = "POST /body HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nhalf";
    let told = running.told(head).await;

    assert!(told.starts_with("HTTP/1.1 503"), "{told}");
}

#[tokio::test]
async fn answer_waits_for_a_body_that_is_not_wanted() {
    let running = Running::start(Limits::HTTP).await;
    let body = vec![b'x'; 3 * 1024 * 1024];
    let length = body.len();
    let head = format!(
        "POST /unread HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(running.address).await.unwrap();

    stream.write_all(head.as_bytes()).await.unwrap();
    let early = tokio::time::timeout(SOON, stream.readable()).await;
    stream.write_all(&body).await.unwrap();
    let told = read_all(stream).await;

    assert!(early.is_err(), "a writer would lose what comes now");
    assert!(told.starts_with("HTTP/1.1 200"), "{told}");
    assert!(told.ends_with("rifiutato"), "{told}");
}

#[tokio::test]
async fn body_that_is_not_wanted_is_read_within_bounds() {
    let running = Running::start(Limits::HTTP).await;
    let head = "POST /unread HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999\r\n\r\n";

    let told = running.told(head).await;

    assert!(told.starts_with("HTTP/1.1 200"), "{told}");
}

#[tokio::test]
async fn body_that_waits_to_be_asked_for_is_not_asked_for() {
    let running = Running::start(Limits::HTTP).await;
    let head = "POST /unread HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\
                expect: 100-continue\r\n\r\n";

    let told = running.told(head).await;

    assert!(told.starts_with("HTTP/1.1 200"), "{told}");
}

#[tokio::test]
async fn who_has_just_connected_is_answered_while_the_listener_stops() {
    let running = Running::start(Limits::HTTP).await;
    let mut silent = running.silent().await;

    running.stop.cancel();
    // The listener has closed its socket, so its connections know.
    while TcpStream::connect(running.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    silent.write_all(PAGE.as_bytes()).await.unwrap();
    let told = read_all(silent).await;

    assert!(told.starts_with("HTTP/1.1 200"), "{told}");
}

#[tokio::test]
async fn who_says_nothing_does_not_hold_the_drain() {
    let mut running = Running::start(Limits {
        drain: Duration::from_mins(1),
        ..Limits::HTTP
    })
    .await;
    let _silent = running.silent().await;

    running.stop.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(10), running.served.join_next());

    assert!(ended.await.is_ok());
}
