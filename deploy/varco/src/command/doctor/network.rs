//! Ports, taken by us, by others or by nobody.

use std::net::{SocketAddr, TcpListener};

use varco_runtime::config::Config;

use super::Finding;
use crate::data_folder::ports;
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
