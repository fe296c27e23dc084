//! Where a town listens: twelve consecutive ports on loopback, counted from a base.
//!
//! The order is the one of the table in docs/ARCHITECTURE.md. Only what differs from the defaults
//! is written to a folder's configuration.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use toml::{Table, Value};
use varco_runtime::config::Config;
use varco_runtime::server;

use crate::failure::Failure;

/// The base of the defaults.
pub const DEFAULT_BASE: u16 = 7443;

/// How many ports a town takes, from the base on.
pub const COUNT: u16 = 12;

/// Finds the base of as many free ports as a town needs.
///
/// # Errors
///
/// When no place is free.
pub fn free_port_base() -> Result<u16, Failure> {
    static HANDED_OUT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..SLOTS {
        let nth = HANDED_OUT.fetch_add(1, Ordering::Relaxed);
        let slot = std::process::id().wrapping_mul(37).wrapping_add(nth) % SLOTS;
        let Ok(base) = u16::try_from(LOWEST + slot * u32::from(COUNT)) else {
            continue;
        };
        let taken = (base..base + COUNT).any(|port| bind(port).is_none());
        if !taken {
            return Ok(base);
        }
    }
    Err(Failure::new(
        "no ports",
        "no twelve consecutive ports are free",
        "name a --port-base",
    ))
}

/// What `--port-base` asks for: zero means wherever there is room.
///
/// # Errors
///
/// When the ports would run past the last one, or none are free.
pub fn chosen_base(asked: u16) -> Result<u16, Failure> {
    match asked {
        0 => free_port_base(),
        base if base > u16::MAX - COUNT => Err(Failure::new(
            format!("--port-base {base}"),
            "a town takes twelve ports from there on",
            format!("choose at most {}", u16::MAX - COUNT),
        )),
        base => Ok(base),
    }
}

/// Whether a configuration listens on the ports that a base gives.
#[must_use]
pub fn stands_at(config: &Config, base: u16) -> bool {
    changes(config, base).is_empty()
}

/// Writes into a configuration's table what must change for `base`; hosts stay as they are.
pub fn move_to(table: &mut Table, config: &Config, base: u16) {
    for (path, text) in changes(config, base) {
        insert(table, &path, text);
    }
}

/// The keys that have another value when the ports start from `base`.
fn changes(config: &Config, base: u16) -> Vec<(Vec<&str>, String)> {
    let gateway = &config.gateway;
    let mut addresses = vec![
        (vec!["gateway", "data_plane"], gateway.data_plane, 0),
        (vec!["gateway", "token"], gateway.token, 1),
        (vec!["gateway", "control"], gateway.control, 2),
        (vec!["gateway", "probes"], gateway.probes, 4),
    ];
    let mut changed = Vec::new();
    for (name, offset) in OFFICES {
        let Some(service) = config.services.get(name) else {
            continue;
        };
        addresses.push((vec!["services", name, "listen"], service.listen, offset));
        let Some(public) = service.public else {
            continue;
        };
        addresses.push((vec!["services", name, "public"], public, PUBLIC));
        if public.port() != base + PUBLIC {
            let url = format!("http://localhost:{}", base + PUBLIC);
            changed.push((vec!["services", name, "settings", "base_url"], url));
        }
    }
    let moved = |now: SocketAddr, offset: u16| SocketAddr::new(now.ip(), base + offset);
    let other = addresses
        .into_iter()
        .filter(|(_, now, offset)| *now != moved(*now, *offset));
    changed.extend(other.map(|(path, now, offset)| (path, moved(now, offset).to_string())));
    changed
}

/// Refuses a configuration one of whose ports is taken.
///
/// # Errors
///
/// Names the first port that cannot be had.
pub fn require_free(config: &Config) -> Result<(), Failure> {
    for (_, address) in addresses(config) {
        match TcpListener::bind(address) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(server::Error::PortTaken(address).into());
            }
            Err(error) => return Err(server::Error::Bind(address, error).into()),
        }
    }
    Ok(())
}

/// Every address that a configuration listens on, with what it is for.
#[must_use]
pub fn addresses(config: &Config) -> Vec<(String, SocketAddr)> {
    let gateway = &config.gateway;
    let mut all = vec![
        ("data plane".to_owned(), gateway.data_plane),
        ("token endpoint".to_owned(), gateway.token),
        ("control plane".to_owned(), gateway.control),
        ("probes".to_owned(), gateway.probes),
    ];
    for (name, service) in &config.services {
        all.push((name.clone(), service.listen));
        all.extend(
            service
                .public
                .map(|public| (format!("{name}, public"), public)),
        );
    }
    all
}

fn insert(table: &mut Table, path: &[&str], text: String) {
    let Some((last, steps)) = path.split_last() else {
        return;
    };
    let mut place = table;
    for step in steps {
        let next = place
            .entry(*step)
            .or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(next) = next else { return };
        place = next;
    }
    place.insert((*last).to_owned(), Value::String(text));
}

fn bind(port: u16) -> Option<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()
}

const OFFICES: [(&str, u16); 4] = [
    ("anagrafe", 8),
    ("protocollo", 9),
    ("albo", 10),
    ("documenti", 11),
];
const PUBLIC: u16 = 5;

/// Below the ports that systems hand out for outgoing connections.
const LOWEST: u32 = 10_000;
const SLOTS: u32 = 1_800;
