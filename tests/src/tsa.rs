//! An authority that gives time stamps: `openssl ts`, behind the HTTP of RFC 3161.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A running authority.
#[derive(Debug)]
pub struct Tsa {
    /// Its address.
    pub address: String,
    folder: Arc<TempDir>,
    _tasks: JoinSet<()>,
}

impl Tsa {
    /// Makes an authority with a key of its own, and serves it on a free port.
    ///
    /// # Panics
    ///
    /// When `openssl` is not installed.
    pub async fn start() -> Self {
        let folder = Arc::new(TempDir::new().expect("a temporary folder"));
        make(folder.path());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}/tsr", listener.local_addr().expect("an address"));
        let mut tasks = JoinSet::new();
        let place = folder.clone();
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let place = place.clone();
                let answer = service_fn(move |request| answer(place.clone(), request));
                // One connection after the other: a test asks once.
                let _ = http1::Builder::new()
                    .keep_alive(false)
                    .serve_connection(TokioIo::new(stream), answer)
                    .await;
            }
        });
        Self {
            address,
            folder,
            _tasks: tasks,
        }
    }

    /// What `openssl ts -verify` says of an answer over some data.
    ///
    /// # Panics
    ///
    /// When it cannot be asked.
    #[must_use]
    pub fn verify(&self, answer: &[u8], data: &[u8]) -> bool {
        let [tsr, of] = ["kept.tsr", "data"].map(|name| self.folder.path().join(name));
        std::fs::write(&tsr, answer).expect("a file");
        std::fs::write(&of, data).expect("a file");
        let mut command = openssl(self.folder.path());
        command.args([
            "ts", "-verify", "-CAfile", "tsa.crt", "-in", "kept.tsr", "-data", "data",
        ]);
        command.status().expect("openssl").success()
    }
}

async fn answer(
    folder: Arc<TempDir>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await;
    let body = body
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let reply = tokio::task::spawn_blocking(move || reply(folder.path(), &body)).await;
    let reply = reply.expect("a reply");
    let response = Response::builder().header("content-type", "application/timestamp-reply");
    Ok(response.body(Full::new(reply)).expect("a response"))
}

fn reply(folder: &Path, question: &[u8]) -> Bytes {
    std::fs::write(folder.join("question.tsq"), question).expect("a file");
    let mut command = openssl(folder);
    command.args([
        "ts",
        "-reply",
        "-config",
        "tsa.cnf",
        "-queryfile",
        "question.tsq",
    ]);
    command.args(["-out", "answer.tsr"]);
    assert!(command.status().expect("openssl").success());
    std::fs::read(folder.join("answer.tsr"))
        .expect("an answer")
        .into()
}

fn make(folder: &Path) {
    let write = |name: &str, text: &str| {
        let file: PathBuf = folder.join(name);
        std::fs::write(file, text).expect("a file");
    };
    write("ca.cnf", CERTIFICATE);
    write("tsa.cnf", AUTHORITY);
    write("serial", "01");
    let mut command = openssl(folder);
    command.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
    ]);
    command.args([
        "-nodes", "-keyout", "tsa.key", "-out", "tsa.crt", "-config", "ca.cnf",
    ]);
    assert!(command.status().expect("openssl").success());
}

fn openssl(folder: &Path) -> Command {
    let mut command = Command::new("openssl");
    command.current_dir(folder);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

const CERTIFICATE: &str = "\
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = Marca temporale di prova
[extensions]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
";
/// With fractions of a second, which some authorities give and DER of certificates does not know.
const AUTHORITY: &str = "\
[tsa]
default_tsa = here
[here]
serial = serial
signer_cert = tsa.crt
certs = tsa.crt
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
clock_precision_digits = 3
tsa_name = yes
ess_cert_id_alg = sha256
";
