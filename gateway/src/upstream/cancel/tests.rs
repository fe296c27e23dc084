//! Calls that are given up while their service stands still.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use h2::server::SendResponse;
use http::Request;
use tokio::sync::{Notify, mpsc};
use tokio_stream::wrappers::ReceiverStream;

use super::*;
use crate::forward::outgoing::Outgoing;
use crate::upstream::testing::Town;

/// A service that takes one call, stands still, and goes on when it is told to.
struct Stalling {
    address: SocketAddr,
    stands: Arc<Notify>,
    goes_on: Arc<Notify>,
}

impl Stalling {
    async fn start(town: &Town) -> Self {
        let (stands, goes_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (told, waits) = (Arc::clone(&stands), Arc::clone(&goes_on));
        let taken = Arc::new(AtomicBool::new(false));
        let address = town.service(move |stream| {
            let (told, waits) = (Arc::clone(&told), Arc::clone(&waits));
            let is_second = taken.swap(true, Ordering::Relaxed);
            async move {
                if is_second {
                    // All calls go over the one connection.
                    std::future::pending::<()>().await;
                }
                let mut connection = h2::server::handshake(stream).await.unwrap();
                let (_, first) = connection.accept().await.unwrap().unwrap();
                told.notify_one();
                waits.notified().await;
                let mut first = Some(first);
                while let Some(Ok((_, next))) = connection.accept().await {
                    answer(next);
                    if let Some(first) = first.take() {
                        answer(first);
                    }
                }
            }
        });
        let address = address.await;
        Self {
            address,
            stands,
            goes_on,
        }
    }
}

fn answer(mut call: SendResponse<Bytes>) {
    let _ = call.send_response(Response::new(()), true);
}

fn request() -> Request<Body> {
    Request::post("/eco.v1.EcoService/Echo")
        .body(Body::empty())
        .unwrap()
}

/// Tells when a call has let go of what it held.
struct Told(mpsc::UnboundedSender<()>);

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[tokio::test]
async fn calls_given_up_at_a_service_that_stands_still_end_nobody_elses() {
    let town = Town::new();
    let service = Stalling::start(&town).await;
    let pool = town.pool(service.address);
    let cancels = Cancels::new(town.tasks.clone());
    let place = pool.place().await.unwrap();
    let first = place.send(request()).unwrap();
    service.stands.notified().await;

    // Clients enough for the budget of each not to matter.
    let (told, mut over) = mpsc::unbounded_channel();
    for client in 0..30 {
        let place = pool.place().await.unwrap();
        let answer = place.send(request()).unwrap();
        let mut others = Extensions::new();
        others.insert(Arc::new(Told(told.clone())));
        drop(cancels.watch(
            answer,
            Held {
                place,
                client: Uuid::from_u128(client),
                others: Arc::new(others),
                attempted: None,
                end: Instant::now(),
            },
        ));
    }
    for _ in 0..7 {
        over.recv().await.unwrap();
    }
    let more = over.try_recv().is_ok();
    service.goes_on.notify_one();

    assert!(first.await.is_ok(), "it ended with the connection");
    assert!(!more, "more were reset");
    for _ in 7..30 {
        over.recv().await.unwrap();
    }
}

#[tokio::test]
async fn service_hears_nothing_more_of_a_call_that_runs_on() {
    let town = Town::new();
    let (tell, mut heard) = mpsc::unbounded_channel();
    let tasks = town.tasks.clone();
    let service = town.service(move |stream| {
        let (tell, tasks) = (tell.clone(), tasks.clone());
        async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((request, answer))) = connection.accept().await {
                let tell = tell.clone();
                tasks.spawn_until_stop(async move {
                    let (mut body, _open) = (request.into_body(), answer);
                    while let Some(data) = body.data().await {
                        let _ = tell.send(data.ok());
                    }
                });
            }
        }
    });
    let pool = town.pool(service.await);
    let cancels = Cancels::new(town.tasks.clone());
    let client = Uuid::nil();
    while cancels.budget.check_key(&client).is_ok() {}

    let (says, said) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let outgoing = Outgoing::new(None, Body::from_stream(ReceiverStream::new(said)));
    let request = Request::post("/eco.v1.EcoService/Collect")
        .body(outgoing.next().unwrap())
        .unwrap();
    let place = pool.place().await.unwrap();
    let answer = cancels.watch(
        place.send(request).unwrap(),
        Held {
            place,
            client,
            others: Arc::default(),
            attempted: outgoing.attempted(),
            end: Instant::now() + Duration::from_mins(1),
        },
    );
    says.send(Ok(Bytes::from_static(b"before"))).await.unwrap();
    let before = tokio::select! {
        _ = answer => panic!("it never answers"),
        before = heard.recv() => before,
    };

    // The answer was given up by the select. Nobody listens to the caller any more, and the call goes on.
    let closed = tokio::time::timeout(Duration::from_secs(5), says.closed()).await;
    assert!(closed.is_ok(), "the caller is still listened to");
    assert_eq!(before, Some(Some(Bytes::from_static(b"before"))));
    assert!(heard.try_recv().is_err(), "it ended at the service");
}

#[tokio::test]
async fn large_answer_of_a_call_that_runs_on_is_hardly_read_and_reset_in_its_turn() {
    let town = Town::new();
    let (tell, mut reset) = mpsc::unbounded_channel();
    let tasks = town.tasks.clone();
    let service = town.service(move |stream| {
        let (tell, tasks) = (tell.clone(), tasks.clone());
        async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((_, mut call))) = connection.accept().await {
                let body = call.send_response(Response::new(()), false).unwrap();
                let tell = tell.clone();
                tasks.spawn_until_stop(async move {
                    let _ = tell.send(send_for_ever(body).await);
                });
            }
        }
    });
    let pool = town.pool(service.await);
    let cancels = Cancels::new(town.tasks.clone());
    let client = Uuid::nil();
    let held = Held {
        place: pool.place().await.unwrap(),
        client,
        others: Arc::default(),
        attempted: None,
        end: Instant::now() + Duration::from_mins(1),
    };
    let answer = held.place.send(request()).unwrap();
    let answer = cancels.watch(answer, held).await.unwrap();
    while cancels.budget.check_key(&client).is_ok() {}

    drop(answer);

    // Its client may soon give one up again; read to its end, it would last for half a minute.
    let sent = tokio::time::timeout(Duration::from_secs(3), reset.recv()).await;
    let sent = sent.expect("it is reset").unwrap();
    assert!(sent < 8 << 20, "{sent} bytes");
}

/// Sends pieces as long as the other side takes them; gives how many bytes that was.
async fn send_for_ever(mut body: h2::SendStream<Bytes>) -> usize {
    let mut sent = 0;
    loop {
        body.reserve_capacity(16 * 1024);
        let Some(Ok(room)) = std::future::poll_fn(|cx| body.poll_capacity(cx)).await else {
            return sent;
        };
        if body.send_data(vec![0; room].into(), false).is_err() {
            return sent;
        }
        sent += room;
    }
}
