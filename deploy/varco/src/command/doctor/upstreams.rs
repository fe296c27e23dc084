//! The services that the registry names, reached as the gateway reaches them: with its certificate,
//! under their authority, by the name that theirs must bear.

use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use jiff::Timestamp;
use rustls_pki_types::ServerName;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use varco_proto::registry::v1::{Entry, Kind, ListEntriesRequest};
use varco_runtime::clock;
use varco_runtime::config::Config;
use varco_runtime::tls::{self, Identity};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::Finding;
use crate::cli::Common;
use crate::failure::Failure;
use crate::operator;

/// Looks at every address of every descriptor, when a control plane answers.
pub async fn check(config: &Config, common: &Common, now: Timestamp) -> Vec<Finding> {
    let Some(descriptors) = descriptors(common).await else {
        return vec![Finding::ok(
            "upstreams",
            "not looked at: no control plane answers",
        )];
    };
    let mut findings = Vec::new();
    for entry in descriptors {
        let fields: Value = serde_json::from_str(&entry.json).unwrap_or_default();
        let upstream = fields.get("upstream").cloned().unwrap_or_default();
        for address in addresses(&upstream) {
            let check = format!("upstream {}", entry.name);
            let looked = tokio::time::timeout(PATIENCE, look(config, &address, &upstream));
            findings.push(match looked.await {
                Ok(Ok(end)) => told((check, &address), end, now),
                Ok(Err(failure)) => fail((check, &address), &failure),
                Err(_) => fail((check, &address), "no answer in time"),
            });
        }
    }
    findings
}

/// The first address and its replicas.
fn addresses(upstream: &Value) -> Vec<String> {
    let replicas = upstream.get("replicas").and_then(Value::as_array);
    let all = upstream
        .get("address")
        .into_iter()
        .chain(replicas.into_iter().flatten());
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Connects, and gives the last moment of the certificate that the service presents; none where it
/// speaks plain text.
async fn look(
    config: &Config,
    address: &str,
    upstream: &Value,
) -> Result<Option<Timestamp>, Failure> {
    let text = |field: &str| upstream.get(field).and_then(Value::as_str).unwrap_or("");
    let uri: Uri = address.parse()?;
    let host = uri.host().unwrap_or_default();
    let plain = uri.scheme_str() == Some("http");
    let port = uri.port_u16().unwrap_or(if plain { 80 } else { 443 });
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    if plain {
        return Ok(None);
    }
    let gateway = &config.gateway;
    let (certificate, key) = (config.path(&gateway.certificate), config.path(&gateway.key));
    let identity = Identity::load(&certificate, &key)?;
    let roots = match text("ca_pem") {
        "" => tls::roots(&config.path(&config.comune.ca))?,
        pem => tls::roots_from_pem(pem, "the CA of the service")?,
    };
    let name = match text("server_name") {
        "" => host,
        name => name,
    };
    let connector = tls::client(Some(&identity), &roots, &["h2"])?;
    let connector = TlsConnector::from(Arc::new(connector));
    let stream = connector
        .connect(ServerName::try_from(name.to_owned())?, stream)
        .await?;
    let connection = stream.get_ref().1;
    if connection.alpn_protocol() != Some(b"h2") {
        return Err(io::Error::other("it does not offer HTTP/2 (ALPN h2)").into());
    }
    let presented = connection.peer_certificates().unwrap_or_default();
    let leaf = presented
        .first()
        .map(|leaf| X509Certificate::from_der(leaf));
    let end = leaf.and_then(Result::ok).map(|(_, leaf)| {
        let end = leaf.validity().not_after.timestamp();
        Timestamp::from_second(end)
    });
    Ok(end.transpose()?)
}

fn fail((check, address): (String, &str), why: impl Display) -> Finding {
    let detail = format!("{address} cannot be used: {why}");
    Finding::fail(check, detail, UNREACHABLE)
}

fn told((check, address): (String, &str), end: Option<Timestamp>, now: Timestamp) -> Finding {
    let Some(end) = end else {
        return Finding::ok(check, format!("{address} answers, in plain text"));
    };
    let day = clock::day(end);
    let detail = format!("{address} answers; its certificate is good until {day}");
    if end.as_second() - now.as_second() < tls::SOON {
        return Finding::warn(check, detail, "its holder renews it before then");
    }
    Finding::ok(check, detail)
}

async fn descriptors(common: &Common) -> Option<Vec<Entry>> {
    let mut registry = operator::registry("amministratore", common).ok()?;
    let request = ListEntriesRequest {
        kind: Kind::Descriptor.into(),
        page_size: 500,
        ..ListEntriesRequest::default()
    };
    let asked = tokio::time::timeout(PATIENCE, registry.list_entries(request));
    Some(asked.await.ok()?.ok()?.into_inner().entries)
}

const PATIENCE: Duration = Duration::from_secs(3);
const UNREACHABLE: &str =
    "start the service, or correct its address, its name or its authority in the registry file";
