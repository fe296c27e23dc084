//! A voucher of yesterday, for whoever wants to see it refused.

use std::sync::Arc;

use crate::registry::snapshot::LiveKey;
use crate::{DAY, Error, Gateway, authorize, registry, voucher};

impl Gateway {
    /// A voucher that was valid a day ago, for whoever wants to see it refused.
    ///
    /// # Errors
    ///
    /// When the client or the purpose is not live.
    pub fn voucher_in_the_past(&self, client_id: &str, purpose_id: &str) -> Result<String, Error> {
        let unknown = || registry::error::Error::NotFound("purpose", purpose_id.to_owned());
        let client = client_id.parse().map_err(|_| unknown())?;
        let purpose = purpose_id.parse().map_err(|_| unknown())?;
        let snapshot = self.gate.registry.snapshot();
        let own = |(_, key): &(&String, &Arc<LiveKey>)| key.client == client;
        let (kid, _) = snapshot.keys.iter().find(own).ok_or_else(unknown)?;
        let now = self.gate.clock.unix();
        let found =
            authorize::eligible(client, kid, purpose, &snapshot, now).map_err(|_| unknown())?;
        let descriptor = found.descriptor.entry;
        let then = now - DAY;
        let claims = voucher::Claims {
            iss: self.gate.vouchers.issuer().to_owned(),
            sub: client.to_string(),
            client_id: client,
            aud: descriptor.body.audience.clone(),
            jti: self.gate.clock.uuid(),
            iat: then,
            nbf: then,
            exp: then + i64::from(descriptor.body.voucher_lifespan),
            purpose_id: purpose,
            producer_id: found.producer,
            consumer_id: found.purpose.body.consumer,
            eservice_id: descriptor.body.eservice,
            descriptor_id: descriptor.id,
            client_kid: kid.clone(),
            epoch: snapshot.epoch,
            cnf: None,
            digest: None,
            act: None,
            origin_purpose_id: None,
            txn: None,
        };
        Ok(self.gate.vouchers.sign(&claims)?)
    }
}
