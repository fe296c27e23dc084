//! What of the configuration changes while a process runs, and what only its next start takes up.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::{Config, Limits};

/// The keys in which a configuration differs from the one in force, in the order of the alphabet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Those that can be taken up at once.
    pub now: Vec<String>,
    /// Those that wait for a restart.
    pub at_restart: Vec<String>,
}

impl Config {
    /// How a new configuration differs from this one, which is in force.
    #[must_use]
    pub fn changes(&self, new: &Self) -> Changes {
        let all = self.keys.keys().chain(new.keys.keys());
        let mut differing: Vec<&String> = all
            .filter(|key| self.keys.get(*key) != new.keys.get(*key))
            .collect();
        differing.sort();
        differing.dedup();
        let (now, at_restart) = differing
            .into_iter()
            .cloned()
            .partition(|key| AT_ONCE.contains(&key.as_str()));
        Changes { now, at_restart }
    }

    /// Takes up of a new configuration what can be taken up at once.
    pub fn take_up(&mut self, new: &Self) {
        for key in AT_ONCE {
            match new.keys.get(key) {
                Some(value) => self.keys.insert(key.to_owned(), value.clone()),
                None => self.keys.remove(key),
            };
        }
        self.gateway.limits = Limits {
            drain_seconds: self.gateway.limits.drain_seconds,
            ..new.gateway.limits
        };
        self.telemetry.log.clone_from(&new.telemetry.log);
        self.telemetry.ratio = new.telemetry.ratio;
    }
}

/// Every key of a table with its value, tables within it by their path.
pub(super) fn keys(table: &Table) -> BTreeMap<String, Value> {
    let mut keys = BTreeMap::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) => {
                let inner = self::keys(inner).into_iter();
                keys.extend(inner.map(|(rest, value)| (format!("{key}.{rest}"), value)));
            }
            value => {
                keys.insert(key.clone(), value.clone());
            }
        }
    }
    keys
}

/// The keys that a running process takes up.
const AT_ONCE: [&str; 11] = [
    "gateway.limits.calls_per_second",
    "gateway.limits.streams_per_client",
    "gateway.limits.message_bytes",
    "gateway.limits.answer_bytes",
    "gateway.limits.unary_seconds",
    "gateway.limits.stream_seconds",
    "gateway.limits.tokens_per_second",
    "gateway.limits.refusals_per_minute",
    "gateway.limits.snapshot_seconds",
    "telemetry.log",
    "telemetry.ratio",
];

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: &str = include_str!("../../../../deploy/varco.toml");

    fn config(text: &str) -> Config {
        Config::parse(text, "varco.toml", DEFAULTS, std::iter::empty()).unwrap()
    }

    #[test]
    fn limits_are_taken_up_and_ports_wait() {
        let mut config = config("");
        let new = self::config(
            "[gateway]\ntoken = \"127.0.0.1:1\"\n[gateway.limits]\ncalls_per_second = 7\n\
             drain_seconds = 3\n[telemetry]\nratio = 0.5\n",
        );

        let changes = config.changes(&new);
        config.take_up(&new);

        assert_eq!(
            changes.now,
            ["gateway.limits.calls_per_second", "telemetry.ratio"]
        );
        assert_eq!(
            changes.at_restart,
            ["gateway.limits.drain_seconds", "gateway.token"]
        );
        assert_eq!(config.gateway.limits.calls_per_second, 7);
        assert_eq!(config.gateway.limits.drain_seconds, 10);
        assert_eq!(config.gateway.token.port(), 7444);
        assert_eq!(
            config.changes(&new),
            Changes {
                now: Vec::new(),
                at_restart: changes.at_restart
            },
            "what waits is told again"
        );
    }

    #[test]
    fn every_key_that_is_taken_up_exists() {
        let config = config("");

        for key in AT_ONCE {
            assert!(config.keys.contains_key(key), "{key}");
        }
        let limits = config.keys.keys();
        let limits = limits.filter(|key| key.starts_with("gateway.limits."));
        let left: Vec<_> = limits
            .filter(|key| !AT_ONCE.contains(&key.as_str()))
            .collect();
        assert_eq!(
            left,
            ["gateway.limits.drain_seconds"],
            "take_up knows them all"
        );
    }
}
