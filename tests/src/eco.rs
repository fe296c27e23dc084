//! A foreign gRPC service: plain, in this process, registered like anybody else's.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, watch};
use tonic::metadata::KeyAndValueRef;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status, Streaming};
use varco_proto::registry::v1 as registry;

use crate::registration::Foreign;
use v1::eco_service_server::{EcoService, EcoServiceServer};

/// Its contract.
#[expect(
    clippy::allow_attributes,
    clippy::pedantic,
    reason = "generated code is not ours to style"
)]
pub mod v1 {
    tonic::include_proto!("eco.v1");
}

/// A running foreign service; dropped, it ends with all its connections.
pub struct Eco {
    address: SocketAddr,
    service: Service,
    runtime: Option<Runtime>,
}

/// Name of its e-service, and of the tenant that offers it.
pub const NAME: &str = "eco";

/// Status details that no library of ours would make.
pub const DETAILS: &[u8] = b"\x08\x0a\x12\x05bytes\xff";

impl Eco {
    /// Starts it on a free port.
    ///
    /// # Panics
    ///
    /// When there is no port.
    #[must_use]
    pub fn start() -> Self {
        // A runtime of its own: it can die with all that it serves, as a process would.
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime");
        let _entered = runtime.enter();
        let incoming = TcpIncoming::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
        let address = incoming.local_addr().expect("its address");
        let service = Service::default();
        let server = tonic::transport::Server::builder()
            .add_service(EcoServiceServer::new(service.clone()))
            .serve_with_incoming(incoming);
        runtime.spawn(async move { server.await.expect("a server") });
        Self {
            address,
            service,
            runtime: Some(runtime),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets one call of Wait answer, now or when it comes.
    pub fn release(&self) {
        self.service.release.notify_one();
    }

    /// Waits until so many calls that last are open.
    ///
    /// # Panics
    ///
    /// When that is not so within five seconds.
    pub async fn open(&self, calls: usize) {
        let mut open = self.service.open.subscribe();
        let reached = open.wait_for(|open| *open == calls);
        tokio::time::timeout(crate::PATIENCE, reached)
            .await
            .expect("open calls")
            .expect("a count");
    }

    /// Waits until at least so many calls of Wait and Follow are open.
    ///
    /// # Panics
    ///
    /// When that is not so within five seconds.
    pub async fn reached(&self, calls: usize) {
        let mut open = self.service.open.subscribe();
        let reached = open.wait_for(|open| *open >= calls);
        tokio::time::timeout(crate::PATIENCE, reached)
            .await
            .expect("open calls")
            .expect("a count");
    }

    /// What a registry file says of it.
    #[must_use]
    pub fn foreign(&self) -> Foreign<'static> {
        Foreign {
            descriptor_set: DESCRIPTOR_SET,
            methods: METHODS,
            address: self.address,
        }
    }

    /// What registers it: its e-service, and a purpose of the tax office for all of its methods.
    #[must_use]
    pub fn document(&self, effect: &str) -> registry::Document {
        document(self.address, effect)
    }
}

/// What registers a service of this contract at an address.
#[must_use]
pub fn document(address: SocketAddr, effect: &str) -> registry::Document {
    let descriptor = registry::Descriptor {
        version: 1,
        audience: "https://eco.example/v1".to_owned(),
        descriptor_set: Bytes::from_static(DESCRIPTOR_SET),
        defaults: Some(registry::DescriptorDefaults {
            effect: effect.to_owned(),
            data_class: "pubblico".to_owned(),
        }),
        upstream: Some(registry::Upstream {
            address: format!("http://{address}"),
            ..Default::default()
        }),
        methods: vec![METHODS.to_owned()],
        voucher_lifespan: 300,
        daily_calls: Some(registry::DailyCalls {
            per_consumer: 100_000,
            total: 100_000,
        }),
        approval: "automatic".to_owned(),
        ..Default::default()
    };
    registry::Document {
        tenants: vec![registry::Tenant {
            name: NAME.to_owned(),
            title: "Servizio di prova".to_owned(),
            ipa: "c_z999".to_owned(),
            ..Default::default()
        }],
        eservices: vec![registry::Eservice {
            name: NAME.to_owned(),
            producer: NAME.to_owned(),
            descriptors: vec![descriptor],
            ..Default::default()
        }],
        agreements: vec![registry::Agreement {
            consumer: "tributi".to_owned(),
            eservice: NAME.to_owned(),
            ..Default::default()
        }],
        purposes: vec![registry::Purpose {
            name: "prova".to_owned(),
            consumer: "tributi".to_owned(),
            eservice: NAME.to_owned(),
            legal_basis: "collaudo".to_owned(),
            methods: vec![METHODS.to_owned()],
            data_classes: vec!["pubblico".to_owned()],
            daily_calls: 10_000,
            clients: vec!["tributi".to_owned()],
            chained: false,
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// The same under other names, beside the first: an effect is not changed in place.
#[must_use]
pub fn beside(mut document: registry::Document, suffix: &str) -> registry::Document {
    for eservice in &mut document.eservices {
        eservice.name.push_str(suffix);
        for descriptor in &mut eservice.descriptors {
            descriptor.audience.push_str(suffix);
        }
    }
    for agreement in &mut document.agreements {
        agreement.eservice.push_str(suffix);
    }
    for purpose in &mut document.purposes {
        purpose.eservice.push_str(suffix);
        purpose.name.push_str(suffix);
    }
    document
}

impl Drop for Eco {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[derive(Clone, Default)]
struct Service {
    open: Arc<watch::Sender<usize>>,
    release: Arc<Notify>,
}

/// A call that counts as open until it is dropped.
struct Open(Arc<watch::Sender<usize>>);

impl Service {
    fn enter(&self) -> Open {
        self.open.send_modify(|open| *open += 1);
        Open(Arc::clone(&self.open))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

#[tonic::async_trait]
impl EcoService for Service {
    type FollowStream = Pin<Box<dyn Stream<Item = Result<v1::FollowResponse, Status>> + Send>>;
    type ConverseStream = Pin<Box<dyn Stream<Item = Result<v1::ConverseResponse, Status>> + Send>>;

    async fn echo(
        &self,
        request: Request<v1::EchoRequest>,
    ) -> Result<Response<v1::EchoResponse>, Status> {
        let metadata = request
            .metadata()
            .iter()
            .map(|entry| metadatum(&entry))
            .collect();
        let text = request.into_inner().text;
        let mut response = Response::new(v1::EchoResponse { text, metadata });
        let sent = response.metadata_mut();
        sent.insert("x-eco", "risposta".parse().expect("a value"));
        sent.insert_bin(
            "x-eco-bin",
            tonic::metadata::MetadataValue::from_bytes(&[0, 255]),
        );
        sent.insert("varco-audit-index", "forged".parse().expect("a value"));
        Ok(response)
    }

    async fn wait(
        &self,
        _: Request<v1::WaitRequest>,
    ) -> Result<Response<v1::WaitResponse>, Status> {
        let _open = self.enter();
        self.release.notified().await;
        Ok(Response::new(v1::WaitResponse {}))
    }

    async fn refuse(
        &self,
        _: Request<v1::RefuseRequest>,
    ) -> Result<Response<v1::RefuseResponse>, Status> {
        Err(refusal())
    }

    async fn follow(
        &self,
        request: Request<v1::FollowRequest>,
    ) -> Result<Response<Self::FollowStream>, Status> {
        let open = self.enter();
        let v1::FollowRequest {
            messages,
            characters,
        } = request.into_inner();
        let text = "x".repeat(characters.try_into().expect("a length"));
        let first = (0..messages).map(move |_| Ok(v1::FollowResponse { text: text.clone() }));
        let first = stream::iter(first);
        let rest = stream::pending().map(move |never: std::convert::Infallible| {
            let _held = &open;
            match never {}
        });
        Ok(Response::new(Box::pin(first.chain(rest))))
    }

    async fn converse(
        &self,
        request: Request<Streaming<v1::ConverseRequest>>,
    ) -> Result<Response<Self::ConverseStream>, Status> {
        let open = self.enter();
        let answers = request.into_inner().map(move |asked| {
            let _held = &open;
            match asked?.text {
                text if text == "basta" => Err(refusal()),
                text => Ok(v1::ConverseResponse { text }),
            }
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn collect(
        &self,
        request: Request<Streaming<v1::CollectRequest>>,
    ) -> Result<Response<v1::CollectResponse>, Status> {
        let mut said = request.into_inner();
        let mut text = String::new();
        while let Some(asked) = said.message().await? {
            if asked.text == "aspetta" {
                let _open = self.enter();
                std::future::pending::<()>().await;
            }
            text.push_str(&asked.text);
        }
        Ok(Response::new(v1::CollectResponse { text }))
    }
}

/// A refusal with details of its own, and with metadata that only the gateway may set.
fn refusal() -> Status {
    let mut metadata = tonic::metadata::MetadataMap::new();
    metadata.insert("x-eco", "rifiuto".parse().expect("a value"));
    metadata.insert("varco-withheld", "forged".parse().expect("a value"));
    let details = Bytes::from_static(DETAILS);
    Status::with_details_and_metadata(Code::Aborted, "non oggi: è chiuso", details, metadata)
}

fn metadatum(entry: &KeyAndValueRef<'_>) -> v1::Metadatum {
    match entry {
        KeyAndValueRef::Ascii(name, value) => v1::Metadatum {
            name: name.to_string(),
            value: Bytes::copy_from_slice(value.as_bytes()),
        },
        KeyAndValueRef::Binary(name, value) => v1::Metadatum {
            name: name.to_string(),
            value: value.to_bytes().unwrap_or_default(),
        },
    }
}

/// The contract, as a `FileDescriptorSet` with its imports.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/eco.binpb"));
const METHODS: &str = "eco.v1.EcoService/*";
