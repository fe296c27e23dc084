//! A gateway of a real comune whose listening sockets outlive it, as under a service manager.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use tempfile::TempDir;
use varco::data_folder::DataFolder;
use varco_proto::registry::v1::registry_service_client::RegistryServiceClient;
use varco_proto::registry::v1::{ApplyDocumentRequest, Document, GetEntryRequest, Kind};
use varco_runtime::client::{self, Gateway};
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;
use varco_runtime::pki::Ca;
use varco_runtime::secret;

use crate::folder::{copy, make_real};
use crate::process::Running;
use crate::program::Program;

/// A comune, the sockets of its gateway, and the process that serves them now.
#[derive(Debug)]
pub struct HandedOver {
    program: String,
    place: TempDir,
    config: Config,
    sockets: Vec<TcpListener>,
    manager: UnixDatagram,
    /// Processes that were made so far.
    made: AtomicU32,
}

impl HandedOver {
    /// A real comune on free ports, with some lines of configuration of the test's own; its sockets are
    /// bound, and nothing runs yet.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    pub async fn new(program: &str, more: &str) -> Self {
        let place = TempDir::new().expect("a temporary folder");
        let sample = place.path().join("sample");
        let opened = DataFolder::open(&sample, Some(0), &Clock::system()).await;
        drop(opened.unwrap_or_else(|failure| panic!("{failure}")));
        let real = place.path().join("real");
        copy(&sample, &real);
        make_real(&real);
        let file = real.join("varco.toml");
        let text = std::fs::read_to_string(&file).expect("a configuration");
        // As in production, where a log tells what happens.
        let text = text.replace("log = \"warn\"", "log = \"info\"");
        std::fs::write(&file, format!("{text}\n{more}\n")).expect("a configuration");
        let config = varco::configuration::load(&file);
        let config = config.unwrap_or_else(|failure| panic!("{failure}"));
        let manager = UnixDatagram::bind(place.path().join(NOTIFY)).expect("a socket");
        manager.set_nonblocking(true).expect("a socket");
        let sockets = addresses(&config).map(|at| TcpListener::bind(at).expect("a free port"));
        Self {
            program: program.to_owned(),
            place,
            sockets: sockets.into(),
            config,
            manager,
            made: AtomicU32::new(0),
        }
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Its configuration's file.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.path().join("varco.toml")
    }

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.config.folder
    }

    /// The log of its processes.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.place.path().join("log")
    }

    /// The program on its folder.
    #[must_use]
    pub fn program(&self) -> Program {
        Program::new(&self.program, self.path())
    }

    /// The comune's authority, whose key the sample keeps plain.
    ///
    /// # Panics
    ///
    /// When it cannot be read.
    #[must_use]
    pub fn authority(&self) -> Ca {
        let pem = secret::read(&self.ca()).expect("an authority");
        let key = self.place.path().join("sample/ca.key");
        let key = secret::read(&key).expect("the authority's key");
        Ca::load(pem.to_string(), &key).expect("an authority")
    }

    /// The file of the authority.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.path().join("ca.pem")
    }

    /// Starts the gateway on the sockets, and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it does not get ready.
    #[must_use]
    pub fn start(&self) -> Running {
        let (command, _inherited) = self.command();
        Running::start(command, "varco gateway is ready", &self.log())
    }

    /// What the processes have told their service manager since it was last asked, in the words of
    /// `sd_notify(3)`.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        let mut buffer = [0; 256];
        while let Ok(length) = self.manager.recv(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..length]);
            told.extend(text.lines().map(str::to_owned));
        }
        told
    }

    /// What the gateway says when it does not start.
    ///
    /// # Panics
    ///
    /// When it starts.
    #[must_use]
    pub fn refused(&self) -> String {
        let (mut command, _inherited) = self.command();
        let ended = command.output().expect("the program under test");
        assert_eq!(ended.status.code(), Some(1));
        String::from_utf8(ended.stderr).expect("text")
    }

    /// What starts the gateway, and the sockets that it inherits while they are held.
    fn command(&self) -> (Command, Vec<OwnedFd>) {
        // Copies that a child inherits, with numbers beyond those that it is to have.
        let copies: Vec<OwnedFd> = self.sockets.iter().map(inheritable).collect();
        let numbers = copies.iter().zip(FIRST..);
        let moves = numbers.map(|(copy, to)| format!("{to}<&{}-", copy.as_raw_fd()));
        let moves: Vec<String> = moves.collect();
        // Only the process itself knows its number.
        let script = format!(
            "export LISTEN_PID=$$ LISTEN_FDS={}; exec \"$@\" {}",
            copies.len(),
            moves.join(" ")
        );
        // The program runs otherwise with one worker than with several: both are replaced by each other.
        let workers = 1 + self.made.fetch_add(1, Ordering::Relaxed) % 2;
        let mut command = Command::new("bash");
        command
            .args(["-c", &script, "bash", &self.program, "serve", "gateway"])
            .arg("--config")
            .arg(self.file())
            .env("TOKIO_WORKER_THREADS", workers.to_string())
            .env("NOTIFY_SOCKET", self.place.path().join(NOTIFY));
        (command, copies)
    }

    /// The way of a client to the gateway.
    ///
    /// # Panics
    ///
    /// When the client's folder is not whole.
    #[must_use]
    pub fn client(&self, name: &str) -> Gateway {
        let opened = Gateway::open(&self.client_folder(name), &self.ca(), &Clock::system());
        opened.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The folder of a client or an operator.
    #[must_use]
    pub fn client_folder(&self, name: &str) -> PathBuf {
        self.path().join("clients").join(name)
    }

    /// Makes the registry hold a document, and adds a purpose of it to a client's own file.
    ///
    /// # Panics
    ///
    /// When the gateway refuses.
    pub async fn apply(&self, document: Document, client: &str, purpose: &str) {
        let address = self.config.control_address();
        let channel = client::channel(&address, &self.client_folder(ADMIN), &self.ca());
        let mut registry = RegistryServiceClient::new(channel.expect("control plane"));
        let request = ApplyDocumentRequest {
            document: Some(document),
            ..Default::default()
        };
        let applied = registry.apply_document(request).await;
        applied.expect("an applied document");
        let request = GetEntryRequest {
            kind: Kind::Purpose.into(),
            entry: format!("{client}/{purpose}"),
        };
        let found = registry.get_entry(request).await.expect("a purpose");
        let id = found.into_inner().entry.expect("a purpose").id;
        self.learn(client, purpose, &id);
    }

    fn learn(&self, client: &str, purpose: &str, id: &str) {
        let file = self.client_folder(client).join("client.json");
        let text = std::fs::read_to_string(&file).expect("a client");
        let mut known: serde_json::Value = serde_json::from_str(&text).expect("a client");
        known["purposes"][purpose] = serde_json::json!({
            "purpose_id": id,
            "eservice": "",
            "methods": [],
        });
        std::fs::write(&file, known.to_string()).expect("a client");
    }
}

/// Where the gateway listens.
fn addresses(config: &Config) -> [SocketAddr; 4] {
    let gateway = &config.gateway;
    [
        gateway.data_plane,
        gateway.token,
        gateway.control,
        gateway.probes,
    ]
}

fn inheritable(socket: &TcpListener) -> OwnedFd {
    let copy = fcntl_dupfd_cloexec(socket, BEYOND).expect("a copy of a socket");
    fcntl_setfd(&copy, FdFlags::empty()).expect("a socket that a child inherits");
    copy
}

const NOTIFY: &str = "notify";
const ADMIN: &str = "amministratore";
/// The first number of a socket that is handed over (`sd_listen_fds(3)`).
const FIRST: i32 = 3;
const BEYOND: i32 = 20;
