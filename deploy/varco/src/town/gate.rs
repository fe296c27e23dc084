//! The gateway's sockets and what answers on each.

use varco_gateway::Gateway;
use varco_runtime::config::Config;
use varco_runtime::server::inherited::Inherited;
use varco_runtime::server::{Limits, Listener};
use varco_runtime::tls::authority::Authority;
use varco_runtime::tls::listed::Listed;
use varco_runtime::tls::{self, ClientCertificate, Clients, Identity};

use super::running::Socket;
use crate::failure::Failure;

/// The sockets of the gateway, bound before anything slow is done.
#[derive(Debug)]
pub struct Sockets {
    data_plane: Listener,
    token: Listener,
    control: Listener,
    probes: Listener,
    listed: Listed,
    identity: Identity,
    authority: Authority,
}

/// What a gateway serves, in the order in which it drains.
pub struct Serving {
    /// Vouchers and calls.
    pub calls: Vec<Socket>,
    /// Probes, which say that it drains for as long as it does.
    pub probes: Socket,
}

impl Sockets {
    /// Takes up or binds what the configuration names.
    ///
    /// # Errors
    ///
    /// When a port is taken or the certificate cannot be used.
    pub async fn bind(config: &Config, inherited: &mut Inherited) -> Result<Self, Failure> {
        let gateway = &config.gateway;
        let identity = Identity::load(
            &config.path(&gateway.certificate),
            &config.path(&gateway.key),
        )?;
        let authority = Authority::load(&config.path(&config.comune.ca))?;
        let listed = Listed::default();
        let clients = |certificate, listed: &Listed| Clients {
            certificate,
            authority: authority.clone(),
            listed: listed.clone(),
        };
        let members = clients(ClientCertificate::Required, &listed);
        // A client without a certificate may ask for a voucher; it is then bound to none.
        let anyone = clients(ClientCertificate::Optional, &listed);
        let operators = clients(ClientCertificate::Required, &Listed::default());
        let grpc = tls::server(&identity, members, &["h2"])?;
        let https = tls::server(&identity, anyone, &["h2", "http/1.1"])?;
        let control = tls::server(&identity, operators, &["h2"])?;
        Ok(Self {
            data_plane: inherited.listen(gateway.data_plane, Some(grpc)).await?,
            token: inherited.listen(gateway.token, Some(https)).await?,
            control: inherited.listen(gateway.control, Some(control)).await?,
            probes: inherited.listen(gateway.probes, None).await?,
            listed,
            identity,
            authority,
        })
    }

    /// The certificate that the listeners present, to be followed while they serve.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity.clone()
    }

    /// The authority whose certificates they take, likewise.
    #[must_use]
    pub fn authority(&self) -> Authority {
        self.authority.clone()
    }

    /// Joins each socket with what answers on it; from now on the registry's list counts.
    #[must_use]
    pub fn serving(self, gateway: &Gateway) -> Serving {
        let registry = gateway.registry().clone();
        self.listed
            .set(move |known| registry.snapshot().lists(known));
        let answering = gateway.answering();
        let socket = |listener, answers, limits| Socket {
            listener,
            answers,
            limits,
        };
        Serving {
            calls: vec![
                socket(self.data_plane, answering.data_plane, Limits::GRPC),
                socket(self.token, answering.token, Limits::HTTP),
                socket(self.control, answering.control, Limits::GRPC),
            ],
            probes: socket(self.probes, answering.probes, Limits::HTTP),
        }
    }
}
