//! What stands beyond this machine: witnesses of the register of accesses, and its anchors.
//!
//! A witness is asked for the last checkpoint that it has cosigned (C2SP tlog-witness, for monitors); nothing
//! is submitted to it.

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use serde_json::Value;
use varco_gateway::audit::reading;
use varco_runtime::clock;
use varco_runtime::config::{AtRest, Config, KnownWitness};
use varco_runtime::https::Https;
use varco_runtime::problem::chain;
use varco_runtime::tls;
use varco_tlog::cosignature::CosignerKey;
use varco_tlog::note::Note;

use super::Finding;

/// Checks every witness, and the anchors where there are any.
pub async fn check(config: &Config, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    for known in &config.gateway.witnesses {
        findings.push(witness(config, known, now).await);
    }
    if config.gateway.witnesses.is_empty() && config.at_rest == AtRest::Sealed {
        let remedy = "run `varco serve witness` on the machine of another administrator and name it in \
                      [[gateway.witnesses]]";
        let what =
            "none: a database that was put back to an older copy is noticed by its mark alone";
        findings.push(Finding::warn("witnesses", what, remedy));
    }
    if !config.gateway.anchors.is_empty() {
        findings.push(anchors(config, now));
    }
    findings
}

async fn witness(config: &Config, known: &KnownWitness, now: Timestamp) -> Finding {
    let check = format!("witness {}", known.address);
    match last_cosigned(config, known).await {
        Ok(None) => {
            let remedy = "start the gateway; if it runs, add this log to the witness's `logs`";
            Finding::warn(check, "it has cosigned nothing of this log", remedy)
        }
        Ok(Some(at)) => {
            let ago = now.as_second().saturating_sub(at);
            let found = format!("its last word on this log is {ago} s old");
            // A gateway that stands still says nothing new.
            Finding::ok(check, found)
        }
        Err(why) => {
            let remedy = "see that it runs and that this machine reaches it: after four hours without a \
                          witness no call is answered";
            Finding::fail(check, why, remedy)
        }
    }
}

/// When the witness last cosigned this gateway's log, in seconds since the Unix epoch.
async fn last_cosigned(config: &Config, known: &KnownWitness) -> Result<Option<i64>, String> {
    let said = |error: &(dyn std::error::Error + 'static)| chain(error);
    let key: CosignerKey = known
        .vkey
        .parse()
        .map_err(|e: varco_tlog::error::Error| said(&e))?;
    let db = reading::open_db(config).await.map_err(|e| said(&e))?;
    let log = reading::log(&db, config, None)
        .await
        .map_err(|e| said(&e))?;
    let name = hex::encode(digest(&SHA256, log.origin.as_bytes()));
    let address = format!("{}/{name}/checkpoint", known.address.trim_end_matches('/'));
    let authority = known.ca.as_ref().unwrap_or(&config.comune.ca);
    let roots = tls::roots(&config.path(authority)).map_err(|e| said(&e))?;
    let https = Https::or_plain(tls::client(None, &roots, &[]).map_err(|e| said(&e))?);
    let answer = https.fetch(&address).await.map_err(|e| said(&e))?;
    if answer.status == http::StatusCode::NOT_FOUND {
        return Ok(None);
    }
    let text = std::str::from_utf8(&answer.body).map_err(|e| said(&e))?;
    let note = Note::parse(text).map_err(|_| format!("HTTP {}", answer.status.as_u16()))?;
    let newest = key.newest_on(&note).map_err(|e| said(&e))?;
    let newest = newest.ok_or("it answers with another key than its vkey says")?;
    Ok(i64::try_from(newest.time).ok())
}

fn anchors(config: &Config, now: Timestamp) -> Finding {
    let file = config
        .audit_folder()
        .join(format!("{}.anchor.json", config.gateway.instance));
    let Some(day) = last_day(&file) else {
        let what = "nothing was anchored yet: it is done every night after one";
        return Finding::ok("anchors", what);
    };
    let found = format!("the checkpoint of {day} was anchored last");
    let days = (clock::rome(now).date() - day).get_days();
    if days > 1 {
        let remedy = "run `varco audit anchor` and do what it says";
        return Finding::warn("anchors", found, remedy);
    }
    Finding::ok("anchors", found)
}

fn last_day(file: &Path) -> Option<jiff::civil::Date> {
    let text = std::fs::read(file).ok()?;
    let begun: Value = serde_json::from_slice(&text).ok()?;
    begun.get("day")?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchor_of_the_day_before_yesterday_is_late() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(crate::configuration::FILE);
        std::fs::write(
            &file,
            "[gateway.anchors.tsa]\naddress = \"http://tsa.example\"\n",
        )
        .unwrap();
        let config = crate::configuration::load(&file).unwrap();
        std::fs::create_dir(config.audit_folder()).unwrap();
        let begun = config.audit_folder().join("gw1.anchor.json");
        std::fs::write(begun, r#"{"day":"2026-11-27"}"#).unwrap();
        let at = |text: &str| anchors(&config, text.parse().unwrap());

        assert_eq!(at("2026-11-28T12:00:00Z").remedy, "");
        assert!(
            at("2026-11-29T12:00:00Z")
                .remedy
                .contains("varco audit anchor")
        );
    }
}
