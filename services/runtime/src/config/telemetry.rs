//! The section of logs and spans.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

/// Logs and spans.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// Filter of the log, such as `info`.
    pub log: String,
    /// How log lines look.
    pub format: LogFormat,
    /// Address of an OTLP collector (gRPC).
    pub otlp: Option<String>,
    /// Whether the gateway keeps the spans, its own and those of the services.
    pub store: bool,
    /// Days that it keeps them.
    pub store_days: u32,
    /// Bytes of spans that it keeps.
    pub store_bytes: u64,
    /// Share of calls whose spans are made for keeping, from 0 to 1; refusals and failures always.
    pub ratio: f64,
    /// What kind of installation it is; the product's own word when left out.
    pub environment: Option<String>,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Text for a terminal.
    Text,
}

impl Telemetry {
    /// Refuses what means nothing, by its key.
    ///
    /// # Errors
    ///
    /// Says which key, and what it may be.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.log.parse::<EnvFilter>().is_err() {
            return Err("telemetry.log is no log filter: write for example \"info\"".to_owned());
        }
        if !(0.0..=1.0).contains(&self.ratio) {
            return Err("telemetry.ratio must lie between 0 and 1".to_owned());
        }
        if self.store && (self.store_days == 0 || self.store_bytes == 0) {
            let remedy = "to keep no spans, write telemetry.store = false";
            return Err(format!(
                "telemetry.store_days and store_bytes must not be zero: {remedy}"
            ));
        }
        Ok(())
    }
}
