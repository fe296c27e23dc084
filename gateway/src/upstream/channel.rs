//! A generated client's way to a service: what the gateway asks for itself, beside the calls that it
//! forwards.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use tower::{BoxError, Service};

use super::pool::Pool;

/// A way over the connections of a pool.
#[derive(Clone, Debug)]
pub struct Channel {
    pool: Arc<Pool>,
}

impl Channel {
    /// A way to the service of a pool.
    #[must_use]
    pub fn over(pool: Arc<Pool>) -> Self {
        Self { pool }
    }
}

impl Service<Request<tonic::body::Body>> for Channel {
    type Response = Response<Incoming>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        let pool = Arc::clone(&self.pool);
        Box::pin(async move {
            let place = pool.place().await?;
            let answer = place.send(request.map(Body::new))?;
            let mut answer = answer.await.map_err(|failure| failure.error)?;
            // The place is taken until the answer has been read.
            answer.extensions_mut().insert(Arc::new(place));
            Ok(answer)
        })
    }
}
