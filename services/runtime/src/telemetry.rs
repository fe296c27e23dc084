//! Logs and spans: a view for people, never the evidence.
//!
//! Logs are JSON lines on stderr. Spans are made only where somebody collects them: a collector by
//! OTLP, or the gateway's own store. They may be lost, which costs no call and no record. Neither
//! ever holds a codice fiscale, a name, a body or a token.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};
use tracing_subscriber::fmt::format;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry, reload};

use crate::clock::Clock;
use crate::config::telemetry::LogFormat;
use crate::config::{self, Config};
use crate::tasks::Tasks;
use crate::{secret, tls};

pub mod batch;
pub mod collecting;
pub mod export;
pub mod line;
pub mod resource;
pub mod served;
pub mod span;
pub mod statement;

use collecting::{Collecting, Feed, Queue};
use export::{Exporter, Renewed, Way};
use line::{JsonLine, TextLine};
use resource::Process;

/// What becomes of the spans of this process.
#[derive(Debug, Default)]
pub struct Telemetry {
    /// Where they begin.
    pub collecting: Collecting,
    /// Those for the gateway's store, where this process holds the gateway.
    pub store: Option<Feed>,
    tasks: Tasks,
}

/// Where the gateway is that keeps spans.
#[derive(Clone, Debug)]
pub enum Keeper {
    /// In this process.
    Here,
    /// Elsewhere; it is asked with this certificate.
    Elsewhere(tls::Identity),
}

/// Ways that telemetry cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The authority cannot be read.
    #[error(transparent)]
    Authority(#[from] secret::Error),
    /// The collector's address cannot be used.
    #[error("telemetry.otlp cannot be used as a collector's address")]
    Collector(#[source] tonic::transport::Error),
    /// The filter of the log does not parse.
    #[error("telemetry.log is no log filter: write for example \"info\"")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
}

/// The log of this process, whose filter can be changed.
#[derive(Clone, Debug)]
pub struct Log(reload::Handle<EnvFilter, Registry>);

impl Log {
    /// Filters by another text from now on.
    ///
    /// # Errors
    ///
    /// When it does not parse; the old one then stays.
    pub fn filter(&self, text: &str) -> Result<(), Error> {
        let filter: EnvFilter = text.parse()?;
        // It fails only when the log is gone.
        let _ = self.0.reload(filter);
        Ok(())
    }
}

/// Starts the log. Does nothing when already started.
///
/// # Errors
///
/// When the filter does not parse.
pub fn start_log(config: &config::telemetry::Telemetry) -> Result<Log, Error> {
    let filter: EnvFilter = config.log.parse()?;
    let (filter, handle) = reload::Layer::new(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match config.format {
        LogFormat::Json => {
            let line = JsonLine(format().json());
            lines
                .fmt_fields(format::JsonFields::new())
                .event_format(line)
                .boxed()
        }
        LogFormat::Text => lines.event_format(TextLine(format())).boxed(),
    };
    let lines = lines.with_filter(filter);
    let _ = tracing_subscriber::registry().with(lines).try_init();
    Ok(Log(handle))
}

impl Telemetry {
    /// Starts to collect what a configuration says; nothing is asked of the network yet.
    ///
    /// # Errors
    ///
    /// When the collector's address or the authority cannot be used.
    pub fn open(config: &Config, clock: &Clock, keeper: Keeper) -> Result<Self, Error> {
        let tasks = Tasks::default();
        let (mut queues, mut store) = (Vec::new(), None);
        if let Some(address) = &config.telemetry.otlp {
            let ca = config.path(&config.comune.ca);
            let way = Way::Fixed(collector(address, &ca)?);
            let name = "collector";
            queues.push(start(Exporter { name, way }, &tasks));
        }
        if config.telemetry.store {
            match keeper {
                Keeper::Here => {
                    let (queue, feed) = collecting::queue("store", PLACES);
                    queues.push(queue);
                    store = Some(feed);
                }
                Keeper::Elsewhere(identity) => {
                    tasks.spawn_until_stop(identity.clone().follow(clock.clone()));
                    let way = Way::Renewed(Renewed {
                        address: config.control_address(),
                        identity,
                        ca: config.path(&config.comune.ca),
                        held: Mutex::default(),
                    });
                    let name = "gateway";
                    queues.push(start(Exporter { name, way }, &tasks));
                }
            }
        }
        let process = Process::of(config, clock);
        Ok(Self {
            collecting: Collecting::into(queues, config.telemetry.ratio, process),
            store,
            tasks,
        })
    }

    /// Sends what is left, for five seconds at most.
    pub async fn drain(&self) {
        self.tasks.drain(LONGEST_DRAIN).await;
    }
}

fn start(exporter: Exporter, tasks: &Tasks) -> Queue {
    let (queue, feed) = collecting::queue(exporter.name, PLACES);
    tasks.spawn(exporter.run(feed, tasks.stopping()));
    queue
}

fn collector(address: &str, ca: &Path) -> Result<tonic::transport::Channel, Error> {
    let endpoint = Endpoint::from_shared(address.to_owned()).map_err(Error::Collector)?;
    let mut endpoint = endpoint.connect_timeout(CONNECTING);
    if address.starts_with("https:") {
        let ca = Certificate::from_pem(secret::read(ca)?.as_bytes());
        let tls = ClientTlsConfig::new().ca_certificate(ca);
        endpoint = endpoint.tls_config(tls).map_err(Error::Collector)?;
    }
    Ok(endpoint.connect_lazy())
}

const CONNECTING: Duration = Duration::from_secs(5);
/// A little longer than an exporter may take for the last of it.
const LONGEST_DRAIN: Duration = Duration::from_secs(6);
/// Spans that wait for whoever collects them.
const PLACES: usize = 65_536;
