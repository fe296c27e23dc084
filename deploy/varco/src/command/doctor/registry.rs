//! Whether the registry is what its history says, and which certificates it knows end soon.

use jiff::Timestamp;
use varco_gateway::registry::error::Error;
use varco_gateway::registry::{Registry, Rules, certificate, drift};
use varco_runtime::clock::{self, Clock};
use varco_runtime::config::Config;
use varco_runtime::store::Db;

use super::Finding;

/// Checks the registry, when its database can be read.
pub async fn check(config: &Config, clock: &Clock) -> Vec<Finding> {
    let address = &config.gateway.database;
    // What is not there, or does not answer, has been told already.
    let Ok(db) = Db::open_as_it_is(address, &config.folder).await else {
        return Vec::new();
    };
    let mut findings = vec![history(&db).await];
    if let Ok(registry) = Registry::open(db.clone(), clock.clone(), Rules::default()).await {
        findings.extend(certificates(&registry, clock.now()));
    }
    db.close().await;
    findings
}

async fn history(db: &Db) -> Finding {
    let check = "registry";
    match drift::find(db).await {
        Ok(found) if found.is_empty() => Finding::ok(check, "every entry is as its history says"),
        Ok(found) => {
            let mut told: Vec<String> = found.iter().take(MOST).cloned().collect();
            if found.len() > MOST {
                told.push(format!("and {} more", found.len() - MOST));
            }
            Finding::fail(check, told.join("; "), DRIFTED)
        }
        Err(Error::Store(error)) => {
            let detail = format!("it cannot be read: {error}");
            Finding::warn(check, detail, "its gateway makes it at the first start")
        }
        Err(error) => Finding::fail(check, error.to_string(), DRIFTED),
    }
}

fn certificates(registry: &Registry, now: Timestamp) -> Vec<Finding> {
    let snapshot = registry.snapshot();
    let told = |it: &&varco_gateway::registry::entry::Entry<certificate::Certificate>| {
        let client = it.body.client.and_then(|id| snapshot.clients.get(&id));
        let whose = client.map_or_else(
            || it.body.holder.clone(),
            |client| format!("client {}", client.name),
        );
        let end = it.body.not_after.unwrap_or_default();
        let day = Timestamp::from_second(end).map(clock::day);
        let day = day.map_or_else(|_| "an unknown day".to_owned(), |day| day.to_string());
        let check = format!("certificate of {whose}");
        if end < now.as_second() {
            return Finding::warn(check, format!("ended on {day}"), ENDS);
        }
        Finding::warn(check, format!("good until {day}"), ENDS)
    };
    let ending = certificate::ending(&snapshot, now.as_second());
    ending.iter().map(told).collect()
}

const DRIFTED: &str = "somebody has changed the database past the registry: restore a backup";
const ENDS: &str = "its holder renews it; where it cannot, issue another one";
/// Differences that are told.
const MOST: usize = 10;
