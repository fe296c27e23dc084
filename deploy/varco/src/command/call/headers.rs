//! The metadata of a call: what the caller wrote, the voucher, the trace, the idempotency key.

use tonic::metadata::{Ascii, Binary, MetadataKey, MetadataMap, MetadataValue};
use varco_runtime::clock::Clock;
use varco_runtime::trace::TraceContext;

use super::contract::Method;
use crate::failure::Failure;

/// Puts together the metadata of a call; what the caller wrote wins.
///
/// # Errors
///
/// When a line is no metadata.
pub fn metadata(
    lines: &[String],
    token: Option<String>,
    method: &Method,
    clock: &Clock,
) -> Result<MetadataMap, Failure> {
    let mut metadata = MetadataMap::new();
    metadata.insert("traceparent", TraceContext::start().header().parse()?);
    if method.is_deduplicated() {
        metadata.insert("idempotency-key", clock.uuid().to_string().parse()?);
    }
    if let Some(token) = token {
        metadata.insert("authorization", bearer(&token)?);
    }
    for line in lines {
        insert(&mut metadata, line).ok_or_else(|| {
            let remedy = "write -H 'key: value', in base64 for a key that ends in -bin";
            Failure::new("a header cannot be sent", "it is no gRPC metadata", remedy)
        })?;
    }
    Ok(metadata)
}

fn bearer(token: &str) -> Result<MetadataValue<Ascii>, Failure> {
    format!("Bearer {token}").parse().map_err(|_| {
        let remedy = "get one with `varco voucher get`";
        Failure::new(
            "the voucher cannot be sent",
            "it is no single line of text",
            remedy,
        )
    })
}

fn insert(metadata: &mut MetadataMap, line: &str) -> Option<()> {
    let (key, value) = line.split_once(':')?;
    let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
    if key.ends_with("-bin") {
        let key = MetadataKey::<Binary>::from_bytes(key.as_bytes()).ok()?;
        let value = base64::Engine::decode(&BASE64, value).ok()?;
        metadata.insert_bin(key, MetadataValue::from_bytes(&value));
    } else {
        let key = MetadataKey::<Ascii>::from_bytes(key.as_bytes()).ok()?;
        metadata.insert(key, value.parse().ok()?);
    }
    Some(())
}

const BASE64: base64::engine::GeneralPurpose = base64::engine::general_purpose::STANDARD;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn method_with_side_effects_gets_a_key_unless_the_caller_has_one() {
        let upload = "varco.documenti.v1.DocumentiService/UploadDocumento";
        let method = Method::find(upload, None).unwrap();
        let key = |lines: &[String]| {
            let metadata = metadata(lines, None, &method, &Clock::system()).unwrap();
            metadata
                .get("idempotency-key")
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        };

        assert_ne!(key(&[]), key(&[]));
        assert_eq!(key(&["Idempotency-Key: mine".to_owned()]), "mine");
    }

    #[test]
    fn line_without_a_colon_is_refused() {
        let verify = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza";
        let method = Method::find(verify, None).unwrap();

        let refused = metadata(&["nothing".to_owned()], None, &method, &Clock::system());

        assert!(refused.is_err());
    }
}
