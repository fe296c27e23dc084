//! Calls of bytes with tonic, of each kind, with the same value as those of a foreign client.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bytes::{Buf as _, BufMut as _, Bytes};
use futures_util::{StreamExt as _, stream};
use http::uri::PathAndQuery;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::{AsciiMetadataKey, BinaryMetadataKey, KeyAndValueRef, MetadataMap};
use tonic::metadata::{AsciiMetadataValue, BinaryMetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Response, Status, Streaming};
use tonic_types::StatusExt as _;

use crate::foreign::{ForeignCall, Kind, Outcome};
use crate::interop::seen;

/// tonic, which keeps its channels.
#[derive(Debug, Default)]
pub struct Tonic {
    channels: HashMap<(String, Option<PathBuf>), Channel>,
}

impl Tonic {
    /// Makes a call to its end.
    ///
    /// # Panics
    ///
    /// When the call makes no sense, or does not end within a minute.
    pub async fn call(&mut self, call: &ForeignCall) -> Outcome {
        let key = (call.target.clone(), call.folder.clone());
        let channel = self.channels.entry(key).or_insert_with(|| channel(call));
        let ended = tokio::time::timeout(Duration::from_mins(1), made(channel, call));
        ended.await.expect("an end within a minute")
    }
}

fn channel(call: &ForeignCall) -> Channel {
    let read = |path: PathBuf| std::fs::read(path).expect("a file");
    let mut tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(read(call.ca.clone())))
        .domain_name("localhost");
    if let Some(folder) = &call.folder {
        let (pem, key) = (folder.join("tls.pem"), folder.join("tls.key"));
        tls = tls.identity(Identity::from_pem(read(pem), read(key)));
    }
    let endpoint = Endpoint::from_shared(format!("https://{}", call.target));
    let endpoint = endpoint.expect("an address").tls_config(tls);
    endpoint.expect("an identity").connect_lazy()
}

async fn made(channel: &Channel, call: &ForeignCall) -> Outcome {
    let mut client = Grpc::new(channel.clone());
    if let Err(error) = client.ready().await {
        return Outcome::refused(&Status::from_error(error.into()));
    }
    let path = PathAndQuery::try_from(format!("/{}", call.method)).expect("a path");
    let first = || request(call, call.messages.first().cloned().unwrap_or_default());
    match call.kind {
        Kind::Unary => one(client.unary(first(), path, Raw).await),
        Kind::Client => one(client.client_streaming(requests(call), path, Raw).await),
        Kind::Server => many(client.server_streaming(first(), path, Raw).await).await,
        Kind::Bidi => many(client.streaming(requests(call), path, Raw).await).await,
    }
}

fn requests(call: &ForeignCall) -> Request<impl stream::Stream<Item = Bytes> + Send + 'static> {
    let messages = stream::iter(call.messages.clone());
    let rest = if call.keep_open {
        stream::pending().boxed()
    } else {
        stream::empty().boxed()
    };
    request(call, messages.chain(rest))
}

fn request<T>(call: &ForeignCall, message: T) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(timeout) = call.timeout {
        request.set_timeout(timeout);
    }
    let metadata = request.metadata_mut();
    for (name, value) in &call.metadata {
        if name.ends_with("-bin") {
            let name = BinaryMetadataKey::from_bytes(name.as_bytes()).expect("a name");
            let value = STANDARD.decode(value).expect("base64");
            metadata.append_bin(name, BinaryMetadataValue::from_bytes(&value));
        } else {
            let name = AsciiMetadataKey::from_bytes(name.as_bytes()).expect("a name");
            let value = AsciiMetadataValue::try_from(value).expect("a value");
            metadata.append(name, value);
        }
    }
    request
}

/// tonic mixes the trailers of a single answer with what stood in front of it.
fn one(answer: Result<Response<Bytes>, Status>) -> Outcome {
    match answer {
        Ok(answer) => Outcome {
            metadata: pairs(answer.metadata()),
            messages: vec![answer.into_inner()],
            ..Outcome::refused(&Status::ok(""))
        },
        Err(status) => Outcome::refused(&status),
    }
}

async fn many(answer: Result<Response<Streaming<Bytes>>, Status>) -> Outcome {
    let answer = match answer {
        Ok(answer) => answer,
        Err(status) => return Outcome::refused(&status),
    };
    let metadata = pairs(answer.metadata());
    let (mut stream, mut messages) = (answer.into_inner(), Vec::new());
    let ended = loop {
        match stream.message().await {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => break stream.trailers().await,
            Err(status) => break Err(status),
        }
    };
    let outcome = match ended {
        Ok(trailers) => Outcome {
            trailers: pairs(&trailers.unwrap_or_default()),
            ..Outcome::refused(&Status::ok(""))
        },
        Err(status) => Outcome::refused(&status),
    };
    Outcome {
        metadata,
        messages,
        ..outcome
    }
}

impl Outcome {
    /// A call of which only the status is known.
    fn refused(status: &Status) -> Self {
        let info = status.get_details_error_info();
        let (reason, domain) = info.map(|info| (info.reason, info.domain)).unzip();
        Self {
            code: seen::code(status),
            message: status.message().to_owned(),
            reason: reason.unwrap_or_default(),
            domain: domain.unwrap_or_default(),
            details: Bytes::copy_from_slice(status.details()),
            metadata: Vec::new(),
            trailers: pairs(status.metadata()),
            messages: Vec::new(),
        }
    }
}

fn pairs(metadata: &MetadataMap) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pairs = metadata.iter().map(|entry| match entry {
        KeyAndValueRef::Ascii(name, value) => (name.to_string(), text(value.as_bytes())),
        KeyAndValueRef::Binary(name, value) => {
            let value = value.to_bytes().unwrap_or_default();
            (name.to_string(), STANDARD_NO_PAD.encode(value))
        }
    });
    pairs.collect()
}

/// Messages as they are on the wire, without their prefix.
#[derive(Clone, Copy, Debug, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
