//! The gate: vouchers, data plane, registry, register of accesses.
//!
//! Everything that gives authority stands here. [`Gateway::routers`] holds the life of one call as
//! a list of layers, to be read from the top. The crate knows services only as contracts and
//! method paths.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, from_fn_with_state};
use tower::{ServiceBuilder, service_fn};
use varco_runtime::clock::Clock;
use varco_runtime::config::{self, Config};
use varco_runtime::pki::Ca;
use varco_runtime::store::{Db, Migrations};
use varco_runtime::tasks::Tasks;
use varco_runtime::tls::Identity;
use varco_runtime::{jose, pki, secret, store, telemetry, tls};

pub mod audit;
pub mod authenticate;
pub mod authorize;
pub mod call;
pub mod control;
pub mod deadline;
pub mod encoding;
pub mod evidence;
pub mod forward;
pub mod gate;
pub mod intent;
pub mod json;
pub mod keys;
pub mod limit;
pub mod minimise;
pub mod own;
pub mod own_certificate;
pub mod probes;
pub mod proof;
pub mod record;
pub mod refusal;
pub mod registry;
pub mod simulate;
pub mod single_use;
pub mod streams;
pub mod token;
pub mod upstream;
pub mod vigil;
pub mod voucher;

use audit::committer::{self, Register, Run};
use authenticate::authenticate;
use authorize::authorize;
use deadline::deadline;
use evidence::evidence;
use forward::forward;
use gate::Gate;
use intent::intent;
use keys::files::Files;
use keys::keeper::{Keeper, Parts};
use keys::lifecycle::{self, Policy};
use limit::limit;
use minimise::minimise;
use record::record;
use registry::Registry;
use registry::rule::Caps;
use registry::snapshot::LiveKey;
use single_use::SingleUse;
use upstream::Upstreams;
use upstream::cancel::Cancels;
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
    writer: Tasks,
}

/// What a gateway serves, each on a port of its own.
#[derive(Debug)]
pub struct Routers {
    /// gRPC over mTLS for clients.
    pub data_plane: Router,
    /// HTTPS for vouchers and keys.
    pub token: Router,
    /// gRPC over mTLS for operators.
    pub control: Router,
    /// HTTP probes.
    pub probes: Router,
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
    pub async fn open(config: &Config, clock: Clock, tasks: Tasks) -> Result<Self, Error> {
        let gateway = &config.gateway;
        let path = |path: &PathBuf| config.path(path);
        let vault = secret::Vault::open(config)?;
        let db = Db::open(&gateway.database, &config.folder, REGISTRY_MIGRATIONS).await?;
        let rules = registry::Rules {
            four_eyes: gateway.four_eyes,
            caps: Caps {
                unary_seconds: gateway.limits.unary_seconds,
                stream_seconds: gateway.limits.stream_seconds,
                message_bytes: gateway.limits.message_bytes.try_into().unwrap_or(u64::MAX),
            },
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
        committer::close_dangling(&register).await?;
        let epoch = registry.snapshot().epoch;
        register
            .commit(audit::record::start(clock.uuid(), epoch))
            .await?;
        let parts = Parts {
            files: Files::open(vault, &path(&gateway.keys), &gateway.instance)?,
            policy: policy(gateway),
            registry: registry.clone(),
            register: register.clone(),
            clock: clock.clone(),
        };
        let keys = Arc::new(Keeper::open(parts).await?);
        writer.spawn_until_stop(Arc::clone(&keys).follow());
        let spender = token::spender::Spender::start(db, clock.clone(), &writer);
        let gate = Gate {
            instance: gateway.instance.clone(),
            vouchers: Vouchers::over(keys.ring().clone(), config.issuer()),
            keys,
            single_use: SingleUse::over(spender.clone()),
            spender,
            address: config.gateway_address(),
            authority,
            budget: record::budget::Budget::new(limits.answer_bytes),
            trust_domain: config.trust_domain(),
            registry,
            register,
            upstreams,
            cancels,
            streams: Arc::default(),
            limiter,
            limits,
            reflection: gateway.reflection,
            clock,
            tasks,
        };
        let assertion_audience = gateway.assertion_audience.clone();
        let gate = Arc::new(gate);
        if gate.authority.is_some() {
            let own = own_certificate::Own::new(&gate, identity, config);
            gate.tasks.spawn_until_stop(own.renew());
        }
        let hourly = audit::reconcile::hourly::follow(Arc::clone(&gate));
        gate.tasks.spawn_until_stop(hourly);
        let nightly = simulate::nightly::follow(Arc::clone(&gate));
        gate.tasks.spawn_until_stop(nightly);
        Ok(Self {
            gate,
            assertion_audience,
            writer,
        })
    }

    /// The registry.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.gate.registry
    }

    /// What the gateway serves. The first list is the life of one call, outermost layer first.
    pub fn routers(&self) -> Routers {
        let gate = &self.gate;
        let onward = Arc::clone(gate);
        let call = ServiceBuilder::new()
            .layer(from_fn(telemetry::server_span)) // span for every call, refused ones included
            .layer(from_fn_with_state(Arc::clone(gate), record)) // durable before the answer
            .layer(from_fn_with_state(Arc::clone(gate), deadline)) // the caller's, capped
            .layer(from_fn_with_state(Arc::clone(gate), authenticate)) // peer and voucher
            .layer(from_fn_with_state(Arc::clone(gate), authorize)) // allow, or a reason
            .layer(from_fn_with_state(Arc::clone(gate), evidence)) // who acts, signed messages
            .layer(from_fn_with_state(Arc::clone(gate), limit)) // rate, open calls, quota
            .layer(from_fn_with_state(Arc::clone(gate), intent)) // before any side effect
            .layer(from_fn_with_state(Arc::clone(gate), minimise)) // only what the purpose allows
            .service(service_fn(move |request: Request| {
                let gate = Arc::clone(&onward);
                async move { Ok::<_, std::convert::Infallible>(forward(&gate, request).await) }
            })); // bytes to the office
        let endpoint = token::Endpoint::new(Arc::clone(gate), &self.assertion_audience);
        Routers {
            data_plane: own::router(gate).fallback_service(call),
            token: endpoint
                .router()
                .merge(control::certificates::renewal(gate)),
            control: control::routes(gate, &self.assertion_audience)
                .into_axum_router()
                .layer(
                    ServiceBuilder::new()
                        .layer(from_fn(telemetry::server_span))
                        .layer(from_fn_with_state(Arc::clone(gate), control::admission)),
                ),
            probes: probes::router(Arc::clone(gate)),
        }
    }

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

    /// Ends what calls have left running, gives leased quotas back, leaves the STOP record and closes the databases; to be
    /// called when the servers have drained.
    pub async fn close(self) {
        let patience = Duration::from_secs(self.gate.limits.drain_seconds);
        self.gate.tasks.drain(patience).await;
        self.gate.limiter.close().await;
        self.gate.limiter.tell(&self.gate.register);
        let epoch = self.gate.registry.snapshot().epoch;
        let stop = audit::record::stop(self.gate.clock.uuid(), epoch);
        if self.gate.register.commit(stop).await.is_err() {
            tracing::error!("the stop could not be recorded");
        }
        let (register, registry) = (
            self.gate.register.db().clone(),
            self.gate.registry.db().clone(),
        );
        // The writer ends when nobody can hand it a record any more.
        drop(self.gate);
        self.writer.drain(patience).await;
        register.close().await;
        registry.close().await;
    }
}

fn policy(gateway: &config::Gateway) -> Policy {
    Policy {
        instance: gateway.instance.clone(),
        algorithm: gateway.signing_algorithm,
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

async fn register(
    config: &Config,
    vault: &secret::Vault,
    clock: &Clock,
    tasks: &Tasks,
) -> Result<Register, Error> {
    let gateway = &config.gateway;
    let db = Db::open(&gateway.audit_database, &config.folder, audit::MIGRATIONS).await?;
    let year = clock.today().year();
    let origin = format!("{}.audit/{}/{year}", config.comune.ipa, gateway.instance);
    let run = Run {
        instance: gateway.instance.clone(),
        boot_id: clock.uuid(),
        started: Instant::now(),
        clock: clock.clone(),
    };
    let folder = config.path(&gateway.keys);
    Register::open(
        db,
        run,
        &origin,
        |origin| keys::log_signer(vault, &folder, origin),
        tasks,
    )
    .await
}

const DAY: i64 = 24 * 3600;
