//! The composition root: roles that run in this process, started and stopped together.
//!
//! Sockets are bound before anything slow is done, so that a taken port is told at once. When a
//! town stops, the gateway drains first, then the offices behind it, then what runs beside calls, then
//! the probes, which have said all the while that it drains; the register of accesses is closed last,
//! because everything before may still be recorded.

use std::sync::Arc;
use std::time::Duration;

use varco_gateway::Gateway;
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;
use varco_runtime::config::reload::Changes;
use varco_runtime::server::inherited::Inherited;
use varco_runtime::store::Db;
use varco_runtime::tasks::Tasks;
use varco_runtime::telemetry::collecting::Collecting;
use varco_runtime::telemetry::{Keeper, Telemetry};

use crate::failure::Failure;

pub mod answering;
pub mod gate;
pub mod office;
pub mod roles;
pub mod running;
pub mod witness;

use office::{Given, Office};
use roles::{ROLES, Role};
use running::Servers;

/// Roles that run in this process.
pub struct Town {
    /// The configuration in force.
    config: Config,
    gateway: Option<Gateway>,
    gate: Servers,
    offices: Servers,
    probes: Servers,
    gate_tasks: Tasks,
    office_tasks: Tasks,
    databases: Vec<Db>,
    telemetry: Telemetry,
    patience: Duration,
}

impl Town {
    /// Starts every role of a configuration, on sockets that were handed over or that it binds; it
    /// is ready when this returns.
    ///
    /// # Errors
    ///
    /// When a port is taken, or a role cannot be opened.
    pub async fn start(
        config: Config,
        clock: Clock,
        mut inherited: Inherited,
    ) -> Result<Self, Failure> {
        let config = Arc::new(outlived(config, &inherited));
        let mut town = Self::empty(&config);
        town.telemetry = Telemetry::open(&config, &clock, Keeper::Here)?;
        let gate = gate::Sockets::bind(&config, &mut inherited).await?;
        let mut bound = Vec::new();
        for role in &ROLES {
            let service = office::section(role.name, &config)?;
            let sockets = office::Sockets::bind(service, &config, &mut inherited).await?;
            bound.push((role, sockets));
        }
        inherited.finish()?;
        let opened = town.open_all(&config, &clock, gate, bound).await;
        town.or_stop(opened).await
    }

    /// Starts the gateway alone.
    ///
    /// # Errors
    ///
    /// As [`Town::start`].
    pub async fn start_gateway(
        config: Config,
        clock: Clock,
        mut inherited: Inherited,
    ) -> Result<Self, Failure> {
        let config = outlived(config, &inherited);
        let mut town = Self::empty(&config);
        town.telemetry = Telemetry::open(&config, &clock, Keeper::Here)?;
        let sockets = gate::Sockets::bind(&config, &mut inherited).await?;
        inherited.finish()?;
        let opened = town.open_gateway(sockets, &config, &clock).await;
        town.or_stop(opened).await
    }

    /// Starts one office alone.
    ///
    /// # Errors
    ///
    /// As [`Town::start`].
    pub async fn start_office(
        role: &'static Role,
        config: Config,
        clock: Clock,
        mut inherited: Inherited,
    ) -> Result<Self, Failure> {
        let config = Arc::new(config);
        let mut town = Self::empty(&config);
        let section = office::section(role.name, &config)?;
        let keeper = Keeper::Elsewhere(office::identity(section, &config)?);
        town.telemetry = Telemetry::open(&config, &clock, keeper)?;
        let sockets = office::Sockets::bind(section, &config, &mut inherited).await?;
        inherited.finish()?;
        let opened = town.open_office(role, sockets, &config, &clock).await;
        town.or_stop(opened).await
    }

    /// Starts a witness of logs; tells the key by which its cosignatures are checked.
    ///
    /// # Errors
    ///
    /// As [`Town::start`].
    pub async fn start_witness(
        config: &Config,
        clock: &Clock,
        inherited: Inherited,
    ) -> Result<(Self, String), Failure> {
        let mut town = Self::empty(config);
        match witness::open(config, clock, &town.office_tasks, inherited).await {
            Ok(opened) => {
                town.offices.serve(vec![opened.socket]);
                town.databases.push(opened.db);
                Ok((town, opened.vkey))
            }
            Err(failure) => {
                town.stop().await;
                Err(failure)
            }
        }
    }

    /// What collects the spans of this process.
    #[must_use]
    pub fn collecting(&self) -> &Collecting {
        &self.telemetry.collecting
    }

    /// Takes up what of another configuration can be taken up at once; tells what that is.
    ///
    /// # Errors
    ///
    /// When the change cannot be recorded: nothing is changed then.
    pub async fn reload(&mut self, new: &Config) -> Result<Changes, Failure> {
        let changes = self.config.changes(new);
        let mut config = self.config.clone();
        config.take_up(new);
        if let Some(gateway) = &self.gateway
            && !changes.now.is_empty()
        {
            gateway.take_up(config.gateway.limits, &changes.now).await?;
        }
        self.telemetry.collecting.keep_share(config.telemetry.ratio);
        self.config = config;
        Ok(changes)
    }

    /// Drains and closes everything, in the order of the calls.
    pub async fn stop(self) {
        // Open streams are told at once; a call in flight still ends.
        self.gate_tasks.stopping().cancel();
        self.gate.drain().await;
        self.offices.drain().await;
        self.office_tasks.drain(self.patience).await;
        self.probes.drain().await;
        if let Some(gateway) = self.gateway {
            Box::pin(gateway.close()).await;
        }
        self.gate_tasks.drain(self.patience).await;
        for database in &self.databases {
            database.close().await;
        }
        self.telemetry.drain().await;
    }

    fn empty(config: &Config) -> Self {
        let patience = Duration::from_secs(config.gateway.limits.drain_seconds);
        Self {
            config: config.clone(),
            gateway: None,
            gate: Servers::new(patience),
            offices: Servers::new(patience),
            probes: Servers::new(PROBES),
            gate_tasks: Tasks::default(),
            office_tasks: Tasks::default(),
            databases: Vec::new(),
            telemetry: Telemetry::default(),
            patience,
        }
    }

    async fn open_all(
        &mut self,
        config: &Arc<Config>,
        clock: &Clock,
        gate: gate::Sockets,
        offices: Vec<(&'static Role, office::Sockets)>,
    ) -> Result<(), Failure> {
        self.open_gateway(gate, config, clock).await?;
        for (role, sockets) in offices {
            self.open_office(role, sockets, config, clock).await?;
        }
        Ok(())
    }

    async fn open_gateway(
        &mut self,
        sockets: gate::Sockets,
        config: &Config,
        clock: &Clock,
    ) -> Result<(), Failure> {
        let (clock, tasks) = (clock.clone(), self.gate_tasks.clone());
        let gateway = Gateway::open(config, clock.clone(), tasks, &mut self.telemetry).await?;
        let presented = sockets.identity().follow(clock);
        self.gate_tasks.spawn_until_stop(presented);
        self.gate_tasks
            .spawn_until_stop(sockets.authority().follow());
        let serving = sockets.serving(&gateway);
        self.gate.serve(serving.calls);
        self.probes.serve(vec![serving.probes]);
        self.gateway = Some(gateway);
        Ok(())
    }

    async fn open_office(
        &mut self,
        role: &'static Role,
        sockets: office::Sockets,
        config: &Arc<Config>,
        clock: &Clock,
    ) -> Result<(), Failure> {
        let given = Given {
            clock: clock.clone(),
            tasks: self.office_tasks.clone(),
            spans: self.telemetry.collecting.role(role.name),
        };
        let office = Office::open(role, sockets, Arc::clone(config), given).await?;
        self.offices.serve(office.sockets);
        self.databases.push(office.db);
        Ok(())
    }

    async fn or_stop(self, opened: Result<(), Failure>) -> Result<Self, Failure> {
        match opened {
            Ok(()) => Ok(self),
            Err(failure) => {
                self.stop().await;
                Err(failure)
            }
        }
    }
}

/// Notes in a configuration whether the sockets of the process outlive it.
fn outlived(mut config: Config, inherited: &Inherited) -> Config {
    config.handed_over = !inherited.is_empty();
    config
}

/// How long a probe may still take when all else has drained.
const PROBES: Duration = Duration::from_secs(1);
