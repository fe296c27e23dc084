//! The service behind every peer: one thread, mutual TLS, one answer to every call. A stream of the
//! contract `eco.v1` gets one message and stays open.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use prost::Message as _;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use varco_proto::anagrafe::v1::{Componente, GetFamigliaResponse};
use varco_runtime::tasks::Tasks;
use varco_runtime::tls::authority::Authority;
use varco_runtime::tls::listed::Listed;
use varco_runtime::tls::{self, ClientCertificate, Clients, Identity};

use crate::eco::v1::ConverseResponse;

/// What a family is answered with: 206 bytes, and five of prefix.
#[must_use]
pub fn answer() -> Bytes {
    let member = |number: u32| Componente {
        codice_fiscale: Some(format!("RSSMRA80A0{number}H501U")),
        parentela: Some(number),
        dal: Some("2016-01-01".to_owned()),
    };
    let family = GetFamigliaResponse {
        numero_componenti: Some(6),
        componenti: (1..=6).map(member).collect(),
    };
    varco_gateway::minimise::frames::frame(&family.encode_to_vec())
}

/// Serves with the certificate of a service's folder, for whoever has one of the comune's authority.
pub fn serve(address: SocketAddr, folder: &Path, ca: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(accept(address, folder, ca));
}

async fn accept(address: SocketAddr, folder: &Path, ca: &Path) {
    let identity = Identity::load(&folder.join("tls.pem"), &folder.join("tls.key")).unwrap();
    let clients = Clients {
        certificate: ClientCertificate::Required,
        authority: Authority::load(ca).unwrap(),
        listed: Listed::default(),
    };
    let server = tls::server(&identity, clients, &["h2"]).unwrap();
    let acceptor: TlsAcceptor = server.acceptor();
    let listener = TcpListener::bind(address).await.unwrap();
    println!("{READY}");
    let (tasks, answer) = (Tasks::default(), answer());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (acceptor, answer) = (acceptor.clone(), answer.clone());
        tasks.spawn_until_stop(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let service = service_fn(move |request| reply(request, answer.clone()));
            let mut server = http2::Builder::new(TokioExecutor::new());
            server
                .timer(TokioTimer::new())
                .max_concurrent_streams(STREAMS_EACH);
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

type Reply = Response<UnsyncBoxBody<Bytes, Infallible>>;

async fn reply(request: Request<Incoming>, answer: Bytes) -> Result<Reply, Infallible> {
    let path = request.uri().path();
    if path.starts_with(STREAMS) {
        return Ok(reply_with(held(request.into_body())));
    }
    let asks_health = path == "/grpc.health.v1.Health/Check";
    let _ = request.into_body().collect().await;
    let data = if asks_health { SERVING } else { answer };
    let trailers = HeaderMap::from_iter([(
        http::HeaderName::from_static("grpc-status"),
        HeaderValue::from_static("0"),
    )]);
    let frames = [Ok(Frame::data(data)), Ok(Frame::trailers(trailers))];
    Ok(reply_with(
        StreamBody::new(stream::iter(frames)).boxed_unsync(),
    ))
}

fn reply_with(body: UnsyncBoxBody<Bytes, Infallible>) -> Reply {
    let response = Response::builder().header("content-type", "application/grpc");
    response.body(body).unwrap()
}

/// One message, and nothing more for as long as the caller stays.
fn held(request: Incoming) -> UnsyncBoxBody<Bytes, Infallible> {
    let message = ConverseResponse {
        text: "presente".to_owned(),
    };
    let message = varco_gateway::minimise::frames::frame(&message.encode_to_vec());
    let first = stream::iter([Ok(Frame::data(message))]);
    let rest = stream::once(async move {
        let _request = request;
        std::future::pending().await
    });
    StreamBody::new(first.chain(rest)).boxed_unsync()
}

/// Streams that stand idle after one message: Follow and Converse, whose answers are alike.
const STREAMS: &str = "/eco.v1.EcoService/";
/// Calls over one connection. A gateway opens eight, and ten thousand streams must fit on them.
const STREAMS_EACH: u32 = 2048;
/// What it prints when it listens.
pub const READY: &str = "upstream is ready";
/// A frame of `HealthCheckResponse { status: SERVING }`.
const SERVING: Bytes = Bytes::from_static(&[0, 0, 0, 0, 2, 8, 1]);
