//! Metrics: as many as the register has records, of nobody by name, and never more because of a stranger.

use std::collections::BTreeMap;

use bytes::Bytes;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use uuid::Uuid;
use varco_proto::audit::v1::{Record, RecordKind};
use varco_runtime::telemetry::span;
use varco_tests::calls::{keyed, register, store, verify};
use varco_tests::comune::Comune;
use varco_tests::eco::Eco;
use varco_tests::eco::v1::eco_service_client::EcoServiceClient;
use varco_tests::eco::v1::{ConverseRequest, RefuseRequest};
use varco_tests::metrics::Scrape;
use varco_tests::personal::codici_fiscali;
use varco_tests::records;
use varco_tests::wait::until;

use crate::streams::channel;

mod files;

const VERIFY: &str = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza";
const CONVERSE: &str = "eco.v1.EcoService/Converse";

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_those_of_the_register_and_name_nobody() {
    let comune = Comune::start().await;
    let eco = Eco::start();
    comune.apply(eco.document("write")).await;

    let open = make_calls(&comune, &eco).await;

    let page = scrape(&comune).await;
    assert_told(&page, &records::all(comune.config()).await);
    let took = page.one("varco_call_duration_seconds_count", &[("method", VERIFY)]);
    assert!((took - 3.0).abs() < 0.1, "{took} of three were allowed");
    let streams = [("method", CONVERSE), ("kind", "stream")];
    let ended = page.one("varco_call_duration_seconds_count", &streams);
    assert!((ended - 1.0).abs() < 0.1, "{ended} streams");
    assert!((open - 1.0).abs() < 0.1, "{open} streams were open");
    assert_eq!(codici_fiscali(&page.text), [""; 0]);
    for hidden in ["eyJ", "RSSMRA", "Inesistente", "tributi"] {
        assert!(!page.text.contains(hidden), "{hidden}: {}", page.text);
    }
    // The gateway leaves records of its own at any time; those of the run that made the sample are older.
    until("as many records as this run made durable", async || {
        let page = scrape(&comune).await;
        let all = page.one("varco_register_records_total", &[]);
        let records = records::all(comune.config()).await;
        let run = &records.last()?.boot_id;
        let records = records.iter().filter(|it| it.boot_id == *run).count();
        let records = f64::from(u32::try_from(records).unwrap());
        ((all - records).abs() < 0.1).then_some(())
    })
    .await;
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stranger_makes_no_series() {
    let comune = Comune::start().await;
    let mut tributi = comune.wire("tributi").await;

    for n in 0..40 {
        let path = format!("stranger.v{n}.RSSMRA80A01H501U/Method%22{n}");
        let authorization = format!("Bearer a{n}.b.c");
        let headers = [("authorization", authorization.as_str())];
        let refused = tributi.send(&path, &headers, Bytes::new()).await.unwrap();
        assert_ne!(refused.status().code(), Code::Ok);
    }

    let page = scrape(&comune).await;
    let sums = page.sums("varco_calls_total", ["method", "purpose"]);
    let [(labels, count)] = sums.iter().collect::<Vec<_>>()[..] else {
        panic!("{sums:?}");
    };
    assert_eq!(labels, &["unknown".to_owned(), "none".to_owned()]);
    assert!((count - 40.0).abs() < 0.1, "{count}");
    assert_eq!(page.all("varco_call_duration_seconds_count").len(), 0);
    assert!(!page.text.contains("stranger"), "{}", page.text);
    assert_eq!(codici_fiscali(&page.text), [""; 0]);
    comune.stop().await;
}

/// Calls that end in many ways, and requests for vouchers; gives the streams that were told to be
/// open while one was.
async fn make_calls(comune: &Comune, eco: &Eco) -> f64 {
    let tributi = comune.client("tributi");
    for _ in 0..3 {
        verify(&tributi, "verifica-residenza").await.unwrap();
    }
    let refused = verify(&tributi, "accertamento-famiglia").await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let mut bare = EcoServiceClient::new(tributi.bare());
    let refused = bare.refuse(RefuseRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let desk = comune.client("sportello");
    let documento = store(&desk, b"prova", "k1").await.unwrap();
    register(&desk, &documento, b"prova", "k2").await.unwrap();
    let asker = comune.asker("tributi");
    let claims = asker.claims(&Uuid::from_u128(9).to_string());
    let answer = asker.ask(&claims).await;
    assert!(!answer.status.is_success(), "{answer:?}");

    let mut client = EcoServiceClient::new(channel(comune, "tributi", "tributi/prova").await);
    let request = keyed(RefuseRequest::default(), "k3");
    assert_eq!(
        client.refuse(request).await.unwrap_err().code(),
        Code::Aborted
    );
    let (say, said) = tokio::sync::mpsc::channel(1);
    let mut answers = client
        .converse(ReceiverStream::new(said))
        .await
        .unwrap()
        .into_inner();
    let text = |text: &str| ConverseRequest {
        text: text.to_owned(),
    };
    say.send(text("uno")).await.unwrap();
    answers.message().await.unwrap().unwrap();
    let page = scrape(comune).await;
    let upstream = format!("http://{}", eco.address());
    let ready = [("upstream", upstream.as_str()), ("state", "ready")];
    assert!(page.one("varco_upstream_replicas", &ready) > 0.0);
    assert!(page.one("varco_upstream_calls_open", &ready[..1]) > 0.0);
    assert!(page.one("varco_calls_open", &[]) > 0.0);
    say.send(text("basta")).await.unwrap();
    assert_eq!(answers.message().await.unwrap_err().code(), Code::Aborted);
    page.one("varco_streams_open", &[])
}

/// The page says of calls and vouchers what the register says: nothing is lost, and nothing counts
/// twice.
fn assert_told(page: &Scrape, records: &[Record]) {
    let calls: Vec<&Record> = records
        .iter()
        .filter(|it| matches!(it.kind(), RecordKind::Outcome | RecordKind::Deny))
        .collect();
    let labels = calls.iter().map(|it| {
        let code = span::name(Code::from_i32(it.grpc_status.try_into().unwrap()));
        let purpose = Some(&it.purpose_id).filter(|id| !id.is_empty());
        let purpose = purpose.cloned().unwrap_or_else(|| "none".to_owned());
        [it.method.clone(), code.to_owned(), purpose]
    });
    let told = page.sums("varco_calls_total", ["method", "code", "purpose"]);
    assert_eq!(told, counts(labels));
    let refused = calls.iter().filter(|it| !it.deny_reason.is_empty());
    let told = page.sums("varco_refusals_total", ["reason"]);
    assert_eq!(told, counts(refused.map(|it| [it.deny_reason.clone()])));
    let of = |kind: RecordKind| records.iter().filter(move |it| it.kind() == kind);
    let refused = of(RecordKind::VoucherRefused).map(|it| [it.deny_reason.clone()]);
    let told = page.sums("varco_voucher_refusals_total", ["reason"]);
    assert_eq!(told, counts(refused));
    assert_eq!(told.len(), 1, "{told:?}");
    let issued = page.sums("varco_vouchers_issued_total", []);
    assert_eq!(issued, counts(of(RecordKind::VoucherIssued).map(|_| [])));
}

fn counts<const N: usize>(seen: impl Iterator<Item = [String; N]>) -> BTreeMap<[String; N], f64> {
    let mut counts = BTreeMap::new();
    for labels in seen {
        *counts.entry(labels).or_default() += 1.0;
    }
    counts
}

async fn scrape(comune: &Comune) -> Scrape {
    Scrape::of(comune.config().gateway.probes, "text/plain").await
}
