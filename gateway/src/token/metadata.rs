//! What the token endpoint publishes of itself: keys and metadata (RFC 7517, RFC 8414).

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::form::{CLIENT_CREDENTIALS, TOKEN_EXCHANGE};
use super::{Endpoint, PATH};
use crate::keys::ring::Page;

/// The keys that verify vouchers and grants, the next ones among them.
pub(super) async fn jwks(State(endpoint): State<Endpoint>, headers: HeaderMap) -> Response {
    page(endpoint.gate.keys.ring().set_page(), &headers)
}

/// One key by its `kid`.
pub(super) async fn key(
    State(endpoint): State<Endpoint>,
    Path(kid): Path<String>,
    headers: HeaderMap,
) -> Response {
    match endpoint.gate.keys.ring().key_page(&kid) {
        Some(found) => page(found, &headers),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A page, or that what a cache holds is still good (RFC 9110 §13.1.2).
fn page(page: Page, headers: &HeaderMap) -> Response {
    let held = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut held = held
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/"));
    let tag = [(header::ETAG, page.etag.clone())];
    if held.any(|known| known == page.etag || known == "*") {
        return cached((StatusCode::NOT_MODIFIED, tag).into_response());
    }
    let kind = [(header::CONTENT_TYPE, "application/json")];
    cached((tag, kind, page.body).into_response())
}

/// Metadata of the authorisation server.
pub(super) async fn server(State(endpoint): State<Endpoint>) -> Response {
    let issuer = endpoint.gate.vouchers.issuer();
    // EdDSA has a second name for this curve (RFC 9864).
    let algorithms = ["RS256", "ES256", "EdDSA", "Ed25519"];
    let metadata = json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}{PATH}"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "grant_types_supported": [CLIENT_CREDENTIALS, TOKEN_EXCHANGE],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "dpop_signing_alg_values_supported": algorithms,
        "tls_client_certificate_bound_access_tokens": true,
    });
    cached(Json(metadata).into_response())
}

fn cached(response: Response) -> Response {
    ([(header::CACHE_CONTROL, "public, max-age=300")], response).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::lifecycle::Role;
    use crate::keys::ring::{Keys, Ring};
    use crate::voucher::tests::key;

    fn asked(with: &[&str]) -> (StatusCode, HeaderMap) {
        let page_of = Ring::new(Keys::one(Role::Voucher, key())).set_page();
        let etag = page_of.etag.clone();
        let mut headers = HeaderMap::new();
        for value in with {
            let value = value.replace("SELF", &etag);
            headers.append(header::IF_NONE_MATCH, value.parse().unwrap());
        }
        let answer = page(page_of, &headers);
        assert_eq!(answer.headers()[header::ETAG], etag);
        (answer.status(), answer.headers().clone())
    }

    #[test]
    fn key_set_may_be_kept_for_five_minutes() {
        let (status, headers) = asked(&[]);

        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers[header::CACHE_CONTROL], "public, max-age=300");
        assert_eq!(headers[header::CONTENT_TYPE], "application/json");
    }

    #[test]
    fn cache_that_holds_the_set_is_told_so() {
        for with in [
            ["SELF"].as_slice(),
            &["W/SELF"],
            &["\"x\", SELF"],
            &["*"],
            &["\"x\"", "SELF"],
        ] {
            assert_eq!(asked(with).0, StatusCode::NOT_MODIFIED, "{with:?}");
        }
        for with in [["\"x\""].as_slice(), &["SELF-"], &[""]] {
            assert_eq!(asked(with).0, StatusCode::OK, "{with:?}");
        }
    }
}
