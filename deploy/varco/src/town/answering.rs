//! Whether every port of a town answers, asked from outside as a peer would.
//!
//! A TLS port answers when its handshake completes with the gateway's own certificate: that shows
//! socket, certificate and authority without making a call, which would leave a record.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use varco_runtime::config::Config;
use varco_runtime::tls::{self, Identity};

use crate::failure::Failure;

/// Waits until every port answers.
///
/// # Errors
///
/// Names the port that does not within five seconds.
pub async fn wait(config: &Config) -> Result<(), Failure> {
    let gateway = &config.gateway;
    for address in [gateway.data_plane, gateway.token, gateway.control] {
        answers_tls(address, config).await?;
    }
    answers_http(gateway.probes, "/readyz").await?;
    for service in config.services.values() {
        answers_tls(service.listen, config).await?;
        if let Some(public) = service.public {
            answers_http(public, "/").await?;
        }
    }
    Ok(())
}

/// Completes a TLS handshake.
///
/// # Errors
///
/// When the port does not speak TLS with a certificate of the comune in time.
pub async fn answers_tls(address: SocketAddr, config: &Config) -> Result<(), Failure> {
    let roots = tls::roots(&config.path(&config.comune.ca))?;
    let certificate = config.path(&config.gateway.certificate);
    let identity = Identity::load(&certificate, &config.path(&config.gateway.key))?;
    let connector = TlsConnector::from(Arc::new(tls::client(Some(&identity), &roots, &["h2"])?));
    let name = ServerName::try_from("localhost")?;
    let handshake = async {
        let stream = TcpStream::connect(reachable(address)).await?;
        connector.connect(name, stream).await.map(drop)
    };
    in_time(address, handshake).await
}

/// Asks for a page and waits for the head of an answer other than a server's error.
///
/// # Errors
///
/// When there is none in time.
pub async fn answers_http(address: SocketAddr, path: &str) -> Result<(), Failure> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let asked = async {
        loop {
            let mut stream = TcpStream::connect(reachable(address)).await?;
            stream.write_all(request.as_bytes()).await?;
            let mut head = [0_u8; 12];
            stream.read_exact(&mut head).await?;
            // 503 is a role that is not ready yet.
            if head != *b"HTTP/1.1 503" {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    in_time(address, asked).await
}

async fn in_time(
    address: SocketAddr,
    asked: impl Future<Output = std::io::Result<()>>,
) -> Result<(), Failure> {
    let why = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    Err(Failure::new(
        format!("{address} does not answer"),
        why,
        "look at the log, or run `varco doctor`",
    ))
}

/// An address to connect to, for a socket that may listen on every one.
fn reachable(address: SocketAddr) -> SocketAddr {
    let everywhere = address.ip().is_unspecified();
    let ip = if everywhere {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    } else {
        address.ip()
    };
    SocketAddr::new(ip, address.port())
}

const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);
