//! How many vouchers a core issues, and how long one takes.
//!
//! A town in a process of its own issues through HTTPS, with the assertion verified (ES256) and the
//! record durable before the answer. Assertions are signed before the clock runs. What counts is
//! the CPU time of the server for each voucher: this machine's cores are shared with the callers.
//! Latencies under a fixed rate start when a request was due, not when it could be sent, so that a
//! slow answer counts against those that waited behind it. Run it in release, on a machine that
//! does nothing else: `cargo bench -p varco-tests --bench issuance`.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its figures and fails by panicking"
)]

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use varco_runtime::tasks::Tasks;
use varco_runtime::tls::{self, Identity};
use varco_tests::assertion::Asker;
use varco_tests::process::Process;

const PROGRAM: &str = env!("CARGO_BIN_EXE_varco-under-test");
const CLIENT: &str = "tributi";
const PURPOSE: &str = "verifica-residenza";
/// Connections of the closed loops.
const CLOSED: [usize; 4] = [1, 8, 32, 128];
const CLOSED_FOR: Duration = Duration::from_secs(4);
/// More vouchers a second than any connection count has reached, for the number of assertions.
const MOST_A_SECOND: usize = 12_000;
const RATE: u32 = 500;
const OPEN_CONNECTIONS: u32 = 32;
const OPEN_FOR: u32 = 20;

#[tokio::main]
async fn main() {
    let mut town = Process::new(PROGRAM)
        .with("VARCO_GATEWAY__LIMITS__TOKENS_PER_SECOND", "1000000")
        .with("VARCO_TELEMETRY__LOG", "warn");
    town.start();
    let office = Office::of(&town);
    println!(
        "{:>18} {:>9} {:>12} {:>13} {:>9} {:>9}",
        "load", "issued/s", "CPU us each", "per s a core", "p50 ms", "p99 ms"
    );
    closed(&office, &town, 8, Duration::from_secs(1)).await;

    for connections in CLOSED {
        closed(&office, &town, connections, CLOSED_FOR)
            .await
            .say(&format!("{connections} connections"));
    }
    open(&office, &town).await.say(&format!("{RATE}/s, due"));

    println!("bounds: 2500 a second a core (stretch 5000); p99 15 ms at {RATE}/s");
    let syncs = syncs(&town.data());
    println!(
        "fdatasync of 600 bytes here: p50 {:.2} ms, p99 {:.2} ms",
        at(&syncs, 50),
        at(&syncs, 99)
    );
    assert_eq!(town.terminate(), Some(0));
}

/// The system of an office, and how it reaches the token endpoint.
struct Office {
    asker: Asker,
    purpose: String,
    tls: TlsConnector,
    address: String,
    path: String,
    tasks: Tasks,
}

/// What a load came to.
struct Load {
    /// Latencies in milliseconds, ordered.
    latencies: Vec<f64>,
    seconds: f64,
    /// CPU seconds of the server.
    cpu: f64,
}

impl Office {
    fn of(town: &Process) -> Self {
        let folder = town.data().join("clients").join(CLIENT);
        let ca = town.data().join("ca.pem");
        let identity = Identity::load(&folder.join("tls.pem"), &folder.join("tls.key")).unwrap();
        let roots = tls::roots(&ca).unwrap();
        let connector = tls::client(Some(&identity), &roots, &[]).unwrap();
        let asker = Asker::open(&folder, Some(&folder), &ca);
        let url = asker.file.token_url.strip_prefix("https://").unwrap();
        let (address, path) = url.split_once('/').unwrap();
        Self {
            purpose: asker.file.purposes.get(PURPOSE).unwrap().purpose_id.clone(),
            tls: TlsConnector::from(Arc::new(connector)),
            address: address.to_owned(),
            path: format!("/{path}"),
            tasks: Tasks::default(),
            asker,
        }
    }

    /// Requests that are good for two minutes, each once.
    fn requests(&self, count: usize) -> Vec<Request<Full<Bytes>>> {
        let request = |_| {
            let claims = self.asker.claims(&self.purpose);
            let form = self.asker.form(&self.asker.sign(&claims));
            Request::post(&self.path)
                .header("host", &self.address)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(Full::new(Bytes::from(form)))
                .unwrap()
        };
        (0..count).map(request).collect()
    }

    /// A connection that stays open.
    async fn connect(&self) -> SendRequest<Full<Bytes>> {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = self.tls.connect(name, stream).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        self.tasks
            .spawn_until_stop(async move { drop(connection.await) });
        sender
    }
}

/// Each connection asks again as soon as it is answered.
async fn closed(office: &Office, town: &Process, connections: usize, lasts: Duration) -> Load {
    let seconds = usize::try_from(lasts.as_secs()).unwrap();
    let each = (MOST_A_SECOND * seconds)
        .div_ceil(connections)
        .min(3_000 * seconds);
    let mut callers = Vec::new();
    for _ in 0..connections {
        callers.push((office.connect().await, office.requests(each)));
    }
    let (cpu, begun) = (cpu_seconds(town.id()), Instant::now());
    let mut running = JoinSet::new();
    for (mut sender, requests) in callers {
        running.spawn(async move {
            let mut latencies = Vec::new();
            for request in requests {
                if begun.elapsed() >= lasts {
                    break;
                }
                let asked = Instant::now();
                issue(&mut sender, request).await;
                latencies.push(milliseconds(asked.elapsed()));
            }
            latencies
        });
    }
    let latencies = running.join_all().await.concat();
    Load::new(latencies, begun.elapsed(), cpu_seconds(town.id()) - cpu)
}

/// Requests are due at a fixed rate, whether the ones before are answered or not.
async fn open(office: &Office, town: &Process) -> Load {
    let each = usize::try_from(RATE * OPEN_FOR / OPEN_CONNECTIONS).unwrap();
    let mut callers = Vec::new();
    for _ in 0..OPEN_CONNECTIONS {
        callers.push((office.connect().await, office.requests(each)));
    }
    let (cpu, begun) = (cpu_seconds(town.id()), Instant::now());
    let mut running = JoinSet::new();
    for (place, (mut sender, requests)) in (0_u32..).zip(callers) {
        running.spawn(async move {
            let mut latencies = Vec::new();
            for (turn, request) in (0_u32..).zip(requests) {
                let number = turn * OPEN_CONNECTIONS + place;
                let due = begun + Duration::from_secs(1) * number / RATE;
                tokio::time::sleep_until(due.into()).await;
                issue(&mut sender, request).await;
                latencies.push(milliseconds(due.elapsed()));
            }
            latencies
        });
    }
    let latencies = running.join_all().await.concat();
    Load::new(latencies, begun.elapsed(), cpu_seconds(town.id()) - cpu)
}

/// Asks for one voucher and reads the whole answer.
async fn issue(sender: &mut SendRequest<Full<Bytes>>, request: Request<Full<Bytes>>) {
    sender.ready().await.unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
}

impl Load {
    fn new(mut latencies: Vec<f64>, lasted: Duration, cpu: f64) -> Self {
        latencies.sort_by(f64::total_cmp);
        Self {
            latencies,
            seconds: lasted.as_secs_f64(),
            cpu,
        }
    }

    fn say(&self, what: &str) {
        let issued = f64::from(u32::try_from(self.latencies.len()).unwrap());
        println!(
            "{what:>18} {:9.0} {:12.0} {:13.0} {:9.2} {:9.2}",
            issued / self.seconds,
            self.cpu / issued * 1e6,
            issued / self.cpu,
            at(&self.latencies, 50),
            at(&self.latencies, 99),
        );
    }
}

/// CPU time that a process has used, all its threads together (proc(5): utime and stime).
fn cpu_seconds(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name, in brackets, may hold anything; the state follows it.
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks: u32 = fields
        .split(' ')
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u32>().unwrap())
        .sum();
    f64::from(ticks) / TICKS
}

/// How long the disk takes to keep what a record needs, in milliseconds, ordered.
fn syncs(folder: &Path) -> Vec<f64> {
    let mut file = std::fs::File::create(folder.join("sync")).unwrap();
    let mut sync = || {
        let begun = Instant::now();
        file.write_all(&[7; 600]).unwrap();
        file.sync_data().unwrap();
        milliseconds(begun.elapsed())
    };
    let mut times: Vec<f64> = (0..300).map(|_| sync()).collect();
    times.sort_by(f64::total_cmp);
    times
}

/// A percentile of ordered values.
fn at(ordered: &[f64], percent: usize) -> f64 {
    let place = (ordered.len() * percent / 100).min(ordered.len().saturating_sub(1));
    ordered.get(place).copied().unwrap_or(f64::NAN)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Ticks of a second in /proc: 100 on every Linux that this runs on (`getconf CLK_TCK`).
const TICKS: f64 = 100.0;
