//! A comune as `varco init` leaves it, and its first client.

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::program::Program;
use crate::records;
use toml::Table;
use varco::data_folder::ports;
use varco_runtime::client::{ClientFile, Gateway, PurposeEntry};
use varco_runtime::clock::Clock;
use varco_runtime::jose::PrivateKey;
use varco_runtime::pki::{Ca, Holder, KeyKind, csr, generate_key, public_key};
use varco_runtime::secret::{self, Vault};
use varco_runtime::tls::{self, Identity, pair};

/// A comune that `varco init` has made, on ports of its own.
pub struct Real {
    /// Its data folder.
    pub data: PathBuf,
    /// The file with its passphrase.
    pub passphrase: PathBuf,
    /// The file with the DPO's private key.
    pub dpo: PathBuf,
    /// The program on its folder.
    pub program: Program,
}

impl Real {
    /// Makes it within a folder, with the program at `path`.
    ///
    /// # Panics
    ///
    /// When the program refuses.
    pub async fn make(path: &str, place: &Path) -> Self {
        let [data, passphrase, dpo] = ["comune", "frase", "dpo.key"].map(|it| place.join(it));
        fs::write(&passphrase, PASSPHRASE).unwrap();
        let program = Program::new(path, &data);
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
                "--dpo-key-to",
                text(&dpo),
            ])
            .await;
        assert!(made.starts_with("Comune di Prova (c_e648)"), "{made}");
        let comune = Self {
            data,
            passphrase,
            dpo,
            program,
        };
        comune.move_ports();
        comune
    }

    /// Gives the gateway a certificate of two months ago, and its thumbprint.
    #[must_use]
    pub fn age_the_gateways_certificate(&self) -> [u8; 32] {
        let config = varco::configuration::load(&self.data.join("varco.toml")).unwrap();
        let key = Vault::open(&config)
            .unwrap()
            .read(&self.data.join("ca.key"));
        let pem = secret::read(&self.data.join("ca.pem")).unwrap().to_string();
        let then = Clock::system().now() - Duration::from_hours(24 * 61);
        let holder = Holder::gateway(&config.trust_domain(), "localhost");
        let leaf = Ca::load(pem, &key.unwrap()).unwrap().issue(&holder, then);
        let (leaf, folder) = (leaf.unwrap(), self.data.join("services/gateway"));
        pair::replace(&folder.join("tls.pem"), &folder.join("tls.key"), &leaf).unwrap();
        tls::thumbprint(&leaf.certificate).unwrap()
    }

    fn move_ports(&self) {
        let file = self.data.join("varco.toml");
        let config = varco::configuration::load(&file).unwrap();
        let mut table: Table = fs::read_to_string(&file).unwrap().parse().unwrap();
        ports::move_to(&mut table, &config, ports::free_port_base().unwrap());
        fs::write(&file, toml::to_string(&table).unwrap()).unwrap();
    }

    /// Declares what a registry file says, with [`REGISTRY`]'s client in it.
    ///
    /// # Panics
    ///
    /// When the gateway refuses.
    pub async fn register_client(&self, registry: &str) -> Client<'_> {
        let folder = self.data.join("clients/prova");
        fs::create_dir_all(&folder).unwrap();
        let key = generate_key(KeyKind::EcP256).unwrap();
        secret::write(&folder.join("assertion.key"), key.as_bytes()).unwrap();
        fs::write(folder.join("assertion.pub.pem"), public_key(&key).unwrap()).unwrap();
        let file = self.data.join("registro.toml");
        fs::write(&file, registry).unwrap();
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
    pub async fn outcomes(&self, method: &str) -> Vec<String> {
        let config = varco::configuration::load(&self.data.join("varco.toml"));
        let records = records::all(&config.unwrap()).await.into_iter();
        let ours = records.filter(|record| record.method.ends_with(method));
        ours.map(|record| record.outcome).collect()
    }
}

/// A client of the comune, whose keys were made where it runs.
pub struct Client<'a> {
    comune: &'a Real,
    /// Its folder.
    pub folder: PathBuf,
    /// Its id in the registry.
    pub id: String,
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
    pub async fn certify(&self, more: &[&str]) -> serde_json::Value {
        let (csr, out) = (self.folder.join("tls.csr"), self.folder.join("tls.pem"));
        let asked = ["client", "certificate", "--client", "prova", "--as", ADMIN];
        let files = ["--csr", text(&csr), "--out", text(&out)];
        self.comune
            .program
            .json(&[&asked[..], &files, more].concat())
            .await
    }

    /// Asks for a certificate that may be refused.
    pub async fn ask(&self, csr: &str, client: &str) -> Result<String, String> {
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

    /// Its way to the gateway.
    #[must_use]
    pub fn open(&self) -> Gateway {
        Gateway::open(
            &self.folder,
            &self.comune.data.join("ca.pem"),
            &Clock::system(),
        )
        .unwrap()
    }
}

/// The certificate and key of a folder.
#[must_use]
pub fn identity(folder: &Path) -> Identity {
    Identity::load(&folder.join("tls.pem"), &folder.join("tls.key")).unwrap()
}

/// A path as an argument.
#[must_use]
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The first operator.
pub const ADMIN: &str = "m.rossi";
/// What opens the keys.
pub const PASSPHRASE: &str = "corretto cavallo batteria graffetta\n";
/// A tenant with a service, and a client of it with a purpose.
pub const REGISTRY: &str = r#"
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
