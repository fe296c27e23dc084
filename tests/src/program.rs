//! The program as an operator runs it: one command, its end, and what it said.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

/// The program, pointed at a data folder.
#[derive(Clone, Debug)]
pub struct Program {
    path: String,
    data: PathBuf,
    environment: Vec<(String, String)>,
}

/// What a command said, and how it ended.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its exit status.
    pub code: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Program {
    /// The program at `path`, for the installation in `data`.
    #[must_use]
    pub fn new(path: &str, data: &Path) -> Self {
        Self {
            path: path.to_owned(),
            data: data.to_owned(),
            environment: Vec::new(),
        }
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.environment.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    ///
    /// When it does not end within a minute.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(&self.path);
        command.args(arguments).arg("--data").arg(&self.data);
        command.envs(self.environment.iter().cloned());
        command.stdin(Stdio::null()).kill_on_drop(true);
        let ended = tokio::time::timeout(Duration::from_mins(1), command.output()).await;
        let ended = ended.unwrap_or_else(|_| panic!("{arguments:?} does not end"));
        let ended = ended.expect("the program under test");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Ran {
            code: ended.status.code(),
            out: text(ended.stdout),
            err: text(ended.stderr),
        }
    }

    /// Runs a command that must do its work, and gives what it printed.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub async fn done(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments).await;
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}{}", ran.out, ran.err);
        ran.out
    }

    /// Runs a command that must do its work, and gives the JSON that it printed.
    ///
    /// # Panics
    ///
    /// When it fails or prints something else.
    pub async fn json(&self, arguments: &[&str]) -> Value {
        let out = self
            .done(&[arguments, &["--output", "json"]].concat())
            .await;
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }

    /// Runs a command that must fail, and gives the one line in which it says why.
    ///
    /// # Panics
    ///
    /// When it does its work, prints data, or says more or less than one line.
    pub async fn refused(&self, arguments: &[&str]) -> String {
        let Ran { code, out, err } = self.run(arguments).await;
        assert_eq!(code, Some(1), "{arguments:?}: {out}{err}");
        assert_eq!(out, "", "{arguments:?}");
        assert_eq!(err.lines().count(), 1, "{arguments:?}: {err}");
        err.strip_prefix("varco: ")
            .unwrap_or_else(|| panic!("{err}"))
            .trim()
            .to_owned()
    }
}
