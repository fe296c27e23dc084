//! The witness: its socket, its state, its key. It stands alone, on a machine of its own.

use std::sync::Arc;

use varco_runtime::clock::Clock;
use varco_runtime::config::Config;
use varco_runtime::server::inherited::Inherited;
use varco_runtime::store::Db;
use varco_runtime::tasks::Tasks;
use varco_runtime::tls::{self, Identity};
use varco_witness::web;
use varco_witness::witness::Witness;

use super::running::Socket;
use crate::failure::Failure;

/// A witness that is ready to serve.
pub struct Opened {
    /// What it listens on.
    pub socket: Socket,
    /// Its database, to close at the end.
    pub db: Db,
    /// The key by which its cosignatures are checked.
    pub vkey: String,
}

/// Binds its socket, then opens its state.
///
/// # Errors
///
/// When the port is taken, plain HTTP would leave the machine, or the state, the key or the list of
/// logs cannot be used.
pub async fn open(
    config: &Config,
    clock: &Clock,
    tasks: &Tasks,
    mut inherited: Inherited,
) -> Result<Opened, Failure> {
    let tls = tls(config, clock, tasks)?;
    let listener = inherited.listen(config.witness.listen, tls).await?;
    inherited.finish()?;
    let settings = &config.witness;
    let db = Db::open(
        &settings.database,
        &config.folder,
        varco_witness::MIGRATIONS,
    )
    .await?;
    let witness = Witness::open(settings, &config.folder, db.clone(), clock.clone()).await;
    let witness = match witness {
        Ok(witness) => Arc::new(witness),
        Err(error) => {
            db.close().await;
            return Err(error.into());
        }
    };
    Ok(Opened {
        vkey: witness.vkey(),
        socket: Socket {
            listener,
            answers: web::router(witness, settings.requests_per_second, tasks).into(),
            limits: web::LIMITS,
        },
        db,
    })
}

fn tls(config: &Config, clock: &Clock, tasks: &Tasks) -> Result<Option<tls::Server>, Failure> {
    let settings = &config.witness;
    match (&settings.certificate, &settings.key) {
        (Some(certificate), Some(key)) => {
            let identity = Identity::load(&config.path(certificate), &config.path(key))?;
            let tls = tls::public_server(&identity, &["h2", "http/1.1"])?;
            tasks.spawn_until_stop(identity.follow(clock.clone()));
            Ok(Some(tls))
        }
        (None, None) if settings.listen.ip().is_loopback() => Ok(None),
        (None, None) => Err(Failure::new(
            format!("witness.listen = {}", settings.listen),
            "plain HTTP may not leave this machine",
            "give [witness] a certificate and its key, or listen on loopback behind a proxy",
        )),
        _ => Err(Failure::new(
            "[witness]",
            "a certificate and its key belong together",
            "name both, or neither for plain HTTP on loopback",
        )),
    }
}
