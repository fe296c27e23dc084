//! A gateway is replaced by another process while everybody calls: no call fails, and streams end only
//! in a way that can be followed.

use std::collections::BTreeSet;
use std::env;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpStream;
use tokio::task::{JoinSet, block_in_place};
use tonic::Code;
use uuid::Uuid;
use varco_proto::audit::v1::RecordKind;
use varco_proto::registry::v1::Document;
use varco_runtime::client::{Authorized, Gateway};
use varco_tests::calls::reason;
use varco_tests::eco::Eco;
use varco_tests::eco::v1::eco_service_client::EcoServiceClient;
use varco_tests::eco::v1::{EchoRequest, FollowRequest, WaitRequest};
use varco_tests::foreign::{ForeignCall, Kind, Python};
use varco_tests::handed::HandedOver;
use varco_tests::records;
use varco_tests::wait::until;

use crate::PROGRAM;

mod reload;

/// Upgrades of an ordinary run; `just soak-upgrades` asks for more.
const UPGRADES: u64 = 8;
/// Clients with a connection each that call, and that follow a stream.
const CALLERS: usize = 3;
const FOLLOWERS: usize = 4;
/// Calls that each caller makes between two upgrades, at least.
const BETWEEN: u64 = 10;
/// What so many calls a second and a day need.
const LIMITS: &str = "[gateway.limits]\ncalls_per_second = 100000\n";

/// What happened to those who called.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    /// Answers, and streams that brought their first message.
    answered: AtomicU64,
    followed: AtomicU64,
    /// Streams that ended because the gateway drained.
    drained: AtomicU64,
    acknowledged: Mutex<BTreeSet<Uuid>>,
    failed: Mutex<Vec<String>>,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_fails_while_the_gateway_is_replaced_again_and_again() {
    let eco = Eco::start();
    let town = HandedOver::new(PROGRAM, LIMITS).await;
    let mut running = block_in_place(|| town.start());
    town.apply(document(&eco), "tributi", "prova").await;
    let load = Arc::new(Load::default());
    let (mut callers, mut followers) = (JoinSet::new(), JoinSet::new());
    for _ in 0..CALLERS {
        let (client, load) = (town.client("tributi"), Arc::clone(&load));
        callers.spawn(async move { load.call(client).await });
    }
    for _ in 0..FOLLOWERS {
        let (client, load) = (town.client("tributi"), Arc::clone(&load));
        followers.spawn(async move { load.follow(client).await });
    }
    let foreign = Python::start();
    if let Some(python) = foreign {
        let (client, load) = (town.client("tributi"), Arc::clone(&load));
        let call = foreign_call(&town);
        callers.spawn(async move { load.call_with_grpcio(python, client, call).await });
    }
    load.go_on().await;
    assert_eq!(town.told(), ["READY=1"]);

    let upgrades = upgrades();
    for _ in 0..upgrades {
        assert_eq!(block_in_place(|| running.end("TERM")), Some(0));
        running = block_in_place(|| town.start());
        load.go_on().await;
        assert_eq!(town.told(), ["STOPPING=1", "READY=1"]);
    }
    load.stop.store(true, Ordering::Relaxed);
    callers.join_all().await;
    assert_eq!(block_in_place(|| running.end("TERM")), Some(0));
    followers.join_all().await;

    let failed = load.failed.lock().unwrap().clone();
    let answered = load.answered.load(Ordering::Relaxed);
    let drained = load.drained.load(Ordering::Relaxed);
    eprintln!("{upgrades} upgrades, {answered} calls answered, {drained} streams told");
    assert_eq!(failed, Vec::<String>::new(), "of {answered} calls");
    assert!(drained >= upgrades, "{drained} streams were told");
    every_answer_is_recorded(&town, &load).await;
    let log = std::fs::read_to_string(town.log()).unwrap();
    assert!(!log.contains("ERROR"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_gateway_says_so_at_once_and_ends_with_the_last_call() {
    let eco = Eco::start();
    let town = HandedOver::new(PROGRAM, LIMITS).await;
    let running = block_in_place(|| town.start());
    town.apply(document(&eco), "tributi", "prova").await;
    let client = town.client("tributi");
    let mut held = EcoServiceClient::new(client.purpose("prova").unwrap());
    let mut calls = JoinSet::new();
    calls.spawn(async move { held.wait(WaitRequest {}).await.map(drop) });
    eco.open(1).await;
    assert_eq!(ready(&town).await, "200");

    let mut ended = JoinSet::new();
    ended.spawn_blocking(move || running.end("TERM"));
    until("a gateway that is not ready", async || {
        (ready(&town).await == "503").then_some(())
    })
    .await;
    // It drains, and comes on a connection that nobody takes yet.
    let mut next = EcoServiceClient::new(town.client("tributi").purpose("prova").unwrap());
    calls.spawn(async move { next.echo(EchoRequest::default()).await.map(drop) });
    eco.release();
    let ended = ended.join_next().await.unwrap().unwrap();
    let successor = block_in_place(|| town.start());

    assert_eq!(ended, Some(0));
    assert_eq!(ready(&town).await, "200");
    for outcome in calls.join_all().await {
        outcome.unwrap();
    }
    assert_eq!(block_in_place(|| successor.end("TERM")), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn socket_that_the_configuration_does_not_name_is_refused() {
    let town = HandedOver::new(PROGRAM, "").await;
    let probes = town.config().gateway.probes;
    let text = std::fs::read_to_string(town.file()).unwrap();
    let text = text.replace(&probes.to_string(), "127.0.0.1:1");
    std::fs::write(town.file(), text).unwrap();

    let refused = block_in_place(|| town.refused());

    assert!(refused.contains(&probes.to_string()), "{refused}");
    assert!(refused.contains("ListenStream="), "{refused}");
}

impl Load {
    /// Calls again and again.
    async fn call(&self, client: Gateway) {
        let mut eco = eco(&client);
        while !self.stop.load(Ordering::Relaxed) {
            match eco.echo(EchoRequest::default()).await {
                Ok(answer) => {
                    let id = answer.metadata().get("varco-audit-id");
                    self.acknowledge(id.and_then(|id| id.to_str().ok()));
                }
                Err(status) => self.fail(format!("call: {status:?}")),
            }
        }
    }

    /// Follows a stream that never ends, and opens it again whenever the gateway drains.
    async fn follow(&self, client: Gateway) {
        let mut eco = eco(&client);
        while !self.stop.load(Ordering::Relaxed) {
            let request = FollowRequest {
                messages: 1,
                characters: 1,
            };
            let ended = match eco.follow(request).await {
                Ok(answer) => {
                    let mut messages = answer.into_inner();
                    loop {
                        match messages.message().await {
                            Ok(Some(_)) => drop(self.followed.fetch_add(1, Ordering::Relaxed)),
                            Ok(None) => break None,
                            Err(status) => break Some(status),
                        }
                    }
                }
                Err(status) => Some(status),
            };
            match ended {
                Some(status)
                    if status.code() == Code::Unavailable && reason(&status) == "DRAINING" =>
                {
                    self.drained.fetch_add(1, Ordering::Relaxed);
                }
                ended => self.fail(format!("stream: {ended:?}")),
            }
        }
    }

    /// Calls again and again with a client that nobody here wrote.
    async fn call_with_grpcio(&self, mut python: Python, client: Gateway, call: ForeignCall) {
        while !self.stop.load(Ordering::Relaxed) {
            let voucher = match client.voucher("prova").await {
                Ok(voucher) => voucher,
                Err(error) => {
                    self.fail(format!("voucher: {error}"));
                    continue;
                }
            };
            let bearer = format!("Bearer {}", voucher.token);
            let outcome = python
                .call(&call.clone().with("authorization", &bearer))
                .await;
            if outcome.code == Code::Ok {
                self.acknowledge(outcome.metadatum("varco-audit-id"));
            } else {
                self.fail(format!("grpcio: {outcome:?}"));
            }
        }
    }

    fn acknowledge(&self, id: Option<&str>) {
        let id = id.and_then(|id| id.parse().ok());
        let mut acknowledged = self
            .acknowledged
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match id {
            Some(id) => drop(acknowledged.insert(id)),
            None => self.fail("an answer without an audit id".to_owned()),
        }
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    fn fail(&self, what: String) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        // What fails at once would fail for ever.
        if failed.len() < 20 {
            failed.push(what);
        } else {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    /// Waits until everybody has got on.
    async fn go_on(&self) {
        let counts = || {
            let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
            (load(&self.answered), load(&self.followed))
        };
        let (answered, followed) = counts();
        let callers = u64::try_from(CALLERS).unwrap();
        let followers = u64::try_from(FOLLOWERS).unwrap();
        until("calls and streams", async || {
            let now = counts();
            let stopped = self.stop.load(Ordering::Relaxed);
            let got_on = now.0 >= answered + callers * BETWEEN && now.1 >= followed + followers;
            (stopped || got_on).then_some(())
        })
        .await;
    }
}

fn eco(client: &Gateway) -> EcoServiceClient<Authorized> {
    EcoServiceClient::new(client.purpose("prova").unwrap())
}

/// The register of accesses is whole, and holds the end of every call that was answered.
async fn every_answer_is_recorded(town: &HandedOver, load: &Load) {
    varco_gateway::audit::verify::verify(town.config(), None)
        .await
        .unwrap();
    let mut left = load.acknowledged.lock().unwrap().clone();
    for record in records::all(town.config()).await {
        if record.kind() == RecordKind::Outcome && record.outcome == "OK" {
            left.remove(&Uuid::from_slice(&record.audit_id).unwrap());
        }
    }
    assert_eq!(left, BTreeSet::new(), "answers without a record");
}

/// The status of the readiness probe, as it stands in its first line.
async fn ready(town: &HandedOver) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = TcpStream::connect(town.config().gateway.probes)
        .await
        .unwrap();
    let request = b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut told = String::new();
    stream.read_to_string(&mut told).await.unwrap();
    told.split(' ').nth(1).unwrap_or_default().to_owned()
}

/// What registers the foreign service, with calls enough.
fn document(eco: &Eco) -> Document {
    let mut document = eco.document("read");
    for purpose in &mut document.purposes {
        purpose.daily_calls = 10_000_000;
    }
    for descriptor in document
        .eservices
        .iter_mut()
        .flat_map(|it| &mut it.descriptors)
    {
        if let Some(daily) = &mut descriptor.daily_calls {
            (daily.per_consumer, daily.total) = (10_000_000, 10_000_000);
        }
    }
    document
}

fn foreign_call(town: &HandedOver) -> ForeignCall {
    let address = town.config().gateway_address();
    ForeignCall {
        target: address.strip_prefix("https://").unwrap().to_owned(),
        ca: town.ca(),
        folder: Some(town.client_folder("tributi")),
        method: "eco.v1.EcoService/Echo".to_owned(),
        kind: Kind::Unary,
        metadata: Vec::new(),
        messages: vec![bytes::Bytes::new()],
        timeout: Some(varco_tests::PATIENCE * 4),
        keep_open: false,
    }
}

/// How often the gateway is replaced.
#[expect(
    clippy::disallowed_methods,
    reason = "who soaks says for how long, and a test has no other argument"
)]
fn upgrades() -> u64 {
    let asked = env::var_os("VARCO_TEST_UPGRADES").map(|it| it.into_string().unwrap());
    asked.map_or(UPGRADES, |upgrades| upgrades.parse().unwrap())
}
