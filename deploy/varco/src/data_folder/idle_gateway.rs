//! A gateway that is open and serves nobody: how an installation declares itself.
//!
//! Everything later goes through the control plane.

use std::time::Duration;

use varco_gateway::Gateway;
use varco_gateway::registry::apply::Mode;
use varco_gateway::registry::entry::Kind;
use varco_gateway::registry::scope::Who;
use varco_proto::registry::v1::{Change, Document};
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;
use varco_runtime::tasks::Tasks;
use varco_runtime::telemetry::Telemetry;

use crate::failure::Failure;

/// An open gateway without listeners.
pub struct IdleGateway {
    gateway: Gateway,
    tasks: Tasks,
}

impl IdleGateway {
    /// Opens the gateway of a configuration.
    ///
    /// # Errors
    ///
    /// When its keys or databases cannot be used.
    pub async fn open(config: &Config, clock: &Clock) -> Result<Self, Failure> {
        let tasks = Tasks::default();
        let gateway = Gateway::open(
            config,
            clock.clone(),
            tasks.clone(),
            &mut Telemetry::default(),
        )
        .await?;
        Ok(Self { gateway, tasks })
    }

    /// Whether the registry holds nothing, or one operator of that name.
    #[must_use]
    pub fn knows_at_most(&self, operator: &str) -> bool {
        let snapshot = self.gateway.registry().snapshot();
        let mut entries = snapshot.all();
        entries.all(|row| row.kind == Kind::Operator && row.name == operator)
    }

    /// Makes the registry hold what a document declares.
    ///
    /// # Errors
    ///
    /// Every problem of the document.
    pub async fn apply(&self, document: &Document) -> Result<Vec<Change>, Failure> {
        Ok(self
            .gateway
            .registry()
            .apply(document, Mode::Apply, 0, &Who::installation())
            .await?)
    }

    /// A voucher that has expired already.
    ///
    /// # Errors
    ///
    /// When the client or the purpose is unknown.
    pub fn voucher_in_the_past(&self, client: &str, purpose: &str) -> Result<String, Failure> {
        Ok(self.gateway.voucher_in_the_past(client, purpose)?)
    }

    /// Closes the databases.
    pub async fn close(self) {
        Box::pin(self.gateway.close()).await;
        self.tasks.drain(PATIENCE).await;
    }
}

const PATIENCE: Duration = Duration::from_secs(5);
