//! HTTP/2 as bytes: for requests that no well-behaved client would make.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::Status;
use varco_runtime::tasks::Tasks;
use varco_runtime::tls::{self, Identity};

/// One connection; dropped, it ends.
pub struct Wire {
    sender: http2::SendRequest<Full<Bytes>>,
    address: SocketAddr,
    tasks: Tasks,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub http: StatusCode,
    /// Headers and trailers together.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Wire {
    /// Connects with the certificate of a folder, or with none.
    ///
    /// # Errors
    ///
    /// When the server does not take the connection.
    ///
    /// # Panics
    ///
    /// When the folder is not whole.
    pub async fn connect(
        address: SocketAddr,
        folder: Option<&Path>,
        ca: &Path,
    ) -> std::io::Result<Self> {
        let identity = folder.map(|folder| {
            Identity::load(&folder.join("tls.pem"), &folder.join("tls.key")).expect("an identity")
        });
        let roots = tls::roots(ca).expect("an authority");
        let config = tls::client(identity.as_ref(), &roots, &["h2"]).expect("a connector");
        let name = ServerName::try_from("localhost").expect("a name");
        let stream = TcpStream::connect(address).await?;
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await?;
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .map_err(std::io::Error::other)?;
        let tasks = Tasks::default();
        tasks.spawn_until_stop(async move { drop(connection.await) });
        Ok(Self {
            sender,
            address,
            tasks,
        })
    }

    /// Sends a request, with the headers of gRPC unless others are given, and reads it all.
    ///
    /// # Errors
    ///
    /// When the connection breaks off.
    ///
    /// # Panics
    ///
    /// When a header is no header.
    pub async fn send(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, hyper::Error> {
        let mut request = Request::post(format!("https://{}/{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Full::new(body)).expect("a request");
        let defaults = [("content-type", "application/grpc"), ("te", "trailers")];
        for (name, value) in defaults {
            request
                .headers_mut()
                .entry(name)
                .or_insert(HeaderValue::from_static(value));
        }
        self.sender.ready().await?;
        let (head, body) = self.sender.send_request(request).await?.into_parts();
        let body = body.collect().await?;
        let mut headers = head.headers;
        headers.extend(body.trailers().cloned().unwrap_or_default());
        Ok(Answer {
            http: head.status,
            headers,
            body: body.to_bytes(),
        })
    }

    /// Calls a method with a voucher, as a well-behaved client does.
    ///
    /// # Panics
    ///
    /// When the connection breaks off.
    pub async fn call(&mut self, method: &str, voucher: &str, message: &impl Message) -> Status {
        let bearer = format!("Bearer {voucher}");
        let answer = self
            .send(method, &[("authorization", &bearer)], frame(message))
            .await;
        answer.expect("an answer").status()
    }
}

impl Answer {
    /// The status that the call ended with.
    ///
    /// # Panics
    ///
    /// When it carries none.
    #[must_use]
    pub fn status(&self) -> Status {
        Status::from_header_map(&self.headers)
            .unwrap_or_else(|| panic!("no status, but {} {:?}", self.http, self.headers))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.tasks.stopping().cancel();
    }
}

/// A message with its prefix.
///
/// # Panics
///
/// When it is larger than 4 GiB.
#[must_use]
pub fn frame(message: &impl Message) -> Bytes {
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(message.encoded_len().try_into().expect("a length"));
    message.encode(&mut framed).expect("room");
    framed.freeze()
}
