//! A whole comune in a process of its own, which a test may kill.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;
use varco_runtime::client::Gateway;
use varco_runtime::clock::Clock;

use crate::program::Program;

/// A process of the program that runs until it is told to stop, with its log in a file and its output in
/// another beside it.
#[derive(Debug)]
pub struct Running {
    child: Option<Child>,
}

impl Running {
    /// Starts a command and waits until it prints the line `ready`.
    ///
    /// # Panics
    ///
    /// When it does not within a minute; with its own words.
    #[must_use]
    pub fn start(command: Command, ready: &str, log: &Path) -> Self {
        Self::start_within(Duration::from_mins(1), command, ready, log)
    }

    /// The same with another bound.
    ///
    /// # Panics
    ///
    /// When it does not within it; with its own words.
    #[must_use]
    pub fn start_within(patience: Duration, mut command: Command, ready: &str, log: &Path) -> Self {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file.expect("a log"));
        let mut child = command.spawn().expect("the program under test");
        let stdout = child.stdout.take().expect("its output");
        let running = Self { child: Some(child) };
        let (tell, told) = mpsc::channel();
        let said = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log.with_extension("out"));
        let mut said = said.expect("a file for its output");
        let ready = ready.to_owned();
        std::thread::spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            let mut lines = lines.inspect(|line| drop(writeln!(said, "{line}")));
            let found = lines.any(|line| line == ready);
            let _ = tell.send(found);
            // The rest is read so that the process never waits for us.
            lines.for_each(drop);
        });
        let is_ready = told.recv_timeout(patience).unwrap_or(false);
        assert!(
            is_ready,
            "not ready: {}",
            std::fs::read_to_string(log).unwrap_or_default()
        );
        running
    }

    /// Its number in the system.
    ///
    /// # Panics
    ///
    /// When it has ended already.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("a running process").id()
    }

    /// Sends it a signal, such as `TERM`, and gives its exit code.
    ///
    /// # Panics
    ///
    /// When it has ended already.
    #[must_use]
    pub fn end(mut self, signal: &str) -> Option<i32> {
        let mut child = self.child.take().expect("a running process");
        let signal = format!("-{signal}");
        let done = Command::new("kill")
            .args([&signal, &child.id().to_string()])
            .status();
        assert!(done.expect("kill").success());
        child.wait().expect("its end").code()
    }
}

impl Running {
    /// Waits for its end, which it finds itself, and gives its exit code.
    ///
    /// # Panics
    ///
    /// When it has ended already.
    #[must_use]
    pub fn wait(mut self) -> Option<i32> {
        let mut child = self.child.take().expect("a running process");
        child.wait().expect("its end").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A comune that runs as `varco up` in a process of its own.
#[derive(Debug)]
pub struct Process {
    program: String,
    folder: TempDir,
    place: Option<PathBuf>,
    running: Option<Running>,
    environment: Vec<(String, String)>,
}

impl Process {
    /// A comune that does not run yet.
    ///
    /// # Panics
    ///
    /// When there is no room for its folder.
    #[must_use]
    pub fn new(program: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        Self {
            program: program.to_owned(),
            folder,
            place: None,
            running: None,
            environment: Vec::new(),
        }
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.environment.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Has its data folder stand in another place, such as a small disk.
    #[must_use]
    pub fn on(mut self, place: &Path) -> Self {
        self.place = Some(place.to_owned());
        self
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        let place = self.place.as_deref().unwrap_or(self.folder.path());
        place.join("varco")
    }

    /// Where its log goes.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Where its output goes.
    #[must_use]
    pub fn output(&self) -> PathBuf {
        self.log().with_extension("out")
    }

    /// The program on its folder, in its environment.
    #[must_use]
    pub fn program(&self) -> Program {
        let program = Program::new(&self.program, &self.data());
        self.environment
            .iter()
            .fold(program, |program, (key, value)| program.with(key, value))
    }

    /// The variables of its environment.
    #[must_use]
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// The way of a client to the gateway, with its own certificate and keys.
    ///
    /// # Panics
    ///
    /// When the client's folder is not whole.
    #[must_use]
    pub fn client(&self, name: &str) -> Gateway {
        let folder = self.data().join("clients").join(name);
        Gateway::open(&folder, &self.data().join("ca.pem"), &Clock::system())
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Starts it and waits until it says that it is ready.
    ///
    /// # Panics
    ///
    /// When it does not get ready within a minute; with its own words.
    pub fn start(&mut self) {
        let mut command = Command::new(&self.program);
        command.arg("up").arg("--data").arg(self.data());
        if !self.data().join("varco.toml").exists() {
            command.args(["--port-base", "0"]);
        }
        command.envs(self.environment.iter().cloned());
        self.running = Some(Running::start(command, "varco is ready", &self.log()));
    }

    /// Its number in the system.
    ///
    /// # Panics
    ///
    /// When it does not run.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.running.as_ref().expect("a running process").id()
    }

    /// Bytes of memory that it holds in RAM.
    ///
    /// # Panics
    ///
    /// When the system does not tell.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.id()));
        let rollup = rollup.expect("a process");
        let rss = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
        let kib = rss.and_then(|rss| rss.trim().strip_suffix(" kB"));
        kib.expect("a size").parse::<u64>().expect("a number") * 1024
    }

    /// Ends it as a power cut would: SIGKILL, no drain.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn kill(&mut self) {
        assert_eq!(self.end("KILL"), None);
    }

    /// Asks it to stop as an administrator would, and gives its exit code.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn terminate(&mut self) -> Option<i32> {
        self.end("TERM")
    }

    /// Sends it a signal and gives its exit code, none when the signal killed it.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn end(&mut self, signal: &str) -> Option<i32> {
        self.running.take().expect("a running process").end(signal)
    }

    /// Waits for its end, which it finds itself, and gives its exit code.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn wait(&mut self) -> Option<i32> {
        self.running.take().expect("a running process").wait()
    }

    /// A file of its data folder, as text.
    ///
    /// # Panics
    ///
    /// When it cannot be read.
    #[must_use]
    pub fn read(&self, file: impl AsRef<Path>) -> String {
        std::fs::read_to_string(self.data().join(file)).expect("a file of the data folder")
    }
}
