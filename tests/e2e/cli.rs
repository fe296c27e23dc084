//! The program's commands, run beside a town as operators and office systems run them.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use varco_tests::comune::Comune;
use varco_tests::program::Program;
use varco_tlog::checkpoint::Checkpoint;

use crate::PROGRAM;

#[tokio::test(flavor = "multi_thread")]
async fn office_system_calls_and_auditor_reads() {
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);

    voucher_is_printed_alone_and_good_for_a_call(&program, &comune).await;
    streams_go_both_ways(&program, &comune).await;
    mistakes_are_told_in_one_line_with_the_remedy(&program).await;
    register_is_verified_searched_and_exported(&program, &comune).await;
    doctor_finds_nothing_wrong(&program).await;
    comune.stop().await;
}

async fn voucher_is_printed_alone_and_good_for_a_call(program: &Program, comune: &Comune) {
    let get = [
        "voucher",
        "get",
        "--client",
        "tributi",
        "--purpose",
        PURPOSE,
    ];
    let printed = program.done(&get).await;
    let told = program.json(&get).await;
    let file = comune.path().join("v.jwt");
    fs::write(&file, &printed).unwrap();

    let file = path(&file);
    let call = [
        "call",
        "--client",
        "tributi",
        "--voucher-file",
        &file,
        VERIFY,
        "-d",
        QUESTION,
    ];
    let answered = program.done(&call).await;
    let json = program.json(&call).await;

    let header = jsonwebtoken::decode_header(printed.trim()).unwrap();
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    assert_eq!(printed.lines().count(), 1);
    assert_eq!(told["token_type"], "Bearer");
    assert_eq!(told["purpose_id"], comune.purpose_id("tributi", PURPOSE));
    let answered: Value = serde_json::from_str(&answered).unwrap();
    assert_eq!(answered["esito"], "ESITO_NON_CONFERMATO");
    assert_eq!(
        (&json["code"], &json["response"]),
        (&json!("OK"), &answered)
    );
    assert!(
        json["audit_index"].is_u64() && json["audit_id"].is_string(),
        "{json}"
    );
}

async fn streams_go_both_ways(program: &Program, comune: &Comune) {
    let content = b"Istanza di prova";
    let messages = format!(
        "{}\n{}\n",
        json!({ "intestazione": {
            "nome": "prova.txt", "mediaType": "text/plain", "sha256": SHA256_BASE64,
            "dimensione": content.len().to_string(), "tipologia": "istanza",
            "modalitaFormazione": "MODALITA_FORMAZIONE_SOFTWARE", "oggetto": "prova",
        }}),
        json!({ "blocco": CONTENT_BASE64 }),
    );
    let file = comune.path().join("istanza.ndjson");
    fs::write(&file, messages).unwrap();
    let from_file = format!("@{}", file.display());

    let upload = [
        "call",
        "--client",
        "sportello",
        "--purpose",
        "istanze-documenti",
    ];
    let stored = program
        .json(&[&upload[..], &[UPLOAD, "-d", &from_file]].concat())
        .await;
    let documento = json!({ "documento": stored["response"]["documento"] }).to_string();
    allow_download(program, comune).await;
    let download = [
        "call",
        "--client",
        "sportello",
        "--purpose",
        "rilettura",
        DOWNLOAD,
        "-d",
    ];
    let lines = program.done(&[&download[..], &[&documento]].concat()).await;
    let array = program.json(&[&download[..], &[&documento]].concat()).await;

    assert_eq!(stored["response"]["sha256"], SHA256_BASE64);
    let blocks = array["response"].as_array().unwrap();
    assert_eq!(blocks.last().unwrap()["blocco"], CONTENT_BASE64, "{array}");
    assert_eq!(lines.lines().count(), blocks.len(), "{lines}");
}

/// Gives the desk a purpose that reads documents back.
async fn allow_download(program: &Program, comune: &Comune) {
    let file = comune.path().join("rilettura.toml");
    fs::write(&file, DOWNLOADING).unwrap();
    let made = program.json(&["apply", "-f", &path(&file)]).await;
    let changes = made["changes"].as_array().unwrap();
    let purpose = changes
        .iter()
        .find(|change| change["name"] == "rilettura")
        .unwrap();
    let file = comune.client_folder("sportello").join("client.json");
    let mut client: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    client["purposes"]["rilettura"] = json!({
        "purpose_id": purpose["purpose_id"], "eservice": "documenti", "methods": [DOWNLOAD],
    });
    fs::write(&file, client.to_string()).unwrap();
}

async fn mistakes_are_told_in_one_line_with_the_remedy(program: &Program) {
    let call = ["call", "--client", "tributi", "--purpose", PURPOSE];
    for (arguments, words) in [
        (
            vec!["call", "--client", "nessuno", "--purpose", "x", VERIFY],
            vec!["there are", "tributi"],
        ),
        (
            vec!["call", "--client", "tributi", "--purpose", "x", VERIFY],
            vec![PURPOSE],
        ),
        (
            vec!["voucher", "get", "--client", "tributi", "--purpose", "x"],
            vec![PURPOSE],
        ),
        (
            [&call[..], &["a.B/C"]].concat(),
            vec!["varco.anagrafe.v1.AnagrafeService"],
        ),
        (
            [&call[..], &[VERIFY, "-d", r#"{"nome":1}"#]].concat(),
            vec!["nome", "write it as"],
        ),
        (
            [&call[..], &[VERIFY, "-d", "@no.json"]].concat(),
            vec!["no.json", "check its name"],
        ),
        (vec!["get", "purpose", "nulla"], vec!["nulla"]),
        (
            vec!["get", "purpose", "--as", "nessuno"],
            vec!["amministratore"],
        ),
        (
            vec!["get", "purpose", "--as", "tributi"],
            vec!["OPERATOR_UNKNOWN"],
        ),
        (
            vec!["suspend", "purpose", PURPOSE, "--as", "auditor"],
            vec!["PERMISSION_DENIED"],
        ),
        (
            vec!["apply", "-f", "no.toml"],
            vec!["no.toml", "check its name"],
        ),
        (
            vec!["audit", "search", "--trace", "zz"],
            vec!["32 hexadecimal digits"],
        ),
        (
            vec![
                "audit", "export", "--format", "tiles", "--to", "x", "--origin", "o",
            ],
            vec!["no log o"],
        ),
    ] {
        let line = program.refused(&arguments).await;
        for word in words {
            assert!(
                line.contains(word),
                "{arguments:?}: {word} is not in: {line}"
            );
        }
    }
    for wrong in [
        vec!["get"],
        vec!["get", "pesce"],
        vec!["call"],
        vec!["apply"],
        vec!["paese"],
    ] {
        let usage = program.run(&wrong).await;
        assert_eq!((usage.code, usage.out.as_str()), (Some(2), ""), "{wrong:?}");
        assert!(
            usage.err.contains("--help") || usage.err.contains("Usage"),
            "{}",
            usage.err
        );
    }
}

async fn register_is_verified_searched_and_exported(program: &Program, comune: &Comune) {
    let verified = program.json(&["audit", "verify"]).await;
    let search = [
        "audit",
        "search",
        "--client",
        "tributi",
        "--purpose",
        PURPOSE,
        "--method",
        VERIFY,
    ];
    let found = program.json(&search).await;
    let text = program.done(&search).await;
    let limited = program
        .json(&[&search[..], &["--limit", "1"]].concat())
        .await;
    let folder = comune.path().join("esportato");
    let export = [
        "audit",
        "export",
        "--format",
        "tiles",
        "--to",
        &path(&folder),
    ];
    let exported = program.json(&export).await;

    assert!(verified["verified"] == true && verified["records"].as_u64().unwrap() > 5);
    let found = found.as_array().unwrap();
    assert!(found.len() >= 2, "{found:?}");
    assert!(
        found
            .iter()
            .all(|it| it["client"] == "tributi" && it["method"] == VERIFY)
    );
    assert_eq!(text.lines().count(), found.len() + 1, "{text}");
    assert_eq!(limited, json!([found[0]]));
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let vkey = read("vkey").trim().parse().unwrap();
    let checkpoint = Checkpoint::open(&read("checkpoint"), &vkey).unwrap();
    assert_eq!(exported["records"], checkpoint.size);
    assert_eq!(exported["origin"], verified["origin"]);
}

async fn doctor_finds_nothing_wrong(program: &Program) {
    let text = program.done(&["doctor"]).await;
    let told = program.json(&["doctor"]).await;

    assert_eq!(told["ok"], true, "{told:#}");
    let checks = told["checks"].as_array().unwrap();
    assert_eq!(text.lines().count(), checks.len() + 1, "{text}");
    for wanted in [
        "clock",
        "certificate",
        "key",
        "database audit",
        "registry",
        "port",
        "upstream albo/1",
    ] {
        let mut names = checks.iter().filter_map(|check| check["check"].as_str());
        assert!(
            names.any(|name| name.starts_with(wanted)),
            "{wanted}: {text}"
        );
    }
}

#[tokio::test]
async fn every_command_has_its_help() {
    let nowhere = tempfile::tempdir().unwrap();
    let program = Program::new(PROGRAM, nowhere.path());
    let mut waiting = vec![Vec::new()];
    let mut seen = 0;

    while let Some(command) = waiting.pop() {
        let asked: Vec<&str> = command
            .iter()
            .map(String::as_str)
            .chain(["--help"])
            .collect();
        let help = program.done(&asked).await;
        seen += 1;
        assert!(help.contains("Usage: varco"), "{command:?}: {help}");
        let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        let names = commands.take_while(|line| !line.is_empty());
        for name in names.filter_map(|line| line.split_whitespace().next()) {
            if name != "help" {
                waiting.push([&command[..], &[name.to_owned()]].concat());
            }
        }
    }

    assert!(seen >= 18, "only {seen} commands");
}

fn path(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

const PURPOSE: &str = "verifica-residenza";
const VERIFY: &str = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza";
const UPLOAD: &str = "varco.documenti.v1.DocumentiService/UploadDocumento";
const DOWNLOAD: &str = "varco.documenti.v1.DocumentiService/DownloadDocumento";
const QUESTION: &str = r#"{"codice_fiscale": "RSSMRA80A01H501U",
    "indirizzo": {"specie": "via", "denominazione": "Inesistente", "numero": 1}}"#;
const CONTENT_BASE64: &str = "SXN0YW56YSBkaSBwcm92YQ==";
const SHA256_BASE64: &str = "qsO7hjds2d7+r7HQFuChXru0h37W0FQt+pJ2/o5AWC4=";

/// A purpose of the desk that the sample does not have.
const DOWNLOADING: &str = r#"
[[purpose]]
name = "rilettura"
consumer = "sportello"
eservice = "documenti"
legal_basis = "prova"
methods = ["varco.documenti.v1.DocumentiService/DownloadDocumento"]
data_classes = ["documento.contenuto", "documento.impronta", "documento.metadati", "tecnico"]
daily_calls = 10
clients = ["sportello"]
"#;
