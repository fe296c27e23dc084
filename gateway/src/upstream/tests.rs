//! What services that misbehave do to the ways to them.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use futures_util::FutureExt as _;
use h2::Reason;
use http::{Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use varco_runtime::clock::Clock;
use varco_runtime::pki::Ca;
use varco_runtime::tls::authority::Authority;
use varco_runtime::tls::{self, ClientCertificate, Clients};

use super::pool::Unreachable;
use super::testing::Town;

/// The settings with which a server begins, without any.
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

/// Reads what a client of HTTP/2 begins with.
async fn read_preface(stream: &mut TcpStream) {
    stream.read_exact(&mut [0; 24]).await.unwrap();
}

#[tokio::test]
async fn service_that_only_takes_connections_is_unreachable() {
    let town = Town::new();
    let balancer = town.service(async |_| ()).await;
    let http1 = town.service(|mut stream| async move {
        read_preface(&mut stream).await;
        let answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let http1 = http1.await;

    for address in [balancer, http1] {
        let place = town.pool(address).place().await;
        assert_eq!(place.err(), Some(Unreachable));
    }
}

#[tokio::test]
async fn service_that_refuses_the_gateways_certificate_is_unreachable() {
    let town = Town::new();
    let now = Clock::system().now();
    let (other, _) = Ca::generate("Altro Comune", now).unwrap();
    let clients = Clients {
        certificate: ClientCertificate::Required,
        authority: Authority::fixed(tls::roots_from_pem(other.pem(), "ca").unwrap()),
        listed: tls::listed::Listed::default(),
    };
    let server = tls::server(&town.identity, clients, &["h2"]).unwrap();
    let address = town.service(move |stream| {
        let acceptor = server.acceptor();
        async move {
            assert!(acceptor.accept(stream).await.is_err());
        }
    });
    let address = address.await;

    let place = town.pool_of(&format!("https://{address}")).place().await;

    assert_eq!(place.err(), Some(Unreachable));
}

/// Ways that are opened and end at once rest as those that cannot be opened.
#[tokio::test]
async fn service_that_hangs_up_is_tried_again_after_growing_rests() {
    let town = Town::new();
    let (told, mut connections) = mpsc::unbounded_channel();
    let address = town.service(move |mut stream| {
        let told = told.clone();
        async move {
            let _ = told.send(Instant::now());
            read_preface(&mut stream).await;
            stream.write_all(&SETTINGS).await.unwrap();
        }
    });
    let _pool = town.pool(address.await);

    let first = connections.recv().await.unwrap();
    let mut last = first;
    // Two at a time at most, with rests of at least 40 and 80 milliseconds between.
    for _ in 1..5 {
        last = connections.recv().await.unwrap();
    }

    let took = last - first;
    assert!(took >= Duration::from_millis(120), "{took:?}");
}

fn request() -> Request<Body> {
    Request::post("/eco.v1.EcoService/Wait")
        .body(Body::empty())
        .unwrap()
}

/// A service that takes so many calls at once on each connection, tells of each and answers none.
async fn full(town: &Town, most: u32) -> (SocketAddr, mpsc::UnboundedReceiver<()>) {
    let (told, taken) = mpsc::unbounded_channel();
    let address = town.service(move |stream| {
        let told = told.clone();
        async move {
            let mut server = h2::server::Builder::new();
            let server = server.max_concurrent_streams(most).handshake(stream);
            let mut server = server.await.unwrap();
            let mut open: Vec<(_, h2::server::SendResponse<bytes::Bytes>)> = Vec::new();
            while let Some(Ok(call)) = server.accept().await {
                let _ = told.send(());
                open.push(call);
            }
        }
    });
    (address.await, taken)
}

#[tokio::test]
async fn calls_beyond_what_a_connection_takes_go_over_others() {
    let town = Town::new();
    let (address, mut taken) = full(&town, 10).await;
    let pool = town.pool(address);

    let mut open = Vec::new();
    for _ in 0..40 {
        let place = pool.place().await.unwrap();
        open.push((place.send(request()).unwrap(), place));
    }

    for reached in 0..40 {
        let taken = tokio::time::timeout(Duration::from_secs(5), taken.recv());
        assert!(taken.await.is_ok(), "only {reached} calls reached it");
    }
}

#[tokio::test]
async fn call_waits_for_a_place_where_all_are_taken() {
    let town = Town::new();
    let (address, _taken) = full(&town, 1).await;
    let pool = town.pool(address);
    let mut places = Vec::new();
    for _ in 0..8 {
        places.push(pool.place().await.unwrap());
    }
    let mut ninth = pin!(pool.place());
    assert!(ninth.as_mut().now_or_never().is_none());
    assert!(pool.is_serving());

    places.pop();

    assert!(ninth.await.is_ok());
}

/// Settings of so many calls at once.
fn settings(most: u8) -> [u8; 15] {
    [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, most]
}

#[tokio::test]
async fn service_that_takes_no_calls_yet_is_sent_one_when_it_does() {
    let town = Town::new();
    let (ready, (told, mut taken)) = (Arc::new(Notify::new()), mpsc::unbounded_channel());
    let waits = Arc::clone(&ready);
    let address = town.service(move |mut stream| {
        let (waits, told) = (Arc::clone(&waits), told.clone());
        async move {
            read_preface(&mut stream).await;
            stream.write_all(&settings(0)).await.unwrap();
            waits.notified().await;
            stream.write_all(&settings(1)).await.unwrap();
            let mut head = [0; 9];
            while stream.read_exact(&mut head).await.is_ok() {
                let _ = told.send(head[3]);
                let rest = u16::from_be_bytes([head[1], head[2]]);
                let _ = stream.read_exact(&mut vec![0; rest.into()]).await;
            }
        }
    });
    let pool = town.pool(address.await);

    let place = pool.place().await.unwrap();
    let _answer = place.send(request()).unwrap();
    ready.notify_waiters();

    // What begins a call are its headers.
    while taken.recv().await.unwrap() != 1 {}
}

/// A service that refuses calls on its first connection as `refuses` says by their number, and
/// answers all others.
async fn refusing(town: &Town, refuses: fn(usize) -> bool, connections: usize) -> SocketAddr {
    let mut number = 0;
    let taken = AtomicUsize::new(0);
    let service = town.service(move |stream| {
        let nth = taken.fetch_add(1, Ordering::Relaxed);
        async move {
            if nth >= connections {
                std::future::pending::<()>().await;
            }
            let mut server = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((_, mut call))) = server.accept().await {
                if nth == 0 && refuses(number) {
                    call.send_reset(Reason::REFUSED_STREAM);
                } else {
                    let _ = call.send_response(Response::new(()), true);
                }
                number += 1;
            }
        }
    });
    service.await
}

#[tokio::test]
async fn connection_on_which_one_call_was_refused_takes_the_next() {
    let town = Town::new();
    let address = refusing(&town, |number| number == 0, 1).await;
    let pool = town.pool(address);

    let refused = pool.place().await.unwrap().send(request()).unwrap().await;
    assert!(refused.unwrap_err().unprocessed);

    let place = pool.place().await.unwrap();
    assert!(place.send(request()).unwrap().await.is_ok());
}

#[tokio::test]
async fn call_that_was_refused_goes_over_another_connection() {
    let town = Town::new();
    let address = refusing(&town, |_| true, 2).await;
    let pool = town.pool(address);
    // Busier with each refused call, the first leaves one to the second.
    let mut refused = Vec::new();
    loop {
        let place = pool.place().await.unwrap();
        if place.send(request()).unwrap().await.is_ok() {
            break;
        }
        refused.push(place);
    }
    refused.clear();

    for _ in 0..3 {
        let place = pool.place().await.unwrap();
        assert!(place.send(request()).unwrap().await.is_ok());
    }
}
