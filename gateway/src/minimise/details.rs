//! The details of a status (`grpc-status-details-bin`, as all of gRPC's libraries send them): a
//! `google.rpc.Status`, whose details may be any message.
//!
//! Those that `google/rpc/error_details.proto` declares say what went wrong, and pass. Any other
//! could hold what the purpose does not include, and no field of the contract declares its class.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, HeaderValue};
use prost::Message as _;
use tonic_types::pb::Status;
use varco_runtime::metadata::GRPC_STATUS_DETAILS;

/// Leaves out what may not pass; a value of which all may stays as it came, byte for byte, as does
/// what is no status.
pub fn reduce(headers: &mut HeaderMap) {
    let values: Vec<_> = headers
        .get_all(&GRPC_STATUS_DETAILS)
        .iter()
        .map(reduced)
        .collect();
    if values.iter().all(Option::is_none) {
        return;
    }
    let came: Vec<_> = headers
        .get_all(&GRPC_STATUS_DETAILS)
        .iter()
        .cloned()
        .collect();
    headers.remove(&GRPC_STATUS_DETAILS);
    for (came, reduced) in came.into_iter().zip(values) {
        headers.append(GRPC_STATUS_DETAILS, reduced.unwrap_or(came));
    }
}

/// What is left of a value, where that is less than there was.
fn reduced(value: &HeaderValue) -> Option<HeaderValue> {
    let bytes = BINARY.decode(value).ok()?;
    let mut status = Status::decode(bytes.as_slice()).ok()?;
    let before = status.details.len();
    status.details.retain(|detail| may_pass(&detail.type_url));
    if status.details.len() == before {
        return None;
    }
    HeaderValue::try_from(BINARY.encode(status.encode_to_vec())).ok()
}

fn may_pass(url: &str) -> bool {
    let name = url.rsplit('/').next();
    let name = name.and_then(|name| name.strip_prefix("google.rpc."));
    name.is_some_and(|name| PASSING.contains(&name))
}

const PASSING: [&str; 10] = [
    "BadRequest",
    "DebugInfo",
    "ErrorInfo",
    "Help",
    "LocalizedMessage",
    "PreconditionFailure",
    "QuotaFailure",
    "RequestInfo",
    "ResourceInfo",
    "RetryInfo",
];
/// Binary metadata comes with padding and without.
const BINARY: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests {
    use super::*;
    use prost_types::Any;

    fn header(types: &[&str]) -> HeaderValue {
        let detail = |url: &&str| Any {
            type_url: (*url).to_owned(),
            value: vec![0x0a, 0x01, b'x'],
        };
        let status = Status {
            code: 9,
            message: "no".to_owned(),
            details: types.iter().map(detail).collect(),
        };
        HeaderValue::try_from(BINARY.encode(status.encode_to_vec())).unwrap()
    }

    fn left(values: &[HeaderValue]) -> Vec<HeaderValue> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(GRPC_STATUS_DETAILS, value.clone());
        }
        reduce(&mut headers);
        headers
            .get_all(&GRPC_STATUS_DETAILS)
            .iter()
            .cloned()
            .collect()
    }

    #[test]
    fn what_google_rpc_declares_passes_and_nothing_else() {
        let info = "type.googleapis.com/google.rpc.ErrorInfo";
        let person = "type.googleapis.com/anagrafe.Cittadino";
        let alike = "type.googleapis.com/evil/google.rpc.ErrorInfo.More";

        let both = [header(&[info, person, alike]), header(&[person])];

        assert_eq!(left(&both), [header(&[info]), header(&[])]);
        assert!(left(&[]).is_empty());
    }

    #[test]
    fn what_may_pass_stays_as_it_came() {
        let info = header(&["type.googleapis.com/google.rpc.ErrorInfo"]);
        let padded = HeaderValue::from_static("CAk=");
        let no_status = HeaderValue::from_static("////");
        let no_base64 = HeaderValue::from_static("*");
        let unknown = BINARY.encode([0x08, 0x09, 0x22, 0x01, b'x']);
        let unknown = HeaderValue::try_from(unknown).unwrap();

        let all = [info, padded, no_status, no_base64, unknown];

        assert_eq!(left(&all), all);
    }
}
