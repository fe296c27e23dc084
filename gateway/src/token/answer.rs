//! Answers of the token endpoint (RFC 6749 §5), with our reason and correlation id.

use std::borrow::Cow;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use uuid::Uuid;
use varco_runtime::jose;

use super::rate::{INTERVAL, Standing};
use super::words;

/// A voucher on its way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Issued {
    /// The voucher.
    pub access_token: String,
    /// `Bearer` or `DPoP`.
    pub token_type: &'static str,
    /// Its life, seconds.
    pub expires_in: i64,
    /// What it is, in an exchange (RFC 8693 §2.2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_token_type: Option<&'static str>,
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
    pub told: &'static str,
    /// When asking again makes sense.
    pub retry: Option<Duration>,
    /// More exact words than those of the reason, in English and in Italian.
    about: Option<(Cow<'static, str>, Cow<'static, str>)>,
}

/// What is answered, and what stands beside it.
#[derive(Clone, Debug)]
pub struct Answered {
    /// Id in the register of accesses.
    pub id: Uuid,
    /// The voucher, or why there is none.
    pub outcome: Result<Issued, Refusal>,
    /// What is left of the caller's measure.
    pub standing: Standing,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'static str,
    error_description: &'a str,
    error_description_it: &'a str,
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
}

impl Refusal {
    /// The request is malformed, and says how in English and in Italian.
    #[must_use]
    pub fn request(
        english: impl Into<Cow<'static, str>>,
        italian: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "REQUEST_MALFORMED",
        )
        .about(english, italian)
    }

    /// The grant type is none that is served.
    #[must_use]
    pub fn grant_type() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            "GRANT_TYPE",
        )
    }

    /// Something is wrong before the signature has verified: no more is told.
    #[must_use]
    pub fn unauthenticated(precise: &'static str) -> Self {
        let told = "CLIENT_AUTHENTICATION_FAILED";
        let refusal = Self::new(StatusCode::UNAUTHORIZED, "invalid_client", told).about(
            "the client assertion does not authenticate a registered client",
            "la client assertion non autentica un client registrato",
        );
        Self { precise, ..refusal }
    }

    /// A claim of a verified assertion is wrong.
    #[must_use]
    pub fn client(reason: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_client", reason)
    }

    /// The client, its key, its purpose or what that rests on is not live.
    #[must_use]
    pub fn unauthorized(reason: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unauthorized_client", reason)
    }

    /// The grant that is to be exchanged is wrong (RFC 8693 §2.2.2).
    #[must_use]
    pub fn grant(reason: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", reason)
    }

    /// The proof of possession is wrong.
    #[must_use]
    pub fn proof(reason: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_dpop_proof", reason)
    }

    /// Too many requests.
    #[must_use]
    pub fn too_many(standing: Standing) -> Self {
        let status = StatusCode::TOO_MANY_REQUESTS;
        Self {
            retry: Some(standing.wait),
            ..Self::new(status, "temporarily_unavailable", "RATE")
        }
    }

    /// The gateway cannot issue now.
    #[must_use]
    pub fn unavailable(reason: &'static str) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self {
            retry: Some(Duration::from_secs(1)),
            ..Self::new(status, "temporarily_unavailable", reason)
        }
    }

    /// The gateway failed.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            "INTERNAL",
        )
    }

    fn new(status: StatusCode, error: &'static str, reason: &'static str) -> Self {
        Self {
            status,
            error,
            precise: reason,
            told: reason,
            retry: None,
            about: None,
        }
    }

    /// Says more exactly what is wrong; never with what the caller sent.
    #[must_use]
    pub fn about(
        self,
        english: impl Into<Cow<'static, str>>,
        italian: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            about: Some((english.into(), italian.into())),
            ..self
        }
    }

    /// What the caller is told, in English and in Italian.
    #[must_use]
    pub fn texts(&self) -> (&str, &str) {
        if let Some((english, italian)) = &self.about {
            return (english, italian);
        }
        let words = words::of(self.told);
        (words.english, words.italian)
    }

    /// Whether the gateway, and not the caller, is the cause.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.status.is_server_error()
    }
}

impl Answered {
    /// The HTTP answer.
    #[must_use]
    pub fn into_response(self) -> Response {
        let mut response = match &self.outcome {
            Ok(issued) => Json(issued).into_response(),
            Err(refusal) => {
                let (english, italian) = refusal.texts();
                let body = Body {
                    error: refusal.error,
                    error_description: english,
                    error_description_it: italian,
                    reason: refusal.told,
                    correlation_id: self.id.to_string(),
                };
                (refusal.status, Json(body)).into_response()
            }
        };
        let headers = response.headers_mut();
        headers.insert("cache-control", HeaderValue::from_static("no-store"));
        headers.insert("pragma", HeaderValue::from_static("no-cache"));
        self.describe(headers);
        if let Some(wait) = self.outcome.err().and_then(|refusal| refusal.retry) {
            headers.insert("retry-after", seconds(wait).into());
        }
        response
    }

    /// Writes the correlation id and what is left of the caller's measure.
    pub fn describe(&self, headers: &mut HeaderMap) {
        if let Ok(id) = HeaderValue::try_from(self.id.to_string()) {
            headers.insert("x-correlation-id", id);
        }
        headers.insert("x-rate-limit-limit", self.standing.limit.into());
        headers.insert("x-rate-limit-interval", INTERVAL.into());
        headers.insert("x-rate-limit-remaining", self.standing.remaining.into());
    }
}

/// Whole seconds, at least one: what `Retry-After` can say.
fn seconds(wait: Duration) -> u64 {
    let more = u64::from(wait.subsec_nanos() > 0);
    (wait.as_secs() + more).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(outcome: Result<Issued, Refusal>) -> Answered {
        Answered {
            id: Uuid::from_u128(7),
            outcome,
            standing: Standing {
                limit: 50,
                remaining: 3,
                wait: Duration::from_millis(20),
            },
        }
    }

    #[test]
    fn what_is_wrong_before_the_signature_is_recorded_and_not_told() {
        let refusals = ["KEY_UNKNOWN", "ASSERTION_SIGNATURE"].map(Refusal::unauthenticated);

        let [one, other] = &refusals;
        assert_ne!(one.precise, other.precise);
        assert_eq!((one.told, one.texts()), (other.told, other.texts()));
    }

    #[test]
    fn answer_says_what_is_left_and_when_to_come_back() {
        let standing = answered(Err(Refusal::internal())).standing;
        let response = answered(Err(Refusal::too_many(standing))).into_response();

        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("retry-after"), "1");
        assert_eq!(header("x-rate-limit-limit"), "50");
        assert_eq!(header("x-rate-limit-interval"), "1000");
        assert_eq!(header("x-rate-limit-remaining"), "3");
        assert_eq!(header("cache-control"), "no-store");
    }

    #[test]
    fn voucher_of_an_exchange_says_what_it_is() {
        let issued = Issued {
            access_token: "a.b.c".to_owned(),
            token_type: "Bearer",
            expires_in: 300,
            issued_token_type: None,
        };
        let plain = serde_json::to_value(&issued).unwrap();
        assert_eq!(plain.as_object().unwrap().len(), 3);

        let exchanged = Issued {
            issued_token_type: Some("urn"),
            ..issued
        };
        let exchanged = serde_json::to_value(&exchanged).unwrap();
        assert_eq!(exchanged["issued_token_type"], "urn");
    }
}
