//! What tests change in a comune's registry and read in its register of accesses.

use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;
use varco_proto::audit::v1::{Record, RecordKind};
use varco_proto::registry::v1::registry_service_client::RegistryServiceClient;
use varco_proto::registry::v1::{
    ApplyDocumentRequest, ArchiveEntryRequest, Document, GetEntryRequest, Kind,
    SuspendEntryRequest, UnsuspendEntryRequest,
};

use crate::assertion::Asker;
use crate::comune::Comune;
use crate::records;
use crate::wire::Wire;

impl Comune {
    /// Makes the registry hold a document.
    ///
    /// # Panics
    ///
    /// When the gateway refuses.
    pub async fn apply(&self, document: Document) {
        let request = ApplyDocumentRequest {
            document: Some(document),
            dry_run: false,
            ..Default::default()
        };
        self.administrator()
            .apply_document(request)
            .await
            .expect("an applied document");
    }

    /// Suspends an entry.
    ///
    /// # Panics
    ///
    /// When the gateway refuses.
    pub async fn suspend(&self, kind: Kind, entry: &str) {
        let (kind, entry) = (kind.into(), entry.to_owned());
        let request = SuspendEntryRequest {
            kind,
            entry,
            reason: "prova".to_owned(),
            ..Default::default()
        };
        self.administrator()
            .suspend_entry(request)
            .await
            .expect("a suspended entry");
    }

    /// Lifts a suspension.
    ///
    /// # Errors
    ///
    /// As the gateway refuses.
    pub async fn unsuspend(&self, kind: Kind, entry: &str) -> Result<(), Status> {
        let request = UnsuspendEntryRequest {
            kind: kind.into(),
            entry: entry.to_owned(),
            ..Default::default()
        };
        self.administrator()
            .unsuspend_entry(request)
            .await
            .map(drop)
    }

    /// Archives an entry.
    ///
    /// # Panics
    ///
    /// When the gateway refuses.
    pub async fn archive(&self, kind: Kind, entry: &str) {
        let request = ArchiveEntryRequest {
            kind: kind.into(),
            entry: entry.to_owned(),
            ..Default::default()
        };
        self.administrator()
            .archive_entry(request)
            .await
            .expect("an archived entry");
    }

    /// The id of an entry.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub async fn id(&self, kind: Kind, entry: &str) -> String {
        let request = GetEntryRequest {
            kind: kind.into(),
            entry: entry.to_owned(),
        };
        let found = self
            .administrator()
            .get_entry(request)
            .await
            .expect("an entry");
        found.into_inner().entry.expect("an entry").id
    }

    /// A client as one that asks for vouchers, with its certificate.
    #[must_use]
    pub fn asker(&self, client: &str) -> Asker {
        let folder = self.client_folder(client);
        Asker::open(&folder, Some(&folder), &self.ca()).at(self.clock())
    }

    /// A voucher of a client for a purpose that its own file need not know.
    ///
    /// # Panics
    ///
    /// When none is issued.
    pub async fn voucher(&self, client: &str, purpose_id: &str) -> String {
        let asker = self.asker(client);
        asker.ask(&asker.claims(purpose_id)).await.voucher()
    }

    /// A connection of a client to the data plane.
    ///
    /// # Panics
    ///
    /// When the gateway does not take it.
    pub async fn wire(&self, client: &str) -> Wire {
        let (folder, ca) = (self.client_folder(client), self.ca());
        let wire = Wire::connect(self.config().gateway.data_plane, Some(&folder), &ca).await;
        wire.expect("a connection")
    }

    /// The records of a call, by its audit id or its trace, in the order of the log.
    ///
    /// # Panics
    ///
    /// When the register of accesses cannot be read.
    pub async fn records(&self, id: &[u8]) -> Vec<Record> {
        let mut records = records::all(self.config()).await;
        records.retain(|record| record.audit_id == id || record.trace_id == id);
        records
    }

    /// The records of what served a call, in the order of the log.
    ///
    /// # Panics
    ///
    /// When the register of accesses cannot be read.
    pub async fn served(&self, id: Uuid) -> Vec<Record> {
        let records = records::all(self.config()).await.into_iter();
        records
            .filter(|record| record.parent_audit_id == id.as_bytes().as_slice())
            .collect()
    }

    /// Waits until a call has left its first record.
    ///
    /// # Panics
    ///
    /// When it does not within five seconds.
    pub async fn begun(&self, id: &[u8]) {
        self.recorded(id, |_| true).await;
    }

    /// Waits until a call has left the record of its end, and gives all of its records.
    ///
    /// # Panics
    ///
    /// When it does not within five seconds.
    pub async fn ended(&self, id: &[u8]) -> Vec<Record> {
        self.recorded(id, |record| record.kind() == RecordKind::Outcome)
            .await
    }

    async fn recorded(&self, id: &[u8], wanted: impl Fn(&Record) -> bool) -> Vec<Record> {
        let recorded = async {
            loop {
                let records = self.records(id).await;
                if records.iter().any(&wanted) {
                    return records;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(crate::PATIENCE, recorded)
            .await
            .expect("a record")
    }

    /// Asserts that a status is a refusal of the gateway as the contract wants it, and recorded.
    ///
    /// # Panics
    ///
    /// When it is not.
    pub async fn assert_refused(&self, status: &Status, code: Code, reason: &str) {
        let info = status.get_details_error_info();
        let info = info.unwrap_or_else(|| panic!("{reason}: no reason in {status:?}"));
        assert_eq!(
            (info.reason.as_str(), status.code()),
            (reason, code),
            "{status:?}"
        );
        assert_eq!(info.domain, "varco");
        assert!(
            status.details().len() <= 4096,
            "{reason}: {} bytes",
            status.details().len()
        );
        let text = status.get_details_localized_message().expect("a text");
        assert_eq!(text.locale, "it");
        assert!(
            !text.message.is_empty() && text.message != status.message(),
            "{reason}"
        );
        let audit_id: Uuid = info.metadata["audit_id"].parse().expect("an audit id");
        let stamped = status
            .metadata()
            .get("varco-audit-id")
            .expect("an audit id");
        assert_eq!(stamped.to_str().expect("text"), audit_id.to_string());

        let records = self.records(audit_id.as_bytes()).await;
        let last = records
            .last()
            .unwrap_or_else(|| panic!("{reason}: no record"));
        let recorded = (last.deny_reason.as_str(), last.grpc_status);
        assert_eq!(
            recorded,
            (reason, i32::from(code).unsigned_abs()),
            "{last:?}"
        );
    }

    fn administrator(&self) -> RegistryServiceClient<tonic::transport::Channel> {
        RegistryServiceClient::new(self.control("amministratore"))
    }
}
