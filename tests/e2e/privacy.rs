//! Personal data stays in messages and in the offices' own databases, and reaches nothing else.

use prost::Message as _;
use tonic::Status;
use varco::sample::{SEED, popolazione};
use varco_gateway::audit::reading::Reading;
use varco_proto::anagrafe::v1::anagrafe_service_client::AnagrafeServiceClient;
use varco_proto::anagrafe::v1::{Indirizzo, VerifyResidenzaRequest};
use varco_proto::audit::v1::Record;
use varco_proto::documenti::v1::GetImprontaRequest;
use varco_proto::documenti::v1::documenti_service_client::DocumentiServiceClient;
use varco_proto::protocollo::v1::protocollo_service_client::ProtocolloServiceClient;
use varco_runtime::client::Gateway;
use varco_tests::calls::{heading, keyed, registration, send_upload, upload};
use varco_tests::collector::Collector;
use varco_tests::personal::codici_fiscali;
use varco_tests::process::Process;
use varco_tests::traces::Kept;

use crate::PROGRAM;

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_named_in_logs_spans_records_or_refusals() {
    let people = popolazione::popolazione(SEED);
    let (person, _) = popolazione::applicant(&people).unwrap();
    let somebody = Somebody {
        codice_fiscale: person.codice_fiscale.as_str().to_owned(),
        cognome: person.cognome.clone(),
    };
    let collector = Collector::start();
    let mut town = Process::new(PROGRAM)
        .with("VARCO_TELEMETRY__LOG", "debug")
        .with("VARCO_TELEMETRY__OTLP", &collector.address);
    town.start();

    let demo = town.program().run(&["demo"]).await;
    let refusals = bad_input(&town, &somebody).await;
    assert_eq!(town.terminate(), Some(0));

    assert_eq!(demo.code, Some(0), "{}", demo.err);
    somebody.is_not_in(
        "what the demonstration prints",
        &format!("{}{}", demo.out, demo.err),
    );
    for refusal in &refusals {
        somebody.is_not_in("a refusal", &words(refusal));
    }
    let log = std::fs::read_to_string(town.log()).unwrap();
    assert!(log.lines().count() > 100, "the log is not at debug: {log}");
    somebody.is_not_in("the log", &log);
    let spans = collector.spans();
    assert!(spans.len() > 30, "{} spans", spans.len());
    for span in &spans {
        somebody.is_not_in("a span", &format!("{span:?}"));
    }
    let config = varco::configuration::load(&town.data().join("varco.toml")).unwrap();
    let kept = Kept::read(&config).await.spans().await;
    assert!(kept.len() >= spans.len(), "{} kept spans", kept.len());
    for span in &kept {
        somebody.is_not_in("a kept span", &format!("{span:?}"));
    }
    let records = records(&town).await;
    assert!(records.len() > 40, "{} records", records.len());
    for record in &records {
        somebody.is_not_in("a record", record);
    }
}

/// Whom the offices know, and nothing else may name.
struct Somebody {
    codice_fiscale: String,
    cognome: String,
}

impl Somebody {
    fn is_not_in(&self, place: &str, text: &str) {
        let lower = text.to_lowercase();
        for word in [&self.codice_fiscale, &self.cognome] {
            let found = lower.find(&word.to_lowercase());
            assert_eq!(found.map(|at| excerpt(&lower, at)), None, "in {place}");
        }
        assert_eq!(codici_fiscali(text), [""; 0], "in {place}");
        let token = text.find("eyJ").map(|at| excerpt(text, at));
        assert_eq!(token, None, "a token in {place}");
    }
}

/// Requests that are wrong in every office, with personal data in the wrong places.
async fn bad_input(town: &Process, somebody: &Somebody) -> Vec<Status> {
    let (desk, tax_office) = (town.client("sportello"), town.client("tributi"));
    let cf = &somebody.codice_fiscale;
    let mut refusals = Vec::new();
    for codice_fiscale in [
        &cf[..15],
        &format!("{cf}X"),
        &format!("{}0", &cf[..15]),
        &somebody.cognome,
    ] {
        refusals.push(wrong_question(&tax_office, codice_fiscale, somebody).await);
    }
    let channel = desk.purpose("istanze-documenti").unwrap();
    let wanted = GetImprontaRequest {
        documento: Some(format!("documenti/{cf}")),
    };
    let impronta = DocumentiServiceClient::new(channel)
        .get_impronta(wanted)
        .await;
    refusals.push(impronta.unwrap_err());
    let mut wrong = heading(b"istanza");
    wrong.nome = Some(format!("{}/{cf}.pdf", somebody.cognome));
    wrong.dimensione = Some(1);
    wrong.media_type = Some(cf.clone());
    let sent = send_upload(&desk, upload(wrong, b"istanza", 4), cf).await;
    refusals.push(sent.unwrap_err());
    let mut wrong = registration(cf, b"istanza");
    wrong.oggetto = Some(format!("Istanza di {} {cf}", somebody.cognome));
    wrong.classificazione = Some(cf.clone());
    wrong.canale = Some(somebody.cognome.clone());
    let channel = desk.purpose("istanze-protocollo").unwrap();
    let mut protocollo = ProtocolloServiceClient::new(channel);
    refusals.push(
        protocollo
            .register_in_entrata(keyed(wrong, cf))
            .await
            .unwrap_err(),
    );
    refusals
}

async fn wrong_question(tax_office: &Gateway, codice_fiscale: &str, about: &Somebody) -> Status {
    let request = VerifyResidenzaRequest {
        codice_fiscale: Some(codice_fiscale.to_owned()),
        indirizzo: Some(Indirizzo {
            specie: Some(about.codice_fiscale.clone()),
            denominazione: Some(about.cognome.clone()),
            cap: Some(about.codice_fiscale.clone()),
            ..Default::default()
        }),
        data: None,
    };
    let channel = tax_office.purpose("verifica-residenza").unwrap();
    AnagrafeServiceClient::new(channel)
        .verify_residenza(request)
        .await
        .unwrap_err()
}

/// Everything that a refusal says.
fn words(status: &Status) -> String {
    let details = String::from_utf8_lossy(status.details());
    format!("{} {details} {:?}", status.message(), status.metadata())
}

/// Every record, its bytes as text and as it reads.
async fn records(town: &Process) -> Vec<String> {
    let config = varco::configuration::load(&town.data().join("varco.toml")).unwrap();
    let reading = Reading::open(&config, None).await.unwrap();
    let leaves = reading.leaves(0, 10_000).await.unwrap();
    let text = |body: &[u8]| {
        format!(
            "{} {:?}",
            String::from_utf8_lossy(body),
            Record::decode(body).unwrap()
        )
    };
    leaves.iter().map(|(_, leaf)| text(leaf)).collect()
}

fn excerpt(text: &str, at: usize) -> String {
    text[at..].chars().take(160).collect()
}
