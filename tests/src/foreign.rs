//! Calls by a client that nobody here wrote, and the value that either client gives of a call.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tonic::Code;

use crate::comune::Comune;

/// The four kinds of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One message for one.
    Unary,
    /// One message for many.
    Client,
    /// Many messages for one.
    Server,
    /// Many for many.
    Bidi,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Unary, Self::Client, Self::Server, Self::Bidi];

    /// A method of this kind of `grpc.testing.TestService`, as `pkg.Service/Method`.
    #[must_use]
    pub fn method(self) -> &'static str {
        match self {
            Self::Unary => "grpc.testing.TestService/UnaryCall",
            Self::Client => "grpc.testing.TestService/StreamingInputCall",
            Self::Server => "grpc.testing.TestService/StreamingOutputCall",
            Self::Bidi => "grpc.testing.TestService/FullDuplexCall",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Unary => "unary",
            Self::Client => "client",
            Self::Server => "server",
            Self::Bidi => "bidi",
        }
    }
}

/// A call of bytes, for either client to make.
#[derive(Clone, Debug)]
pub struct ForeignCall {
    /// Host and port.
    pub target: String,
    /// The authority that the server's certificate must be of.
    pub ca: PathBuf,
    /// The folder with `tls.pem` and `tls.key` of the caller, if it presents any.
    pub folder: Option<PathBuf>,
    /// The method, as `pkg.Service/Method`.
    pub method: String,
    /// Its kind.
    pub kind: Kind,
    /// Metadata; a value of a name that ends in `-bin` is in base64.
    pub metadata: Vec<(String, String)>,
    /// Messages, encoded; a call of one message takes the first.
    pub messages: Vec<Bytes>,
    /// When the client gives up. Both clients keep this time themselves too, so that the server's
    /// own word on it may come second.
    pub timeout: Option<Duration>,
    /// Whether a stream of requests stays open after its messages, until the server ends the call.
    pub keep_open: bool,
}

/// What a client saw of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Code of the status.
    pub code: Code,
    /// Its text.
    pub message: String,
    /// Reason of the first `ErrorInfo` among its details.
    pub reason: String,
    /// Domain of the same.
    pub domain: String,
    /// Its details.
    pub details: Bytes,
    /// Metadata in front of the answer; a value of a name that ends in `-bin` is in base64.
    pub metadata: Vec<(String, String)>,
    /// Metadata behind the answer, or of a status alone, likewise.
    pub trailers: Vec<(String, String)>,
    /// Messages, encoded.
    pub messages: Vec<Bytes>,
}

impl ForeignCall {
    /// A call of a client of a comune to its data plane: one empty message, no voucher.
    ///
    /// # Panics
    ///
    /// When the gateway's address is none.
    #[must_use]
    pub fn new(comune: &Comune, client: &str, kind: Kind) -> Self {
        let address = comune.config().gateway_address();
        let target = address.strip_prefix("https://").expect("an address");
        Self {
            target: target.to_owned(),
            ca: comune.ca(),
            folder: Some(comune.client_folder(client)),
            method: kind.method().to_owned(),
            kind,
            metadata: Vec::new(),
            messages: vec![Bytes::new()],
            timeout: Some(PATIENCE),
            keep_open: false,
        }
    }

    /// The same with one more metadatum.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.metadata.push((name.to_owned(), value.to_owned()));
        self
    }

    fn line(&self) -> String {
        let file = |name: &str| self.folder.as_ref().map(|folder| folder.join(name));
        let messages = self.messages.iter().map(|message| STANDARD.encode(message));
        let call = json!({
            "target": self.target,
            "ca": self.ca,
            "cert": file("tls.pem"),
            "key": file("tls.key"),
            "method": self.method,
            "kind": self.kind.name(),
            "metadata": self.metadata,
            "messages": messages.collect::<Vec<_>>(),
            "timeout": self.timeout.map(|timeout| timeout.as_secs_f64()),
            "keep_open": self.keep_open,
        });
        format!("{call}\n")
    }
}

impl Outcome {
    /// What matters of a refusal: its code, its reason and who says so.
    #[must_use]
    pub fn refusal(&self) -> (Code, &str, &str) {
        (self.code, &self.reason, &self.domain)
    }

    /// A metadatum, in front of the answer or behind it.
    #[must_use]
    pub fn metadatum(&self, name: &str) -> Option<&str> {
        let mut all = self.metadata.iter().chain(&self.trailers);
        all.find(|(it, _)| it == name)
            .map(|(_, value)| value.as_str())
    }

    fn printed(value: &Value) -> Self {
        let text = |name: &str| value[name].as_str().expect("a text").to_owned();
        let metadata = |name: &str| {
            let pairs = value[name].as_array().expect("metadata").iter();
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            pairs.map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
        };
        let messages = value["messages"].as_array().expect("messages").iter();
        let code = value["code"].as_i64().and_then(|code| code.try_into().ok());
        Self {
            code: Code::from_i32(code.expect("a code")),
            message: text("message"),
            reason: text("reason"),
            domain: text("domain"),
            details: bytes(&value["details_b64"]),
            metadata: metadata("metadata"),
            trailers: metadata("trailers"),
            messages: messages.map(bytes).collect(),
        }
    }
}

fn bytes(value: &Value) -> Bytes {
    let text = value.as_str().expect("base64");
    STANDARD.decode(text).expect("base64").into()
}

/// grpcio in a process of its own, which keeps its channels.
#[derive(Debug)]
pub struct Python {
    asked: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    /// Ends with this value.
    _process: Child,
}

impl Python {
    /// Starts it; none where no Python is installed for the tests, which is said.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        let mut command = Command::new(installed("VARCO_TEST_PYTHON")?);
        command
            .arg(scripts().join("python/matrix.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut process = command.spawn().expect("python");
        let answers = BufReader::new(process.stdout.take().expect("its output"));
        Some(Self {
            asked: process.stdin.take().expect("its input"),
            answers: answers.lines(),
            _process: process,
        })
    }

    /// Makes a call to its end.
    ///
    /// # Panics
    ///
    /// When the process dies or says nothing within a minute.
    pub async fn call(&mut self, call: &ForeignCall) -> Outcome {
        let line = call.line();
        self.asked.write_all(line.as_bytes()).await.expect("python");
        let answer = tokio::time::timeout(Duration::from_mins(1), self.answers.next_line());
        let answer = answer.await.expect("an answer within a minute");
        let answer = answer.expect("python").expect("an answer");
        let value = serde_json::from_str(&answer);
        Outcome::printed(&value.unwrap_or_else(|error| panic!("{error}: {answer}")))
    }
}

/// The path that a variable names, where what it stands for is installed; elsewhere says so.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "the test run says where libraries are, and must hear what was left out"
)]
#[must_use]
pub fn installed(variable: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable);
    if path.is_none() {
        eprintln!("skipped: {variable} is not set");
    }
    path.map(PathBuf::from)
}

/// Where the scripts of other languages are.
#[must_use]
pub fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

const PATIENCE: Duration = Duration::from_secs(20);
