//! The service of the official gRPC interoperability tests: plain, in this process.
//!
//! It does what `doc/interop-test-descriptions.md` of grpc/grpc asks of a server. What tonic keeps
//! to itself (the flag of each message, the trailers of a unary answer) is done around it, on the
//! wire: see `around`.

use std::net::SocketAddr;

use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tonic::codec::CompressionEncoding;
use tonic::transport::server::TcpIncoming;
use varco_proto::registry::v1 as registry;

use crate::eco;
use crate::registration::Foreign;
use around::Around;
use service::Service;
use testing::test_service_server::TestServiceServer;

pub mod around;
pub mod caller;
pub mod messages;
pub mod seen;
mod service;

/// Its contract.
#[expect(
    clippy::allow_attributes,
    clippy::pedantic,
    reason = "generated code is not ours to style"
)]
pub mod testing {
    tonic::include_proto!("grpc.testing");
}

/// The running service; dropped, it ends with all its connections.
pub struct Interop {
    address: SocketAddr,
    open: watch::Receiver<usize>,
    runtime: Option<Runtime>,
}

/// Its contract as a `FileDescriptorSet` with imports.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/interop.binpb"));

/// Its methods, as a registry file names them.
pub const METHODS: &str = "grpc.testing.TestService/*";

impl Interop {
    /// Starts it on a free port.
    ///
    /// # Panics
    ///
    /// When there is no port.
    #[must_use]
    pub fn start() -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime");
        let _entered = runtime.enter();
        let incoming = TcpIncoming::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
        // The last bytes of a large answer must not wait for the peer's acknowledgement.
        let incoming = incoming.with_nodelay(Some(true));
        let address = incoming.local_addr().expect("its address");
        let service = Service::default();
        let open = service.open();
        let service = TestServiceServer::new(service).accept_compressed(CompressionEncoding::Gzip);
        let server = tonic::transport::Server::builder()
            .add_service(Around(service))
            .serve_with_incoming(incoming);
        runtime.spawn(async move { server.await.expect("a server") });
        Self {
            address,
            open,
            runtime: Some(runtime),
        }
    }

    /// Where it listens, in plain HTTP/2.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until so many calls with a stream of requests are open.
    ///
    /// # Panics
    ///
    /// When that is not so within five seconds.
    pub async fn open(&self, calls: usize) {
        let mut open = self.open.clone();
        let reached = open.wait_for(|open| *open == calls);
        tokio::time::timeout(crate::PATIENCE, reached)
            .await
            .unwrap_or_else(|_| panic!("{calls} open calls: not within {:?}", crate::PATIENCE))
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
        let mut document = eco::document(self.address, effect);
        for eservice in &mut document.eservices {
            for descriptor in &mut eservice.descriptors {
                descriptor.descriptor_set = Bytes::from_static(DESCRIPTOR_SET);
                descriptor.methods = vec![METHODS.to_owned()];
            }
        }
        for purpose in &mut document.purposes {
            purpose.methods = vec![METHODS.to_owned()];
        }
        document
    }
}

impl Drop for Interop {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
