//! The gate: vouchers, data plane, registry, register of accesses.
//!
//! Everything that gives authority stands here. `pass` is the life of one call, layer by layer. The crate knows services only as contracts and
//! method paths.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use tower::ServiceBuilder;
use varco_runtime::clock::Clock;
use varco_runtime::config::{self, Config, Limits};
use varco_runtime::pki::Ca;
use varco_runtime::problem::chain;
use varco_runtime::secret::dpo::Recipients;
use varco_runtime::store::{Db, Migrations};
use varco_runtime::tasks::Tasks;
use varco_runtime::telemetry::Telemetry;
use varco_runtime::telemetry::served::server_span;
use varco_runtime::tls::Identity;
use varco_runtime::{jose, pki, secret, store, tls};

pub mod audit;
pub mod authenticate;
pub mod authorize;
pub mod call;
pub mod control;
pub mod deadline;
pub mod encoding;
pub mod evidence;
mod expired_voucher;
pub mod forward;
pub mod gate;
pub mod intent;
pub mod json;
pub mod keys;
pub mod limit;
pub mod listeners;
pub mod metrics;
pub mod minimise;
pub mod own;
pub mod own_certificate;
pub mod passing;
pub mod points;
pub mod probes;
pub mod proof;
pub mod record;
pub mod refusal;
pub mod registry;
pub mod simulate;
pub mod single_use;
pub mod streams;
pub mod token;
pub mod traces;
pub mod upstream;
pub mod vigil;
pub mod voucher;

use audit::anchoring::{self, Anchoring};
use audit::committer::{self, Register, Run};
use audit::counting::Counting;
use audit::dangling;
use audit::guard::{self, Guard};
use audit::mark::Mark;
use audit::retaining::Retaining;
use audit::witnessing::Witnessing;
use authenticate::authenticate;
use authorize::authorize;
use deadline::deadline;
use evidence::evidence;
use forward::forward;
use gate::Gate;
use intent::intent;
use keys::files::Files;
use keys::keeper::{Keeper, Parts};
use keys::lifecycle::{self, Algorithms, Policy};
use keys::subjects::Subjects;
use limit::limit;
use listeners::Listeners;
use metrics::Metrics;
use minimise::minimise;
use passing::Passing;
use record::record;
use registry::Registry;
use registry::rule::Caps;
use single_use::SingleUse;
use token::rate::{Forgers, Rates};
use upstream::Upstreams;
use upstream::cancel::Cancels;
use varco_runtime::server::answers::Answers;
use voucher::Vouchers;

/// The schema of the registry.
pub const REGISTRY_MIGRATIONS: Migrations = Migrations {
    sqlite: &[
        include_str!("../migrations/registry/sqlite/0001_init.sql"),
        include_str!("../migrations/registry/sqlite/0002_signing_key.sql"),
        include_str!("../migrations/registry/sqlite/0003_quota_lease.sql"),
    ],
    postgres: &[
        include_str!("../migrations/registry/postgres/0001_init.sql"),
        include_str!("../migrations/registry/postgres/0002_signing_key.sql"),
        include_str!("../migrations/registry/postgres/0003_quota_lease.sql"),
    ],
};

/// A gateway, opened on its databases and keys.
#[derive(Debug)]
pub struct Gateway {
    gate: Arc<Gate>,
    assertion_audience: String,
    mark: Mark,
    listeners: Listeners,
    /// Where spans are kept.
    keeping: Tasks,
    writer: Tasks,
}

/// What answers at a gateway, each on a port of its own.
#[derive(Debug)]
pub struct Answering {
    /// gRPC over mTLS for clients.
    pub data_plane: Answers,
    /// HTTPS for vouchers and keys.
    pub token: Answers,
    /// gRPC over mTLS for operators.
    pub control: Answers,
    /// HTTP probes.
    pub probes: Answers,
}

/// Ways that a gateway cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The register of accesses refuses.
    #[error(transparent)]
    Audit(#[from] audit::Error),
    /// A certificate or key cannot be made.
    #[error(transparent)]
    Certificate(#[from] pki::Error),
    /// The process stops.
    #[error("the work was cut short: try again")]
    Interrupted,
    /// A key is no key.
    #[error(transparent)]
    Key(#[from] jose::Error),
    /// A key stands there already.
    #[error("{0} stands there already: keys are never overwritten")]
    KeyExists(PathBuf),
    /// A signing key stands in a file that bears another's name.
    #[error("{0} holds another key than its name says: restore it from a backup, or delete it")]
    KeyFile(PathBuf),
    /// The key of the log is no Ed25519 key.
    #[error("{0} is no Ed25519 key in PKCS#8 PEM: restore it from a backup")]
    LogKey(PathBuf),
    /// A record cannot be made durable.
    #[error(transparent)]
    Record(#[from] committer::Unavailable),
    /// The registry cannot be read.
    #[error(transparent)]
    Registry(#[from] registry::error::Error),
    /// A file cannot be read or written.
    #[error(transparent)]
    Secret(#[from] secret::Error),
    /// A database cannot be opened.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The key of the year cannot be made or derived.
    #[error("no key for data subjects can be made: check that the system gives random numbers")]
    SubjectKey(#[from] aws_lc_rs::error::Unspecified),
    /// The only keys for data subjects are of years to come.
    #[error(
        "the clock shows {0}, and {1} is of a later year: set the clock and start again, or restore \
         the key of {0} from a backup or from the first one, which the DPO keeps"
    )]
    SubjectKeyAhead(i16, PathBuf),
    /// A key for data subjects is damaged, or not of the year that its file's name says.
    #[error("{0} does not hold the key of its year: restore it from a backup")]
    SubjectKeyFile(PathBuf),
    /// There is no key for data subjects.
    #[error(
        "{0} is missing: restore the newest subject-<year>.key from a backup, or copy it from another \
         gateway of the comune; the DPO keeps the first one, from which it follows"
    )]
    SubjectKeyMissing(PathBuf),
    /// The log refuses its key.
    #[error(transparent)]
    Tlog(#[from] varco_tlog::error::Error),
    /// The gateway's certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] tls::Error),
}

impl Gateway {
    /// Opens databases, keys and log, and closes what a process before left open.
    ///
    /// # Errors
    ///
    /// Says which part cannot be opened; nothing is changed then.
    pub async fn open(
        config: &Config,
        clock: Clock,
        tasks: Tasks,
        telemetry: &mut Telemetry,
    ) -> Result<Self, Error> {
        let gateway = &config.gateway;
        let path = |path: &PathBuf| config.path(path);
        let vault = secret::Vault::open(config)?;
        let subjects = subjects(config, &vault, &clock)?;
        let db = Db::open(&gateway.database, &config.folder, REGISTRY_MIGRATIONS).await?;
        let rules = registry::Rules {
            four_eyes: gateway.four_eyes,
            caps: caps(gateway.limits),
        };
        let registry = Registry::open(db.clone(), clock.clone(), rules).await?;
        // What calls leave behind ends with them; these end last.
        let writer = Tasks::default();
        let register = register(config, &vault, &clock, &writer).await?;
        let limits = gateway.limits;
        let limiter = Arc::new(limit::Limiter::new(
            db.clone(),
            clock.clone(),
            limits.calls_per_second,
            limits.streams_per_client,
        ));
        let identity = Identity::load(&path(&gateway.certificate), &path(&gateway.key))?;
        let ca = path(&config.comune.ca);
        let upstreams = Upstreams::new(identity.clone(), &ca, clock.clone(), writer.clone())?;
        let upstreams = Arc::new(upstreams);
        let cancels = Cancels::new(writer.clone());
        let authority = authority(config, &vault)?;
        writer.spawn_until_stop(identity.clone().watch());
        writer.spawn_until_stop(registry.clone().follow());
        writer.spawn_until_stop(Arc::clone(&upstreams).keep_small());
        writer.spawn_until_stop(limit::keeping::keep(Arc::clone(&limiter), register.clone()));
        watch_over(&register, config, &clock, &writer).await?;
        dangling::close(&register, &gateway.instance).await?;
        let epoch = registry.snapshot().epoch;
        register
            .commit(audit::record::start(clock.uuid(), epoch))
            .await?;
        subjects.begin(&register, epoch).await?;
        writer.spawn_until_stop(Arc::clone(&subjects).follow(register.clone(), registry.clone()));
        let parts = Parts {
            files: Files::open(vault, &path(&gateway.keys), &gateway.instance)?,
            policy: policy(gateway),
            registry: registry.clone(),
            register: register.clone(),
            clock: clock.clone(),
        };
        let keys = Arc::new(Keeper::open(parts).await?);
        writer.spawn_until_stop(Arc::clone(&keys).follow());
        let keeping = Tasks::default();
        let traces = match telemetry.store.take() {
            Some(own) => traces::start(config, own, &register, (&clock, &keeping)).await,
            None => None,
        };
        let counting = counting(limits.refusals_per_minute, &register, &writer);
        let spender = token::spender::Spender::start(db, clock.clone(), &writer);
        let gate = Gate {
            instance: gateway.instance.clone(),
            vouchers: Vouchers::over(keys.ring().clone(), config.issuer()),
            keys,
            subjects,
            single_use: SingleUse::over(spender.clone()),
            spender,
            counting,
            forgers: Forgers::new(forged_per_second(&limits)),
            address: config.gateway_address(),
            authority,
            budget: record::budget::Budget::new(limits.answer_bytes),
            trust_domain: config.trust_domain(),
            registry,
            upstreams,
            cancels,
            streams: Arc::default(),
            limiter,
            rates: Arc::new(Rates::new(limits.tokens_per_second)),
            configured: ArcSwap::from_pointee(limits),
            handed_over: config.handed_over,
            reflection: gateway.reflection,
            traces,
            anchoring: Anchoring::of(&register, &clock, config).map(Arc::new),
            metrics: Metrics::of(config, &telemetry.collecting, &identity),
            register,
            clock,
            tasks,
        };
        let assertion_audience = gateway.assertion_audience.clone();
        let gate = Arc::new(gate);
        if gate.authority.is_some() {
            let own = own_certificate::Own::new(&gate, identity, config);
            gate.tasks.spawn_until_stop(own.renew());
        }
        by_itself(&gate, gateway);
        Ok(Self {
            gate,
            assertion_audience,
            mark: mark(config),
            listeners: Listeners::of(config, &telemetry.collecting.role("gateway")),
            keeping,
            writer,
        })
    }

    /// The registry.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.gate.registry
    }

    /// The store of spans, where this gateway keeps them.
    #[must_use]
    pub fn traces(&self) -> Option<&traces::Traces> {
        self.gate.traces.as_ref()
    }

    /// Takes up other limits, after it is recorded which keys of the configuration have changed.
    ///
    /// # Errors
    ///
    /// When that cannot be recorded: nothing is changed then.
    pub async fn take_up(&self, limits: Limits, keys: &[String]) -> Result<(), Error> {
        let gate = &self.gate;
        let epoch = gate.registry.snapshot().epoch;
        let detail = format!("configuration changed: {}", keys.join(", "));
        let record = audit::record::configured(gate.clock.uuid(), epoch, detail);
        gate.register.commit(record).await?;
        gate.limiter
            .allow(limits.calls_per_second, limits.streams_per_client);
        gate.budget.resize(limits.answer_bytes);
        gate.rates.allow(limits.tokens_per_second);
        gate.forgers.allow(forged_per_second(&limits));
        gate.counting.allow(limits.refusals_per_minute);
        gate.registry.cap(caps(limits));
        gate.configured.store(Arc::new(limits));
        Ok(())
    }

    /// What answers at the gateway's ports.
    pub fn answering(&self) -> Answering {
        let (gate, served) = (&self.gate, &self.listeners);
        let calls = passing::answers(gate, served.data_plane.clone(), pass);
        let endpoint = token::Endpoint::new(Arc::clone(gate), &self.assertion_audience);
        let tokens = endpoint.router();
        let control = control::routes(gate, &self.assertion_audience)
            .into_axum_router()
            .layer(
                ServiceBuilder::new()
                    .layer(from_fn_with_state(served.control.clone(), server_span))
                    .layer(from_fn_with_state(Arc::clone(gate), control::admission)),
            );
        Answering {
            data_plane: own::answers(gate, served.data_plane.clone(), calls),
            token: tokens
                .merge(control::certificates::renewal(gate, served.token.clone()))
                .into(),
            control: control.merge(traces::receiver::router(gate)).into(),
            probes: probes::router(Arc::clone(gate)).into(),
        }
    }

    /// Ends what calls have left running, gives leased quotas back, leaves the STOP record and closes the databases; to be
    /// called when the servers have drained.
    pub async fn close(self) {
        let patience = Duration::from_secs(self.gate.limits().drain_seconds);
        self.gate.tasks.drain(patience).await;
        self.gate.counting.close(&self.gate.register).await;
        self.gate.limiter.close().await;
        self.gate.limiter.tell(&self.gate.register);
        self.keeping.drain(patience).await;
        let epoch = self.gate.registry.snapshot().epoch;
        let stop = audit::record::stop(self.gate.clock.uuid(), epoch);
        if self.gate.register.commit_in_trouble(stop).await.is_err() {
            tracing::error!("the stop could not be recorded");
        }
        if let Err(error) = guard::set_last_mark(&self.gate.register, &self.mark).await {
            tracing::warn!(cause = chain(&error), "the last head could not be marked");
        }
        let (register, index, registry) = (
            self.gate.register.db().clone(),
            self.gate.register.index().clone(),
            self.gate.registry.db().clone(),
        );
        let traces = self.gate.traces.as_ref().map(|traces| traces.db().clone());
        // The writer ends when nobody can hand it a record any more.
        drop(self.gate);
        self.writer.drain(patience).await;
        register.close().await;
        index.close().await;
        registry.close().await;
        if let Some(traces) = traces {
            traces.close().await;
        }
    }
}

/// The life of one call, outermost layer first.
async fn pass(call: Passing) -> Response {
    // Durable before the answer.
    record(call, |call| {
        // The caller's, capped.
        deadline(call, |call| {
            // Peer and voucher.
            authenticate(call, |call| {
                // Allow, or a reason.
                authorize(call, |call| {
                    // Who acts, signed messages.
                    evidence(call, |call| {
                        // Rate, open calls, quota.
                        limit(call, |call| {
                            // Before any side effect.
                            intent(call, |call| {
                                // Only what the purpose allows; bytes to the office.
                                minimise(call, forward)
                            })
                        })
                    })
                })
            })
        })
    })
    .await
}

/// Signatures of one peer that are looked at each second though its last ones did not verify: each costs
/// as much as a whole call.
fn forged_per_second(limits: &Limits) -> u32 {
    limits.tokens_per_second / 5
}

/// What no rule of a method may go beyond.
fn caps(limits: Limits) -> Caps {
    Caps {
        unary_seconds: limits.unary_seconds,
        stream_seconds: limits.stream_seconds,
        message_bytes: limits.message_bytes.try_into().unwrap_or(u64::MAX),
    }
}

/// Counts refusals, and writes in `tasks` what was counted.
fn counting(each: u32, register: &Register, tasks: &Tasks) -> Arc<Counting> {
    let counting = Arc::new(Counting::new(each));
    let (keeper, register) = (Arc::clone(&counting), register.clone());
    tasks.spawn_until_stop(async move { keeper.keep(&register).await });
    counting
}

/// What a gateway does at its hours, that nobody asks for.
fn by_itself(gate: &Arc<Gate>, gateway: &config::Gateway) {
    let hourly = audit::reconcile::hourly::follow(Arc::clone(gate));
    gate.tasks.spawn_until_stop(hourly);
    let nightly = simulate::nightly::follow(Arc::clone(gate));
    gate.tasks.spawn_until_stop(nightly);
    let kept = (gateway.instance.as_str(), gateway.retention);
    let retaining = Retaining::of(&gate.register, &gate.clock, kept);
    let daily = audit::retaining::daily::follow(retaining);
    gate.tasks.spawn_until_stop(daily);
    if let Some(anchoring) = &gate.anchoring {
        let anchoring = anchoring::follow(Arc::clone(anchoring));
        gate.tasks.spawn_until_stop(anchoring);
    }
}

fn policy(gateway: &config::Gateway) -> Policy {
    Policy {
        instance: gateway.instance.clone(),
        algorithms: Algorithms {
            voucher: gateway.signing_algorithm,
            grant: gateway.grant_algorithm,
        },
        rotation: i64::from(gateway.key_rotation_days) * DAY * lifecycle::SECOND,
    }
}

/// The comune's own authority, where the configuration says that this gateway issues.
fn authority(config: &Config, vault: &secret::Vault) -> Result<Option<Ca>, Error> {
    let Some(key) = &config.comune.ca_key else {
        return Ok(None);
    };
    let certificate = secret::read(&config.path(&config.comune.ca))?;
    let key = vault.read(&config.path(key))?;
    Ok(Some(Ca::load(certificate.to_string(), &key)?))
}

/// Has the register of accesses watched by its guard and its witnesses, before anything is written.
async fn watch_over(
    register: &Register,
    config: &Config,
    clock: &Clock,
    tasks: &Tasks,
) -> Result<(), Error> {
    let mut witnessing = Witnessing::open(register, clock, config)?;
    witnessing.first_look().await?;
    tasks.spawn(witnessing.watch(tasks.stopping()));
    let place = (config.audit_folder(), config.gateway.instance.as_str());
    let mut guard = Guard::over(register, clock, place);
    guard.look().await;
    tasks.spawn_until_stop(guard.watch());
    Ok(())
}

/// Where the last signed head of the register of accesses is marked.
fn mark(config: &Config) -> Mark {
    Mark::of(&config.audit_folder(), &config.gateway.instance)
}

fn subjects(config: &Config, vault: &secret::Vault, clock: &Clock) -> Result<Arc<Subjects>, Error> {
    let gateway = &config.gateway;
    let folder = config.path(&gateway.keys);
    let keys = Subjects::open(vault.clone(), &folder, &gateway.instance, clock.clone())?;
    Ok(Arc::new(keys))
}

async fn register(
    config: &Config,
    vault: &secret::Vault,
    clock: &Clock,
    tasks: &Tasks,
) -> Result<Register, Error> {
    let gateway = &config.gateway;
    let db = Db::open(&gateway.audit_database, &config.folder, audit::MIGRATIONS).await?;
    let index = audit::index::open(config).await?;
    // Without the DPO nothing could be sealed.
    let recipients = Recipients::read(&config.path(&gateway.dpo))?;
    let run = Run {
        ipa: config.comune.ipa.clone(),
        instance: gateway.instance.clone(),
        boot_id: clock.uuid(),
        started: Instant::now(),
        clock: clock.clone(),
        recipients,
        mark: Some(mark(config)),
    };
    let signers = keys::log_signers(vault, &config.path(&gateway.keys))?;
    Register::open((db, index), run, signers, tasks).await
}

const DAY: i64 = 24 * 3600;
