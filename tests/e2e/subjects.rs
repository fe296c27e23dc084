//! What the register of accesses says of people: whose data, which fields, who asked, and no name.

use std::collections::BTreeSet;

use prost::Message as _;
use serde_json::json;
use varco::sample::{SEED, popolazione};
use varco_gateway::audit::subject::Identifier;
use varco_gateway::keys::ratchet::{Hashes, YearKey};
use varco_gateway::keys::subjects;
use varco_proto::anagrafe::v1::{
    Componente, FamigliaView, GetFamigliaRequest, GetFamigliaResponse,
};
use varco_proto::audit::v1::audit_service_client::AuditServiceClient;
use varco_proto::audit::v1::{Record, RecordKind, RetentionClass, SearchRecordsRequest};
use varco_proto::options::v1::SubjectKind;
use varco_proto::registry::v1::{Document, Kind, Purpose};
use varco_runtime::secret;
use varco_tests::comune::Comune;
use varco_tests::personal::codici_fiscali;
use varco_tests::wire::frame;

const METHOD: &str = "varco.anagrafe.v1.AnagrafeService/GetFamiglia";
const TRACKING: &str = "agid-jwt-trackingevidence";

/// A purpose of the tax office that sees whole families.
fn families() -> Document {
    let classes = ["componenti", "numero", "parentela"].map(|it| format!("famiglia.{it}"));
    let others = ["identificativi", "tecnico"].map(str::to_owned);
    Document {
        purposes: vec![Purpose {
            name: "nuclei".to_owned(),
            consumer: "tributi".to_owned(),
            eservice: "anagrafe".to_owned(),
            legal_basis: "collaudo".to_owned(),
            methods: vec![METHOD.to_owned()],
            data_classes: [&classes[..], &others].concat(),
            daily_calls: 1000,
            clients: vec!["tributi".to_owned()],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// Asks for the family of a person, saying who asks.
async fn ask(comune: &Comune, purpose: &str, person: &str) -> GetFamigliaResponse {
    let purpose = comune.id(Kind::Purpose, purpose).await;
    let asker = comune.asker("tributi");
    let mut evidence = asker.claims(&purpose);
    evidence["aud"] = json!("https://anagrafe.comune.example/v1");
    evidence["userID"] = json!("matricola-4711");
    evidence["userLocation"] = json!("sportello-2");
    let evidence = asker.sign(&evidence);
    let bearer = format!("Bearer {}", comune.voucher("tributi", &purpose).await);
    let request = GetFamigliaRequest {
        codice_fiscale: Some(person.to_owned()),
        view: Some(FamigliaView::WithKinship.into()),
        data: None,
    };
    let headers = [("authorization", bearer.as_str()), (TRACKING, &evidence)];
    let mut wire = comune.wire("tributi").await;
    let answer = wire.send(METHOD, &headers, frame(&request)).await.unwrap();
    assert_eq!(
        answer.status().code(),
        tonic::Code::Ok,
        "{:?}",
        answer.status()
    );
    GetFamigliaResponse::decode(&answer.body[5..]).unwrap()
}

/// The records that an auditor finds, newest last.
async fn found(comune: &Comune, request: SearchRecordsRequest) -> Vec<Record> {
    let mut register = AuditServiceClient::new(comune.control("auditor"));
    let found = register.search_records(request).await.unwrap().into_inner();
    let leaves = found.entries.iter().map(|entry| entry.leaf.clone());
    leaves.map(|leaf| Record::decode(leaf).unwrap()).collect()
}

fn hashes(comune: &Comune) -> Hashes {
    let files = subjects::files(&comune.path().join("keys")).unwrap();
    let text = secret::read(&files[0].1).unwrap();
    YearKey::parse(&text).unwrap().hashes().unwrap()
}

fn references<'a>(hashes: &Hashes, people: impl Iterator<Item = &'a str>) -> BTreeSet<Vec<u8>> {
    let of = |person| Identifier::of(SubjectKind::CodiceFiscale, "", person).unwrap();
    people
        .map(|it| hashes.subject(&of(it)).0.to_vec())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn record_tells_whose_data_left_in_which_fields_and_names_nobody() {
    let people = popolazione::popolazione(SEED);
    let (person, _) = popolazione::applicant(&people).unwrap();
    let cf = person.codice_fiscale.as_str();
    let comune = Comune::start().await;
    comune.apply(families()).await;

    let family = ask(&comune, "tributi/nuclei", &cf.to_lowercase()).await;
    let counted = ask(&comune, "tributi/accertamento-famiglia", cf).await;
    let calls = found(
        &comune,
        SearchRecordsRequest {
            method: METHOD.to_owned(),
            ..Default::default()
        },
    )
    .await;
    let all = found(
        &comune,
        SearchRecordsRequest {
            page_size: 1000,
            ..Default::default()
        },
    )
    .await;

    let hashes = hashes(&comune);
    let [whole, count] = &calls[..] else {
        panic!("{} records", calls.len())
    };
    let members = family.componenti.iter().map(Componente::codice_fiscale);
    let expected = references(&hashes, members.chain([cf]));
    let told: BTreeSet<Vec<u8>> = whole.subject_refs.iter().map(|it| it.to_vec()).collect();
    assert_eq!(told, expected);
    assert_eq!(whole.subject_count, expected.len() as u64);
    assert_eq!(whole.subject_epoch, hashes.year());
    let fields = [
        "Componente.codice_fiscale",
        "Componente.dal",
        "Componente.parentela",
        "GetFamigliaResponse.numero_componenti",
    ];
    assert_eq!(whole.fields, fields);
    assert_eq!(whole.special_classes, 1 | 8);
    assert!(counted.componenti.is_empty());
    assert_eq!(count.subject_refs.len(), 1);
    assert_eq!(count.fields, fields[3..]);
    assert_eq!(count.special_classes, 1);
    says_who_asked_and_why(whole, &hashes);
    assert_ne!(whole.policy_digest, count.policy_digest);
    assert!(
        all.iter()
            .all(|it| it.retention_class() != RetentionClass::Unspecified)
    );
    for record in &all {
        let text = format!("{record:?}");
        assert_eq!(codici_fiscali(&text), [""; 0]);
        assert!(!text.contains("matricola-4711"), "{text}");
        let name = text.to_lowercase().contains(&person.cognome.to_lowercase());
        assert!(!name, "a name in {text}");
    }
    comune.stop().await;
}

fn says_who_asked_and_why(record: &Record, hashes: &Hashes) {
    let actor = hashes.actor(&record.client_id, "matricola-4711");
    assert_eq!(record.actor_ref, actor.0.as_slice());
    assert_eq!(record.workstation, "sportello-2");
    assert_eq!(record.policy_digest.len(), 32);
    assert_eq!(
        (record.req_digest.len(), record.resp_digest.len()),
        (32, 32)
    );
    assert!(!record.voucher_kid.is_empty() && !record.producer_id.is_empty());
    assert_eq!(record.retention_class(), RetentionClass::A);
    assert_eq!(record.kind(), RecordKind::Outcome);
}

#[tokio::test(flavor = "multi_thread")]
async fn record_of_a_voucher_says_what_it_was_issued_under() {
    let comune = Comune::start().await;
    let purpose = comune.id(Kind::Purpose, "tributi/verifica-residenza").await;

    let _ = comune.voucher("tributi", &purpose).await;
    let records = found(
        &comune,
        SearchRecordsRequest {
            purpose_id: purpose,
            ..Default::default()
        },
    )
    .await;

    let issued = records.last().unwrap();
    assert_eq!(issued.kind(), RecordKind::VoucherIssued);
    assert!(issued.legal_basis.contains("TARI") && !issued.agreement_id.is_empty());
    assert_eq!(
        (issued.office_code.as_str(), issued.policy_digest.len()),
        ("tributi", 32)
    );
    comune.stop().await;
}
