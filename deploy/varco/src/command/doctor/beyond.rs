//! What stands beyond this machine: witnesses of the register of accesses, and its anchors.
//!
//! A witness is asked for the last checkpoint that it has cosigned (C2SP tlog-witness, for monitors); nothing
//! is submitted to it.

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use varco_gateway::audit::reading::{self, Reading};
use varco_gateway::audit::{self, search};
use varco_proto::audit::v1::{RecordKind, SearchRecordsRequest};
use varco_runtime::config::anchors::Anchors;
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
        findings.push(anchors(config, now).await);
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

/// Whether the register says that every place took a checkpoint lately; what was begun is no anchor yet.
async fn anchors(config: &Config, now: Timestamp) -> Finding {
    let check = "anchors";
    let anchored = match recent(config, now).await {
        Ok(anchored) => anchored,
        Err(error) => return Finding::fail(check, chain(&error), "check the database audit"),
    };
    let mut missing = places(config);
    missing.retain(|place| !anchored.iter().any(|it| it == place));
    if missing.is_empty() {
        return Finding::ok(check, "a checkpoint of the last two days stands everywhere");
    }
    let begun = format!("{}.anchor.json", config.gateway.instance);
    if anchored.is_empty() && !config.audit_folder().join(begun).exists() {
        let what = "nothing was anchored yet: it is done every night after one";
        return Finding::ok(check, what);
    }
    let what = format!(
        "no checkpoint of the last two days stands in {}",
        missing.join(", ")
    );
    Finding::warn(check, what, "run `varco audit anchor` and do what it says")
}

/// Where checkpoints are to stand, by the names in records.
fn places(config: &Config) -> Vec<&'static str> {
    let Anchors { offices, tsa } = &config.gateway.anchors;
    let albo = offices.as_ref().and_then(|it| it.albo.as_ref());
    let places = [
        offices.as_ref().map(|_| "protocollo"),
        albo.map(|_| "albo"),
        tsa.as_ref().map(|_| "tsa"),
    ];
    places.into_iter().flatten().collect()
}

/// The places of the ANCHOR records of the last two days.
async fn recent(config: &Config, now: Timestamp) -> Result<Vec<String>, audit::Error> {
    let from = now.as_second() - TWO_DAYS;
    let asked = SearchRecordsRequest {
        kinds: vec![RecordKind::Anchor.into()],
        from_time: Some(prost_types::Timestamp {
            seconds: from,
            nanos: 0,
        }),
        page_size: 1000,
        ..SearchRecordsRequest::default()
    };
    let newest = Reading::open(config, None).await?;
    let mut places = Vec::new();
    for reading in newest.back_to(from * 1_000_000).await? {
        for entry in search::search(&reading, &asked).await?.entries {
            let record = reading::decode(entry.index, &entry.leaf)?;
            places.extend(record.anchor.map(|anchor| anchor.place));
        }
    }
    Ok(places)
}

/// Two days and the hours of a night, in seconds.
const TWO_DAYS: i64 = 54 * 3600;
