//! What answers the requests of a listener: a function, or axum's routes.
//!
//! A router finds its way, copies the service it finds and wraps its future several times for each
//! request; what answers most of them by one rule need not.

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use tower::ServiceExt as _;

/// Answers requests; a copy answers as the first does.
#[derive(Clone)]
pub struct Answers(Arc<dyn Fn(Request<Body>) -> Answer + Send + Sync>);

/// An answer on its way.
pub type Answer = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

impl Answers {
    /// Answers by a function.
    #[must_use]
    pub fn new(answer: impl Fn(Request<Body>) -> Answer + Send + Sync + 'static) -> Self {
        Self(Arc::new(answer))
    }

    /// Answers a request.
    #[must_use]
    pub fn answer(&self, request: Request<Body>) -> Answer {
        self.0(request)
    }
}

impl From<Router> for Answers {
    fn from(router: Router) -> Self {
        Self::new(move |request| {
            let answer = router.clone().oneshot(request);
            Box::pin(async move { answer.await.unwrap_or_else(|never| match never {}) })
        })
    }
}

impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answers")
    }
}
