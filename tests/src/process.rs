//! A whole comune in a process of its own, which a test may kill.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

/// A comune that runs as `varco up` in a process of its own.
pub struct Process {
    program: String,
    folder: TempDir,
    child: Option<Child>,
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
        Self { program: program.to_owned(), folder, child: None, environment: Vec::new() }
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.environment.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("varco")
    }

    /// Where its log goes.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Starts it and waits until it says that it is ready.
    ///
    /// # Panics
    ///
    /// When it does not get ready within a minute; with its own words.
    pub fn start(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log());
        let mut command = Command::new(&self.program);
        command.arg("up").arg("--data").arg(self.data());
        if !self.data().exists() {
            command.args(["--port-base", "0"]);
        }
        command.envs(self.environment.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log.expect("a log"));
        let mut child = command.spawn().expect("the program under test");
        let stdout = child.stdout.take().expect("its output");
        self.child = Some(child);
        let (ready, told) = mpsc::channel();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
            let found = lines.any(|line| line == "varco is ready");
            let _ = ready.send(found);
            // The rest is read so that the process never waits for us.
            lines.for_each(drop);
        });
        let is_ready = told.recv_timeout(Duration::from_secs(60)).unwrap_or(false);
        assert!(is_ready, "not ready: {}", std::fs::read_to_string(self.log()).unwrap_or_default());
    }

    /// Ends it as a power cut would: SIGKILL, no drain.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("a running process");
        child.kill().expect("SIGKILL");
        child.wait().expect("its end");
    }

    /// Asks it to stop as an administrator would, and gives its exit code.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn terminate(&mut self) -> Option<i32> {
        let mut child = self.child.take().expect("a running process");
        let done = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        assert!(done.expect("kill").success());
        child.wait().expect("its end").code()
    }

    /// Its process id.
    ///
    /// # Panics
    ///
    /// When it does not run.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("a running process").id()
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

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
