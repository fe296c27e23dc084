//! The decision, taken again from what a record tells of a call.
//!
//! It rests on the same parts and the same methods as the decision on a call. What records do not
//! tell is left out: which key asked for the voucher, for which version it was, and what the first
//! client of a chain began it for.

use uuid::Uuid;

use super::{Part, Parts, live};
use crate::refusal::Reason;
use crate::registry::snapshot::Snapshot;

/// What a record tells of a call with a verified voucher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told<'a> {
    /// The client.
    pub client: Uuid,
    /// What for.
    pub purpose: Uuid,
    /// `pkg.Service/Method`.
    pub method: &'a str,
    /// In a chain, the clients on whose behalf.
    pub before: &'a [String],
}

/// Whether a registry lets such a call pass at a time (Unix seconds).
///
/// # Errors
///
/// The first reason against it.
pub fn decide(told: &Told<'_>, snapshot: &Snapshot, now: i64) -> Result<(), Reason> {
    let parts = Parts::of((told.client, ""), told.purpose, snapshot, now);
    let all = Part::ALL.into_iter().filter(|part| *part != Part::Key);
    let found = parts.eligible_by(all)?;
    found.method(told.method, snapshot)?;
    if told.before.is_empty() {
        return Ok(());
    }
    if !found.purpose.body.content.chained {
        return Err(Reason::MethodNotInPurpose);
    }
    let client = |id: &String| snapshot.clients.get(&id.parse().ok()?);
    let mut before = told.before.iter();
    before.try_for_each(|id| live(client(id).map(AsRef::as_ref), Reason::ClientSuspended))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::tests::{TAKEN, claims, registry};
    use crate::registry::testing::{METHOD, NOW, OTHER};

    #[test]
    fn what_is_told_is_decided_as_the_call_was() {
        for taken in TAKEN {
            let mut town = registry();
            let claims = claims(&town);
            let told = |method| Told {
                client: claims.client_id,
                purpose: claims.purpose_id,
                method,
                before: &[],
            };
            for method in [METHOD, OTHER] {
                let call = super::super::decide(&claims, method, &town.snapshot, NOW);
                assert_eq!(decide(&told(method), &town.snapshot, NOW), call.map(|_| ()));
            }

            taken(&mut town);

            let call = super::super::decide(&claims, METHOD, &town.snapshot, NOW);
            let again = decide(&told(METHOD), &town.snapshot, NOW);
            match call.err() {
                // Of the key and of the version records do not tell.
                Some(Reason::KeyRevoked | Reason::VoucherAudience) => {}
                refused => assert_eq!(again.err(), refused),
            }
        }
    }
}
