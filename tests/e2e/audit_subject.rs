//! `varco audit subject`: whose data was asked for, told to that person and to nobody else.

use std::fs;
use std::path::Path;

use prost::Message as _;
use serde_json::{Value, json};
use varco::sample::{SEED, popolazione};
use varco_proto::anagrafe::v1::{FamigliaView, GetFamigliaRequest, VerifyResidenzaRequest};
use varco_proto::audit::v1::Record;
use varco_proto::registry::v1::Kind;
use varco_runtime::secret::dpo::DpoKey;
use varco_tests::comune::Comune;
use varco_tests::personal::codici_fiscali;
use varco_tests::records;
use varco_tests::wire::frame;

use crate::PROGRAM;

const FAMILY: &str = "varco.anagrafe.v1.AnagrafeService/GetFamiglia";
const RESIDENCE: &str = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza";
const TRACKING: &str = "agid-jwt-trackingevidence";
const ACTOR: &str = "matricola-4711";

/// Calls as the tax office, saying who asks, and gives the id of the call.
async fn ask(
    comune: &Comune,
    purpose: &str,
    method: &str,
    request: &impl prost::Message,
) -> String {
    let purpose = comune.id(Kind::Purpose, purpose).await;
    let asker = comune.asker("tributi");
    let mut evidence = asker.claims(&purpose);
    evidence["aud"] = json!("https://anagrafe.comune.example/v1");
    evidence["userID"] = json!(ACTOR);
    evidence["userLocation"] = json!("sportello-2");
    let evidence = asker.sign(&evidence);
    let bearer = format!("Bearer {}", comune.voucher("tributi", &purpose).await);
    let headers = [("authorization", bearer.as_str()), (TRACKING, &evidence)];
    let mut wire = comune.wire("tributi").await;
    let answer = wire.send(method, &headers, frame(request)).await.unwrap();
    assert_eq!(
        answer.status().code(),
        tonic::Code::Ok,
        "{:?}",
        answer.status()
    );
    let id = answer.headers.get("varco-audit-id").unwrap();
    id.to_str().unwrap().to_owned()
}

fn family(person: &str) -> GetFamigliaRequest {
    GetFamigliaRequest {
        codice_fiscale: Some(person.to_owned()),
        view: Some(FamigliaView::Count.into()),
        data: None,
    }
}

fn residence(person: &str) -> VerifyResidenzaRequest {
    VerifyResidenzaRequest {
        codice_fiscale: Some(person.to_owned()),
        ..varco_tests::calls::question()
    }
}

fn ids(answer: &Value) -> Vec<&str> {
    let accesses = answer["accesses"].as_array().unwrap();
    accesses
        .iter()
        .map(|it| it["audit_id"].as_str().unwrap())
        .collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn person_is_told_every_access_to_their_data_and_nobody_elses() {
    let people = popolazione::popolazione(SEED);
    let (person, _) = popolazione::applicant(&people).unwrap();
    let (cf, other) = (person.codice_fiscale.as_str(), "RSSMRA80A01H501U");
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);
    let folder = comune.path().join("istanza-7");

    let first = ask(
        &comune,
        "tributi/verifica-residenza",
        RESIDENCE,
        &residence(cf),
    )
    .await;
    let _ = ask(
        &comune,
        "tributi/verifica-residenza",
        RESIDENCE,
        &residence(other),
    )
    .await;
    let second = ask(
        &comune,
        "tributi/accertamento-famiglia",
        FAMILY,
        &family(cf),
    )
    .await;
    let subject = ["audit", "subject", "--cf"];
    let written = ["--request", "2026/7", "--to", text(&folder)];
    let lower = cf.to_lowercase();
    let own = program
        .json(&[&subject[..], &[&lower], &written].concat())
        .await;
    let named = program
        .json(&[&subject[..], &[cf, "--with-operators"]].concat())
        .await;
    let nobody = program
        .done(&[&subject[..], &["VRDLGU80A01H501Q"]].concat())
        .await;
    let table = program.done(&[&subject[..], &[cf]].concat()).await;

    assert_eq!(ids(&own), [&first, &second]);
    assert_eq!(own["accesses"][1]["office"], "tributi");
    assert_eq!(
        own["accesses"][1]["operation"],
        "consultazione della famiglia anagrafica"
    );
    assert_eq!(own["accesses"][1]["purpose"], "accertamento-famiglia");
    assert_eq!(
        own["accesses"][1]["data_classes"],
        json!(["famiglia.numero"])
    );
    assert!(own["checkpoints"][0]["size"].as_u64() > own["accesses"][1]["index"].as_u64());
    assert!(!own.to_string().contains(ACTOR), "{own}");
    assert_eq!(named["accesses"][0]["operator"], ACTOR);
    assert!(nobody.starts_with("Nessun accesso"), "{nobody}");
    assert!(
        table.contains("2 accessi") && !table.contains(ACTOR),
        "{table}"
    );
    let csv = fs::read_to_string(folder.join("accessi.csv")).unwrap();
    let pdf = fs::read(folder.join("accessi.pdf")).unwrap();
    let pdf = String::from_utf8_lossy(&pdf);
    assert_eq!(csv.lines().count(), 3, "{csv}");
    for id in [&first, &second] {
        assert!(csv.contains(id.as_str()), "{csv}");
    }
    assert!(!csv.contains(ACTOR) && !pdf.contains(ACTOR));
    assert_eq!(pdf.matches("Registrazione: n. ").count(), 2);
    assert_eq!(codici_fiscali(&csv), [""; 0]);
    assert_eq!(codici_fiscali(&table), [""; 0]);
    let all = records::all(comune.config()).await;
    looking_is_recorded(&all);
    for record in &all {
        let body = String::from_utf8_lossy(&record.encode_to_vec()).into_owned();
        assert_eq!(codici_fiscali(&body), [""; 0], "{record:?}");
    }
    comune.stop().await;
}

fn looking_is_recorded(all: &[Record]) {
    let looked = |words: &str| all.iter().any(|it| it.detail.contains(words));
    assert!(looked("1 data subjects"), "no META record of the search");
    assert!(
        looked("with sealed details"),
        "no META record of the opening"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_and_missing_keys_are_told_in_one_line_without_the_person() {
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);
    let stranger = comune.path().join("stranger.key");
    fs::write(&stranger, DpoKey::generate().text().as_bytes()).unwrap();
    let missing = comune.path().join("missing.key");
    let cf = "RSSMRA80A01H501U";
    let subject = ["audit", "subject", "--cf", cf];

    let wrong = program
        .refused(&[&subject[..], &["--dpo-key", text(&stranger)]].concat())
        .await;
    let none = program
        .refused(&[&subject[..], &["--dpo-key", text(&missing)]].concat())
        .await;
    let sealed = program
        .refused(&[&subject[..], &["--subject-key", text(&missing)]].concat())
        .await;
    let odd = program
        .run(&["audit", "subject", "--cf", "RSSMRA80A01H501X"])
        .await;
    let blank = program.run(&["audit", "subject", "--cf", "-"]).await;

    assert!(
        wrong.contains("does not open with") && wrong.contains("--dpo-key"),
        "{wrong}"
    );
    assert!(
        none.contains("missing.key") && none.contains("--dpo-key"),
        "{none}"
    );
    assert!(
        sealed.contains("missing.key") && sealed.contains("--subject-key"),
        "{sealed}"
    );
    assert_eq!(odd.code, Some(0), "{}", odd.err);
    assert!(
        odd.err.contains("no codice fiscale that can exist"),
        "{}",
        odd.err
    );
    assert!(odd.out.starts_with("Nessun accesso"), "{}", odd.out);
    assert!(
        blank.code == Some(1) && blank.err.contains("--cf: it is blank"),
        "{}",
        blank.err
    );
    for told in [wrong, none, sealed, odd.err] {
        assert_eq!(codici_fiscali(&told), [""; 0]);
    }
    comune.stop().await;
}
