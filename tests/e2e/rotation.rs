//! Signing keys change while the town works: nothing is lost, and what must end ends.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::JwkSet;
use serde_json::Value;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request};
use varco_gateway::keys::files::Files;
use varco_proto::registry::v1::Kind;
use varco_runtime::clock::Clock;
use varco_runtime::jose::{self, PublicKey};
use varco_runtime::secret::Vault;
use varco_tests::assertion::Asker;
use varco_tests::calls::{question, reason, verify};
use varco_tests::comune::Comune;
use varco_tests::eco::Eco;
use varco_tests::eco::v1::ConverseRequest;
use varco_tests::eco::v1::eco_service_client::EcoServiceClient;
use varco_tests::process::Process;
use varco_tests::wait::until;

use crate::PROGRAM;

const PURPOSE: &str = "verifica-residenza";
const VERIFY: &str = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza";
/// How long a key is published before it signs, in seconds.
const CACHE: i64 = 300;

/// Calls that go on while keys change.
#[derive(Default)]
struct Load {
    calls: AtomicU64,
    stop: AtomicBool,
}

impl Load {
    /// Calls again and again, with a new voucher now and then; gives what went wrong.
    async fn run(&self, comune: &Comune) -> Vec<String> {
        let purpose = comune.purpose_id("tributi", PURPOSE);
        let mut wire = comune.wire("tributi").await;
        let mut voucher = comune.voucher("tributi", &purpose).await;
        let mut since = comune.clock().unix();
        let mut failed = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            if comune.clock().unix() - since > 100 {
                voucher = comune.voucher("tributi", &purpose).await;
                since = comune.clock().unix();
            }
            let status = wire.call(VERIFY, &voucher, &question()).await;
            if status.code() != Code::Ok {
                failed.push(format!("{status:?}"));
            }
            self.calls.fetch_add(1, Ordering::Relaxed);
        }
        failed
    }

    /// Waits until some calls more have been made.
    async fn goes_on(&self) {
        let enough = self.calls.load(Ordering::Relaxed) + 2;
        until("calls go on", async || {
            (self.calls.load(Ordering::Relaxed) >= enough).then_some(())
        })
        .await;
    }
}

/// Lets time pass in steps that no call in flight minds.
async fn pass(seconds: i64, comune: &Comune, load: &Load) {
    let end = comune.clock().unix() + seconds;
    while comune.clock().unix() < end {
        let step = (end - comune.clock().unix()).min(20);
        let now = comune.clock().now();
        comune
            .clock()
            .set(now + Duration::from_secs(step.unsigned_abs()));
        load.goes_on().await;
    }
}

fn kid(token: &str) -> String {
    jose::header(token).unwrap().kid.unwrap()
}

/// Names of the keys of a role in some state, as `varco keys list` tells.
fn listed(list: &Value, role: &str, state: &str) -> Vec<String> {
    let keys = list.as_array().unwrap().iter();
    keys.filter(|key| key["role"] == role && key["state"] == state)
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

async fn published(asker: &Asker) -> BTreeSet<String> {
    let set: JwkSet = serde_json::from_value(asker.page("/.well-known/jwks.json").await).unwrap();
    set.keys
        .into_iter()
        .map(|key| key.common.key_id.unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_under_load_loses_no_call_and_an_emergency_ends_what_was_signed() {
    let comune = Comune::start_with(Clock::fixed(Clock::system().now()), |_| {}).await;
    let load = Load::default();

    let rotated = async {
        rotation(&comune, &load).await;
        load.stop.store(true, Ordering::Relaxed);
    };
    let (failed, ()) = tokio::join!(load.run(&comune), rotated);
    assert_eq!(failed, Vec::<String>::new());
    assert!(load.calls.load(Ordering::Relaxed) > 100);
    emergency(&comune).await;

    comune.stop().await;
}

async fn rotation(comune: &Comune, load: &Load) {
    let program = comune.program(PROGRAM);
    let asker = comune.asker("tributi");
    let purpose = comune.purpose_id("tributi", PURPOSE);
    let before = published(&asker).await;
    load.goes_on().await;

    let told = program.json(&["keys", "rotate"]).await;
    let next = published(&asker).await;
    // Asked again meanwhile, there is nothing more to do.
    let again = program.json(&["keys", "rotate"]).await;
    assert_eq!(told, again);
    assert_eq!(told.as_array().unwrap().len(), 2, "{told}");
    assert_eq!((before.len(), next.len()), (2, 4));
    assert!(before.is_subset(&next));

    pass(CACHE - 2, comune, load).await;
    let old = comune.voucher("tributi", &purpose).await;
    assert!(
        before.contains(&kid(&old)),
        "a key signs before caches know it"
    );
    pass(4, comune, load).await;
    let fresh = until("the next key signs", async || {
        let voucher = comune.voucher("tributi", &purpose).await;
        (!before.contains(&kid(&voucher))).then_some(voucher)
    });
    assert!(next.contains(&kid(&fresh.await)));
    load.goes_on().await;

    let mut wire = comune.wire("tributi").await;
    let status = wire.call(VERIFY, &old, &question()).await;
    assert_eq!(status.code(), Code::Ok, "{status:?}");
    let list = until("the old keys are retired", async || {
        let list = program.json(&["keys", "list"]).await;
        (listed(&list, "grant", "RETIRED").len() == 1).then_some(list)
    });
    let list = list.await;
    assert_eq!(listed(&list, "voucher", "RETIRED"), [kid(&old)]);
    assert_eq!(listed(&list, "voucher", "ACTIVE").len(), 1);
    assert_eq!(published(&asker).await, next);

    // What the old keys signed has ended by itself, and so do they.
    pass(2 * CACHE + 10, comune, load).await;
    until("the old keys are removed", async || {
        let left = published(&asker).await;
        (left.len() == 2 && left.is_disjoint(&before)).then_some(())
    })
    .await;
}

async fn emergency(comune: &Comune) {
    let asker = comune.asker("tributi");
    let purpose = comune.purpose_id("tributi", PURPOSE);
    let mut wire = comune.wire("tributi").await;
    let old = comune.voucher("tributi", &purpose).await;
    let good = wire.call(VERIFY, &old, &question()).await;
    let before = published(&asker).await;

    let program = comune.program(PROGRAM);
    let told = program.done(&["keys", "rotate", "--emergency"]).await;

    let ended = wire.call(VERIFY, &old, &question()).await;
    let fresh = comune.voucher("tributi", &purpose).await;
    let works = wire.call(VERIFY, &fresh, &question()).await;
    assert_eq!(good.code(), Code::Ok, "{good:?}");
    comune
        .assert_refused(&ended, Code::Unauthenticated, "VOUCHER_SIGNATURE")
        .await;
    assert_eq!(works.code(), Code::Ok, "{works:?}");
    assert!(told.contains(&kid(&fresh)), "{told}");
    let after = published(&asker).await;
    assert_eq!((after.len(), after.is_disjoint(&before)), (2, true));
    let list = program.json(&["keys", "list"]).await;
    assert!(listed(&list, "voucher", "REMOVED").contains(&kid(&old)));
    let refused = program
        .refused(&["keys", "rotate", "--as", "auditor"])
        .await;
    assert!(refused.contains("ROLE_MISSING"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn open_stream_ends_within_a_second_of_its_key() {
    let comune = Comune::start().await;
    let eco = Eco::start();
    comune.apply(eco.document("read")).await;
    let purpose = comune.id(Kind::Purpose, "tributi/prova").await;
    let voucher = comune.voucher("tributi", &purpose).await;
    let (say, said) = tokio::sync::mpsc::channel(1);
    let mut request = Request::new(ReceiverStream::new(said));
    let bearer = format!("Bearer {voucher}").parse().unwrap();
    request.metadata_mut().insert("authorization", bearer);
    let mut client = EcoServiceClient::new(comune.client("tributi").bare());
    let mut open = client.converse(request).await.unwrap().into_inner();
    let text = "eco".to_owned();
    say.send(ConverseRequest { text }).await.unwrap();
    open.message().await.unwrap().unwrap();

    // The stream does not mind the keys of grants: its own was verified when it began.
    let rotate = ["keys", "rotate", "--emergency", "--role"];
    let program = comune.program(PROGRAM);
    program.done(&[&rotate[..], &["grant"]].concat()).await;
    let text = "ancora".to_owned();
    say.send(ConverseRequest { text }).await.unwrap();
    open.message().await.unwrap().unwrap();
    program.done(&[&rotate[..], &["voucher"]].concat()).await;
    let rotated = Instant::now();
    let ended = open.message().await.unwrap_err();

    comune
        .assert_refused(&ended, Code::Unauthenticated, "VOUCHER_SIGNATURE")
        .await;
    assert!(rotated.elapsed() < Duration::from_secs(5));
    drop(say);
    comune.stop().await;
}

/// A client of a town in a process of its own.
fn asker(town: &Process) -> Asker {
    let folder = town.data().join("clients/tributi");
    Asker::open(&folder, Some(&folder), &town.data().join("ca.pem"))
}

/// A voucher whose signature verifies by the published key that it names, with its algorithm.
async fn verified_voucher(town: &Process) -> (String, String) {
    let asker = asker(town);
    let purposes = &asker.file.purposes;
    let answer = asker
        .ask(&asker.claims(&purposes[PURPOSE].purpose_id))
        .await;
    let voucher = answer.voucher();
    let header = jose::header(&voucher).unwrap();
    let page = format!("/keys/{}", header.kid.unwrap());
    let key = serde_json::from_value(asker.page(&page).await).unwrap();
    let key = PublicKey::from_jwk(&key).unwrap();
    key.verify::<Value>(&voucher).unwrap();
    (voucher, header.alg)
}

#[tokio::test(flavor = "multi_thread")]
async fn town_signs_with_the_algorithm_of_its_configuration() {
    let configured = "VARCO_GATEWAY__SIGNING_ALGORITHM";
    let mut town = Process::new(PROGRAM).with(configured, "RS256");
    town.start();
    let (first, algorithm) = verified_voucher(&town).await;
    verify(&town.client("tributi"), PURPOSE).await.unwrap();
    assert_eq!(town.terminate(), Some(0));

    let mut town = town.with(configured, "EdDSA");
    town.start();
    let (second, unchanged) = verified_voucher(&town).await;
    let list = town.program().json(&["keys", "list"]).await;
    let next = listed(&list, "voucher", "PUBLISHED");
    town.program()
        .done(&["keys", "rotate", "--emergency"])
        .await;
    let (_, after) = verified_voucher(&town).await;
    verify(&town.client("tributi"), PURPOSE).await.unwrap();

    assert_eq!((algorithm.as_str(), unchanged.as_str()), ("RS256", "RS256"));
    assert_eq!(kid(&first), kid(&second), "a restart changed the key");
    assert_eq!(next.len(), 1, "{list:#}");
    assert_eq!(after, "EdDSA");
    assert_eq!(town.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_that_kill_9_cuts_short_leaves_nothing_half_done() {
    let mut town = Process::new(PROGRAM);
    town.start();
    let program = town.program();
    let started = Instant::now();
    program.done(&["keys", "rotate", "--emergency"]).await;
    let whole = started.elapsed();

    let mut cut_short = 0;
    for kill in 1..=KILLS {
        let program = town.program();
        let arguments = if kill % 2 == 0 {
            vec!["keys", "rotate", "--emergency"]
        } else {
            vec!["keys", "rotate"]
        };
        let rotating = program.run(&arguments);
        // From before the request has come until after it should have been answered.
        let dies = tokio::time::sleep(whole * kill / KILLS);
        let ran = tokio::select! {
            ran = rotating => Some(ran),
            () = dies => None,
        };
        cut_short += u32::from(ran.is_none());
        town.kill();
        town.start();

        let list = town.program().json(&["keys", "list"]).await;
        let told = format!("kill {kill}, {ran:?}: {list:#}");
        keys_are_whole(&town, (list, told)).await;
    }
    assert!(cut_short > 0, "every rotation was over before its kill");
    assert_eq!(town.terminate(), Some(0));
}

/// Each role has one key that signs; what is listed is published; each file has its key.
async fn keys_are_whole(town: &Process, (list, told): (Value, String)) {
    let (mut live, mut signing) = (BTreeSet::new(), BTreeSet::new());
    for role in ["voucher", "grant"] {
        assert_eq!(listed(&list, role, "ACTIVE").len(), 1, "{told}");
        for state in ["PUBLISHED", "ACTIVE"] {
            signing.extend(listed(&list, role, state));
        }
        for state in ["PUBLISHED", "ACTIVE", "RETIRED"] {
            live.extend(listed(&list, role, state));
        }
    }
    assert_eq!(published(&asker(town)).await, live, "{told}");
    let files = Files::open(Vault::default(), &town.data().join("keys"), "gw1").unwrap();
    let held: BTreeSet<String> = files.read().unwrap().into_keys().collect();
    assert_eq!(held, signing, "{told}");
    let left = std::fs::read_dir(town.data().join("keys/gw1")).unwrap();
    assert_eq!(left.count(), held.len(), "{told}");
    verified_voucher(town).await;
    verify(&town.client("tributi"), PURPOSE)
        .await
        .unwrap_or_else(|status| panic!("{}: {told}", reason(&status)));
}

const KILLS: u32 = 12;
