//! Records as JSON lines, in the field names of PDND's audits where PDND has one.
//!
//! An auditor's tools for PDND's token audit (`jwtId`, `clientId`, `purposeId`, …) and application audit
//! (`correlationId`, `endpoint`, `phase`, `httpResponseStatus`, `executionTimeMs`, …) read them so; what PDND does
//! not record keeps the name that it has in `varco.audit.v1.Record`, in camel case. Times are milliseconds of the
//! Unix epoch. What a record leaves empty is left out.

use serde_json::{Map, Value, json};
use uuid::Uuid;
use varco_proto::audit::v1::RecordKind;

use super::Placed;
use super::tracing::http_status;

/// One line, without its end.
#[must_use]
pub fn line(placed: &Placed) -> String {
    Value::Object(object(placed)).to_string()
}

fn object(placed: &Placed) -> Map<String, Value> {
    let record = &placed.record;
    let mut line = Map::new();
    let mut put = |name: &str, value: Value| {
        let empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Number(number) => number.as_u64() == Some(0) || number.as_i64() == Some(0),
            _ => false,
        };
        if !empty {
            line.insert(name.to_owned(), value);
        }
    };
    line_of_place(placed, &mut put);
    put("clientId", json!(record.client_id));
    put("agreementId", json!(record.agreement_id));
    put("eserviceId", json!(record.eservice_id));
    put("producerId", json!(record.producer_id));
    put("purposeId", json!(record.purpose_id));
    put("jwtId", json!(record.voucher_jti));
    put("issuer", json!(record.voucher_iss));
    put("keyId", json!(record.voucher_kid));
    put(
        "expirationTime",
        json!(record.voucher_exp.saturating_mul(1000)),
    );
    put("officeCode", json!(record.office_code));
    put("legalBasis", json!(record.legal_basis));
    put("procedureRef", json!(record.procedure_ref));
    put("actorRef", json!(hex::encode(&record.actor_ref)));
    put("actorRole", json!(record.actor_role));
    put("actorLoa", json!(record.actor_loa));
    put("workstation", json!(record.workstation));
    put("onBehalfOf", json!(record.on_behalf_of));
    let subjects = record.subject_refs.iter().map(hex::encode);
    put("subjectRefs", json!(subjects.collect::<Vec<_>>()));
    put("subjectEpoch", json!(record.subject_epoch));
    put("subjectCount", json!(record.subject_count));
    put("fields", json!(record.fields));
    put("dataClassesDelivered", json!(record.data_classes_delivered));
    put("dataClassesWithheld", json!(record.data_classes_withheld));
    put("denyReason", json!(record.deny_reason));
    put("outcome", json!(record.outcome));
    put("recordsCount", json!(record.records_count));
    put("bytesOut", json!(record.bytes_out));
    put("policyEpoch", json!(record.policy_epoch));
    put("detail", json!(record.detail));
    if let Some(anchor) = &record.anchor {
        put(
            "anchor",
            json!({
                "size": anchor.size,
                "checkpointSha256": hex::encode(&anchor.checkpoint_sha256),
                "place": anchor.place,
                "reference": anchor.reference,
            }),
        );
    }
    line
}

/// Where and when, and what PDND's application audit says of a request.
fn line_of_place(placed: &Placed, put: &mut impl FnMut(&str, Value)) {
    let record = &placed.record;
    let kind = record.kind();
    let name = kind.as_str_name();
    put("origin", json!(placed.origin));
    // An index of zero is one.
    put("index", json!(placed.index.to_string()));
    put(
        "kind",
        json!(name.strip_prefix("RECORD_KIND_").unwrap_or(name)),
    );
    put("timestamp", json!(record.ts_unix_ns.div_euclid(1_000_000)));
    put("correlationId", json!(uuid(&record.audit_id)));
    put("parentCorrelationId", json!(uuid(&record.parent_audit_id)));
    put("traceId", json!(hex::encode(&record.trace_id)));
    put("spanId", json!(hex::encode(&record.span_id)));
    put("endpoint", json!(record.method));
    let ended = matches!(kind, RecordKind::Outcome | RecordKind::Deny);
    if kind == RecordKind::Intent || ended {
        put("httpMethod", json!("POST"));
        put(
            "phase",
            json!(if ended {
                "END_REQUEST"
            } else {
                "BEGIN_REQUEST"
            }),
        );
    }
    if ended {
        put("httpResponseStatus", json!(http_status(record.grpc_status)));
        put("grpcStatus", json!(record.grpc_status));
        put("executionTimeMs", json!(record.latency_us / 1000));
    }
}

fn uuid(bytes: &[u8]) -> String {
    Uuid::from_slice(bytes).map_or(String::new(), |id| id.to_string())
}

#[cfg(test)]
mod tests {
    use varco_proto::audit::v1::Record;

    use super::*;

    #[test]
    fn line_has_pdnds_names_and_nothing_empty() {
        let placed = Placed {
            origin: "c_z999.audit/gw1/2026".to_owned(),
            index: 0,
            record: Record {
                kind: RecordKind::Deny.into(),
                audit_id: Uuid::from_u128(7).as_bytes().to_vec().into(),
                ts_unix_ns: 1_790_000_000_123_456_789,
                method: "p.S/M".to_owned(),
                voucher_jti: "j".to_owned(),
                grpc_status: 7,
                latency_us: 2500,
                ..Record::default()
            },
        };

        let line: Value = serde_json::from_str(&line(&placed)).unwrap();

        assert_eq!(
            line,
            json!({
                "origin": "c_z999.audit/gw1/2026",
                "index": "0",
                "kind": "DENY",
                "timestamp": 1_790_000_000_123_i64,
                "correlationId": "00000000-0000-0000-0000-000000000007",
                "endpoint": "p.S/M",
                "httpMethod": "POST",
                "phase": "END_REQUEST",
                "httpResponseStatus": 403,
                "grpcStatus": 7,
                "executionTimeMs": 2,
                "jwtId": "j",
            })
        );
    }
}
