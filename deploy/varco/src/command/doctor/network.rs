//! Ports, taken by us, by others or by nobody, and the services that the registry names.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpStream;
use varco_proto::registry::v1::{Entry, Kind, ListEntriesRequest};
use varco_runtime::config::Config;

use super::Finding;
use crate::cli::Common;
use crate::data_folder::ports;
use crate::operator;
use crate::town::answering;

/// Whether each port answers as ours, or is free.
pub async fn ports(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (what, address) in ports::addresses(config) {
        findings.push(port(&what, address, config).await);
    }
    findings
}

async fn port(what: &str, address: SocketAddr, config: &Config) -> Finding {
    let check = format!("port {} ({what})", address.port());
    if TcpListener::bind(address).is_ok() {
        return Finding::ok(check, "free: nothing runs there");
    }
    let plain = what == "probes" || what.ends_with("public");
    let answered = if plain {
        answering::answers_http(address, "/").await
    } else {
        answering::answers_tls(address, config).await
    };
    match answered {
        Ok(()) => Finding::ok(check, "answers"),
        Err(failure) => {
            let remedy = "another program listens there: stop it, or choose other ports";
            Finding::fail(check, failure.to_string(), remedy)
        }
    }
}

/// Whether the services that the registry names can be reached, when a town runs.
pub async fn upstreams(common: &Common) -> Vec<Finding> {
    let Some(descriptors) = descriptors(common).await else {
        return vec![Finding::ok(
            "upstreams",
            "not looked at: no control plane answers",
        )];
    };
    let mut findings = Vec::new();
    for entry in descriptors {
        let fields: Value = serde_json::from_str(&entry.json).unwrap_or_default();
        let address = fields.pointer("/upstream/address").and_then(Value::as_str);
        findings.push(upstream(&entry.name, address.unwrap_or_default()).await);
    }
    findings
}

async fn upstream(name: &str, address: &str) -> Finding {
    let check = format!("upstream {name}");
    let host = address
        .split_once("://")
        .map_or(address, |(_, rest)| rest)
        .trim_end_matches('/');
    let connected = tokio::time::timeout(PATIENCE, TcpStream::connect(host)).await;
    if connected.is_ok_and(|stream| stream.is_ok()) {
        return Finding::ok(check, format!("{address} answers"));
    }
    let remedy = "start the service, or correct its address in the registry file";
    Finding::fail(check, format!("{address} does not answer"), remedy)
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
