//! Who calls: the TLS peer is a registered client, and the voucher is its own.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use uuid::Uuid;
use varco_runtime::tls::Peer;

use crate::call::{Call, Voucher};
use crate::evidence::{signature, tracking};
use crate::gate::Gate;
use crate::passing::Passing;
use crate::proof::{self, Proof, Target};
use crate::refusal::{Reason, Refusal};
use crate::registry::snapshot::Snapshot;
use crate::single_use;
use crate::token::spender::Once;
use crate::voucher::Verdict;

/// Lets a call on only when its peer and its voucher are known and belong together.
pub async fn authenticate<F>(passing: Passing, next: impl FnOnce(Passing) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let Passing {
        gate,
        call,
        request,
    } = &passing;
    if !is_grpc(request) {
        return Refusal::from(Reason::MethodUnknown).into_response();
    }
    match admit(gate, call, (request.uri().path(), request.headers())).await {
        Ok(voucher) => {
            call.vouch(voucher);
            next(passing).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// Who calls: checked first, and only then is the proof used up, so that a stranger uses up nothing.
async fn admit(
    gate: &Gate,
    call: &Call,
    (path, headers): (&str, &HeaderMap),
) -> Result<Voucher, Refusal> {
    if let Err(refusal) = check_forger(gate, call, headers) {
        gate.forgers.hold_back().await;
        return Err(refusal);
    }
    let verdict = catch_up(gate, headers).await?;
    let (voucher, proof) = check(gate, call, (path, headers), verdict)?;
    if let Some(proof) = proof {
        let (once, now) = (vec![Once::proof(&proof)], gate.clock.unix());
        // Boxed here and below: what asks the database is rare, and its future is large.
        let taken = gate.single_use.take(voucher.claims.client_id, once, now);
        let taken = Box::pin(taken).await;
        taken.map_err(|refused| match refused {
            single_use::Refused::Full => Reason::RateClient,
            single_use::Refused::Unavailable => Reason::SnapshotStale,
            single_use::Refused::Used(_) => Reason::ProofReplayed,
        })?;
    }
    Ok(voucher)
}

/// After too many signatures of a peer that did not verify, none is looked at for a moment: only what
/// asks for no signature goes on.
fn check_forger(gate: &Gate, call: &Call, headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(Err(wait)) = call.peer().map(|peer| gate.forgers.check(peer)) else {
        return Ok(());
    };
    let has_verified =
        |sent| matches!(sent, (Scheme::Bearer, token) if gate.vouchers.has_verified(token));
    let has_evidence = [tracking::NAME, signature::NAME]
        .iter()
        .any(|name| headers.contains_key(*name));
    if !has_evidence && voucher(headers).is_ok_and(has_verified) {
        return Ok(());
    }
    Err(Refusal::from(Reason::RateClient).retry_after(wait))
}

/// A voucher that was issued on a newer registry makes this gateway read it first. Gives the verdict on
/// the voucher, where it is good as things stood.
async fn catch_up(gate: &Gate, headers: &HeaderMap) -> Result<Option<Verdict>, Reason> {
    let Ok((_, token)) = voucher(headers) else {
        return Ok(None);
    };
    let Ok(verdict) = gate.vouchers.verdict(token, gate.clock.unix()) else {
        // Another gateway may have published the key a moment ago.
        Box::pin(gate.keys.look_for(token)).await;
        return Ok(None);
    };
    if verdict.claims.epoch > gate.registry.snapshot().epoch {
        let caught_up = Box::pin(gate.registry.catch_up(verdict.claims.epoch)).await;
        caught_up.map_err(|_| Reason::SnapshotStale)?;
    }
    Ok(Some(verdict))
}

/// Whether a request is a gRPC call at all.
fn is_grpc(request: &Request) -> bool {
    let kind = request
        .headers()
        .get(&CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    request.method() == http::Method::POST
        && kind.is_some_and(|kind| kind.starts_with("application/grpc"))
}

/// The client of a verified certificate: by its URI, or by its thumbprint in the registry.
///
/// # Errors
///
/// When it is no client's, or the certificate has been revoked or has ended by `now` (Unix seconds).
pub fn client_of(
    peer: &Peer,
    trust_domain: &str,
    snapshot: &Snapshot,
    now: i64,
) -> Result<Uuid, Reason> {
    let known = snapshot.certificate(&peer.thumbprint);
    if snapshot.is_revoked(&peer.thumbprint) || peer.has_ended(now) {
        return Err(Reason::KeyRevoked);
    }
    let named = peer
        .named(&format!("{trust_domain}/client/"))
        .and_then(|id| id.parse().ok());
    named
        .or_else(|| known.and_then(|entry| entry.body.client))
        .filter(|id| snapshot.clients.contains_key(id))
        .ok_or(Reason::ClientUnknown)
}

/// How a voucher is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RFC 6750 §2.1.
    Bearer,
    /// RFC 9449 §7.1.
    Dpop,
}

/// The voucher of a call and the proof that goes with it, both good.
fn check(
    gate: &Gate,
    call: &Call,
    (path, headers): (&str, &HeaderMap),
    verdict: Option<Verdict>,
) -> Result<(Voucher, Option<Proof>), Reason> {
    if metadata_size(headers) > MAX_METADATA {
        return Err(Reason::MetadataTooLarge);
    }
    let peer = call.peer().ok_or(Reason::ClientUnknown)?;
    let now = gate.clock.unix();
    let client = client_of(peer, &gate.trust_domain, &gate.registry.snapshot(), now)?;
    call.identify(client);
    let (scheme, token) = voucher(headers)?;
    let verdict = match verdict {
        Some(verdict) => verdict,
        None => gate.vouchers.verdict(token, now)?,
    };
    let claims = Arc::clone(&verdict.claims);
    let verified = Voucher {
        claims: verdict.claims,
        kid: verdict.kid,
    };
    if claims.client_id != client {
        return Err(Reason::VoucherClient);
    }
    if !claims.fits(&peer.thumbprint) {
        return Err(Reason::VoucherBinding);
    }
    if scheme == Scheme::Bearer && claims.jkt().is_none() {
        return Ok((verified, None));
    }
    let target = Target {
        htu: &format!("{}{path}", gate.address),
        voucher: Some(token),
    };
    let proof = possession(scheme, claims.jkt(), &proof::of(headers), target, now)?;
    Ok((verified, Some(proof)))
}

/// The proof that goes with a voucher bound to a key (RFC 9449 §7).
///
/// # Errors
///
/// `PROOF_MISSING`, `PROOF_INVALID`.
pub fn possession(
    scheme: Scheme,
    jkt: Option<&str>,
    proofs: &[&str],
    target: Target<'_>,
    now: i64,
) -> Result<Proof, Reason> {
    // A bound voucher is never a bearer's, whatever comes beside it (RFC 9449 §7.2).
    if scheme == Scheme::Bearer {
        return Err(Reason::ProofMissing);
    }
    let proof = proof::judge(proofs, target, now).map_err(|_| Reason::ProofInvalid)?;
    let proof = proof.ok_or(Reason::ProofMissing)?;
    if jkt == Some(proof.jkt.as_str()) {
        Ok(proof)
    } else {
        Err(Reason::ProofInvalid)
    }
}

/// The voucher of a call, and how it is sent.
fn voucher(headers: &HeaderMap) -> Result<(Scheme, &str), Reason> {
    let mut values = headers.get_all(&AUTHORIZATION).iter();
    let value = values.next().ok_or(Reason::VoucherMissing)?;
    if values.next().is_some() {
        return Err(Reason::VoucherMalformed);
    }
    let text = value.to_str().map_err(|_| Reason::VoucherMalformed)?;
    let (scheme, token) = text.split_once(' ').ok_or(Reason::VoucherMalformed)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok((Scheme::Bearer, token))
    } else if scheme.eq_ignore_ascii_case("dpop") {
        Ok((Scheme::Dpop, token))
    } else {
        Err(Reason::VoucherMalformed)
    }
}

/// Size of the metadata as HTTP/2 counts it (RFC 9113 §6.5.2).
fn metadata_size(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 32)
        .sum()
}

const MAX_METADATA: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::tests::{key, proof};
    use varco_runtime::pki::KeyKind;

    const NOW: i64 = 1_700_000_000;
    const HTU: &str = "https://localhost:7443/pkg.S/M";

    fn judged(scheme: Scheme, jkt: Option<&str>, proofs: &[&str]) -> Result<String, Reason> {
        let target = Target {
            htu: HTU,
            voucher: Some("a.b.c"),
        };
        possession(scheme, jkt, proofs, target, NOW).map(|proof| proof.jkt)
    }

    #[test]
    fn bound_voucher_needs_the_proof_of_its_own_key() {
        let (own, other) = (key(KeyKind::EcP256), key(KeyKind::EcP256));
        let jkt = Some(own.public().kid());
        let good = proof(&own, HTU, Some("a.b.c"), NOW);
        let foreign = proof(&other, HTU, Some("a.b.c"), NOW);
        let elsewhere = proof(&own, "https://localhost:7443/pkg.S/N", Some("a.b.c"), NOW);
        let unbound = proof(&own, HTU, None, NOW);

        let proven = judged(Scheme::Dpop, jkt, &[&good]);
        assert_eq!(proven.as_deref(), Ok(own.public().kid()));
        let refused = [
            (Scheme::Bearer, jkt, vec![], Reason::ProofMissing),
            (
                Scheme::Bearer,
                jkt,
                vec![good.as_str()],
                Reason::ProofMissing,
            ),
            (Scheme::Dpop, jkt, vec![], Reason::ProofMissing),
            (
                Scheme::Dpop,
                None,
                vec![good.as_str()],
                Reason::ProofInvalid,
            ),
            (
                Scheme::Dpop,
                jkt,
                vec![foreign.as_str()],
                Reason::ProofInvalid,
            ),
            (
                Scheme::Dpop,
                jkt,
                vec![elsewhere.as_str()],
                Reason::ProofInvalid,
            ),
            (
                Scheme::Dpop,
                jkt,
                vec![unbound.as_str()],
                Reason::ProofInvalid,
            ),
            (
                Scheme::Dpop,
                jkt,
                vec![good.as_str(); 2],
                Reason::ProofInvalid,
            ),
        ];
        for (scheme, jkt, proofs, reason) in refused {
            assert_eq!(
                judged(scheme, jkt, &proofs),
                Err(reason),
                "{scheme:?} {jkt:?}"
            );
        }
    }

    #[test]
    fn voucher_is_sent_as_bearer_or_with_a_proof() {
        let sent = |text: &str| {
            let headers =
                HeaderMap::from_iter([(http::header::AUTHORIZATION, text.parse().unwrap())]);
            voucher(&headers).map(|(scheme, token)| (scheme, token.to_owned()))
        };

        assert_eq!(sent("bearer x"), Ok((Scheme::Bearer, "x".to_owned())));
        assert_eq!(sent("DPoP x"), Ok((Scheme::Dpop, "x".to_owned())));
        assert_eq!(sent("Basic x"), Err(Reason::VoucherMalformed));
    }
}
