//! `varco audit subject`: whose data was asked for, told to that person and to nobody else.

use std::fs;
use std::path::Path;

use prost::Message as _;
use serde_json::{Value, json};
use varco::sample::{SEED, popolazione};
use varco_anagrafe::codice_fiscale::CodiceFiscale;
use varco_anagrafe::persona::IdAnpr;
use varco_anagrafe::store::persona::assign_codice;
use varco_proto::anagrafe::v1::{FamigliaView, GetFamigliaRequest, VerifyResidenzaRequest};
use varco_proto::audit::v1::Record;
use varco_proto::registry::v1::Kind;
use varco_runtime::on;
use varco_runtime::secret::dpo::DpoKey;
use varco_runtime::store::Db;
use varco_tests::comune::Comune;
use varco_tests::personal::codici_fiscali;
use varco_tests::pratiche::v1::CountPraticheRequest;
use varco_tests::pratiche::{self, Pratiche};
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
        table.contains("4 accessi") && table.matches("accesso-interessato").count() == 2,
        "what the DPO asked for earlier answers: {table}"
    );
    assert!(
        table.contains("Sono stati cercati") && !table.contains(ACTOR),
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

/// Asks as the desk how many cases are open of a person, by the national identifier.
async fn count(comune: &Comune, id: &str) -> String {
    let purpose = comune.id(Kind::Purpose, pratiche::PURPOSE).await;
    let bearer = format!("Bearer {}", comune.voucher("sportello", &purpose).await);
    let request = CountPraticheRequest {
        id_anpr: Some(id.to_owned()),
    };
    let mut wire = comune.wire("sportello").await;
    let headers = [("authorization", bearer.as_str())];
    let answer = wire.send(pratiche::METHOD, &headers, frame(&request)).await;
    let answer = answer.unwrap();
    assert_eq!(
        answer.status().code(),
        tonic::Code::Ok,
        "{:?}",
        answer.status()
    );
    let id = answer.headers.get("varco-audit-id").unwrap();
    id.to_str().unwrap().to_owned()
}

/// The database of anagrafe.
async fn anagrafe(comune: &Comune) -> Db {
    let config = comune.config();
    let address = &config.services["anagrafe"].database;
    let db = Db::open(address, &config.folder, varco_anagrafe::MIGRATIONS).await;
    db.unwrap()
}

/// Has every question about a codice fiscale fail in anagrafe.
async fn break_anagrafe(comune: &Comune) {
    let db = anagrafe(comune).await;
    let mut tx = db.begin().await.unwrap();
    on!(&mut tx, |db| sqlx::query(
        "ALTER TABLE codice_fiscale RENAME TO perduta"
    )
    .execute(db)
    .await
    .map(|_| ()))
    .unwrap();
    tx.commit().await.unwrap();
    db.close().await;
}

/// Gives a person another codice fiscale from today on, as anagrafe does.
async fn change_codice(comune: &Comune, id: IdAnpr, codice: CodiceFiscale) {
    let db = anagrafe(comune).await;
    let mut tx = db.begin().await.unwrap();
    let (now, today) = (comune.clock().now(), comune.clock().today());
    assign_codice(&mut tx, id, (codice, today), now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codice_fiscale_finds_what_was_asked_under_other_identifiers() {
    let people = popolazione::popolazione(SEED);
    let (person, _) = popolazione::applicant(&people).unwrap();
    let (old, id) = (person.codice_fiscale, person.id);
    let new = old.variants().find(|it| *it != old).unwrap();
    let comune = Comune::start().await;
    let pratiche = Pratiche::start();
    comune.apply(pratiche.document()).await;
    let program = comune.program(PROGRAM);
    let folder = comune.path().join("istanza-8");
    let asked = residence(old.as_str());
    let by_old = ask(&comune, "tributi/verifica-residenza", RESIDENCE, &asked).await;
    let by_id = count(&comune, id.as_str()).await;
    change_codice(&comune, id, new).await;

    let subject = ["audit", "subject", "--cf", new.as_str()];
    let written = ["--to", text(&folder)];
    let own = program.json(&[&subject[..], &written].concat()).await;
    let again = program.json(&subject).await;
    let alone = ["--no-anagrafe"];
    let alone = program.json(&[&subject[..], &alone].concat()).await;
    let by_hand = ["--no-anagrafe", "--id-anpr", id.as_str()];
    let by_hand = program.json(&[&subject[..], &by_hand].concat()).await;

    assert_eq!(ids(&own), [&by_old, &by_id]);
    assert_eq!(own["accesses"][1]["office"], "sportello");
    assert_eq!(own["anagrafe"]["outcome"], "RESOLVED");
    assert_eq!(
        own["identifiers"],
        json!([
            { "kind": "CODICE_FISCALE", "source": "GIVEN" },
            { "kind": "ID_ANPR", "source": "ANAGRAFE" },
            { "kind": "CODICE_FISCALE_PRECEDENTE", "source": "ANAGRAFE" },
        ])
    );
    let told = own.to_string();
    assert_eq!(codici_fiscali(&told), [""; 0]);
    assert!(!told.contains(id.as_str()), "{told}");
    let pdf = fs::read(folder.join("accessi.pdf")).unwrap();
    let pdf = String::from_utf8_lossy(&pdf);
    for identifier in [new.as_str(), old.as_str(), id.as_str()] {
        assert!(pdf.contains(identifier));
    }
    let lookup = own["anagrafe"]["lookups"][0].as_str().unwrap();
    assert_eq!(ids(&again), [by_old.as_str(), &by_id, lookup]);
    assert_eq!(again["accesses"][2]["office"], "dpo");
    assert_eq!(alone["anagrafe"]["outcome"], "NOT_ASKED");
    assert!(!ids(&alone).contains(&by_old.as_str()), "{alone}");
    assert!(ids(&by_hand).contains(&by_id.as_str()), "{by_hand}");
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn report_that_would_miss_accesses_is_refused_unless_it_is_wanted() {
    let people = popolazione::popolazione(SEED);
    let (person, _) = popolazione::applicant(&people).unwrap();
    let other = people.persone.iter().find(|it| it.id != person.id).unwrap();
    let cf = person.codice_fiscale.as_str();
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);
    let subject = ["audit", "subject", "--cf", cf];

    let others = [&subject[..], &["--id-anpr", other.id.as_str()]].concat();
    let others = program.refused(&others).await;
    let nobody = [&subject[..], &["--client", "nessuno"]].concat();
    let nobody = program.refused(&nobody).await;
    let nothing = [&subject[..], &["--purpose", "altro"]].concat();
    let nothing = program.refused(&nothing).await;
    break_anagrafe(&comune).await;
    let failing = program.refused(&subject).await;
    comune
        .suspend(Kind::Purpose, "dpo/accesso-interessato")
        .await;
    let suspended = program.refused(&subject).await;
    let alone = [&subject[..], &["--no-anagrafe"]].concat();
    let alone = program.done(&alone).await;

    assert!(others.contains("by another id"), "{others}");
    assert!(nobody.contains("nessuno has no credentials"), "{nobody}");
    assert!(nothing.contains("names accesso-interessato"), "{nothing}");
    assert!(failing.contains("INTERNAL"), "{failing}");
    assert!(suspended.contains("PURPOSE_SUSPENDED"), "{suspended}");
    for refused in [others, nobody, nothing, failing, suspended] {
        assert!(
            refused.starts_with("anagrafe did not tell the person's other identifiers"),
            "{refused}"
        );
        assert!(refused.contains("--no-anagrafe"), "{refused}");
        assert_eq!(codici_fiscali(&refused), [""; 0]);
        assert!(!refused.contains(other.id.as_str()), "{refused}");
    }
    assert!(
        alone.contains("L'anagrafe non è stata interrogata"),
        "{alone}"
    );
    comune.stop().await;
}
