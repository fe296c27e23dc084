//! One office service: its sockets, its database, the service itself behind the guard.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use varco_runtime::client::Gateway;
use varco_runtime::clock::Clock;
use varco_runtime::config::{Config, Service};
use varco_runtime::grant::Guard;
use varco_runtime::https::Https;
use varco_runtime::jwks::Jwks;
use varco_runtime::server::inherited::Inherited;
use varco_runtime::server::{self, Limits, Listener};
use varco_runtime::service::Parts;
use varco_runtime::store::Db;
use varco_runtime::tasks::Tasks;
use varco_runtime::telemetry::served::Served;
use varco_runtime::telemetry::span::{Server, Spans};
use varco_runtime::tls::authority::Authority;
use varco_runtime::tls::listed::Listed;
use varco_runtime::tls::{self, ClientCertificate, Clients, Identity};

use super::roles::Role;
use super::running::Socket;
use crate::failure::Failure;

/// The sockets of an office, bound before anything slow is done.
#[derive(Debug)]
pub struct Sockets {
    grpc: Listener,
    public: Option<Listener>,
    identity: Identity,
    authority: Authority,
}

/// What an office is given by the process that it runs in.
#[derive(Clone, Debug)]
pub struct Given {
    /// The time.
    pub clock: Clock,
    /// Where it leaves what outlives calls.
    pub tasks: Tasks,
    /// Where its spans begin.
    pub spans: Spans,
}

/// An office that is ready to serve.
pub struct Office {
    /// What it listens on.
    pub sockets: Vec<Socket>,
    /// Its database, to close at the end.
    pub db: Db,
}

impl Sockets {
    /// Takes up or binds what the configuration names.
    ///
    /// # Errors
    ///
    /// When a port is taken or the certificate cannot be used.
    pub async fn bind(
        service: &Service,
        config: &Config,
        inherited: &mut Inherited,
    ) -> Result<Self, Failure> {
        let identity = identity(service, config)?;
        let authority = Authority::load(&config.path(&config.comune.ca))?;
        let clients = Clients {
            certificate: ClientCertificate::Required,
            authority: authority.clone(),
            listed: Listed::default(),
        };
        let tls = tls::server(&identity, clients, &["h2"])?;
        let grpc = inherited.listen(service.listen, Some(tls)).await?;
        let public = match service.public {
            Some(address) => Some(inherited.listen(address, None).await?),
            None => None,
        };
        Ok(Self {
            grpc,
            public,
            identity,
            authority,
        })
    }
}

impl Office {
    /// Opens the service of a role.
    ///
    /// # Errors
    ///
    /// When its database, its folder, its credentials or its settings cannot be used.
    pub async fn open(
        role: &'static Role,
        sockets: Sockets,
        config: Arc<Config>,
        Given {
            clock,
            tasks,
            spans,
        }: Given,
    ) -> Result<Self, Failure> {
        let opened = async {
            let service = section(role.name, &config)?;
            let db = Db::open(&service.database, &config.folder, role.migrations).await?;
            tasks.spawn_until_stop(sockets.identity.clone().follow(clock.clone()));
            tasks.spawn_until_stop(sockets.authority.clone().follow());
            let parts = parts(service, &config, db.clone(), (clock.clone(), tasks))?;
            let served = (role.open)(parts).0.await?;
            let guard = guard((role.name, &sockets.authority), service, &config, clock)?;
            let port = service.listen.port();
            let listener = Served {
                spans,
                server: Server {
                    host: role.name.into(),
                    port,
                },
            };
            let router = server::office::router(served.routes, guard, service.reflection, listener);
            Ok(Self {
                sockets: sockets.serving(router.await, served.public),
                db,
            })
        };
        opened
            .await
            .map_err(|failure: Failure| failure.while_doing(role.name))
    }
}

impl Sockets {
    fn serving(self, router: Router, public: Option<Router>) -> Vec<Socket> {
        let mut sockets = vec![Socket {
            listener: self.grpc,
            answers: router.into(),
            limits: Limits::OFFICE,
        }];
        if let Some(listener) = self.public {
            let router = public.unwrap_or_default();
            let limits = Limits::HTTP;
            sockets.push(Socket {
                listener,
                answers: router.into(),
                limits,
            });
        }
        sockets
    }
}

/// The certificate of a service.
///
/// # Errors
///
/// When it cannot be used.
pub fn identity(service: &Service, config: &Config) -> Result<Identity, Failure> {
    let (certificate, key) = (&service.certificate, &service.key);
    Ok(Identity::load(
        &config.path(certificate),
        &config.path(key),
    )?)
}

/// The section of a service in the configuration.
///
/// # Errors
///
/// When there is none.
pub fn section<'a>(name: &str, config: &'a Config) -> Result<&'a Service, Failure> {
    config.services.get(name).ok_or_else(|| {
        let what = format!("the configuration has no section [services.{name}]");
        Failure::new(
            what,
            "the role does not know where to listen",
            "add the section",
        )
    })
}

fn parts(
    service: &Service,
    config: &Config,
    db: Db,
    (clock, tasks): (Clock, Tasks),
) -> Result<Parts, Failure> {
    let ca = config.path(&config.comune.ca);
    let gateway = Gateway::open(&config.path(&service.client), &ca, &clock)?;
    tasks.spawn_until_stop(gateway.clone().follow());
    let folder = config.path(&service.folder);
    create_folder(&folder)?;
    Ok(Parts {
        db,
        clock,
        gateway,
        tasks,
        folder,
        settings: service.settings.clone(),
    })
}

fn create_folder(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| {
        Failure::new(
            folder.display(),
            error,
            "choose a folder that this user may write to",
        )
    })
}

fn guard(
    (name, authority): (&str, &Authority),
    service: &Service,
    config: &Config,
    clock: Clock,
) -> Result<Guard, Failure> {
    let https = Https::new(tls::client_trusting(None, authority, &[])?);
    let issuer = config.issuer();
    Ok(Guard {
        jwks: Jwks::new(https, format!("{issuer}/.well-known/jwks.json")),
        issuer,
        audience: service.audience.clone(),
        gateway: format!("{}/gateway", config.trust_domain()),
        domain: format!("{name}.varco"),
        clock,
    })
}
