//! One call on its way through the layers: what is known of it so far.
//!
//! The layers hand it on; the outermost one turns it into records.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use axum::extract::Request;
use jiff::civil::Date;
use uuid::Uuid;
use varco_runtime::server::Connection;
use varco_runtime::telemetry::span::Span;
use varco_runtime::tls::Peer;
use varco_runtime::trace::TraceContext;

use crate::authorize::Permit;
use crate::evidence::Shown;
use crate::evidence::digest::Digest;
use crate::gate::Gate;
use crate::keys::ratchet::Hashes;
use crate::refusal::{Reason, Refusal};
use crate::registry::contract::Effect;
use crate::streams::{Registered, extend};
use crate::voucher::Claims;

mod described;
pub mod noted;
mod traced;

use noted::{Full, Message, Noted};

/// One call.
#[derive(Clone, Debug)]
pub struct Call(Arc<Inner>);

/// A call seen from elsewhere, which does not keep it.
#[derive(Clone, Debug)]
pub struct Distant(Weak<Inner>);

/// A voucher that was verified, and the key that signed it.
#[derive(Clone, Debug)]
pub struct Voucher {
    /// What it says.
    pub claims: Arc<Claims>,
    /// The key.
    pub kid: Arc<str>,
}

/// When a call must have ended, and who wants it so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// When.
    pub end: Instant,
    /// The caller's `grpc-timeout`, or a limit of the gateway by its name.
    pub limit: &'static str,
}

#[derive(Debug)]
struct Inner {
    audit_id: Uuid,
    method: String,
    arrived: Instant,
    trace: TraceContext,
    span: Span,
    peer: Option<Arc<Peer>>,
    address: Option<SocketAddr>,
    user_agent: String,
    client: OnceLock<Uuid>,
    voucher: ArcSwapOption<Voucher>,
    permit: OnceLock<Arc<Permit>>,
    /// Epoch of the registry and Unix second at which it was last decided that the call may go on, and the
    /// voucher's id.
    decided: Mutex<Option<(u64, i64, Uuid)>>,
    deadline: Mutex<Option<Deadline>>,
    shown: OnceLock<Shown>,
    quota: OnceLock<Quota>,
    /// The last day on whose quota it counts.
    counted: Mutex<Option<Date>>,
    intended: AtomicBool,
    forwarded: AtomicBool,
    settled: AtomicBool,
    relayed: AtomicBool,
    concerned: OnceLock<Uuid>,
    registered: OnceLock<Registered>,
    tally: Tally,
    noted: Noted,
    /// The year's key, the same for all records of the call.
    hashes: Arc<Hashes>,
}

/// What a caller is told of its quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Calls a day.
    pub limit: u64,
    /// Calls that surely remain.
    pub remaining: u64,
    /// Seconds until midnight in Europe/Rome.
    pub reset: u64,
}

/// What has passed so far.
#[derive(Debug, Default)]
pub struct Tally {
    /// Classes of data that left.
    pub delivered: AtomicU64,
    /// Classes of data that were held back.
    pub withheld: AtomicU64,
    /// Messages that left.
    pub messages: AtomicU64,
    /// Bytes of messages that left.
    pub bytes: AtomicU64,
    /// Why the request may not go on.
    pub violation: OnceLock<Refusal>,
}

impl Call {
    /// Begins a call with what its request shows.
    ///
    /// A method that no e-service has is not named: its path is the caller's own text, which may
    /// hold anything, and records are for good.
    #[must_use]
    pub fn begin(request: &Request, gate: &Gate) -> Self {
        let path = request.uri().path();
        let snapshot = gate.registry.snapshot();
        let method = path
            .strip_prefix('/')
            .filter(|method| snapshot.methods.contains(*method) || path == extend::PATH);
        let connection = request.extensions().get::<Connection>();
        let trace = request.extensions().get::<TraceContext>().copied();
        Self(Arc::new(Inner {
            audit_id: gate.clock.uuid(),
            method: method.unwrap_or(UNKNOWN).to_owned(),
            arrived: Instant::now(),
            trace: trace.unwrap_or_else(TraceContext::start),
            span: request.extensions().get().cloned().unwrap_or_default(),
            peer: connection.and_then(|connection| connection.peer.clone()),
            address: connection.map(|connection| connection.address),
            user_agent: user_agent(request),
            client: OnceLock::new(),
            voucher: ArcSwapOption::empty(),
            permit: OnceLock::new(),
            decided: Mutex::new(None),
            deadline: Mutex::new(None),
            shown: OnceLock::new(),
            quota: OnceLock::new(),
            counted: Mutex::new(None),
            intended: AtomicBool::new(false),
            forwarded: AtomicBool::new(false),
            settled: AtomicBool::new(false),
            relayed: AtomicBool::new(false),
            concerned: OnceLock::new(),
            registered: OnceLock::new(),
            tally: Tally::default(),
            noted: Noted::default(),
            hashes: gate.subjects.hashes(),
        }))
    }

    /// The call's id in the register of accesses.
    #[must_use]
    pub fn audit_id(&self) -> Uuid {
        self.0.audit_id
    }

    /// `pkg.Service/Method`, or `unknown` when no e-service has it.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.0.method
    }

    /// How long ago it arrived.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.0.arrived.elapsed()
    }

    /// The place in the trace.
    #[must_use]
    pub fn trace(&self) -> TraceContext {
        self.0.trace
    }

    /// Who presented a verified certificate.
    #[must_use]
    pub fn peer(&self) -> Option<&Peer> {
        self.0.peer.as_deref()
    }

    /// Notes the client of the TLS connection.
    pub fn identify(&self, client: Uuid) {
        let _ = self.0.client.set(client);
    }

    /// Notes the verified voucher.
    pub fn vouch(&self, voucher: Voucher) {
        self.0.voucher.store(Some(Arc::new(voucher)));
    }

    /// The verified voucher.
    #[must_use]
    pub fn voucher(&self) -> Option<Voucher> {
        self.0.voucher.load().as_deref().cloned()
    }

    /// What the verified voucher says.
    #[must_use]
    pub fn claims(&self) -> Option<Arc<Claims>> {
        self.voucher().map(|voucher| voucher.claims)
    }

    /// Goes on with another voucher, unless it ends earlier; gives the end of the one in force, in
    /// seconds since the Unix epoch.
    #[must_use]
    pub fn go_on(&self, voucher: Voucher) -> i64 {
        let new = Arc::new(voucher);
        let before = self.0.voucher.rcu(|held| match held {
            Some(held) if held.claims.exp >= new.claims.exp => Some(Arc::clone(held)),
            _ => Some(Arc::clone(&new)),
        });
        before.map_or(new.claims.exp, |it| it.claims.exp.max(new.claims.exp))
    }

    /// Notes the permit.
    pub fn permit(&self, permit: Arc<Permit>) {
        let _ = self.0.permit.set(permit);
    }

    /// The permit, once the call is authorised.
    #[must_use]
    pub fn permitted(&self) -> Option<&Arc<Permit>> {
        self.0.permit.get()
    }

    /// Notes the registry's epoch and the Unix second at which it was decided that the call may go on
    /// with a voucher, by its `jti`.
    pub fn decided_at(&self, epoch: u64, second: i64, voucher: Uuid) {
        *locked(&self.0.decided) = Some((epoch, second, voucher));
    }

    /// Whether that was decided last: at an epoch and a second, on a voucher.
    #[must_use]
    pub fn was_decided_at(&self, epoch: u64, second: i64, voucher: Uuid) -> bool {
        *locked(&self.0.decided) == Some((epoch, second, voucher))
    }

    /// Notes the evidence that came with the call and holds.
    pub fn show(&self, shown: Shown) {
        let _ = self.0.shown.set(shown);
    }

    /// What the one message of the request must be, where the caller has signed it.
    #[must_use]
    pub fn expected_digest(&self) -> Option<&Digest> {
        self.0.shown.get()?.digest.as_ref()
    }

    /// Brings the end of the call forward, never back.
    pub fn end_by(&self, deadline: Deadline) {
        let mut held = self.ends();
        if held.is_none_or(|held| deadline.end < held.end) {
            *held = Some(deadline);
        }
    }

    /// When the call must have ended.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.ends().map(|deadline| deadline.end)
    }

    /// The refusal of a call whose time is up; none while it is not.
    #[must_use]
    pub fn overdue(&self, now: Instant) -> Option<Refusal> {
        let deadline = self.ends().filter(|deadline| deadline.end <= now)?;
        Some(Refusal::from(Reason::UpstreamSlow).with("limit", deadline.limit))
    }

    fn ends(&self) -> MutexGuard<'_, Option<Deadline>> {
        locked(&self.0.deadline)
    }

    /// Keeps its place among the open streams to the end.
    pub fn keep(&self, registered: Registered) {
        let _ = self.0.registered.set(registered);
    }

    /// The call as others may hold it.
    #[must_use]
    pub fn distant(&self) -> Distant {
        Distant(Arc::downgrade(&self.0))
    }

    /// Notes the call that this one is about.
    pub fn concern(&self, audit_id: Uuid) {
        let _ = self.0.concerned.set(audit_id);
    }

    /// Notes the state of the quota.
    pub fn count(&self, quota: Quota) {
        let _ = self.0.quota.set(quota);
    }

    /// The state of the quota.
    #[must_use]
    pub fn quota(&self) -> Option<Quota> {
        self.0.quota.get().copied()
    }

    /// Notes the day on whose quota it counts from now on.
    pub fn count_on(&self, day: Date) {
        *locked(&self.0.counted) = Some(day);
    }

    /// The last day on whose quota it counts.
    #[must_use]
    pub fn counted_on(&self) -> Option<Date> {
        *locked(&self.0.counted)
    }

    /// Notes that an INTENT is on its way into the register: an OUTCOME must follow.
    pub fn intend(&self) {
        self.0.intended.store(true, Ordering::Relaxed);
    }

    /// Whether an INTENT may stand in the register.
    #[must_use]
    pub fn is_intended(&self) -> bool {
        self.0.intended.load(Ordering::Relaxed)
    }

    /// Notes that the service may have seen the call.
    pub fn forward(&self) {
        self.0.forwarded.store(true, Ordering::Relaxed);
    }

    /// Notes that no connection was made: the service has seen nothing.
    pub fn recall(&self) {
        self.0.forwarded.store(false, Ordering::Relaxed);
    }

    /// Whether the service may have seen the call.
    #[must_use]
    pub fn is_forwarded(&self) -> bool {
        self.0.forwarded.load(Ordering::Relaxed)
    }

    /// Notes that a relay carries the answer and will end the call.
    pub fn relay(&self) {
        self.0.relayed.store(true, Ordering::Relaxed);
    }

    /// Whether a relay carries the answer.
    #[must_use]
    pub fn is_relayed(&self) -> bool {
        self.0.relayed.load(Ordering::Relaxed)
    }

    /// Claims the one record that ends the call; false when it was claimed before.
    #[must_use]
    pub fn settle(&self) -> bool {
        !self.0.settled.swap(true, Ordering::Relaxed)
    }

    /// The reason that the caller may be told: a write that may have taken effect is never said to
    /// have failed.
    #[must_use]
    pub fn after(&self, reason: Reason) -> Reason {
        let wrote = self
            .permitted()
            .is_some_and(|permit| permit.method.effect == Effect::Write);
        if wrote && self.is_forwarded() {
            Reason::OutcomeUnknown
        } else {
            reason
        }
    }

    /// What has passed so far.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.0.tally
    }

    /// Notes a message that passes: whom it names, and what of it.
    ///
    /// # Errors
    ///
    /// [`Full`] when the call names people faster than its records are written.
    pub fn note(&self, message: &Message<'_>) -> Result<(), Full> {
        self.0.noted.note(message, &self.0.hashes)
    }

    /// Notes that nothing of the answer leaves.
    pub fn withdraw_answer(&self) {
        self.0.noted.withdraw_answer();
        self.tally().delivered.store(0, Ordering::Relaxed);
    }
}

impl Distant {
    /// The call, while it lasts.
    #[must_use]
    pub fn call(&self) -> Option<Call> {
        self.0.upgrade().map(Call)
    }
}

fn locked<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The zone of an address, in place of the address itself.
#[must_use]
pub fn zone(address: IpAddr) -> &'static str {
    let address = address.to_canonical();
    let private = match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    match (address.is_loopback(), private) {
        (true, _) => "loopback",
        (_, true) => "private",
        _ => "public",
    }
}

/// The beginning of what the peer calls itself.
fn user_agent(request: &Request) -> String {
    let name = request.headers().get(http::header::USER_AGENT);
    let name = name.and_then(|name| name.to_str().ok()).unwrap_or_default();
    name.chars().take(LONGEST_AGENT).collect()
}

/// Characters of a user agent that are kept.
const LONGEST_AGENT: usize = 200;
const UNKNOWN: &str = "unknown";
