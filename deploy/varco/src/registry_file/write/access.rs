//! Agreements and purposes as a registry file has them.

use varco_proto::registry::v1::{Agreement, Purpose};

use super::super::time::Edge;
use super::Writer;
use super::text::Inline;

impl Writer {
    pub(super) fn agreement(&mut self, agreement: &Agreement) {
        self.text.entry("agreement");
        self.text.text("consumer", &agreement.consumer);
        self.text.text("eservice", &agreement.eservice);
        self.text.number("version", agreement.version.into());
        self.suspended(agreement.standing);
    }

    pub(super) fn purpose(&mut self, purpose: &Purpose) {
        self.text.entry("purpose");
        self.text.text("name", &purpose.name);
        self.text.text("consumer", &purpose.consumer);
        self.text.text("eservice", &purpose.eservice);
        self.text.text("legal_basis", &purpose.legal_basis);
        self.text.text("trigger", &purpose.trigger);
        self.text.texts("methods", &purpose.methods);
        self.text.texts("data_classes", &purpose.data_classes);
        self.text.number("daily_calls", purpose.daily_calls);
        self.text.texts("clients", &purpose.clients);
        self.text.flag("chained", purpose.chained);
        self.text
            .moment("valid_from", purpose.valid_from, Edge::From);
        self.text
            .moment("valid_until", purpose.valid_until, Edge::Until);
        self.text.text("retention", &purpose.retention);
        if let Some(analysis) = &purpose.risk_analysis {
            let analysis = Inline::default()
                .text("need", &analysis.need)
                .text("risk", &analysis.risk)
                .text("measures", &analysis.measures);
            self.text.table("risk_analysis", analysis);
        }
        self.suspended(purpose.standing);
    }
}
