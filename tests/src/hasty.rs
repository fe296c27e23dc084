//! A service that sends its headers before anything else, as some servers do, and nothing after.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use varco_runtime::tasks::Tasks;

/// A running service; dropped, it ends.
pub struct Hasty {
    address: SocketAddr,
    tasks: Tasks,
}

impl Hasty {
    /// Starts it on a free port.
    ///
    /// # Panics
    ///
    /// When there is no port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let tasks = Tasks::default();
        let children = tasks.clone();
        tasks.spawn_until_stop(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service =
                    service_fn(|request| std::future::ready(Ok::<_, Infallible>(answer(request))));
                let connection = http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service);
                children.spawn_until_stop(async move { drop(connection.await) });
            }
        });
        Self { address, tasks }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Hasty {
    fn drop(&mut self) {
        self.tasks.stopping().cancel();
    }
}

type Never = BoxStream<'static, Result<Frame<Bytes>, Infallible>>;

/// Its body reads the request's, and has nothing to say.
fn answer(request: Request<Incoming>) -> Response<StreamBody<Never>> {
    let asked = request.into_body().into_data_stream();
    let never = asked
        .filter_map(|_| std::future::ready(None))
        .chain(stream::pending());
    let mut response = Response::new(StreamBody::new(never.boxed()));
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", grpc);
    response
}
