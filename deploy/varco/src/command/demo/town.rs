//! The town as the journey meets it: three clients, an administrator, an auditor, a citizen.

use std::collections::BTreeMap;

use tonic::Status;
use tonic::transport::Channel;
use varco_proto::audit::v1::audit_service_client::AuditServiceClient;
use varco_proto::registry::v1::registry_service_client::RegistryServiceClient;
use varco_runtime::client::{Authorized, Gateway};
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;
use varco_runtime::secret;

use super::applicant::Applicant;
use super::plan::Plan;
use crate::cli::Common;
use crate::command::voucher;
use crate::failure::Failure;
use crate::{operator, sample};

/// Ways into a running town.
pub struct Town {
    /// Where everything listens.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// The citizen.
    pub applicant: Applicant,
    /// The registry, as the administrator.
    pub registry: RegistryServiceClient<Channel>,
    /// The register of accesses, as the auditor.
    pub audit: AuditServiceClient<Channel>,
    clients: BTreeMap<&'static str, Gateway>,
}

impl Town {
    /// Reads the credentials out of the data folder; nothing is asked of the network yet.
    ///
    /// # Errors
    ///
    /// When there is no sample municipality in the folder.
    pub fn open(common: &Common) -> Result<Self, Failure> {
        let config = common.load_config()?;
        if !config.folder.join(sample::MARKER).exists() {
            return Err(Failure::new(
                format!("{} holds no sample municipality", config.folder.display()),
                "the demonstration writes acts, which a real comune must not have",
                "make a sample with `varco up --data DIR`",
            ));
        }
        let clock = Clock::system();
        let mut clients = BTreeMap::new();
        for name in CLIENTS {
            clients.insert(name, voucher::open(name, &config, &clock)?);
        }
        Ok(Self {
            applicant: Applicant::of_the_sample()?,
            registry: operator::registry("amministratore", common)?,
            audit: operator::audit("auditor", common)?,
            clients,
            config,
            clock,
        })
    }

    /// The way to the gateway of the client and the purpose of a step.
    ///
    /// # Errors
    ///
    /// When the client's file does not name the purpose.
    pub fn through(&self, plan: &Plan) -> Result<Authorized, Status> {
        let client = self.client(plan.caller)?;
        client
            .purpose(&plan.purpose)
            .map_err(|error| error.to_status())
    }

    /// A client's way to the gateway.
    ///
    /// # Errors
    ///
    /// When the journey has no such client.
    pub fn client(&self, name: &str) -> Result<&Gateway, Status> {
        let client = self.clients.get(name);
        client.ok_or_else(|| Status::internal("the journey has no such client"))
    }

    /// The voucher of the past that the sample keeps.
    ///
    /// # Errors
    ///
    /// When the file is gone.
    pub fn expired_voucher(&self) -> Result<String, Status> {
        let voucher = secret::read(&self.config.folder.join("expired.jwt"));
        let missing = |error: secret::Error| Status::internal(error.to_string());
        Ok(voucher.map_err(missing)?.to_string())
    }
}

const CLIENTS: [&str; 3] = ["sportello", "tributi", "segreteria"];
