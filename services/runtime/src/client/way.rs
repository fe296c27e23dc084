//! What presents one certificate: a channel, and the vouchers that are bound to it.
//!
//! The two change together when the certificate is renewed, because the gateway refuses a voucher
//! on a connection with another certificate than the one it was asked with.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use super::voucher::Source;
use super::{ClientFile, Error, PurposeEntry};
use crate::clock::Clock;
use crate::https::Https;
use crate::jose::PrivateKey;
use crate::telemetry::span::Server;
use crate::{secret, tls};

/// A client's channel and its vouchers by the name of their purpose.
pub(super) struct Way {
    pub(super) channel: Channel,
    /// The gateway, as spans name it.
    pub(super) server: Server,
    pub(super) sources: HashMap<String, Source>,
}

impl Way {
    /// Opens a client's way with its certificate of now; nothing is asked of the network yet.
    ///
    /// # Errors
    ///
    /// When the authority or an address cannot be used.
    pub(super) fn open(
        file: &Arc<ClientFile>,
        key: &PrivateKey,
        identity: &tls::Identity,
        ca: &Path,
        clock: &Clock,
    ) -> Result<Self, Error> {
        let https = Https::new(tls::client(Some(identity), &tls::roots(ca)?, &[])?);
        let source = |(name, entry): (&String, &PurposeEntry)| {
            let purpose_id = entry.purpose_id.clone();
            let source = Source::new(file, purpose_id, key.clone(), https.clone(), clock.clone());
            (name.clone(), source)
        };
        Ok(Self {
            channel: channel(&file.gateway, identity, ca)?,
            server: Server::at(&file.gateway),
            sources: file.purposes.iter().map(source).collect(),
        })
    }
}

/// Opens a channel with the certificate of now; it connects when it is first used.
///
/// # Errors
///
/// When the authority cannot be read or the address makes no sense.
pub(super) fn channel(
    address: &str,
    identity: &tls::Identity,
    ca: &Path,
) -> Result<Channel, Error> {
    let pair = identity.pair();
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(secret::read(ca)?.as_bytes()))
        .identity(Identity::from_pem(&pair.certificate, pair.key.as_str()));
    let endpoint = Endpoint::from_shared(address.to_owned())?
        .tls_config(tls)?
        .connect_timeout(Duration::from_secs(5))
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_while_idle(true)
        .tcp_nodelay(true);
    Ok(endpoint.connect_lazy())
}
