//! SIGHUP: a running gateway takes up its configuration, or keeps the old one.

use std::process::Command;

use tokio::task::block_in_place;
use varco_proto::anagrafe::v1::anagrafe_service_client::AnagrafeServiceClient;
use varco_proto::audit::v1::RecordKind;
use varco_proto::registry::v1::registry_service_client::RegistryServiceClient;
use varco_proto::registry::v1::{Kind, ListEntriesRequest};
use varco_runtime::client::Gateway;
use varco_runtime::clock::Clock;
use varco_runtime::pki::{Ca, Holder};
use varco_runtime::tls::pair;
use varco_tests::calls::{question, reason};
use varco_tests::handed::HandedOver;
use varco_tests::process::Running;
use varco_tests::records;
use varco_tests::wait::until;

use crate::PROGRAM;

#[tokio::test(flavor = "multi_thread")]
async fn limits_change_without_a_restart_and_a_bad_file_changes_nothing() {
    let town = HandedOver::new(PROGRAM, "").await;
    let running = block_in_place(|| town.start());
    let client = town.client("tributi");
    let good = std::fs::read_to_string(town.file()).unwrap();
    assert_eq!(refusals(&client).await, [""; 3], "the default is enough");

    let strict = format!("{good}\n[gateway.limits]\ncalls_per_second = 1\ndrain_seconds = 9\n");
    hang_up(&town, &running, &strict, "the configuration was read again").await;
    let limited = refusals(&client).await;
    let bad = format!("{good}\n[gateway.limits]\ncalls_per_second = 0\n");
    hang_up(&town, &running, &bad, "the new configuration is refused").await;
    let still_limited = refusals(&client).await;
    hang_up(&town, &running, &good, "the configuration was read again").await;
    until("the old limit", async || {
        (refusals(&client).await == [""; 3]).then_some(())
    })
    .await;
    let told = town.told().into_iter();
    let told = told.filter(|line| !line.starts_with("MONOTONIC_USEC="));
    let told: Vec<String> = told.collect();
    assert_eq!(block_in_place(|| running.end("TERM")), Some(0));

    let reloaded = ["RELOADING=1", "READY=1"];
    assert_eq!(told[0], "READY=1");
    assert_eq!(told[1..], [reloaded; 3].concat());
    for refused in [limited, still_limited] {
        assert!(refused.contains(&"RATE_CLIENT".to_owned()), "{refused:?}");
    }
    let log = std::fs::read_to_string(town.log()).unwrap();
    assert!(log.contains("gateway.limits.drain_seconds"), "{log}");
    assert!(log.contains("calls_per_second must not be zero"), "{log}");
    let records = records::all(town.config()).await.into_iter();
    let changes = records.filter(|it| it.kind() == RecordKind::PolicyChange);
    let details: Vec<String> = changes.map(|it| it.detail).collect();
    let detail = "configuration changed: gateway.limits.calls_per_second";
    assert_eq!(details, [detail; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn authority_that_follows_another_counts_without_a_restart() {
    let town = HandedOver::new(PROGRAM, "").await;
    let running = block_in_place(|| town.start());
    let now = Clock::system().now();
    let (next, _) = Ca::generate("Comune di Esempio, nuova", now).unwrap();
    let holder = Holder::operator(&town.config().trust_domain(), "amministratore");
    let folder = town.client_folder("amministratore");
    let leaf = next.issue(&holder, now).unwrap();
    pair::replace(&folder.join("tls.pem"), &folder.join("tls.key"), &leaf).unwrap();
    let old = std::fs::read_to_string(town.ca()).unwrap();
    assert!(!is_known(&town).await, "nobody knows the new authority");

    std::fs::write(town.ca(), format!("{old}{}", next.pem())).unwrap();

    until("the new authority", async || {
        is_known(&town).await.then_some(())
    })
    .await;
    assert_eq!(block_in_place(|| running.end("TERM")), Some(0));
}

/// Whether the administrator may read the registry.
async fn is_known(town: &HandedOver) -> bool {
    let address = town.config().control_address();
    let folder = town.client_folder("amministratore");
    let channel = varco_runtime::client::channel(&address, &folder, &town.ca()).unwrap();
    let request = ListEntriesRequest {
        kind: Kind::Tenant.into(),
        ..ListEntriesRequest::default()
    };
    let asked = RegistryServiceClient::new(channel)
        .list_entries(request)
        .await;
    asked.is_ok()
}

/// Why each of three calls at once was refused; nothing where it was not for its rate.
async fn refusals(client: &Gateway) -> [String; 3] {
    let call = async || {
        let channel = client.purpose("verifica-residenza").unwrap();
        let answer = AnagrafeServiceClient::new(channel)
            .verify_residenza(question())
            .await;
        // Nobody serves: whoever comes so far was not refused for its rate.
        let why = answer.err().map(|status| reason(&status));
        why.filter(|why| why == "RATE_CLIENT").unwrap_or_default()
    };
    let (one, two, three) = tokio::join!(call(), call(), call());
    [one, two, three]
}

/// Has the gateway read a new configuration, and waits until its log says so once more.
async fn hang_up(town: &HandedOver, running: &Running, text: &str, said: &str) {
    let count = || {
        let log = std::fs::read_to_string(town.log()).unwrap();
        log.matches(said).count()
    };
    let before = count();
    std::fs::write(town.file(), text).unwrap();
    let id = running.id().to_string();
    let done = Command::new("kill").args(["-HUP", &id]).status();
    assert!(done.unwrap().success());
    until(said, async || (count() > before).then_some(())).await;
}
