//! The registry as operators change it: a file applied whole or not at all, entry by entry.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use varco_proto::registry::v1::Descriptor;
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;
use varco_runtime::pki::{self, Ca, Holder, KeyKind};
use varco_tests::comune::Comune;
use varco_tests::eco::Eco;
use varco_tests::program::Program;

use crate::PROGRAM;

#[tokio::test(flavor = "multi_thread")]
async fn registry_file_is_applied_whole_or_not_at_all() {
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);
    let eco = Eco::start();
    let sample = path(&comune.path().join("registro.toml"));

    let unchanged = program.done(&["apply", "-f", &sample, "--dry-run"]).await;
    let first = program.done(&["apply", "-f", &sample]).await;
    let again = program.done(&["apply", "-f", &sample]).await;

    assert!(
        unchanged.contains("nothing was changed") && !unchanged.contains("+ "),
        "{unchanged}"
    );
    assert_eq!(first, again);

    broken_files_are_told_whole_and_change_nothing(&program).await;

    let folder = tempfile::tempdir().unwrap();
    foreign_files(folder.path(), &eco, comune.config());
    let file = path(&folder.path().join("registro.toml"));
    let before = registry(&program).await;
    let shown = program.done(&["apply", "-f", &file, "--dry-run"]).await;
    assert!(shown.contains("+ client prova"), "{shown}");
    assert_eq!(
        registry(&program).await,
        before,
        "a dry run changed something"
    );

    let made = program.json(&["apply", "-f", &file]).await;
    let same = program.json(&["apply", "-f", &file]).await;

    let ids = Ids::of(&made);
    assert_eq!(Ids::of(&same), ids);
    ids.leave(
        &folder.path().join("prova"),
        &comune.client_folder("prova"),
        comune.config(),
    );
    foreign_service_is_called(&program, &path(&folder.path().join("eco.binpb"))).await;
    comune.stop().await;
}

async fn broken_files_are_told_whole_and_change_nothing(program: &Program) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("registro.toml");
    let before = registry(program).await;

    fs::write(&file, UNREADABLE).unwrap();
    let unreadable = refused_file(program, &file).await;
    fs::write(&file, UNFIT).unwrap();
    let unfit = refused_file(program, &file).await;

    for problem in [
        "registro.toml:1: tenant nuovo: ipa is missing",
        "registro.toml:4: tenant nuovo: colore is unknown",
        "registro.toml:6: purpose tributi/x: legal_basis is missing",
        "registro.toml:11: purpose tributi/x: daily_calls must be",
        "lost.pem, which cannot be read",
    ] {
        assert!(unreadable.contains(problem), "{problem}: {unreadable}");
    }
    for problem in ["ufficio-fantasma", "METHOD-FANTASMA", "nessun-client"] {
        assert!(unfit.contains(problem), "{problem}: {unfit}");
    }
    assert_eq!(registry(program).await, before);
}

/// What a file is refused for, a problem a line.
async fn refused_file(program: &Program, file: &Path) -> String {
    let ran = program.run(&["apply", "-f", &path(file)]).await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", ran.err);
    ran.err
}

async fn foreign_service_is_called(program: &Program, descriptor_set: &str) {
    let echo = [
        "call",
        "--client",
        "prova",
        "--purpose",
        "collaudo",
        "--descriptor-set",
    ];
    let request = ["eco.v1.EcoService/Echo", "-d", r#"{"text":"ciao"}"#];

    let told = program
        .json(&[&echo[..], &[descriptor_set], &request].concat())
        .await;
    let converse = [
        "eco.v1.EcoService/Converse",
        "-d",
        r#"[{"text":"uno"},{"text":"due"}]"#,
    ];
    let heard = program
        .json(&[&echo[..], &[descriptor_set], &converse].concat())
        .await;

    assert_eq!(
        (&told["code"], &told["response"]["text"]),
        (&json!("OK"), &json!("ciao"))
    );
    assert_eq!(
        heard["response"],
        json!([{"text": "uno"}, {"text": "due"}]),
        "{heard}"
    );
}

/// What the registry holds of the kinds that the files touch.
async fn registry(program: &Program) -> Vec<Value> {
    let mut all = Vec::new();
    for kind in ["tenant", "client", "purpose"] {
        all.push(program.json(&["get", kind]).await);
    }
    all
}

/// Writes a registry file exactly as the contract shows it, with the files that it names.
fn foreign_files(folder: &Path, eco: &Eco, config: &Config) {
    let document = eco.document("write");
    let descriptor: &Descriptor = &document.eservices[0].descriptors[0];
    let address = descriptor.upstream.as_ref().unwrap().address.clone();
    fs::write(folder.join("eco.binpb"), &descriptor.descriptor_set).unwrap();
    fs::write(
        folder.join("registro.toml"),
        FOREIGN.replace("UPSTREAM", &address),
    )
    .unwrap();
    let keys = folder.join("prova");
    fs::create_dir(&keys).unwrap();
    let key = pki::generate_key(KeyKind::EcP256).unwrap();
    fs::write(keys.join("assertion.key"), key.as_bytes()).unwrap();
    fs::write(
        folder.join("prova.assertion.pub.pem"),
        pki::public_key(&key).unwrap(),
    )
    .unwrap();
    // The certificate is known by its thumbprint alone: nothing in it names the client.
    let pem = |name: &str| fs::read_to_string(config.folder.join(name)).unwrap();
    let ca = Ca::load(pem("ca.pem"), &pem("ca.key")).unwrap();
    let (name, uri) = (
        "prova".to_owned(),
        "spiffe://laboratorio.example/prova".to_owned(),
    );
    let leaf = ca
        .issue(
            &Holder {
                name,
                uri,
                serves: None,
            },
            Clock::system().now(),
        )
        .unwrap();
    fs::write(keys.join("tls.key"), leaf.key.as_bytes()).unwrap();
    fs::write(keys.join("tls.pem"), &leaf.certificate).unwrap();
    fs::write(folder.join("prova.tls.pem"), &leaf.certificate).unwrap();
}

/// What `apply --output json` says of a foreign service.
#[derive(Debug, PartialEq, Eq)]
struct Ids {
    client: String,
    purpose: String,
}

impl Ids {
    /// Reads each id under its contractual name, beside the name of its entry.
    fn of(applied: &Value) -> Self {
        let id = |kind: &str, name: &str, field: &str| {
            let changes = applied["changes"].as_array().unwrap().iter();
            let found = changes.filter(|it| it["kind"] == kind && it["name"] == name);
            let ids: Vec<&str> = found.filter_map(|it| it[field].as_str()).collect();
            assert_eq!(ids.len(), 1, "{kind} {name}: {applied:#}");
            ids[0].to_owned()
        };
        assert_eq!(id("eservice", "eco", "eservice"), "eco");
        assert_eq!(id("descriptor", "eco/1", "eservice"), "eco");
        assert_eq!(id("descriptor", "eco/1", "descriptor_id").len(), 36);
        Self {
            client: id("client", "prova", "client_id"),
            purpose: id("purpose", "collaudo", "purpose_id"),
        }
    }

    /// Leaves a client's folder as an office would make it from the ids.
    fn leave(&self, keys: &Path, folder: &Path, config: &Config) {
        varco_tests::folder::copy(keys, folder);
        let file = json!({
            "client_id": self.client,
            "kid": "",
            "token_url": format!("{}/token.oauth2", config.issuer()),
            "gateway": config.gateway_address(),
            "assertion_audience": config.gateway.assertion_audience,
            "purposes": { "collaudo": {
                "purpose_id": self.purpose, "eservice": "eco", "methods": ["eco.v1.EcoService/*"],
            }},
        });
        fs::write(folder.join("client.json"), file.to_string()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_shown_suspended_and_archived() {
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);
    let call = [
        "call",
        "--client",
        "tributi",
        "--purpose",
        PURPOSE,
        VERIFY,
        "-d",
        QUESTION,
    ];

    for (kind, entry) in [
        ("tenant", "tributi"),
        ("eservice", "anagrafe"),
        ("descriptor", "anagrafe/1"),
        ("client", "tributi"),
        ("agreement", "tributi/anagrafe"),
        ("purpose", PURPOSE),
        ("operator", "auditor"),
    ] {
        let all = program.json(&["get", kind]).await;
        let one = program.json(&["get", kind, entry]).await;
        let described = program.json(&["describe", kind, entry]).await;
        let text = program.done(&["get", kind, entry]).await;
        assert!(
            all.as_array().unwrap().contains(&described),
            "{kind}: {all:#}"
        );
        assert_eq!(one, json!([described]), "{kind}");
        let state = if kind == "descriptor" {
            "PUBLISHED"
        } else {
            "ACTIVE"
        };
        assert_eq!(
            (&described["kind"], &described["state"]),
            (&json!(kind), &json!(state))
        );
        assert!(text.starts_with("NAME") && text.contains(described["id"].as_str().unwrap()));
    }
    let voucher = comune.path().join("kept.jwt");
    let get = [
        "voucher",
        "get",
        "--client",
        "tributi",
        "--purpose",
        PURPOSE,
    ];
    fs::write(&voucher, program.done(&get).await).unwrap();
    let voucher = path(&voucher);
    let with_voucher = [
        "call",
        "--client",
        "tributi",
        "--voucher-file",
        &voucher,
        VERIFY,
    ];
    program.done(&call).await;

    let suspended = program
        .done(&["suspend", "purpose", PURPOSE, "--reason", "verifica"])
        .await;
    let refused = program.refused(&call).await;
    let still_refused = program
        .refused(&[&with_voucher[..], &["-d", QUESTION]].concat())
        .await;
    let lifted = program.done(&["unsuspend", "purpose", PURPOSE]).await;
    let works_again = program
        .run(&[&with_voucher[..], &["-d", QUESTION]].concat())
        .await;
    program.done(&["archive", "purpose", PURPOSE]).await;
    let over = program
        .refused(&[&with_voucher[..], &["-d", QUESTION]].concat())
        .await;
    let final_state = program.refused(&["unsuspend", "purpose", PURPOSE]).await;

    assert!(
        suspended.contains("is SUSPENDED") && lifted.contains("is ACTIVE"),
        "{lifted}"
    );
    assert!(refused.contains("PURPOSE_SUSPENDED"), "{refused}");
    assert!(
        still_refused.contains("PURPOSE_SUSPENDED"),
        "{still_refused}"
    );
    assert_eq!(works_again.code, Some(0), "{}", works_again.err);
    assert!(over.contains("PURPOSE_EXPIRED"), "{over}");
    assert!(final_state.contains("ARCHIVED"), "{final_state}");
    comune.stop().await;
}

fn path(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

const FOREIGN: &str = include_str!("registry/foreign.toml");
/// Problems that show without asking the registry.
const UNREADABLE: &str = include_str!("registry/unreadable.toml");
/// Problems that only the registry knows.
const UNFIT: &str = include_str!("registry/unfit.toml");
const PURPOSE: &str = "verifica-residenza";
const VERIFY: &str = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza";
const QUESTION: &str = r#"{"codice_fiscale": "RSSMRA80A01H501U",
    "indirizzo": {"specie": "via", "denominazione": "Inesistente", "numero": 1}}"#;
