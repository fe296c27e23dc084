//! `varco init`: from an empty folder to a client's voucher, in a real comune.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;
use varco_runtime::pki::{KeyKind, generate_key};
use varco_runtime::secret;
use varco_runtime::secret::dpo::DpoKey;
use varco_tests::program::Program;
use varco_tests::real::{ADMIN, Client, PASSPHRASE, REGISTRY, Real, identity, text};
use varco_tests::wait::until;

use crate::PROGRAM;
use crate::roles::serve;

mod dpo;

#[tokio::test(flavor = "multi_thread")]
async fn empty_folder_becomes_a_comune_that_gives_a_client_its_voucher() {
    let place = TempDir::new().unwrap();
    let comune = Real::make(PROGRAM, place.path()).await;
    let aged = comune.age_the_gateways_certificate();
    let gateway = serve("gateway", &comune.data);
    let program = &comune.program;
    let own = comune.data.join("services/gateway");
    until("the gateway's renewed certificate", async || {
        (identity(&own).thumbprint() != aged).then_some(())
    })
    .await;

    let operators = program.json(&["get", "operator", "--as", ADMIN]).await;
    let everything = ["tenant", "eservice", "client", "purpose"];
    for kind in everything {
        let entries = program.json(&["get", kind, "--as", ADMIN]).await;
        assert_eq!(entries.as_array().unwrap().len(), 0, "{kind}");
    }
    let client = comune.register_client(REGISTRY).await;
    let issued = client.certify(&[]).await;
    let gateway_of_client = client.open();
    let first = gateway_of_client.voucher("collaudo").await.unwrap();
    let before = identity(&client.folder).thumbprint();
    gateway_of_client.renew().await.unwrap();
    let second = gateway_of_client.voucher("collaudo").await.unwrap();
    let after = identity(&client.folder).thumbprint();
    refusals(&comune, &client).await;
    assert_eq!(gateway.end("TERM"), Some(0));

    assert_eq!(operators.as_array().unwrap().len(), 1);
    assert_eq!(operators[0]["name"], ADMIN);
    assert_eq!(
        issued["uri"],
        format!("spiffe://c_e648/client/{}", client.id)
    );
    assert_ne!(before, after);
    assert_ne!(first.token, second.token);
    let outcomes = comune.outcomes("IssueCertificate").await;
    assert_eq!(outcomes[..2], ["REQUESTED", "OK"]);
    assert!(
        outcomes[2..]
            .chunks(2)
            .all(|it| it == ["REQUESTED", "REFUSED"])
    );
    assert_eq!(
        comune.outcomes("RenewCertificate").await,
        ["REQUESTED", "OK"]
    );
    program.done(&["audit", "verify"]).await;
}

/// What the authority does not certify, each with its reason.
async fn refusals(comune: &Real, client: &Client<'_>) {
    let key = generate_key(KeyKind::EcP256).unwrap();
    let weak = include_str!("../../services/runtime/src/pki/testdata/rsa1024.csr");
    for (text, said) in [
        (key.as_str(), "holds a private key"),
        (weak, "RSA of 1024 bits"),
        ("nothing", "no certificate signing request"),
    ] {
        fs::write(client.folder.join("bad.csr"), text).unwrap();

        let refused = client.ask("bad.csr", "prova").await.unwrap_err();

        assert!(
            refused.contains("CSR_REFUSED") && refused.contains(said),
            "{refused}"
        );
    }
    let unknown = client.ask("tls.csr", "nessuno").await.unwrap_err();
    assert!(unknown.contains("ENTRY_UNKNOWN"), "{unknown}");
    let offline = [
        "client",
        "certificate",
        "--offline",
        "--client",
        &client.id,
        "--csr",
    ];
    let csr = client.folder.join("tls.csr");
    let pem = comune
        .program
        .done(&[&offline[..], &[text(&csr)]].concat())
        .await;
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"), "{pem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_real_comune_are_sealed_and_open_with_their_passphrase_alone() {
    let place = TempDir::new().unwrap();
    let comune = Real::make(PROGRAM, place.path()).await;
    let config = comune.data.join("varco.toml");
    let start = ["serve", "gateway", "--config", text(&config)];
    let key = comune.data.join("keys/audit.key");
    let sealed = fs::read(&key).unwrap();

    for file in ["keys/audit.key", "ca.key", "keys/identity.age"] {
        assert!(
            secret::is_sealed(&comune.data.join(file)).unwrap(),
            "{file}"
        );
    }
    let plain = generate_key(KeyKind::Ed25519).unwrap();
    secret::write(&key, plain.as_bytes()).unwrap();
    let refused_plain = comune.program.refused(&start).await;
    fs::write(&key, &sealed).unwrap();
    fs::write(&comune.passphrase, "un'altra frase d'accesso\n").unwrap();
    let refused_wrong = comune.program.refused(&start).await;
    fs::remove_file(&comune.passphrase).unwrap();
    let refused_missing = comune.program.refused(&start).await;

    assert!(
        refused_plain.contains("audit.key is a plain key"),
        "{refused_plain}"
    );
    assert!(
        refused_plain.contains("varco vault seal"),
        "{refused_plain}"
    );
    assert!(refused_wrong.contains("does not open"), "{refused_wrong}");
    assert!(
        refused_missing.contains("frase cannot be read"),
        "{refused_missing}"
    );
    fs::write(&comune.passphrase, PASSPHRASE).unwrap();
    secret::write(&key, plain.as_bytes()).unwrap();
    let mended = comune.program.json(&["vault", "seal"]).await;
    assert_eq!(mended["sealed"].as_array().unwrap().len(), 1);
    assert!(secret::is_sealed(&key).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn comune_is_made_only_in_an_empty_folder_and_with_good_names() {
    let place = TempDir::new().unwrap();
    let comune = Real::make(PROGRAM, place.path()).await;
    let full = place.path().join("tesi");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("tesi.odt"), "x").unwrap();
    let new = place.path().join("nuovo");
    let init = |data: &Path| Program::new(PROGRAM, data);
    let dpo = DpoKey::generate().recipients().text();
    let asked = |ipa| ["init", "--ipa", ipa, "--dpo-recipient", dpo.trim()];

    let again = comune.program.refused(&asked("c_e648")).await;
    let foreign = init(&full).refused(&asked("c_e648")).await;
    let code = init(&new).refused(&asked("C E648")).await;
    let sample = comune.program.refused(&["up"]).await;

    assert!(
        again.contains("an installation stands there already"),
        "{again}"
    );
    assert!(
        foreign.contains("it is not a Varco data folder"),
        "{foreign}"
    );
    assert!(code.contains("an IPA code is"), "{code}");
    assert!(sample.contains("varco serve"), "{sample}");
    assert!(!new.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn comune_whose_making_was_killed_is_made_by_the_next_run() {
    let place = TempDir::new().unwrap();
    let data = place.path().join("comune");
    fs::create_dir(&data).unwrap();
    let names = || -> Vec<String> {
        let entries = fs::read_dir(&data).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    let dpo = DpoKey::generate().recipients().text();
    let mut making = Command::new(PROGRAM)
        .args(["init", "--ipa", "c_e648", "--data", text(&data)])
        .args(["--dpo-recipient", dpo.trim()])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while !names().iter().any(|name| name.starts_with(".new-")) {
        assert!(making.try_wait().unwrap().is_none(), "{:?}", names());
        tokio::task::yield_now().await;
    }
    making.kill().unwrap();
    making.wait().unwrap();
    let killed = names();

    let program = Program::new(PROGRAM, &data);
    let made = program
        .done(&["init", "--ipa", "c_e648", "--dpo-recipient", dpo.trim()])
        .await;

    assert!(
        killed.iter().any(|name| name.starts_with(".new-")),
        "{killed:?}"
    );
    assert!(
        made.contains("Keep safe:") && made.contains("Next:"),
        "{made}"
    );
    assert!(
        !names().iter().any(|name| name.starts_with('.')),
        "{:?}",
        names()
    );
    assert!(data.join("operators/amministratore/tls.pem").exists());
    assert!(data.join("passphrase").exists());
}
