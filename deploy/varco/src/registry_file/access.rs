//! Who may use what, and what for: agreements and purposes.

use varco_proto::registry::v1::{Agreement, Purpose, RiskAnalysis};

use super::fields::Fields;
use super::standing_or_draft;
use super::time::Edge;

/// Reads an `[[agreement]]`.
pub fn agreement(fields: &mut Fields<'_>) -> Agreement {
    Agreement {
        consumer: fields.text("consumer"),
        eservice: fields.text("eservice"),
        version: fields.optional_small_number("version"),
        standing: standing_or_draft(fields),
    }
}

/// Reads a `[[purpose]]`.
pub fn purpose(fields: &mut Fields<'_>) -> Purpose {
    Purpose {
        name: fields.text("name"),
        consumer: fields.text("consumer"),
        eservice: fields.text("eservice"),
        legal_basis: fields.text("legal_basis"),
        trigger: fields.optional_choice("trigger", &["ufficio", "istanza"]),
        methods: fields.texts("methods"),
        data_classes: fields.texts_or_none("data_classes"),
        daily_calls: fields.number("daily_calls"),
        clients: fields.texts_or_none("clients"),
        chained: fields.flag("chained"),
        valid_from: fields.moment("valid_from", Edge::From),
        valid_until: fields.moment("valid_until", Edge::Until),
        retention: fields.optional_text("retention").unwrap_or_default(),
        risk_analysis: fields.table("risk_analysis", risk_analysis),
        standing: standing_or_draft(fields),
    }
}

fn risk_analysis(fields: &mut Fields<'_>) -> RiskAnalysis {
    RiskAnalysis {
        need: fields.text("need"),
        risk: fields.text("risk"),
        measures: fields.text("measures"),
    }
}
