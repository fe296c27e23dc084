//! What every layer of the data plane holds: the shared parts of one gateway.

use std::sync::Arc;

use arc_swap::ArcSwap;
use varco_runtime::clock::Clock;
use varco_runtime::config::{Limits, Reflection};
use varco_runtime::pki::Ca;
use varco_runtime::tasks::Tasks;

use crate::audit::anchoring::Anchoring;
use crate::audit::committer::Register;
use crate::audit::counting::Counting;
use crate::keys::keeper::Keeper;
use crate::keys::subjects::Subjects;
use crate::limit::Limiter;
use crate::metrics::Metrics;
use crate::record::budget::Budget;
use crate::registry::Registry;
use crate::single_use::SingleUse;
use crate::streams::Streams;
use crate::token::rate::{Forgers, Rates};
use crate::token::spender::Spender;
use crate::traces::Traces;
use crate::upstream::Upstreams;
use crate::upstream::cancel::Cancels;
use crate::voucher::Vouchers;

/// The shared parts of one gateway.
#[derive(Debug)]
pub struct Gate {
    /// Name of this gateway instance.
    pub instance: String,
    /// The registry.
    pub registry: Registry,
    /// The register of accesses.
    pub register: Register,
    /// Refusals that come too often to be recorded one by one.
    pub counting: Arc<Counting>,
    /// Who sends what does not verify.
    pub forgers: Forgers,
    /// Vouchers.
    pub vouchers: Vouchers,
    /// The keys that sign and verify vouchers and grants.
    pub keys: Arc<Keeper>,
    /// The year's key under which records name people.
    pub subjects: Arc<Subjects>,
    /// Spends what requests for vouchers use up.
    pub spender: Spender,
    /// Takes what calls use up.
    pub single_use: SingleUse,
    /// Address of the data plane, as clients use it.
    pub address: String,
    /// The comune's own authority, where this gateway issues certificates.
    pub authority: Option<Ca>,
    /// Ways to the services.
    pub upstreams: Arc<Upstreams>,
    /// How calls are given up.
    pub cancels: Arc<Cancels>,
    /// Streams that are open.
    pub streams: Arc<Streams>,
    /// Rates, open calls and quotas.
    pub limiter: Arc<Limiter>,
    /// Bytes of answers held at once.
    pub budget: Arc<Budget>,
    /// Limits of the configuration; `limits` reads them.
    pub configured: ArcSwap<Limits>,
    /// How often vouchers may be asked for.
    pub rates: Arc<Rates>,
    /// Whether the sockets outlive the process, so that a successor takes streams up at once.
    pub handed_over: bool,
    /// Whether the contracts of the e-services can be asked for.
    pub reflection: Reflection,
    /// Start of every URI in certificates of this comune.
    pub trust_domain: String,
    /// The time.
    pub clock: Clock,
    /// Anchors the register of accesses, where the configuration says so.
    pub anchoring: Option<Arc<Anchoring>>,
    /// The store of spans, where this gateway keeps them.
    pub traces: Option<Traces>,
    /// What is counted for whoever watches over this gateway.
    pub metrics: Metrics,
    /// Where calls leave what outlives them.
    pub tasks: Tasks,
}

impl Gate {
    /// The limits of now.
    #[must_use]
    pub fn limits(&self) -> Limits {
        **self.configured.load()
    }
}
