//! kill -9 at random points: what was acknowledged is there, numbers have no gap, the log verifies,
//! and register and services do not differ.

use std::collections::BTreeMap;
use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinSet;
use uuid::Uuid;
use varco_gateway::audit::index;
use varco_gateway::audit::reading::{self, Reading};
use varco_proto::anagrafe::v1::anagrafe_service_client::AnagrafeServiceClient;
use varco_proto::documenti::v1::GetImprontaRequest;
use varco_proto::documenti::v1::documenti_service_client::DocumentiServiceClient;
use varco_runtime::client::{Authorized, Gateway};
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;
use varco_runtime::store::Db;
use varco_tests::calls::{audit_index, question, reason, register, sha256, store};
use varco_tests::process::Process;
use varco_tests::wait::until;

use crate::PROGRAM;

/// Kills of an ordinary run; `just soak-kills` asks for more.
const KILLS: u64 = 100;
/// Records that are read at once.
const PAGE: u32 = 10_000;
/// Callers that ask, and callers that store and register.
const READERS: usize = 58;
const WRITERS: usize = 6;

/// What the town acknowledged.
#[derive(Default)]
struct Acknowledged {
    /// Documents, by the SHA-256 of their content.
    documents: Vec<(String, Vec<u8>)>,
    /// Keys of registrations, with their number and their index in the register of accesses.
    numbers: BTreeMap<String, (u64, u64)>,
    /// What was answered to those who asked, by its index in the register of accesses: the id of
    /// the call, and how it ended.
    reads: BTreeMap<u64, (Uuid, &'static str)>,
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_by_kill_9() {
    let mut town = Process::new(PROGRAM);
    let acknowledged = Arc::new(Mutex::new(Acknowledged::default()));
    let next = Arc::new(AtomicU64::new(0));
    let mut chance = Chance(0x5eed);

    for _ in 0..kills() {
        town.start();
        let mut callers = JoinSet::new();
        let (desk, tax_office) = (desk(&town), town.client("tributi"));
        for _ in 0..WRITERS {
            callers.spawn(work(
                desk.clone(),
                Arc::clone(&next),
                Arc::clone(&acknowledged),
            ));
        }
        for _ in 0..READERS {
            let channel = tax_office.purpose("verifica-residenza").unwrap();
            callers.spawn(ask(channel, Arc::clone(&acknowledged)));
        }
        // A point of the work, so that a slow machine gets there too, and a moment after it.
        let numbers = async || acknowledged.lock().await.numbers.len();
        let enough = numbers().await + usize::try_from(chance.below(3)).unwrap();
        let reached = async || (numbers().await >= enough).then_some(());
        until("acknowledged registrations", reached).await;
        tokio::time::sleep(Duration::from_millis(chance.below(60))).await;
        town.kill();
        callers.shutdown().await;
    }

    town.start();
    let acknowledged = acknowledged.lock().await;
    let (registrations, reads) = (acknowledged.numbers.len(), acknowledged.reads.len());
    eprintln!("{registrations} registrations and {reads} reads were acknowledged");
    assert!(registrations > 30 && reads > 30);
    documents_are_there(&town, &acknowledged).await;
    numbers_are_whole(&town, &acknowledged).await;
    replays_give_the_same_number(&town, &acknowledged).await;
    nothing_differs(&town, &acknowledged).await;
    assert_eq!(town.terminate(), Some(0));
    reads_are_recorded(&town, &acknowledged).await;
    log_verifies(&town, &acknowledged).await;
}

/// How often the town is killed.
#[expect(
    clippy::disallowed_methods,
    reason = "who soaks says for how long, and a test has no other argument"
)]
fn kills() -> u64 {
    let asked = env::var_os("VARCO_TEST_KILLS").map(|it| it.into_string().unwrap());
    asked.map_or(KILLS, |kills| kills.parse().unwrap())
}

/// Asks until the process dies.
async fn ask(channel: Authorized, acknowledged: Arc<Mutex<Acknowledged>>) {
    let mut client = AnagrafeServiceClient::new(channel);
    loop {
        let answer = client.verify_residenza(question()).await;
        let (metadata, outcome) = match &answer {
            Ok(answer) => (answer.metadata(), "OK"),
            // It broke off behind its receipt, which stands in the status of this client.
            Err(broken) if reason(broken).is_empty() => (broken.metadata(), "OK"),
            Err(refused) => (refused.metadata(), "REFUSED"),
        };
        let Some(index) = audit_index(metadata) else {
            return;
        };
        let id = metadata.get("varco-audit-id").unwrap().to_str().unwrap();
        let ended = (id.parse().unwrap(), outcome);
        acknowledged.lock().await.reads.insert(index, ended);
        if answer.is_err() {
            // In a long run the calls of the day are used up; the others are to get on.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Stores and registers until the process dies.
async fn work(desk: Gateway, next: Arc<AtomicU64>, acknowledged: Arc<Mutex<Acknowledged>>) {
    loop {
        let key = format!("k{}", next.fetch_add(1, Ordering::Relaxed));
        let content = format!("istanza {key}").into_bytes();
        let Ok(documento) = store(&desk, &content, &key).await else {
            return;
        };
        acknowledged
            .lock()
            .await
            .documents
            .push((documento.clone(), content.clone()));
        let Ok(answer) = register(&desk, &documento, &content, &key).await else {
            return;
        };
        let index = audit_index(answer.metadata()).unwrap();
        let made = answer
            .into_inner()
            .registrazione
            .unwrap()
            .identificatore
            .unwrap();
        acknowledged
            .lock()
            .await
            .numbers
            .insert(key, (made.numero.unwrap(), index));
    }
}

async fn documents_are_there(town: &Process, acknowledged: &Acknowledged) {
    let desk = desk(town);
    let channel = desk.purpose("istanze-documenti").unwrap();
    for (documento, content) in &acknowledged.documents {
        let asked = GetImprontaRequest {
            documento: Some(documento.clone()),
        };
        let answer = DocumentiServiceClient::new(channel.clone())
            .get_impronta(asked)
            .await;
        assert_eq!(
            answer.unwrap().into_inner().sha256,
            Some(sha256(content)),
            "{documento}"
        );
    }
}

async fn numbers_are_whole(town: &Process, acknowledged: &Acknowledged) {
    let db = Db::open_to_read(&town.data().join("protocollo.db"))
        .await
        .unwrap();
    let mut tx = db.read().await.unwrap();
    let rows: Vec<(i64,)> = varco_runtime::on!(&mut tx, |db| sqlx::query_as(
        "SELECT numero FROM registrazione ORDER BY aoo, registro, anno, numero"
    )
    .fetch_all(db)
    .await)
    .unwrap();
    let numbers: Vec<u64> = rows.into_iter().map(|(n,)| n.cast_unsigned()).collect();

    let whole: Vec<u64> = (1..).take(numbers.len()).collect();
    assert_eq!(numbers, whole, "a gap or a duplicate");
    for (key, (number, _)) in &acknowledged.numbers {
        assert!(numbers.contains(number), "{key}: number {number} was lost");
    }
}

async fn replays_give_the_same_number(town: &Process, acknowledged: &Acknowledged) {
    let desk = desk(town);
    for (key, (number, _)) in acknowledged.numbers.iter().take(10) {
        let content = format!("istanza {key}").into_bytes();
        let documento = acknowledged
            .documents
            .iter()
            .find(|(_, held)| *held == content)
            .unwrap();
        let again = register(&desk, &documento.0, &content, key)
            .await
            .unwrap()
            .into_inner();
        let again = again.registrazione.unwrap().identificatore.unwrap();
        assert_eq!(again.numero, Some(*number), "{key}");
    }
}

/// What the register says was done is what the services did, the calls of unknown outcome too.
async fn nothing_differs(town: &Process, acknowledged: &Acknowledged) {
    let told = town.program().json(&["audit", "reconcile"]).await;

    assert_eq!(told["differences"], 0, "{told:#}");
    let eservices = told["eservices"].as_array().unwrap();
    let compared = eservices.iter().all(|it| it["comparability"] == "compared");
    assert!(compared, "{told:#}");
    let calls = eservices.iter().filter_map(|it| it["calls"].as_u64());
    let writes = acknowledged.documents.len() + acknowledged.numbers.len();
    assert!(
        calls.sum::<u64>() >= u64::try_from(writes).unwrap(),
        "{told:#}"
    );
}

/// Every answer has the record of its own call where its receipt says.
async fn reads_are_recorded(town: &Process, acknowledged: &Acknowledged) {
    let config = config(town);
    let db = reading::open_db(&config).await.unwrap();
    let log = reading::log(&db, &config, None).await.unwrap();
    let index = index::open_to_read(&config).await.unwrap();
    let reading = Reading::of(db, index, log).await.unwrap();
    let mut left = acknowledged.reads.clone();
    let mut from = 0;
    while !left.is_empty() {
        let page = reading.records(from, PAGE).await.unwrap();
        from = page.last().unwrap().0 + 1;
        for (index, record) in page {
            let Some((id, outcome)) = left.remove(&index) else {
                continue;
            };
            assert_eq!(record.audit_id, id.as_bytes().as_slice(), "index {index}");
            assert_eq!(record.outcome, outcome, "index {index}");
        }
    }
}

async fn log_verifies(town: &Process, acknowledged: &Acknowledged) {
    let config = config(town);
    let report = varco_gateway::audit::verify::verify(&config, None)
        .await
        .unwrap();

    let indices: Vec<u64> = acknowledged
        .numbers
        .values()
        .map(|(_, index)| *index)
        .collect();
    assert!(
        indices.iter().all(|index| *index < report.size),
        "a record was lost"
    );
    // Each acknowledged answer has its own record.
    let mut unique = indices.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), indices.len());
}

fn desk(town: &Process) -> Gateway {
    let folder = town.data().join("clients/sportello");
    Gateway::open(&folder, &town.data().join("ca.pem"), &Clock::system()).unwrap()
}

fn config(town: &Process) -> Config {
    varco::configuration::load(&town.data().join("varco.toml")).unwrap()
}

/// A small generator: the points of the kills are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
