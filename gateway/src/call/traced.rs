//! What the span of a call is told of it.

use varco_runtime::telemetry::span::Span;

use super::{Call, UNKNOWN, zone};

impl Call {
    /// `pkg.Service/Method`, when an e-service has it.
    #[must_use]
    pub fn known_method(&self) -> Option<&str> {
        Some(self.method()).filter(|method| *method != UNKNOWN)
    }

    /// Its span, empty where nobody collects.
    #[must_use]
    pub fn span(&self) -> &Span {
        &self.0.span
    }

    /// The zone of the caller's address.
    #[must_use]
    pub fn zone(&self) -> &'static str {
        self.0.address.map_or("unknown", |it| zone(it.ip()))
    }
}
