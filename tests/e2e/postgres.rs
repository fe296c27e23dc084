//! The same town on PostgreSQL: the journey, power cuts, two gateways on one registry and their keys.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tokio::task::JoinSet;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};
use varco_proto::anagrafe::v1::anagrafe_service_client::AnagrafeServiceClient;
use varco_proto::documenti::v1::documenti_service_client::DocumentiServiceClient;
use varco_proto::registry::v1::registry_service_client::RegistryServiceClient;
use varco_proto::registry::v1::{Kind, SuspendEntryRequest, UnsuspendEntryRequest};
use varco_runtime::client::{Gateway, channel};
use varco_runtime::store::testing::{empty_postgres, server};
use varco_tests::assertion::Asker;
use varco_tests::calls::{heading, keyed, question, reason, register, store, upload, verify};
use varco_tests::folder::make_real;
use varco_tests::process::{Process, Running};
use varco_tests::wait::until;

use crate::PROGRAM;

#[tokio::test(flavor = "multi_thread")]
async fn town_on_postgresql_plays_the_journey_and_survives_kill_9() {
    let Some((mut town, protocollo)) = town().await else {
        return;
    };
    town.start();
    let demo = town.program().json(&["demo"]).await;

    let acknowledged = Arc::new(AtomicU64::new(0));
    for kill in 1..=KILLS {
        let mut callers = JoinSet::new();
        for caller in 0..4 {
            let (desk, done) = (town.client("sportello"), Arc::clone(&acknowledged));
            callers.spawn(work(desk, format!("{kill}-{caller}"), done));
        }
        let enough = async || (acknowledged.load(Ordering::Relaxed) >= kill * 7).then_some(());
        until("registrations", enough).await;
        town.kill();
        callers.join_all().await;
        town.start();
    }

    assert_eq!(demo["ok"], true, "{demo:#}");
    let pool = sqlx::PgPool::connect(&protocollo).await.unwrap();
    let rows =
        sqlx::query_as("SELECT numero FROM registrazione ORDER BY aoo, registro, anno, numero");
    let rows: Vec<(i64,)> = rows.fetch_all(&pool).await.unwrap();
    let numbers: Vec<i64> = rows.into_iter().map(|(number,)| number).collect();
    let whole: Vec<i64> = (1..).take(numbers.len()).collect();
    let acknowledged = usize::try_from(acknowledged.load(Ordering::Relaxed)).unwrap();
    // Two are the demonstration's.
    assert!(
        numbers.len() >= acknowledged + 2,
        "{} of {acknowledged}",
        numbers.len()
    );
    assert_eq!(numbers, whole, "a gap or a duplicate");
    let again = town.program().json(&["demo"]).await;
    assert_eq!(again["ok"], true, "{again:#}");
    assert_eq!(town.terminate(), Some(0));
    let verified = town.program().json(&["audit", "verify"]).await;
    assert_eq!(verified["verified"], true);
    let left = town
        .data()
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    assert!(
        left.into_iter()
            .all(|name| !name.to_string_lossy().ends_with(".db"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn suspension_on_one_gateway_stops_calls_on_the_other() {
    let Some((mut town, _)) = town().await else {
        return;
    };
    town.start();
    let tax_office = town.client("tributi");
    let voucher = tax_office
        .voucher("verifica-residenza")
        .await
        .unwrap()
        .token;
    assert_eq!(town.terminate(), Some(0));
    make_real(&town.data());
    let one = serve(&town, "gateway", &[]);
    let office = serve(&town, "anagrafe", &[]);
    let second = second_gateway(&town);
    let two = serve(&town, "gateway", &second);
    let through_one = verify(&tax_office, "verifica-residenza").await;
    let through_two = call_second(&town, &voucher).await;

    let mut delays = Vec::new();
    let mut refused = None;
    for _ in 0..SUSPENSIONS {
        set_suspended(&town, true).await;
        let suspended = Instant::now();
        let mut last = suspended;
        // Calls go on until the first that is refused; the last that was accepted counts.
        refused = loop {
            match call_second(&town, &voucher).await {
                Ok(()) => last = Instant::now(),
                Err(status) => break Some(status),
            }
        };
        delays.push(last - suspended);
        set_suspended(&town, false).await;
        until("the other gateway accepts", async || {
            call_second(&town, &voucher).await.ok()
        })
        .await;
    }
    let refused = refused.unwrap();
    delays.sort();
    let took = delays[delays.len() - 1];
    println!("last accepted call after {SUSPENSIONS} suspensions: worst {took:?}, {delays:?}");

    assert!(
        through_one.is_ok() && through_two.is_ok(),
        "{through_one:?} {through_two:?}"
    );
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::PermissionDenied, "PURPOSE_SUSPENDED".into())
    );
    // The contract says one second; the rest is for a machine under load.
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(
        [one, two, office].map(|role| role.end("TERM")),
        [Some(0); 3]
    );
    let own = town.program().json(&["audit", "verify"]).await;
    let other = second
        .iter()
        .fold(town.program(), |it, (key, value)| it.with(key, value));
    let other = other.json(&["audit", "verify"]).await;
    assert_ne!(own["origin"], other["origin"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_that_cannot_read_the_registry_refuses_until_it_can() {
    let Some((town, _)) = town().await else {
        return;
    };
    let mut town = town.with("VARCO_GATEWAY__LIMITS__SNAPSHOT_SECONDS", "5");
    town.start();
    let tax_office = town.client("tributi");
    let before = verify(&tax_office, "verifica-residenza").await;
    let folder = town.data().join("clients/tributi");
    let asker = Asker::open(&folder, Some(&folder), &town.data().join("ca.pem"));
    let purpose = asker.file.purposes["verifica-residenza"].purpose_id.clone();

    let desk = town.client("sportello");
    let (uploaded, ()) = tokio::join!(endless_upload(&desk), async {
        let begun = async || {
            let search = ["audit", "search", "--client", "sportello"];
            let found = town.program().json(&search).await;
            found.to_string().contains("INTENT").then_some(())
        };
        until("the upload begins", begun).await;
        reach_registry(&town, false).await;
    });
    let refused = until("calls are refused", async || {
        let refused = verify(&tax_office, "verifica-residenza").await.err()?;
        (reason(&refused) == "SNAPSHOT_STALE").then_some(refused)
    });
    let refused = refused.await;
    let issued = until("vouchers are refused for the same", async || {
        let issued = asker.ask(&asker.claims(&purpose)).await;
        (issued.text("reason") == "SNAPSHOT_STALE").then_some(issued)
    });
    let issued = issued.await;
    reach_registry(&town, true).await;
    until("calls are let on again", async || {
        verify(&tax_office, "verifica-residenza").await.ok()
    })
    .await;

    assert!(before.is_ok(), "{before:?}");
    // It was forwarded: nobody may be told that it is safe to send it again.
    assert_eq!(uploaded.code(), Code::Unknown);
    assert_eq!(reason(&uploaded), "OUTCOME_UNKNOWN");
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(issued.status, http::StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(town.terminate(), Some(0));
}

/// How an upload ends whose last message never comes.
async fn endless_upload(desk: &Gateway) -> Status {
    let messages = upload(heading(b"abc"), b"ab", 2);
    let messages = tokio_stream::iter(messages).chain(futures_util::stream::pending());
    let mut client = DocumentiServiceClient::new(desk.purpose("istanze-documenti").unwrap());
    let uploaded = client.upload_documento(keyed(messages, "k1")).await;
    uploaded.unwrap_err()
}

/// Cuts the registry's database off from everybody, or lets them in again.
async fn reach_registry(town: &Process, reachable: bool) {
    let of = |(key, value): &(String, String)| {
        (key == "VARCO_GATEWAY__DATABASE").then(|| value.rsplit('/').next().unwrap().to_owned())
    };
    let name = town.environment().iter().find_map(of).unwrap();
    let pool = sqlx::PgPool::connect(&server().unwrap()).await.unwrap();
    sqlx::query("UPDATE pg_database SET datallowconn = $2 WHERE datname = $1")
        .bind(&name)
        .bind(reachable)
        .execute(&pool)
        .await
        .unwrap();
    sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1")
        .bind(&name)
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_on_one_gateway_is_followed_by_the_other() {
    let Some((mut town, _)) = town().await else {
        return;
    };
    town.start();
    assert_eq!(town.terminate(), Some(0));
    varco_tests::folder::make_real(&town.data());
    let one = serve(&town, "gateway", &[]);
    let office = serve(&town, "anagrafe", &[]);
    let two = serve(&town, "gateway", &second_gateway(&town));
    // The first gateway signs, the other verifies, and the grant is the other's.
    let voucher = async || {
        let tax_office = town.client("tributi");
        let voucher = tax_office.voucher("verifica-residenza").await;
        voucher.unwrap().token
    };
    let old = voucher().await;
    let before = call_second(&town, &old).await;

    let told = town
        .program()
        .json(&["keys", "rotate", "--emergency"])
        .await;
    let rotated = Instant::now();
    let ended = until("the other gateway refuses", async || {
        call_second(&town, &old).await.err()
    });
    let ended = ended.await;
    let took = rotated.elapsed();
    let after = call_second(&town, &voucher().await).await;
    let list = town.program().json(&["keys", "list"]).await;

    assert!(before.is_ok() && after.is_ok(), "{before:?} {after:?}");
    assert_eq!(
        (ended.code(), reason(&ended)),
        (Code::Unauthenticated, "VOUCHER_SIGNATURE".into())
    );
    assert!(took < Duration::from_secs(5), "{took:?}");
    let told = told.as_array().unwrap();
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(
        told.iter().all(|gateway| gateway["done"] == true),
        "{told:?}"
    );
    let active = list.as_array().unwrap().iter();
    let active = active.filter(|key| key["state"] == "ACTIVE");
    assert_eq!(active.count(), 4, "{list:#}");
    // A gateway that does not run has yet to follow, and is named.
    assert_eq!(two.end("KILL"), None);
    let told = town.program().done(&["keys", "rotate"]).await;
    assert!(told.contains("gw2: voucher key has yet to come"), "{told}");
    assert!(told.contains("gw1: voucher key "), "{told}");
    assert_eq!([one, office].map(|role| role.end("TERM")), [Some(0); 2]);
}

/// A town whose databases stand on the server, and the address of its protocol register.
pub async fn town() -> Option<(Process, String)> {
    let Some(server) = server() else {
        eprintln!("skipped: VARCO_TEST_POSTGRES is not set");
        return None;
    };
    let mut town = Process::new(PROGRAM);
    for key in [
        "GATEWAY__DATABASE",
        "GATEWAY__AUDIT_DATABASE",
        "GATEWAY__TRACE_DATABASE",
    ] {
        town = town.with(
            &format!("VARCO_{key}"),
            &empty_postgres(&server).await.unwrap(),
        );
    }
    let protocollo = empty_postgres(&server).await.unwrap();
    town = town.with("VARCO_SERVICES__PROTOCOLLO__DATABASE", &protocollo);
    for office in ["ANAGRAFE", "ALBO", "DOCUMENTI"] {
        let address = empty_postgres(&server).await.unwrap();
        town = town.with(&format!("VARCO_SERVICES__{office}__DATABASE"), &address);
    }
    Some((town, protocollo))
}

/// Stores and registers until the town dies.
async fn work(desk: Gateway, caller: String, acknowledged: Arc<AtomicU64>) {
    for next in 0.. {
        let key = format!("{caller}-{next}");
        let Ok(documento) = store(&desk, key.as_bytes(), &key).await else {
            return;
        };
        let Ok(_) = register(&desk, &documento, key.as_bytes(), &key).await else {
            return;
        };
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
}

/// A role of the town in a process of its own.
pub fn serve(town: &Process, role: &str, environment: &[(String, String)]) -> Running {
    let mut command = Command::new(PROGRAM);
    command
        .args(["serve", role, "--config"])
        .arg(town.data().join("varco.toml"));
    command.envs(town.environment().iter().chain(environment).cloned());
    Running::start(command, &format!("varco {role} is ready"), &town.log())
}

/// Another gateway of the same name and ports, as behind a balancer, on another address.
pub fn second_gateway(town: &Process) -> Vec<(String, String)> {
    let gateway = config(town).gateway;
    let moved = |port: u16| format!("{OTHER}:{port}");
    [
        ("INSTANCE", "gw2".to_owned()),
        ("DATA_PLANE", moved(gateway.data_plane.port())),
        ("TOKEN", moved(gateway.token.port())),
        ("CONTROL", moved(gateway.control.port())),
        ("PROBES", moved(gateway.probes.port())),
    ]
    .map(|(key, value)| (format!("VARCO_GATEWAY__{key}"), value))
    .to_vec()
}

/// A call through the second gateway.
async fn call_second(town: &Process, voucher: &str) -> Result<(), Status> {
    let folder = town.data().join("clients/tributi");
    let read = |file: &str| std::fs::read(folder.join(file)).unwrap();
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(town.read("ca.pem")))
        .identity(Identity::from_pem(read("tls.pem"), read("tls.key")))
        .domain_name("localhost");
    let address = format!("https://{OTHER}:{}", config(town).gateway.data_plane.port());
    let endpoint = Endpoint::from_shared(address)
        .unwrap()
        .tls_config(tls)
        .unwrap();
    let mut request = Request::new(question());
    let bearer = format!("Bearer {voucher}").parse().unwrap();
    request.metadata_mut().insert("authorization", bearer);
    let mut client = AnagrafeServiceClient::new(endpoint.connect_lazy());
    client.verify_residenza(request).await.map(drop)
}

/// Suspends or lifts the purpose on the first gateway; it has answered when this returns.
async fn set_suspended(town: &Process, suspended: bool) {
    let folder = town.data().join("clients/amministratore");
    let ca = town.data().join("ca.pem");
    let channel = channel(&config(town).control_address(), &folder, &ca).unwrap();
    let mut registry = RegistryServiceClient::new(channel);
    let (kind, entry) = (Kind::Purpose.into(), PURPOSE.to_owned());
    if suspended {
        let request = SuspendEntryRequest {
            kind,
            entry,
            ..Default::default()
        };
        registry.suspend_entry(request).await.unwrap();
    } else {
        let request = UnsuspendEntryRequest {
            kind,
            entry,
            ..Default::default()
        };
        registry.unsuspend_entry(request).await.unwrap();
    }
}

/// The configuration of the town.
pub fn config(town: &Process) -> varco_runtime::config::Config {
    varco::configuration::load(&town.data().join("varco.toml")).unwrap()
}

const KILLS: u64 = 3;
const PURPOSE: &str = "tributi/verifica-residenza";
const SUSPENSIONS: usize = 20;
/// Another address of this machine.
pub const OTHER: &str = "127.0.0.2";
