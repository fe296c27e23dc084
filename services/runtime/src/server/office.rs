//! The layers around an office service, outermost first.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use http::HeaderMap;
use tower::ServiceBuilder;

use crate::config::Reflection;
use crate::grant::{self, Guard};
use crate::metadata::GRPC_TIMEOUT;
use crate::telemetry::served::{Served, server_span};

/// Puts an office's methods behind the grant; health stands beside, for the gateway's checks, and
/// where it is switched on, reflection.
pub async fn router(
    routes: tonic::service::Routes,
    guard: Guard,
    reflection: Reflection,
    served: Served,
) -> Router {
    let (health, answers) = tonic_health::server::health_reporter();
    health
        .set_service_status("", tonic_health::ServingStatus::Serving)
        .await;
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(served, server_span))
        .layer(from_fn(deadline))
        .layer(from_fn_with_state(Arc::new(guard), grant::require));
    let guarded = routes.into_axum_router().layer(layers);
    let mut beside = tonic::service::Routes::new(answers);
    if reflection == Reflection::On
        && let Ok(reflection) = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(varco_proto::DESCRIPTOR_SET)
            .build_v1()
    {
        beside = beside.add_service(reflection);
    }
    beside.into_axum_router().fallback_service(guarded)
}

/// Ends a call whose time is up before its answer begins.
async fn deadline(request: Request, next: Next) -> Response {
    let limit = limit(request.headers());
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => tonic::Status::deadline_exceeded("deadline exceeded").into_http(),
    }
}

/// The gateway sets each call's time: an upload may take up to an hour before its answer begins.
fn limit(headers: &HeaderMap) -> Duration {
    headers
        .get(&GRPC_TIMEOUT)
        .and_then(|value| value.to_str().ok())
        .and_then(parse_timeout)
        .map_or(UNASKED, |asked| asked.min(CAP))
}

/// Parses a `grpc-timeout` value: at most eight digits and a unit.
#[must_use]
pub fn parse_timeout(text: &str) -> Option<Duration> {
    let split = text.len().checked_sub(1)?;
    let (digits, unit) = (text.get(..split)?, text.get(split..)?);
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

const CAP: Duration = Duration::from_hours(1);
const UNASKED: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_has_the_time_that_the_gateway_gives_it_up_to_an_hour() {
        let limit = |asked: Option<&str>| {
            let asked =
                asked.map(|value| ("grpc-timeout".parse().unwrap(), value.parse().unwrap()));
            limit(&asked.into_iter().collect()).as_secs()
        };

        assert_eq!(limit(Some("3000S")), 3000);
        assert_eq!(limit(Some("9H")), 3600);
        assert_eq!(limit(None), 60);
        assert_eq!(limit(Some("soon")), 60);
    }

    #[test]
    fn timeouts_follow_the_grpc_text_form() {
        assert_eq!(parse_timeout("150m"), Some(Duration::from_millis(150)));
        assert_eq!(parse_timeout("2S"), Some(Duration::from_secs(2)));
        for bad in ["", "S", "123456789S", "-1S", "1.5S", "1", "1é"] {
            assert_eq!(parse_timeout(bad), None, "{bad}");
        }
    }
}
