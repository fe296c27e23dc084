//! A whole comune in this process, on its own folder and its own ports.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use varco::data_folder::DataFolder;
use varco::town::{Town, answering};
use varco_gateway::keys::files::Files;
use varco_gateway::keys::lifecycle::Role;
use varco_runtime::client::{Gateway, read_client_file};
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;
use varco_runtime::jose::PrivateKey;
use varco_runtime::pki::{Ca, Holder, Leaf};
use varco_runtime::secret;
use varco_runtime::secret::Vault;
use varco_runtime::server::inherited::Inherited;
use varco_runtime::telemetry::collecting::Collecting;
use varco_runtime::tls::pair;

use crate::program::Program;

/// A running comune; [`Comune::stop`] drains it.
pub struct Comune {
    folder: TempDir,
    data: DataFolder,
    town: Town,
    clock: Clock,
}

impl Comune {
    /// Makes a sample municipality on free ports and starts it.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn start() -> Self {
        Self::start_with(Clock::system(), |_| {}).await
    }

    /// The same on a clock of the test's own, with a configuration that the test has bent.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn start_with(clock: Clock, bend: impl FnOnce(&mut Config)) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let opened = folder.path().join("varco");
        let mut data = Box::pin(DataFolder::open(&opened, Some(0), &clock))
            .await
            .unwrap_or_else(|failure| panic!("{failure}"));
        bend(&mut data.config);
        let town = Box::pin(Town::start(
            data.config.clone(),
            clock.clone(),
            Inherited::default(),
        ))
        .await
        .unwrap_or_else(|failure| panic!("{failure}"));
        answering::wait(&data.config)
            .await
            .unwrap_or_else(|failure| panic!("{failure}"));
        Self {
            folder,
            data,
            town,
            clock,
        }
    }

    /// Drains and closes it; the folder goes with it.
    pub async fn stop(self) {
        self.town.stop().await;
        drop(self.folder);
    }

    /// What collects its spans.
    #[must_use]
    pub fn collecting(&self) -> &Collecting {
        self.town.collecting()
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.data.config
    }

    /// The clock that it goes by.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Its data folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.data.config.folder
    }

    /// The folder of a client or an operator.
    #[must_use]
    pub fn client_folder(&self, name: &str) -> PathBuf {
        self.path().join("clients").join(name)
    }

    /// The authority of the comune.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.path().join("ca.pem")
    }

    /// The way of a client to the gateway, with its own certificate and keys.
    ///
    /// # Panics
    ///
    /// When the client's folder is not whole.
    #[must_use]
    pub fn client(&self, name: &str) -> Gateway {
        Gateway::open(&self.client_folder(name), &self.ca(), &self.clock)
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The id of a purpose of a client.
    ///
    /// # Panics
    ///
    /// When the client has no such purpose.
    #[must_use]
    pub fn purpose_id(&self, client: &str, purpose: &str) -> String {
        let file = read_client_file(&self.client_folder(client)).expect("client.json");
        file.purposes[purpose].purpose_id.clone()
    }

    /// A channel to the control plane with an operator's certificate.
    ///
    /// # Panics
    ///
    /// When the operator's folder is not whole.
    #[must_use]
    pub fn control(&self, operator: &str) -> tonic::transport::Channel {
        let folder = self.client_folder(operator);
        varco_runtime::client::channel(&self.config().control_address(), &folder, &self.ca())
            .expect("control plane")
    }

    /// The newest key with which its gateway signs.
    ///
    /// # Panics
    ///
    /// When it holds none.
    #[must_use]
    pub fn signing_key(&self, role: Role) -> PrivateKey {
        let gateway = &self.config().gateway;
        let keys = self.config().path(&gateway.keys);
        let files = Files::open(Vault::default(), &keys, &gateway.instance).expect("keys");
        let held = files.read().expect("keys").into_values();
        let mut held = held.filter(|(signs, _)| *signs == role).collect::<Vec<_>>();
        assert_eq!(held.len(), 1, "one key signs");
        PrivateKey::clone(&held.remove(0).1)
    }

    /// Leaves a certificate of the comune's authority in the folder of a client or an operator.
    ///
    /// # Panics
    ///
    /// When the folder cannot be written to.
    pub fn certify(&self, name: &str, holder: &Holder) {
        let pem = secret::read(&self.ca()).expect("an authority");
        let key = secret::read(&self.path().join("ca.key")).expect("the authority's key");
        let ca = Ca::load(pem.to_string(), &key).expect("an authority");
        let leaf = ca.issue(holder, self.clock.now()).expect("a certificate");
        self.present(name, &leaf);
    }

    /// Leaves a certificate that was issued in the folder of a client or an operator.
    ///
    /// # Panics
    ///
    /// When the folder cannot be written to.
    pub fn present(&self, name: &str, leaf: &Leaf) {
        let folder = self.client_folder(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        pair::replace(&folder.join("tls.pem"), &folder.join("tls.key"), leaf).expect("a pair");
    }

    /// The program on its folder.
    #[must_use]
    pub fn program(&self, path: &str) -> Program {
        Program::new(path, self.path())
    }

    /// Runs the program beside the town, as an operator would.
    ///
    /// # Panics
    ///
    /// When the program cannot be started.
    #[must_use]
    pub fn run(&self, program: &str, arguments: &[&str]) -> Output {
        Command::new(program)
            .args(arguments)
            .arg("--data")
            .arg(self.path())
            .output()
            .expect("the program under test")
    }
}
