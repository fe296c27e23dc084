//! `varco doctor`: looks at an installation, running or not, and says what to do.
//!
//! It changes nothing but a file of its own that it removes. No call goes through the data plane;
//! where the control plane answers, it lists the e-services as the sample's administrator.

use serde::Serialize;
use serde_json::json;
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;

use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::output::{self, Table};

mod beyond;
mod credentials;
mod databases;
mod dpo;
mod machine;
mod network;
mod registry;
mod sealing;
mod upstreams;

/// What `varco doctor` is told.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    level: Level,
    check: String,
    detail: String,
    /// What to do; empty when all is well.
    remedy: String,
}

/// How well it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    Warn,
    Fail,
}

/// Checks everything and prints a line for each.
///
/// # Errors
///
/// When a check failed.
pub async fn run(_args: Args, common: &Common) -> Result<(), Failure> {
    let config = common.load_config()?;
    let now = Clock::system().now();
    let mut findings = vec![machine::clock(&config, now)];
    findings.push(machine::standing(Clock::system().standing()));
    findings.push(machine::space(&config));
    findings.push(machine::sync_time(&config));
    findings.extend(credentials::certificates(&config, now));
    findings.extend(credentials::keys(&config));
    findings.extend(sealing::check(&config));
    findings.extend(dpo::check(&config, now));
    findings.extend(databases::check(&config).await);
    findings.extend(registry::check(&config, &Clock::system()).await);
    findings.extend(beyond::check(&config, now).await);
    findings.push(revocation(&config));
    findings.extend(network::ports(&config).await);
    findings.extend(upstreams::check(&config, common, now).await);
    print(&findings, common.output)?;
    match findings
        .iter()
        .filter(|finding| finding.level == Level::Fail)
        .count()
    {
        0 => Ok(()),
        1 => Err(Failure::line(
            "one check failed: do what its line says and run doctor again",
        )),
        n => Err(Failure::line(format!(
            "{n} checks failed: do what they say and run doctor again"
        ))),
    }
}

impl Finding {
    fn ok(check: impl Into<String>, detail: impl Into<String>) -> Self {
        let (check, detail) = (check.into(), detail.into());
        Self {
            level: Level::Ok,
            check,
            detail,
            remedy: String::new(),
        }
    }

    fn warn(check: impl Into<String>, detail: impl Into<String>, remedy: &str) -> Self {
        Self {
            level: Level::Warn,
            remedy: remedy.to_owned(),
            ..Self::ok(check, detail)
        }
    }

    fn fail(check: impl Into<String>, detail: impl Into<String>, remedy: &str) -> Self {
        Self {
            level: Level::Fail,
            ..Self::warn(check, detail, remedy)
        }
    }
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// How soon a suspension stops calls, and the limit beside the promise.
fn revocation(config: &Config) -> Finding {
    let limit = config.gateway.limits.snapshot_seconds;
    let vouchers = limit.min(15);
    let promise = format!(
        "a suspension stops calls within 1 s on every gateway; one that cannot read the registry \
         warns at 5 s, issues no vouchers at {vouchers} s and refuses calls at {limit} s \
         (snapshot_seconds)"
    );
    if limit > LONG {
        let remedy = "lower snapshot_seconds unless the database is known to be away for so long";
        return Finding::warn("revocation", promise, remedy);
    }
    Finding::ok("revocation", promise)
}

/// Longer than this, in seconds, is worth a second thought.
const LONG: u64 = 60;

fn print(findings: &[Finding], output: Output) -> Result<(), Failure> {
    if output == Output::Json {
        let ok = findings.iter().all(|finding| finding.level != Level::Fail);
        return output::json(&json!({ "checks": findings, "ok": ok }));
    }
    let mut table = Table::new(vec!["RESULT", "CHECK", "FOUND"]);
    for Finding {
        level,
        check,
        detail,
        remedy,
    } in findings
    {
        let found = match remedy.as_str() {
            "" => detail.clone(),
            remedy => format!("{detail}: {remedy}"),
        };
        table.push(vec![level.name().to_owned(), check.clone(), found]);
    }
    output::line(table)
}

#[cfg(test)]
mod tests;
