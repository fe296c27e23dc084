//! What listens, as those who collect spans know it: by the names of the configuration.

use varco_runtime::config::Config;
use varco_runtime::telemetry::served::Served;
use varco_runtime::telemetry::span::{Server, Spans};

/// The listeners of a gateway whose calls have spans.
#[derive(Clone, Debug)]
pub struct Listeners {
    /// For clients.
    pub data_plane: Served,
    /// For vouchers and certificates.
    pub token: Served,
    /// For operators.
    pub control: Served,
}

impl Listeners {
    /// Those of a configuration.
    #[must_use]
    pub fn of(config: &Config, spans: &Spans) -> Self {
        let served = |address: String| Served {
            spans: spans.clone(),
            server: Server::at(&address),
        };
        Self {
            data_plane: served(config.gateway_address()),
            token: served(config.issuer()),
            control: served(config.control_address()),
        }
    }
}
