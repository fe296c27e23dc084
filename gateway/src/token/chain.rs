//! Calls on behalf of others (RFC 8693): a service exchanges the grant that it received.
//!
//! Each hop stands under a purpose of its own, which must allow it, and the chain of those who act
//! grows by one. A service can exchange no grant but one that was given to its own office.

use varco_runtime::grant::{self, Actor};
use varco_runtime::jose::{self, PublicKey};

use super::answer::Refusal;
use crate::authorize;
use crate::registry::client::Client;
use crate::registry::snapshot::Snapshot;

/// The claims of a grant that one of these keys signed.
///
/// # Errors
///
/// `GRANT_INVALID`.
pub fn verify(token: &str, keys: &[PublicKey], issuer: &str) -> Result<grant::Claims, Refusal> {
    let invalid = || Refusal::grant("GRANT_INVALID");
    let header = jose::header(token).map_err(|_| invalid())?;
    if header.typ.as_deref() != Some(grant::TYP) {
        return Err(invalid());
    }
    let named = |key: &&PublicKey| header.kid.as_deref() == Some(key.kid());
    let key = keys.iter().find(named).ok_or_else(invalid)?;
    let claims: grant::Claims = key.verify(token).map_err(|_| invalid())?;
    if claims.iss == issuer {
        Ok(claims)
    } else {
        Err(invalid())
    }
}

/// Whether a grant may be exchanged at `now` by a client of this office.
///
/// # Errors
///
/// `GRANT_EXPIRED`, `GRANT_AUDIENCE`.
pub fn check(
    grant: &grant::Claims,
    actor: &Client,
    snapshot: &Snapshot,
    now: i64,
) -> Result<(), Refusal> {
    if now < grant.iat - super::assertion::SKEW || grant.exp <= now {
        return Err(Refusal::grant("GRANT_EXPIRED"));
    }
    let descriptors = snapshot.descriptors.values();
    let mut served = descriptors
        .filter(|descriptor| descriptor.body.audience == grant.aud)
        .filter(|descriptor| !descriptor.state.is_final())
        .filter_map(|descriptor| snapshot.eservices.get(&descriptor.body.eservice));
    if served.any(|eservice| eservice.body.producer == actor.consumer) {
        Ok(())
    } else {
        Err(Refusal::grant("GRANT_AUDIENCE"))
    }
}

/// Whether those on whose behalf a grant was given still may do what they do.
///
/// # Errors
///
/// The reason for which they may not, as the data plane gives it.
pub fn stands(grant: &grant::Claims, snapshot: &Snapshot, now: i64) -> Result<(), Refusal> {
    let before = grant.act.iter().flat_map(Actor::clients);
    let first = grant.purpose_id.parse().ok();
    let origin = (grant.sub.as_str(), grant.origin_purpose_id.or(first));
    authorize::chain_stands(origin, before, snapshot, now).map_err(|reason| {
        Refusal::unauthorized(reason.name()).about(
            "those on whose behalf the service calls may not any more",
            "il chiamante per conto del quale il servizio opera non è più autorizzato",
        )
    })
}

/// The chain of those who act, with one more at its head.
///
/// # Errors
///
/// `CHAIN_TOO_LONG`.
pub fn extend(before: Option<Actor>, actor: String) -> Result<Actor, Refusal> {
    let act = Actor {
        sub: actor,
        act: before.map(Box::new),
    };
    if act.clients().count() > LONGEST {
        return Err(Refusal::grant("CHAIN_TOO_LONG"));
    }
    Ok(act)
}

/// Services that a call may pass through.
const LONGEST: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_grows_to_four_and_no_further() {
        let mut chain = None;
        for name in ["a", "b", "c", "d"] {
            chain = Some(extend(chain, name.to_owned()).unwrap());
        }

        let names: Vec<_> = chain.as_ref().unwrap().clients().collect();
        assert_eq!(names, ["d", "c", "b", "a"]);
        let refused = extend(chain, "e".to_owned()).unwrap_err();
        assert_eq!(refused.precise, "CHAIN_TOO_LONG");
    }
}
