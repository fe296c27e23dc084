//! What a role is to those who collect spans: an OpenTelemetry resource.
//!
//! In `varco up` all roles share a process; each is a resource of its own all the same, so that a
//! trace shows which office did what.

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::TelemetryResourceDetector;

use crate::clock::Clock;
use crate::config::{AtRest, Config};

/// What all roles of one process have in common.
#[derive(Clone, Debug, Default)]
pub struct Process(Vec<KeyValue>);

impl Process {
    /// This process, in this run.
    #[must_use]
    pub fn of(config: &Config, clock: &Clock) -> Self {
        let environment = config.telemetry.environment.clone();
        let environment = environment.unwrap_or_else(|| {
            let real = config.at_rest == AtRest::Sealed;
            if real { "production" } else { "sample" }.to_owned()
        });
        let host = rustix::system::uname();
        let host = host.nodename().to_string_lossy().into_owned();
        Self(vec![
            KeyValue::new("service.namespace", config.comune.ipa.clone()),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", clock.uuid().to_string()),
            KeyValue::new("deployment.environment.name", environment),
            KeyValue::new("host.name", host),
        ])
    }

    /// One role of it.
    pub(super) fn role(&self, name: &str) -> Resource {
        Resource::builder_empty()
            .with_detector(Box::new(TelemetryResourceDetector))
            .with_attributes(self.0.clone())
            .with_service_name(name.to_owned())
            .build()
    }
}
