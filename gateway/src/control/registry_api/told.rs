//! What records say of a request, in one line and without anybody's own text.

use varco_proto::registry::v1::Document;

/// What a document declares.
#[must_use]
pub fn document(document: &Document, dry_run: bool) -> String {
    let parts = [
        ("attributes", document.attributes.len()),
        ("tenants", document.tenants.len()),
        ("eservices", document.eservices.len()),
        ("clients", document.clients.len()),
        ("agreements", document.agreements.len()),
        ("purposes", document.purposes.len()),
        ("operators", document.operators.len()),
    ];
    let said: Vec<String> = parts
        .iter()
        .map(|(what, n)| format!("{n} {what}"))
        .collect();
    let verb = if dry_run { "would apply" } else { "apply" };
    format!("{verb} {}", said.join(", "))
}
