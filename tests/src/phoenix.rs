//! Arize Phoenix, a collector of traces that nobody here wrote, as a process of its own.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tempfile::TempDir;

use crate::foreign::installed;

/// A running Phoenix; dropped, it ends.
#[derive(Debug)]
pub struct Phoenix {
    /// Where it takes OTLP over gRPC, for `telemetry.otlp`.
    pub otlp: String,
    http: String,
    client: Client<HttpConnector, Empty<bytes::Bytes>>,
    process: Child,
    _folder: TempDir,
}

impl Phoenix {
    /// Starts it and waits until it answers; none where it is not installed, which is said.
    ///
    /// # Panics
    ///
    /// When it does not answer within two minutes.
    pub async fn start() -> Option<Self> {
        let python = installed("VARCO_TEST_PHOENIX")?;
        let folder = TempDir::new().expect("a temporary folder");
        let [http, grpc] = free_ports();
        let process = Command::new(python)
            .args(["-m", "phoenix.server.main", "serve"])
            .env("PHOENIX_WORKING_DIR", folder.path())
            .env("PHOENIX_HOST", "127.0.0.1")
            .env("PHOENIX_PORT", http.to_string())
            .env("PHOENIX_GRPC_PORT", grpc.to_string())
            .env("PHOENIX_TELEMETRY_ENABLED", "false")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("phoenix");
        let phoenix = Self {
            otlp: format!("http://127.0.0.1:{grpc}"),
            http: format!("http://127.0.0.1:{http}"),
            client: Client::builder(TokioExecutor::new()).build_http(),
            process,
            _folder: folder,
        };
        let ready = async {
            while phoenix.asked("/v1/projects").await.is_none() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let ready = tokio::time::timeout(STARTING, ready).await;
        ready.expect("phoenix does not answer");
        Some(phoenix)
    }

    /// The spans of a trace, in its own words, oldest first; none while it has none.
    pub async fn spans(&self, trace_id: &str) -> Vec<Value> {
        let path = format!("/v1/projects/default/spans?limit=1000&trace_id={trace_id}");
        let answer = self.asked(&path).await.unwrap_or_default();
        answer["data"].as_array().cloned().unwrap_or_default()
    }

    async fn asked(&self, path: &str) -> Option<Value> {
        let address = format!("{}{path}", self.http).parse().ok()?;
        let answer = self.client.get(address).await.ok()?;
        let body = answer.into_body().collect().await.ok()?.to_bytes();
        serde_json::from_slice(&body).ok()
    }
}

impl Drop for Phoenix {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Ports that were free a moment ago: Phoenix cannot be told to choose by itself.
fn free_ports() -> [u16; 2] {
    let bound = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    bound.map(|listener| listener.local_addr().expect("an address").port())
}

/// It makes its database first.
const STARTING: Duration = Duration::from_mins(2);
