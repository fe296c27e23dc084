//! A whole comune in this process, on its own folder and its own ports.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use varco::data_folder::DataFolder;
use varco::town::{Town, answering};
use varco_runtime::client::{Gateway, read_client_file};
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;

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
        Self::start_with(|_| {}).await
    }

    /// Makes a sample municipality with another configuration and starts it.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let clock = Clock::system();
        let mut data = DataFolder::open(&folder.path().join("varco"), Some(0), &clock)
            .await
            .unwrap_or_else(|failure| panic!("{failure}"));
        change(&mut data.config);
        let town = Town::start(data.config.clone(), clock.clone())
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

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.data.config
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
