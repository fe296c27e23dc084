//! `varco init`: from an empty folder to a client's voucher, in a real comune.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use prost::Message as _;
use tempfile::TempDir;
use toml::Table;
use varco::data_folder::ports;
use varco_proto::audit::v1::Record;
use varco_runtime::client::{ClientFile, Gateway, PurposeEntry};
use varco_runtime::clock::Clock;
use varco_runtime::jose::PrivateKey;
use varco_runtime::pki::{KeyKind, csr, generate_key, public_key};
use varco_runtime::secret;
use varco_runtime::store::Db;
use varco_runtime::tls::Identity;
use varco_tests::program::Program;

use crate::PROGRAM;
use crate::roles::serve;

#[tokio::test(flavor = "multi_thread")]
async fn empty_folder_becomes_a_comune_that_gives_a_client_its_voucher() {
    let place = TempDir::new().unwrap();
    let comune = Comune::make(place.path()).await;
    let gateway = serve("gateway", &comune.data);
    let program = &comune.program;

    let operators = program.json(&["get", "operator", "--as", ADMIN]).await;
    let everything = ["tenant", "eservice", "client", "purpose"];
    for kind in everything {
        let entries = program.json(&["get", kind, "--as", ADMIN]).await;
        assert_eq!(entries.as_array().unwrap().len(), 0, "{kind}");
    }
    let client = comune.register_client().await;
    let issued = client.certify(&[]).await;
    let gateway_of_client = client.open();
    let first = gateway_of_client.voucher("collaudo").await.unwrap();
    let before = client.identity().thumbprint();
    gateway_of_client.renew().await.unwrap();
    let second = gateway_of_client.voucher("collaudo").await.unwrap();
    let after = client.identity().thumbprint();
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
async fn refusals(comune: &Comune, client: &Client<'_>) {
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
    let comune = Comune::make(place.path()).await;
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
    let comune = Comune::make(place.path()).await;
    let full = place.path().join("tesi");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("tesi.odt"), "x").unwrap();
    let new = place.path().join("nuovo");
    let init = |data: &Path| Program::new(PROGRAM, data);

    let again = comune.program.refused(&["init", "--ipa", "c_e648"]).await;
    let foreign = init(&full).refused(&["init", "--ipa", "c_e648"]).await;
    let code = init(&new).refused(&["init", "--ipa", "C E648"]).await;
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
    let mut making = Command::new(PROGRAM)
        .args(["init", "--ipa", "c_e648", "--data", text(&data)])
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
    let made = program.done(&["init", "--ipa", "c_e648"]).await;

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

/// A comune that `varco init` has made, on ports of its own.
struct Comune {
    data: PathBuf,
    passphrase: PathBuf,
    program: Program,
}

impl Comune {
    async fn make(place: &Path) -> Self {
        let (data, passphrase) = (place.join("comune"), place.join("frase"));
        fs::write(&passphrase, PASSPHRASE).unwrap();
        let program = Program::new(PROGRAM, &data);
        let made = program
            .done(&[
                "init",
                "--ipa",
                "c_e648",
                "--name",
                "Comune di Prova",
                "--admin",
                ADMIN,
                "--passphrase-file",
                text(&passphrase),
            ])
            .await;
        assert!(made.starts_with("Comune di Prova (c_e648)"), "{made}");
        let comune = Self {
            data,
            passphrase,
            program,
        };
        comune.move_ports();
        comune
    }

    fn move_ports(&self) {
        let file = self.data.join("varco.toml");
        let config = varco::configuration::load(&file).unwrap();
        let mut table: Table = fs::read_to_string(&file).unwrap().parse().unwrap();
        ports::move_to(&mut table, &config, ports::free_port_base().unwrap());
        fs::write(&file, toml::to_string(&table).unwrap()).unwrap();
    }

    /// Declares a tenant with a service, and a client of it with a purpose.
    async fn register_client(&self) -> Client<'_> {
        let folder = self.data.join("clients/prova");
        fs::create_dir_all(&folder).unwrap();
        let key = generate_key(KeyKind::EcP256).unwrap();
        secret::write(&folder.join("assertion.key"), key.as_bytes()).unwrap();
        fs::write(folder.join("assertion.pub.pem"), public_key(&key).unwrap()).unwrap();
        let file = self.data.join("registro.toml");
        fs::write(&file, REGISTRY).unwrap();
        let applied = self
            .program
            .json(&["apply", "-f", text(&file), "--as", ADMIN])
            .await;
        let id = |kind: &str| {
            let changes = applied["changes"].as_array().unwrap();
            let change = changes.iter().find(|change| change["kind"] == kind);
            change.unwrap()["id"].as_str().unwrap().to_owned()
        };
        let client = Client {
            comune: self,
            folder,
            id: id("client"),
        };
        client.write_file(&key, id("purpose"));
        client
    }

    /// How the records of a method say that it ended, in their order.
    async fn outcomes(&self, method: &str) -> Vec<String> {
        let db = Db::open_to_read(&self.data.join("audit/audit.db"))
            .await
            .unwrap();
        let mut tx = db.read().await.unwrap();
        let rows: Vec<(Vec<u8>,)> = varco_runtime::on!(&mut tx, |db| sqlx::query_as(
            "SELECT body FROM entry ORDER BY idx"
        )
        .fetch_all(db)
        .await)
        .unwrap();
        let records = rows
            .iter()
            .map(|(body,)| Record::decode(body.as_slice()).unwrap());
        let ours = records.filter(|record| record.method.ends_with(method));
        ours.map(|record| record.outcome).collect()
    }
}

/// A client of the comune, whose keys were made where it runs.
struct Client<'a> {
    comune: &'a Comune,
    folder: PathBuf,
    id: String,
}

impl Client<'_> {
    fn write_file(&self, key: &str, purpose_id: String) {
        let config = varco::configuration::load(&self.comune.data.join("varco.toml")).unwrap();
        let purpose = PurposeEntry {
            purpose_id,
            eservice: "anagrafe".to_owned(),
            methods: Vec::new(),
        };
        let file = ClientFile {
            client_id: self.id.clone(),
            kid: PrivateKey::from_pem(key).unwrap().public().kid().to_owned(),
            token_url: format!("{}/token.oauth2", config.issuer()),
            gateway: config.gateway_address(),
            assertion_audience: config.gateway.assertion_audience.clone(),
            purposes: [("collaudo".to_owned(), purpose)].into(),
        };
        let text = serde_json::to_string(&file).unwrap();
        fs::write(self.folder.join("client.json"), text).unwrap();
        let key = generate_key(KeyKind::EcP256).unwrap();
        secret::write(&self.folder.join("tls.key"), key.as_bytes()).unwrap();
        fs::write(self.folder.join("tls.csr"), csr::request(&key).unwrap()).unwrap();
    }

    /// Asks the operator for the certificate of the client's key.
    async fn certify(&self, more: &[&str]) -> serde_json::Value {
        let (csr, out) = (self.folder.join("tls.csr"), self.folder.join("tls.pem"));
        let asked = ["client", "certificate", "--client", "prova", "--as", ADMIN];
        let files = ["--csr", text(&csr), "--out", text(&out)];
        self.comune
            .program
            .json(&[&asked[..], &files, more].concat())
            .await
    }

    /// Asks for a certificate that may be refused.
    async fn ask(&self, csr: &str, client: &str) -> Result<String, String> {
        let csr = self.folder.join(csr);
        let ran = self
            .comune
            .program
            .run(&[
                "client",
                "certificate",
                "--client",
                client,
                "--as",
                ADMIN,
                "--csr",
                text(&csr),
            ])
            .await;
        match ran.code {
            Some(0) => Ok(ran.out),
            _ => Err(ran.err),
        }
    }

    fn open(&self) -> Gateway {
        Gateway::open(
            &self.folder,
            &self.comune.data.join("ca.pem"),
            &Clock::system(),
        )
        .unwrap()
    }

    fn identity(&self) -> Identity {
        Identity::load(&self.folder.join("tls.pem"), &self.folder.join("tls.key")).unwrap()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

const ADMIN: &str = "m.rossi";
const PASSPHRASE: &str = "corretto cavallo batteria graffetta\n";
const REGISTRY: &str = r#"
[[tenant]]
name = "demografici"
title = "Ufficio servizi demografici"
ipa = "c_e648"

[[eservice]]
name = "anagrafe"
producer = "demografici"
[[eservice.descriptor]]
version = 1
audience = "https://anagrafe.comune.example/v1"
descriptor_set = "builtin:varco.anagrafe.v1"
upstream = { address = "https://127.0.0.1:7451", server_name = "anagrafe.varco.internal" }
methods = ["varco.anagrafe.v1.AnagrafeService/VerifyResidenza"]
voucher_lifespan = 300
daily_calls = { per_consumer = 1000, total = 1000 }
approval = "automatic"

[[client]]
name = "prova"
consumer = "demografici"
keys = ["clients/prova/assertion.pub.pem"]

[[agreement]]
consumer = "demografici"
eservice = "anagrafe"

[[purpose]]
name = "collaudo"
consumer = "demografici"
eservice = "anagrafe"
legal_basis = "collaudo interno"
methods = ["varco.anagrafe.v1.AnagrafeService/VerifyResidenza"]
data_classes = ["esito"]
daily_calls = 1000
clients = ["prova"]
"#;
