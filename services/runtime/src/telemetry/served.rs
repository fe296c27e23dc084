//! The span of a served call, from its request to the last frame of its answer.
//!
//! A caller's `traceparent` is followed only when its certificate was verified: whoever is unknown
//! could otherwise write into the traces of others. The outermost layer of every listener.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Code;

use super::span::{Before, Ending, Server, Span, Spans};
use crate::metadata::GRPC_STATUS;
use crate::server::Connection;
use crate::trace::TraceContext;

/// A listener, as those who collect spans know it.
#[derive(Clone, Debug)]
pub struct Served {
    /// Where its spans begin.
    pub spans: Spans,
    /// What its clients call it.
    pub server: Server,
}

/// Opens the span of a served call and makes its trace context the current one.
pub async fn server_span(State(at): State<Served>, request: Request, next: Next) -> Response {
    spanned(&at, request, |request| next.run(request)).await
}

/// Serves a call within its span, in its trace context.
pub async fn spanned<F>(
    at: &Served,
    mut request: Request,
    serve: impl FnOnce(Request) -> F,
) -> Response
where
    F: Future<Output = Response>,
{
    let before = before(&request);
    let span = at.spans.server(before, &at.server);
    let here = span.context().unwrap_or_else(|| match before {
        Before::Parent(caller) => caller.child(),
        Before::Claimed(_) | Before::Nothing => TraceContext::start(),
    });
    request.extensions_mut().insert(here);
    if !span.is_collected() {
        return here.scope(serve(request)).await;
    }
    request.extensions_mut().insert(span.clone());
    let ending = span.ending();
    let response = here.scope(span.scope(serve(request))).await;
    observed(response, ending, here).map(Body::new)
}

/// Names the current call's span by its method, `pkg.Service/Method`, once that is known to be one.
pub fn name_span(method: &str) {
    Span::current().name(method);
}

/// Ends a span with the answer's status, whenever that comes.
pub fn observed<B>(
    response: http::Response<B>,
    ending: Ending,
    here: TraceContext,
) -> http::Response<Observed<B>> {
    let code = code(response.headers());
    if let Some(code) = code {
        ending.span().end(code);
    }
    response.map(|body| Observed { body, ending, here })
}

/// A body whose last frame ends a span.
#[derive(Debug)]
pub struct Observed<B> {
    body: B,
    ending: Ending,
    here: TraceContext,
}

impl<B> HttpBody for Observed<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let Self { body, ending, here } = &mut *self;
        let span = ending.span();
        // What makes the body still works for the call.
        let polled = here.during(|| span.during(|| Pin::new(body).poll_frame(cx)));
        let frame = ready!(polled);
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    span.end(code(trailers).unwrap_or(Code::Unknown));
                }
            }
            Some(Err(_)) | None => span.end(Code::Unknown),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn before(request: &Request) -> Before {
    let connection = request.extensions().get::<Connection>();
    let is_known = connection.is_some_and(|connection| connection.peer.is_some());
    match TraceContext::from_headers(request.headers()) {
        Some(caller) if is_known => Before::Parent(caller),
        Some(caller) => Before::Claimed(caller),
        None => Before::Nothing,
    }
}

/// The status in headers or trailers.
fn code(headers: &HeaderMap) -> Option<Code> {
    let status = headers.get(&GRPC_STATUS)?;
    Some(Code::from_bytes(status.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::time::Duration;

    use axum::Router;
    use axum::middleware::from_fn_with_state;
    use opentelemetry_sdk::trace::SpanData;
    use tonic::Status;
    use tower::ServiceExt as _;

    use super::*;
    use crate::telemetry::collecting::{Collecting, Feed, queue};
    use crate::telemetry::resource::Process;
    use crate::tls::Peer;

    fn collected() -> (Served, Feed) {
        let (queue, feed) = queue("test", 100);
        let collecting = Collecting::into(vec![queue], 1.0, Process::default());
        let served = Served {
            spans: collecting.role("gateway"),
            server: Server::at("https://varco.comune.example:7443"),
        };
        (served, feed)
    }

    fn request(path: &str, peer: Option<Peer>) -> Request {
        let mut request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let address = SocketAddr::from(([192, 0, 2, 7], 4711));
        request.extensions_mut().insert(Connection {
            peer: peer.map(Arc::new),
            address,
        });
        request
    }

    fn one(mut feed: Feed) -> SpanData {
        let mut spans = feed.take(10);
        assert_eq!(spans.len(), 1);
        spans.remove(0).span
    }

    fn peer() -> Peer {
        Peer {
            thumbprint: [7; 32],
            uris: Vec::new(),
            hosts: Vec::new(),
            life: Duration::ZERO,
            until: i64::MAX,
        }
    }

    async fn answer(router: Router, request: Request) {
        let response = router.oneshot(request).await.unwrap();
        axum::body::to_bytes(response.into_body(), 1024)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn span_is_named_by_the_verified_method_and_never_by_the_path() {
        let (served, feed) = collected();
        let method = "varco.anagrafe.v1.AnagrafeService/GetFamiglia";
        let verified = async || {
            name_span(method);
            Status::permission_denied("").into_http::<Body>()
        };
        let router = Router::new().fallback(verified);
        let router = router.layer(from_fn_with_state(served, server_span));

        answer(router, request("/residente/RSSMRA80A01H501U", None)).await;

        let span = one(feed);
        let told = format!("{span:?}");
        assert_eq!(span.name, method);
        assert!(told.contains("PERMISSION_DENIED"), "{told}");
        assert!(!told.contains("RSSMRA80A01H501U"), "{told}");
        assert!(!told.contains("192.0.2.7"), "{told}");
    }

    #[tokio::test]
    async fn unknown_method_has_one_name_for_all() {
        let (served, feed) = collected();
        let router = Router::new().fallback(async || Status::unimplemented("").into_http::<Body>());
        let router = router.layer(from_fn_with_state(served, server_span));

        answer(router, request("/anything/Else", None)).await;

        assert_eq!(one(feed).name, "_OTHER");
    }

    #[tokio::test]
    async fn trace_of_a_stranger_is_linked_and_not_followed() {
        let caller = TraceContext::start();
        for (peer, follows) in [(Some(peer()), true), (None, false)] {
            let (served, feed) = collected();
            let router = Router::new().fallback(async || Status::ok("").into_http::<Body>());
            let router = router.layer(from_fn_with_state(served, server_span));
            let mut request = request("/", peer);
            let header = caller.header().parse().unwrap();
            request.headers_mut().insert("traceparent", header);

            answer(router, request).await;

            let span = one(feed);
            let same = span.span_context.trace_id().to_bytes() == caller.trace_id;
            assert_eq!(same, follows);
            assert_eq!(span.links.links.len(), usize::from(!follows));
        }
    }

    #[tokio::test]
    async fn call_that_is_given_up_ends_as_cancelled() {
        let (served, feed) = collected();
        let router = Router::new().fallback(std::future::pending::<Response>);
        let router = router.layer(from_fn_with_state(served, server_span));

        let call = router.oneshot(request("/", None));
        assert!(futures_util::FutureExt::now_or_never(call).is_none());

        assert!(format!("{:?}", one(feed)).contains("CANCELLED"));
    }
}
