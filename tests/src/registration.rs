//! A foreign service registered by a file exactly as the contract shows it, with what it names.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;
use varco_runtime::pki::{self, Ca, Holder, KeyKind};

/// A service that is to be registered.
#[derive(Clone, Copy, Debug)]
pub struct Foreign<'a> {
    /// Its contract, with imports.
    pub descriptor_set: &'a [u8],
    /// Its methods, as the file names them.
    pub methods: &'a str,
    /// Where it listens.
    pub address: SocketAddr,
}

/// The file, in a folder of its own with the keys of the client that it declares.
#[derive(Debug)]
pub struct Registration {
    folder: TempDir,
    methods: String,
}

/// Name of the client that the file declares.
pub const CLIENT: &str = "prova";

/// Name of its purpose.
pub const PURPOSE: &str = "collaudo";

impl Registration {
    /// Writes the file for a service, and all that it names.
    ///
    /// # Panics
    ///
    /// When a file cannot be written.
    #[must_use]
    pub fn write(foreign: Foreign<'_>, config: &Config) -> Self {
        let registration = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            methods: foreign.methods.to_owned(),
        };
        let text = FILE
            .replace("UPSTREAM", &format!("http://{}", foreign.address))
            .replace("METHODS", foreign.methods);
        fs::write(registration.file(), text).expect("a file");
        fs::write(registration.descriptor_set(), foreign.descriptor_set).expect("a file");
        registration.make_client(config);
        registration
    }

    /// The file to apply.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("registro.toml")
    }

    /// The descriptor set beside it.
    #[must_use]
    pub fn descriptor_set(&self) -> PathBuf {
        self.folder.path().join("eco.binpb")
    }

    /// Leaves the client's folder in a data folder, as an office would make it from the ids.
    ///
    /// # Panics
    ///
    /// When a file cannot be written.
    pub fn leave(&self, ids: &Ids, config: &Config) {
        let folder = config.folder.join("clients").join(CLIENT);
        crate::folder::copy(&self.keys(), &folder);
        let file = json!({
            "client_id": ids.client,
            "kid": "",
            "token_url": format!("{}/token.oauth2", config.issuer()),
            "gateway": config.gateway_address(),
            "assertion_audience": config.gateway.assertion_audience,
            "purposes": { PURPOSE: {
                "purpose_id": ids.purpose, "eservice": "eco", "methods": [self.methods],
            }},
        });
        fs::write(folder.join("client.json"), file.to_string()).expect("a file");
    }

    fn keys(&self) -> PathBuf {
        self.folder.path().join(CLIENT)
    }

    fn make_client(&self, config: &Config) {
        let (folder, keys) = (self.folder.path(), self.keys());
        fs::create_dir(&keys).expect("a folder");
        let key = pki::generate_key(KeyKind::EcP256).expect("a key");
        fs::write(keys.join("assertion.key"), key.as_bytes()).expect("a file");
        let public = pki::public_key(&key).expect("a public key");
        fs::write(folder.join("prova.assertion.pub.pem"), public).expect("a file");
        let leaf = certificate(&config.folder);
        fs::write(keys.join("tls.key"), leaf.key.as_bytes()).expect("a file");
        fs::write(keys.join("tls.pem"), &leaf.certificate).expect("a file");
        fs::write(folder.join("prova.tls.pem"), &leaf.certificate).expect("a file");
    }
}

/// The certificate is known by its thumbprint alone: nothing in it names the client.
fn certificate(data: &Path) -> pki::Leaf {
    let pem = |name: &str| fs::read_to_string(data.join(name)).expect("an authority");
    let ca = Ca::load(pem("ca.pem"), &pem("ca.key")).expect("an authority");
    let holder = Holder {
        name: CLIENT.to_owned(),
        uri: "spiffe://laboratorio.example/prova".to_owned(),
        serves: None,
    };
    let leaf = ca.issue(&holder, Clock::system().now());
    leaf.expect("a certificate")
}

/// What `apply --output json` says of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids {
    /// Id of the client.
    pub client: String,
    /// Id of its purpose.
    pub purpose: String,
}

impl Ids {
    /// Reads each id under its contractual name, beside the name of its entry.
    ///
    /// # Panics
    ///
    /// When one is missing.
    #[must_use]
    pub fn of(applied: &Value) -> Self {
        let id = |kind: &str, name: &str, field: &str| {
            let changes = applied["changes"].as_array().expect("changes").iter();
            let found = changes.filter(|it| it["kind"] == kind && it["name"] == name);
            let ids: Vec<&str> = found.filter_map(|it| it[field].as_str()).collect();
            assert_eq!(ids.len(), 1, "{kind} {name}: {applied:#}");
            ids[0].to_owned()
        };
        assert_eq!(id("eservice", "eco", "eservice"), "eco");
        assert_eq!(id("descriptor", "eco/1", "eservice"), "eco");
        assert_eq!(id("descriptor", "eco/1", "descriptor_id").len(), 36);
        Self {
            client: id("client", CLIENT, "client_id"),
            purpose: id("purpose", PURPOSE, "purpose_id"),
        }
    }
}

const FILE: &str = include_str!("registration/foreign.toml");
