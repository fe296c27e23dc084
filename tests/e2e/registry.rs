//! The registry as operators change it: a file applied whole or not at all, entry by entry.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use varco_tests::comune::Comune;
use varco_tests::eco::Eco;
use varco_tests::program::Program;
use varco_tests::registration::{Ids, Registration};

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

    let registration = Registration::write(eco.foreign(), comune.config());
    let file = path(&registration.file());
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
    registration.leave(&ids, comune.config());
    foreign_service_is_called(&program, &path(&registration.descriptor_set())).await;
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

/// Problems that show without asking the registry.
const UNREADABLE: &str = include_str!("registry/unreadable.toml");
/// Problems that only the registry knows.
const UNFIT: &str = include_str!("registry/unfit.toml");
const PURPOSE: &str = "verifica-residenza";
const VERIFY: &str = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza";
const QUESTION: &str = r#"{"codice_fiscale": "RSSMRA80A01H501U",
    "indirizzo": {"specie": "via", "denominazione": "Inesistente", "numero": 1}}"#;
