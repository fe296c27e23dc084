//! Evidence that a caller gives beside its voucher (ModI): who acts, and that the message is its own.
//!
//! What a method's rule asks for must come; what comes is judged, asked for or not, so that a
//! service may take what reaches it as judged. `digest` alone is anybody's word and means nothing
//! here. Everything that the metadata can tell is decided before the call counts on any quota; the
//! one message is compared where it is read. `docs/modi-grpc.md` is the binding in full.

use axum::response::Response;
use http::HeaderMap;

use crate::call::Call;
use crate::gate::Gate;
use crate::passing::Passing;
use crate::refusal::{Reason, Refusal};
use crate::registry::rule::{Evidence, Rule};
use crate::registry::snapshot::Snapshot;
use crate::single_use::Refused;
use crate::token::spender::{Once, Part};
use crate::voucher::Claims;

pub mod digest;
pub mod jws;
pub mod signature;
pub mod tracking;

use digest::Digest;
use tracking::{Actor, Tracked};

/// What evidence is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The verified voucher.
    pub claims: &'a Claims,
    /// `pkg.Service/Method`.
    pub method: &'a str,
    /// Whether the request is a stream.
    pub client_streaming: bool,
    /// What is asked for.
    pub rule: &'a Rule,
    /// The metadata as it came.
    pub headers: &'a HeaderMap,
    /// The registry, for the client's keys.
    pub snapshot: &'a Snapshot,
    /// The time, Unix seconds.
    pub now: i64,
}

/// Evidence that came with a call and holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// SHA-256 of each token as it came.
    pub hashes: Vec<[u8; 32]>,
    /// Level of assurance of the person's login (ISO/IEC 29115); 0 when it is not told.
    pub level: u32,
    /// Who acts, where it is told.
    pub actor: Option<Actor>,
    /// What the one message must be, where it is signed.
    pub digest: Option<Digest>,
    /// What the call uses up.
    pub once: Vec<Once>,
}

/// Why evidence is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The part that is wrong: `tracking`, `signature` or `digest`.
    pub part: &'static str,
    /// What is wrong with it.
    pub fault: Fault,
}

/// Ways that a part of the evidence is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The algorithm is not that of the key.
    Algorithm,
    /// It was made for another e-service.
    Audience,
    /// A claim is missing, malformed, unknown, or given twice.
    Claims,
    /// `dnonce` is missing beside a voucher with a digest, or has not 13 digits.
    Dnonce,
    /// It has expired.
    Expired,
    /// It is no compact JWS of at most 4 KiB, or no digest of the one form.
    Form,
    /// The header is not exactly `alg`, `kid` and `typ`.
    Header,
    /// It names another client.
    Issuer,
    /// The key is not a live one of the client.
    Key,
    /// The message is not the one that was signed.
    Message,
    /// What was signed is not what came.
    Mismatch,
    /// It is asked for and does not come.
    Missing,
    /// It was made for another purpose.
    Purpose,
    /// It was used before.
    Replayed,
    /// It comes more than once.
    Several,
    /// The key did not sign it.
    Signature,
    /// `signed_headers` is no list of single members with names in lower case, each once.
    SignedHeaders,
    /// The request is a stream, which has no signature.
    Stream,
    /// It was made more than five minutes ago, or is still to come.
    Time,
    /// Something that must be signed is not.
    Unsigned,
    /// It is not the evidence that the voucher names.
    VoucherDigest,
}

impl Fault {
    /// The stable word in refusals and test vectors.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Algorithm => "algorithm",
            Self::Audience => "audience",
            Self::Claims => "claims",
            Self::Dnonce => "dnonce",
            Self::Expired => "expired",
            Self::Form => "form",
            Self::Header => "header",
            Self::Issuer => "issuer",
            Self::Key => "key",
            Self::Message => "message",
            Self::Mismatch => "mismatch",
            Self::Missing => "missing",
            Self::Purpose => "purpose",
            Self::Replayed => "replayed",
            Self::Several => "several",
            Self::Signature => "signature",
            Self::SignedHeaders => "signed_headers",
            Self::Stream => "stream",
            Self::Time => "time",
            Self::Unsigned => "unsigned",
            Self::VoucherDigest => "voucher_digest",
        }
    }
}

impl From<Flaw> for Refusal {
    fn from(flaw: Flaw) -> Self {
        let reason = match flaw.fault {
            Fault::Missing => Reason::EvidenceRequired,
            _ => Reason::EvidenceInvalid,
        };
        Self::from(reason)
            .with("evidence", flaw.part)
            .with("fault", flaw.fault.name())
    }
}

/// Lets a call on when the evidence that it must carry holds, and whatever else of it comes.
pub async fn evidence<F>(passing: Passing, next: impl FnOnce(Passing) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let Passing {
        gate,
        call,
        request,
    } = &passing;
    match shown(gate, call, request.headers()).await {
        Ok(shown) => {
            call.show(shown);
            next(passing).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn shown(gate: &Gate, call: &Call, headers: &HeaderMap) -> Result<Shown, Refusal> {
    let (Some(claims), Some(permit)) = (call.claims(), call.permitted()) else {
        return Err(Reason::VoucherMissing.into());
    };
    let now = gate.clock.unix();
    let snapshot = gate.registry.snapshot();
    let shown = judge(&Case {
        claims: &claims,
        method: call.method(),
        client_streaming: permit.method.client_streaming,
        rule: &permit.rule,
        headers,
        snapshot: &snapshot,
        now,
    })?;
    if shown.once.is_empty() {
        return Ok(shown);
    }
    let (client, once) = (claims.client_id, shown.once.clone());
    // Boxed: few calls use anything up, and the future of those is large.
    let taken = Box::pin(gate.single_use.take(client, once, now)).await;
    match taken {
        Ok(()) => Ok(shown),
        Err(Refused::Full) => Err(Reason::RateClient.into()),
        Err(Refused::Unavailable) => Err(Reason::SnapshotStale.into()),
        Err(Refused::Used(part)) => Err(replayed(part).into()),
    }
}

/// Judges all that the metadata can tell.
///
/// # Errors
///
/// The first thing that is wrong, and with which part.
pub fn judge(case: &Case<'_>) -> Result<Shown, Flaw> {
    let mut shown = Shown::default();
    track(case, &mut shown).map_err(|fault| Flaw {
        part: Evidence::Tracking.name(),
        fault,
    })?;
    sign(case, &mut shown)?;
    Ok(shown)
}

fn track(case: &Case<'_>, shown: &mut Shown) -> Result<(), Fault> {
    let Some(token) = jws::one(case.headers, tracking::NAME)? else {
        let asked = case.rule.asks(Evidence::Tracking);
        return (!asked).then_some(()).ok_or(Fault::Missing);
    };
    let Tracked {
        said,
        actor,
        level,
        pinned,
    } = tracking::judge(token, case)?;
    shown.hashes.push(hash(token));
    shown.level = level;
    shown.actor = Some(actor);
    if !pinned {
        let client = case.claims.client_id;
        shown
            .once
            .push(Once::tracking(client, &said.jti, said.ends));
    }
    Ok(())
}

fn sign(case: &Case<'_>, shown: &mut Shown) -> Result<(), Flaw> {
    let of = |part| move |fault| Flaw { part, fault };
    let (signature, message) = (Evidence::Signature.name(), digest::NAME);
    let token = jws::one(case.headers, signature::NAME).map_err(of(signature))?;
    let Some(token) = token else {
        let asked = case.rule.asks(Evidence::Signature);
        let absent = (!asked).then_some(()).ok_or(Fault::Missing);
        return absent.map_err(of(signature));
    };
    if case.client_streaming {
        return Err(of(signature)(Fault::Stream));
    }
    let expected = jws::one(case.headers, digest::NAME).map_err(of(message))?;
    let expected = expected.ok_or(Fault::Missing).map_err(of(message))?;
    let expected = Digest::parse(expected).ok_or(Fault::Form);
    let expected = expected.map_err(of(message))?;
    let said = signature::judge(token, case).map_err(of(signature))?;
    shown.hashes.push(hash(token));
    shown.digest = Some(expected);
    let client = case.claims.client_id;
    let once = Once::signature(client, &said.jti, said.ends);
    shown.once.push(once);
    Ok(())
}

/// The refusal of a message that is not the one that was signed.
#[must_use]
pub fn not_the_message() -> Refusal {
    let flaw = Flaw {
        part: digest::NAME,
        fault: Fault::Message,
    };
    flaw.into()
}

fn replayed(part: Part) -> Flaw {
    let part = match part {
        Part::Signature => Evidence::Signature,
        _ => Evidence::Tracking,
    };
    Flaw {
        part: part.name(),
        fault: Fault::Replayed,
    }
}

fn hash(token: &str) -> [u8; 32] {
    use aws_lc_rs::digest::{SHA256, digest};
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

#[cfg(test)]
mod tests;
