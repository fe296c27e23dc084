//! Names of the metadata that every call bears.
//!
//! A name in text is parsed each time that it is looked up, and a call looks up dozens of them.

use http::HeaderName;

/// Encodings that a side accepts for messages.
pub const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
/// Encoding of the messages.
pub const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
/// Code of an ended call.
pub const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
/// A `google.rpc.Status` with its details.
pub const GRPC_STATUS_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
/// How long the caller waits.
pub const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// Place in a trace (W3C Trace Context).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What a service verifies of a call that the gateway has authorised.
pub const VARCO_GRANT: HeaderName = HeaderName::from_static("varco-grant");
