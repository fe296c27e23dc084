//! What the token endpoint publishes of itself: keys and metadata (RFC 7517, RFC 8414).

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::form::{CLIENT_CREDENTIALS, TOKEN_EXCHANGE};
use super::{Endpoint, PATH};

/// The keys that verify vouchers and grants.
pub(super) async fn jwks(State(endpoint): State<Endpoint>) -> Response {
    cached(Json(&*endpoint.jwks).into_response())
}

/// One key by its `kid`.
pub(super) async fn key(State(endpoint): State<Endpoint>, Path(kid): Path<String>) -> Response {
    match endpoint.jwks.find(&kid) {
        Some(jwk) => cached(Json(jwk).into_response()),
        None => StatusCode::NOT_FOUND.into_response(),
    }
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
