//! An office of another maker, which knows people by the national identifier alone: plain, in this
//! process, with Varco's options in its contract.

use std::net::SocketAddr;

use bytes::Bytes;
use tokio::task::JoinSet;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use varco_proto::registry::v1 as registry;

use v1::pratiche_service_server::{PraticheService, PraticheServiceServer};

/// Its contract.
#[expect(
    clippy::allow_attributes,
    clippy::pedantic,
    reason = "generated code is not ours to style"
)]
pub mod v1 {
    tonic::include_proto!("pratiche.v1");
}

/// The running office; dropped, it ends.
#[derive(Debug)]
pub struct Pratiche {
    address: SocketAddr,
    _serving: JoinSet<Result<(), tonic::transport::Error>>,
}

/// Its method.
pub const METHOD: &str = "pratiche.v1.PraticheService/CountPratiche";

/// The purpose for which the desk may ask it.
pub const PURPOSE: &str = "sportello/pratiche-aperte";

impl Pratiche {
    /// Starts it on a free port.
    ///
    /// # Panics
    ///
    /// When there is no port.
    #[must_use]
    pub fn start() -> Self {
        let incoming = TcpIncoming::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
        let address = incoming.local_addr().expect("its address");
        let server = tonic::transport::Server::builder()
            .add_service(PraticheServiceServer::new(Service))
            .serve_with_incoming(incoming);
        let mut serving = JoinSet::new();
        serving.spawn(server);
        Self {
            address,
            _serving: serving,
        }
    }

    /// What registers it, with the purpose of the desk.
    #[must_use]
    pub fn document(&self) -> registry::Document {
        registry::Document {
            tenants: vec![registry::Tenant {
                name: NAME.to_owned(),
                title: "Ufficio pratiche".to_owned(),
                ipa: "c_z999".to_owned(),
                ..Default::default()
            }],
            eservices: vec![registry::Eservice {
                name: NAME.to_owned(),
                producer: NAME.to_owned(),
                descriptors: vec![self.descriptor()],
                ..Default::default()
            }],
            agreements: vec![registry::Agreement {
                consumer: "sportello".to_owned(),
                eservice: NAME.to_owned(),
                ..Default::default()
            }],
            purposes: vec![registry::Purpose {
                name: "pratiche-aperte".to_owned(),
                consumer: "sportello".to_owned(),
                eservice: NAME.to_owned(),
                legal_basis: "collaudo".to_owned(),
                methods: vec![METHOD.to_owned()],
                data_classes: ["identificativi", "pratiche"].map(str::to_owned).to_vec(),
                daily_calls: 1000,
                clients: vec!["sportello".to_owned()],
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    fn descriptor(&self) -> registry::Descriptor {
        registry::Descriptor {
            version: 1,
            audience: "https://pratiche.example/v1".to_owned(),
            descriptor_set: Bytes::from_static(DESCRIPTOR_SET),
            upstream: Some(registry::Upstream {
                address: format!("http://{}", self.address),
                ..Default::default()
            }),
            methods: vec![METHOD.to_owned()],
            voucher_lifespan: 300,
            daily_calls: Some(registry::DailyCalls {
                per_consumer: 1000,
                total: 1000,
            }),
            approval: "automatic".to_owned(),
            ..Default::default()
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Service;

#[tonic::async_trait]
impl PraticheService for Service {
    async fn count_pratiche(
        &self,
        _: Request<v1::CountPraticheRequest>,
    ) -> Result<Response<v1::CountPraticheResponse>, Status> {
        Ok(Response::new(v1::CountPraticheResponse { aperte: Some(2) }))
    }
}

const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/pratiche.binpb"));
const NAME: &str = "pratiche";
