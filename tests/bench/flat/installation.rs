//! An installation of some size, with its gateway and the service behind it.

use std::path::Path;
use std::time::{Duration, Instant};

use varco_tests::bench::crowd::Crowd;
use varco_tests::bench::figure::Figure;
use varco_tests::bench::fleet::{Fleet, Offer, Size};
use varco_tests::bench::service::Service;
use varco_tests::bench::town::Town;
use varco_tests::bench::{beside, filling, meter, seconds};

use super::{PATH, question};

/// An installation whose gateway runs.
pub struct Installation {
    town: Town,
    fleet: Fleet,
    _service: Service,
}

/// Who calls.
#[derive(Clone, Copy, Debug)]
pub struct Callers {
    /// At most so many clients, each over its own connection.
    pub clients: usize,
    /// Each for at most so many purposes in turn.
    pub purposes: usize,
}

impl Installation {
    /// Makes it within a folder, with so many records in its register of accesses.
    pub async fn set_up(place: &Path, offer: &Offer, size: Size, records: u64) -> Self {
        std::fs::create_dir_all(place).unwrap();
        let mut town = Town::install(&beside("release/varco"), place).await;
        town.start();
        let fleet = Fleet::declare(&town, offer, size).await;
        // What it took to make it is not what it needs to serve.
        town.stop();
        if records > 0 {
            let begun = Instant::now();
            let bytes = filling::fill_town(&town, records).await;
            println!(
                "{records} records in {:.0} s, {bytes} bytes each on the disk",
                begun.elapsed().as_secs_f64()
            );
        }
        let ready = town.start();
        println!(
            "{} clients, {} purposes, {records} records: `varco apply` of {} kB in {:.1} s, ready after {:.0} ms with {:.1} MB",
            size.clients,
            size.purposes,
            fleet.bytes / 1024,
            fleet.applied.as_secs_f64(),
            ready.as_secs_f64() * 1e3,
            meter::resident(town.id()),
        );
        let service = Service::start(&town);
        Self {
            town,
            fleet,
            _service: service,
        }
    }

    /// Connects those who call.
    pub async fn connect(&self, callers: Callers) -> Crowd {
        let Callers { clients, purposes } = callers;
        let callers = self.fleet.callers(clients, (PATH, &question()), purposes);
        Crowd::open(callers, self.town.config.gateway.data_plane, "localhost").await
    }

    /// Has them call.
    pub async fn measure(&self, crowd: &Crowd) -> Figure {
        // Caches and allocators settle first.
        crowd.load(CALLS, Duration::from_secs(1)).await;
        let before = meter::cpu(self.town.id());
        let came = crowd.load(CALLS, seconds()).await;
        let cpu = meter::cpu(self.town.id()).saturating_sub(before);
        Figure {
            cpu: cpu.as_secs_f64() * 1e6 / came.calls(),
            rate: came.rate(),
            latencies: came.latencies,
            memory: meter::resident(self.town.id()),
        }
    }

    /// Stops the gateway.
    pub fn stop(mut self) {
        self.town.stop();
    }
}

/// Calls under way at once.
const CALLS: usize = 32;
