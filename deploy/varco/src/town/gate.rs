//! The gateway's sockets and what answers on each.

use varco_gateway::Routers;
use varco_runtime::config::Config;
use varco_runtime::server::Listener;
use varco_runtime::tls::{self, ClientCertificate, Identity};

use super::running::Socket;
use crate::failure::Failure;

/// The sockets of the gateway, bound before anything slow is done.
#[derive(Debug)]
pub struct Sockets {
    data_plane: Listener,
    token: Listener,
    control: Listener,
    probes: Listener,
}

impl Sockets {
    /// Binds what the configuration names.
    ///
    /// # Errors
    ///
    /// When a port is taken or the certificate cannot be used.
    pub async fn bind(config: &Config) -> Result<Self, Failure> {
        let gateway = &config.gateway;
        let identity = Identity::load(
            &config.path(&gateway.certificate),
            &config.path(&gateway.key),
        )?;
        let roots = tls::roots(&config.path(&config.comune.ca))?;
        let grpc = tls::server(&identity, &roots, ClientCertificate::Required, &["h2"])?;
        // A client without a certificate may ask for a voucher; it is then bound to none.
        let https = tls::server(
            &identity,
            &roots,
            ClientCertificate::Optional,
            &["h2", "http/1.1"],
        )?;
        Ok(Self {
            data_plane: Listener::bind(gateway.data_plane, Some(grpc.clone())).await?,
            token: Listener::bind(gateway.token, Some(https)).await?,
            control: Listener::bind(gateway.control, Some(grpc)).await?,
            probes: Listener::bind(gateway.probes, None).await?,
        })
    }

    /// Joins each socket with what answers on it.
    #[must_use]
    pub fn serving(self, routers: Routers) -> Vec<Socket> {
        vec![
            Socket {
                listener: self.data_plane,
                router: routers.data_plane,
            },
            Socket {
                listener: self.token,
                router: routers.token,
            },
            Socket {
                listener: self.control,
                router: routers.control,
            },
            Socket {
                listener: self.probes,
                router: routers.probes,
            },
        ]
    }
}
