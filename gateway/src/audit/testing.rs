//! A register of accesses for tests, on a database of each kind.

use std::time::Instant;

use uuid::Uuid;
use varco_proto::audit::v1::{Anchor, Record, RecordKind};
use varco_runtime::clock::Clock;
use varco_runtime::secret::dpo::DpoKey;
use varco_runtime::store::Db;
use varco_runtime::store::testing::{Fresh, each_db};
use varco_runtime::tasks::Tasks;
use varco_tlog::note::Signer;

use super::committer::{Receipt, Register, Run, Signers};
use super::reading::Reading;
use super::verify::{Report, verify_log};
use super::{Error, MIGRATIONS, index, record};

/// Databases of a log and of its index.
pub(crate) struct Place {
    pub(crate) name: &'static str,
    records: Fresh,
    /// On PostgreSQL the index stands beside the records.
    index: Option<Fresh>,
}

/// A place on each database that this machine has.
pub(crate) async fn each_place() -> Vec<Place> {
    let mut places = Vec::new();
    for records in each_db(MIGRATIONS).await.unwrap() {
        let index = match records.name {
            "sqlite" => Some(each_db(index::MIGRATIONS).await.unwrap().remove(0)),
            _ => None,
        };
        places.push(Place {
            name: records.name,
            records,
            index,
        });
    }
    places
}

impl Place {
    pub(crate) fn db(&self) -> Db {
        self.records.db.clone()
    }

    pub(crate) fn index(&self) -> Db {
        self.index.as_ref().unwrap_or(&self.records).db.clone()
    }

    /// Opens the log of `gw1` there.
    pub(crate) async fn open(&self) -> Result<Register, crate::Error> {
        self.open_with(run(), signers(7)).await
    }

    pub(crate) async fn open_with(
        &self,
        run: Run,
        signers: Signers,
    ) -> Result<Register, crate::Error> {
        Register::open((self.db(), self.index()), run, signers, &Tasks::default()).await
    }

    /// Verifies the log that a register writes.
    pub(crate) async fn verify(&self, register: &Register) -> Result<Report, Error> {
        verify_log(&self.db(), &self.index(), &register.log()).await
    }

    /// Reads the log as another process would.
    pub(crate) async fn read(&self, register: &Register) -> Result<Reading, Error> {
        Reading::of(self.db(), self.index(), register.log().as_ref().clone()).await
    }
}

/// A run of `gw1` with a clock that stands still.
pub(crate) fn run() -> Run {
    Run {
        ipa: "c_z999".to_owned(),
        instance: "gw1".to_owned(),
        boot_id: Uuid::from_u128(1),
        started: Instant::now(),
        clock: Clock::fixed("2026-11-22T10:00:00Z".parse().unwrap()),
        recipients: DpoKey::generate().recipients(),
        mark: None,
    }
}

/// Signers with a key that is a number over and over.
pub(crate) fn signers(key: u8) -> Signers {
    Box::new(move |origin| Ok(Signer::from_seed(origin, &[key; 32])?))
}

/// An OUTCOME of the call with that number.
pub(crate) fn outcome(n: u128) -> Record {
    Record {
        kind: RecordKind::Outcome.into(),
        audit_id: Uuid::from_u128(n).as_bytes().to_vec().into(),
        client_id: format!("client-{}", n % 7),
        ..Default::default()
    }
}

/// An ANCHOR of the checkpoint of a receipt.
pub(crate) fn anchor(receipt: &Receipt, place: &str) -> Record {
    let digest =
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, receipt.checkpoint.as_bytes());
    let evidence = if place == "tsa" {
        vec![7; 40]
    } else {
        Vec::new()
    };
    let anchor = Anchor {
        size: receipt.index + 1,
        checkpoint_sha256: digest.as_ref().to_vec().into(),
        place: place.to_owned(),
        reference: "1".to_owned(),
        evidence: evidence.into(),
        checkpoint: receipt.checkpoint.to_string(),
    };
    record::anchor(Uuid::from_u128(77), anchor)
}
