//! Answers of the token endpoint (RFC 6749 §5), with our reason and correlation id.

use axum::Json;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use uuid::Uuid;
use varco_runtime::jose;

/// A voucher on its way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Issued {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
}

/// A refusal: what is recorded, and what of it the caller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: StatusCode,
    /// Error of RFC 6749.
    pub error: &'static str,
    /// The precise reason, for the record.
    pub precise: &'static str,
    /// The reason that the caller is told.
    told: &'static str,
    /// Text for people.
    description: String,
}

#[derive(Serialize)]
struct Body {
    error: &'static str,
    error_description: String,
    reason: &'static str,
    correlation_id: String,
}

impl Issued {
    /// The key that signed the voucher; another may sign a moment later.
    #[must_use]
    pub fn kid(&self) -> String {
        let header = jose::header(&self.access_token).ok();
        header.and_then(|header| header.kid).unwrap_or_default()
    }

    /// A bearer voucher for so many seconds.
    #[must_use]
    pub fn bearer(access_token: String, expires_in: i64) -> Self {
        Self {
            access_token,
            token_type: "Bearer",
            expires_in,
        }
    }

    /// The HTTP answer.
    #[must_use]
    pub fn into_response(self, id: Uuid) -> Response {
        finish(StatusCode::OK, Json(self).into_response(), id)
    }
}

impl Refusal {
    /// The form is malformed; `what` says how.
    #[must_use]
    pub fn request(what: &str) -> Self {
        Self::told(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "REQUEST_MALFORMED",
            what,
        )
    }

    /// The grant type is not `client_credentials`.
    #[must_use]
    pub fn grant_type() -> Self {
        let what = "grant_type must be client_credentials";
        Self::told(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            "GRANT_TYPE",
            what,
        )
    }

    /// Something is wrong before the signature has verified: no more is told.
    #[must_use]
    pub fn unauthenticated(precise: &'static str) -> Self {
        let mut refusal = Self::told(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "CLIENT_AUTHENTICATION_FAILED",
            "the client assertion does not authenticate a registered client",
        );
        refusal.precise = precise;
        refusal
    }

    /// A claim of a verified assertion is wrong.
    #[must_use]
    pub fn client(reason: &'static str) -> Self {
        Self::told(
            StatusCode::BAD_REQUEST,
            "invalid_client",
            reason,
            words(reason),
        )
    }

    /// The client, its key, its purpose or what that rests on is not live.
    #[must_use]
    pub fn unauthorized(reason: &'static str) -> Self {
        let what = "what this client asks for is not active in the registry: the reason says which part; \
                    an administrator must act, asking again does not help";
        Self::told(StatusCode::BAD_REQUEST, "unauthorized_client", reason, what)
    }

    /// The proof of possession is wrong.
    #[must_use]
    pub fn proof(reason: &'static str) -> Self {
        Self::told(
            StatusCode::BAD_REQUEST,
            "invalid_dpop_proof",
            reason,
            words(reason),
        )
    }

    /// Too many requests.
    #[must_use]
    pub fn too_many() -> Self {
        let what = "too many requests for vouchers: keep a voucher while it is valid";
        Self::told(
            StatusCode::TOO_MANY_REQUESTS,
            "temporarily_unavailable",
            "RATE",
            what,
        )
    }

    /// The gateway cannot issue now.
    #[must_use]
    pub fn unavailable(reason: &'static str) -> Self {
        let what = "no voucher can be issued now: try again";
        Self::told(
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            reason,
            what,
        )
    }

    /// The gateway failed.
    #[must_use]
    pub fn internal() -> Self {
        let what = "internal error";
        Self::told(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            "INTERNAL",
            what,
        )
    }

    fn told(status: StatusCode, error: &'static str, reason: &'static str, what: &str) -> Self {
        Self {
            status,
            error,
            precise: reason,
            told: reason,
            description: what.to_owned(),
        }
    }

    /// The HTTP answer.
    #[must_use]
    pub fn into_response(self, id: Uuid) -> Response {
        let body = Body {
            error: self.error,
            error_description: self.description,
            reason: self.told,
            correlation_id: id.to_string(),
        };
        finish(self.status, Json(body).into_response(), id)
    }
}

fn finish(status: StatusCode, mut response: Response, id: Uuid) -> Response {
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
    headers.insert("pragma", HeaderValue::from_static("no-cache"));
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        headers.insert("x-correlation-id", id);
    }
    response
}

/// Text for the reasons about a verified assertion.
fn words(reason: &str) -> &'static str {
    match reason {
        "ASSERTION_AUDIENCE" => {
            "aud must be one value: the assertion audience, the issuer or the token address"
        }
        "ASSERTION_CLAIMS" => "the assertion has an unknown, missing or malformed claim",
        "ASSERTION_DIGEST" => "digest must be {alg: SHA256, value: 64 hexadecimal characters}",
        "ASSERTION_EXPIRED" => "the assertion has expired: make a new one per request",
        "ASSERTION_ISSUER" => "iss and sub must both be the client's id",
        "ASSERTION_LIFETIME" => "the assertion lives longer than this client may ask for",
        "ASSERTION_NOT_YET_VALID" => "the assertion is not valid yet: compare the clocks",
        "CERTIFICATE_OF_ANOTHER_CLIENT" => "the TLS certificate is not this client's",
        "DPOP_NOT_OFFERED" => "this gateway does not take DPoP proofs yet: bind by certificate",
        "JTI_MALFORMED" => "jti must have 1 to 128 characters",
        "JTI_REUSED" => "this jti was used before: make a new assertion per request",
        "PURPOSE_MISSING" => "purposeId is required",
        _ => "the assertion cannot be accepted",
    }
}
