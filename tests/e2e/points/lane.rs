//! A town that dies again and again, with its callers and a service that outlives it.

use std::path::PathBuf;
use std::time::Duration;

use varco_gateway::points::{Point, Spoiled};
use varco_proto::registry::v1::registry_service_client::RegistryServiceClient;
use varco_proto::registry::v1::{ApplyDocumentRequest, GetEntryRequest, Kind as Entry};
use varco_runtime::client::{Gateway, channel};
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;
use varco_tests::assertion::Asker;
use varco_tests::eco::Eco;
use varco_tests::process::Process;
use varco_tests::wait::until;

use super::calls::KINDS;
use crate::PROGRAM;

/// A running town that can be armed.
pub struct Lane {
    pub town: Process,
    pub tax_office: Gateway,
    pub desk: Gateway,
    /// The tax office's for the service that outlives the town.
    pub voucher: String,
    pub clock: Clock,
    purpose_id: String,
    _eco: Eco,
    armed: PathBuf,
}

impl Lane {
    /// Starts a town once more, with a fault.
    pub async fn start_spoiled(fault: Spoiled) -> Self {
        let mut lane = Self::start().await;
        assert_eq!(lane.town.terminate(), Some(0));
        let fault = format!("{fault:?}");
        lane.town = lane.town.with("VARCO_TEST_SPOILED", &fault);
        lane.town.start();
        lane.warm().await;
        lane
    }

    /// Starts a town.
    pub async fn start() -> Self {
        let mut town = Process::new(PROGRAM);
        let armed = town.log().with_file_name("point");
        town = town
            .with("VARCO_TEST_POINT", armed.to_str().unwrap())
            // What seals itself every few seconds would come by a point before the call does.
            .with("VARCO_TELEMETRY__STORE", "false");
        town.start();
        let eco = Eco::start();
        let mut lane = Self {
            tax_office: town.client("tributi"),
            desk: town.client("sportello"),
            voucher: String::new(),
            clock: Clock::system(),
            purpose_id: register(&town, &eco).await,
            _eco: eco,
            armed,
            town,
        };
        lane.warm().await;
        lane
    }

    pub fn config(&self) -> Config {
        config(&self.town)
    }

    /// Has vouchers issued and connections made, so that the next call writes no records but its own.
    async fn warm(&mut self) {
        let folder = self.town.data().join("clients/tributi");
        let asker = Asker::open(&folder, Some(&folder), &self.town.data().join("ca.pem"));
        self.voucher = asker.ask(&asker.claims(&self.purpose_id)).await.voucher();
        for kind in KINDS {
            let answered = async || kind.call(self).await.index.map(drop);
            until("a call of each kind", answered).await;
        }
    }

    /// Arms a point for the next call.
    pub fn arm(&self, point: Point) {
        // Whole at once: half a name would be another point, or none.
        let aside = self.armed.with_extension("aside");
        std::fs::write(&aside, format!("{point:?}")).unwrap();
        std::fs::rename(aside, &self.armed).unwrap();
    }

    /// Whether the town has died at the point; it runs again then. Disarms it otherwise.
    pub async fn has_died(&mut self, patience: Duration) -> bool {
        let fired = async {
            while self.armed.exists() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let fired = tokio::time::timeout(patience, fired).await.is_ok();
        if !fired && std::fs::remove_file(&self.armed).is_ok() {
            return false;
        }
        assert_eq!(self.town.wait(), None, "it ended by itself");
        self.town.start();
        self.warm().await;
        true
    }
}

fn config(town: &Process) -> Config {
    varco::configuration::load(&town.data().join("varco.toml")).unwrap()
}

/// Registers the service, and gives the id of the tax office's purpose.
async fn register(town: &Process, eco: &Eco) -> String {
    let (folder, ca) = (
        town.data().join("clients/amministratore"),
        town.data().join("ca.pem"),
    );
    let control = channel(&config(town).control_address(), &folder, &ca).unwrap();
    let mut registry = RegistryServiceClient::new(control);
    let apply = ApplyDocumentRequest {
        document: Some(eco.document("write")),
        ..Default::default()
    };
    registry.apply_document(apply).await.unwrap();
    let asked = GetEntryRequest {
        kind: Entry::Purpose.into(),
        entry: "tributi/prova".to_owned(),
    };
    let found = registry.get_entry(asked).await.unwrap().into_inner();
    found.entry.unwrap().id
}
