//! The gateway's own certificate, renewed by the gateway that holds the authority's key.
//!
//! The others renew theirs by asking; who else would this one ask? The listeners and the channels
//! to the services find the new pair in its files.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use varco_proto::audit::v1::{Record, RecordKind};
use varco_runtime::config::Config;
use varco_runtime::pki::Holder;
use varco_runtime::tls::{Identity, pair};

use crate::Error;
use crate::gate::Gate;

/// The gateway's certificate and where it stands.
pub struct Own {
    gate: Arc<Gate>,
    identity: Identity,
    certificate: PathBuf,
    key: PathBuf,
    holder: Holder,
}

impl Own {
    /// The certificate of a gateway's configuration.
    #[must_use]
    pub fn new(gate: &Arc<Gate>, identity: Identity, config: &Config) -> Self {
        Self {
            gate: Arc::clone(gate),
            identity,
            certificate: config.path(&config.gateway.certificate),
            key: config.path(&config.gateway.key),
            holder: Holder::gateway(&config.trust_domain(), &config.gateway.host),
        }
    }

    /// Renews it in the last third of its life, for ever.
    pub async fn renew(self) {
        loop {
            if self.identity.pair().is_due(self.gate.clock.now())
                && let Err(error) = self.replace().await
            {
                tracing::error!(%error, "the gateway's own certificate cannot be renewed");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn replace(&self) -> Result<(), Error> {
        let Some(ca) = &self.gate.authority else {
            return Ok(());
        };
        let leaf = ca.issue(&self.holder, self.gate.clock.now())?;
        let thumbprint = varco_runtime::tls::thumbprint(&leaf.certificate).unwrap_or_default();
        self.gate
            .register
            .commit(Record {
                kind: RecordKind::PolicyChange.into(),
                audit_id: self.gate.clock.uuid().as_bytes().to_vec().into(),
                policy_epoch: self.gate.registry.snapshot().epoch,
                outcome: "OK".to_owned(),
                detail: format!(
                    "certificate renewed for the gateway: {}",
                    hex::encode(thumbprint)
                ),
                ..Default::default()
            })
            .await?;
        Ok(pair::replace(&self.certificate, &self.key, &leaf)?)
    }
}

const LOOK: Duration = Duration::from_hours(1);
