//! An office with its own folder and database, called in process as the gateway would call it.

use std::path::PathBuf;

use bytes::Bytes;
use futures_util::stream;
use tempfile::TempDir;
use tonic::{Code, Request, Status};
use uuid::Uuid;
use varco_proto::documenti::v1::documenti_service_client::DocumentiServiceClient;
use varco_proto::documenti::v1::documenti_service_server::DocumentiServiceServer;
use varco_proto::documenti::v1::download_documento_response::Parte as Inviata;
use varco_proto::documenti::v1::upload_documento_request::Parte;
use varco_proto::documenti::v1::{
    DownloadDocumentoRequest, Intestazione, ModalitaFormazione, UploadDocumentoRequest,
    UploadDocumentoResponse,
};
use varco_runtime::clock::Clock;
use varco_runtime::grant::Grant;
use varco_runtime::problem::reason;
use varco_runtime::store::Db;

use crate::api::Api;
use crate::impronta::Calcolo;
use crate::oggetti::{BLOCCO, Oggetti};
use crate::store::Store;
use crate::{MAX_MESSAGE, MIGRATIONS, Settings};

pub struct Office {
    pub client: DocumentiServiceClient<DocumentiServiceServer<Api>>,
    pub folder: TempDir,
}

impl Office {
    pub async fn open() -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Clock::fixed("2026-03-02T10:00:00Z".parse().unwrap());
        let db = Db::open("sqlite:test.db", folder.path(), MIGRATIONS)
            .await
            .unwrap();
        let oggetti = Oggetti::open(folder.path()).await.unwrap();
        let store = Store::new(db, clock.clone());
        let api = Api::new(
            store,
            oggetti,
            clock,
            Settings {
                max_dimensione: 4 * MIB,
            },
        );
        let server = DocumentiServiceServer::new(api).max_decoding_message_size(MAX_MESSAGE);
        Self {
            client: DocumentiServiceClient::new(server),
            folder,
        }
    }

    pub async fn send(
        &self,
        key: &str,
        parts: Vec<Parte>,
    ) -> Result<UploadDocumentoResponse, Status> {
        let messages = parts
            .into_iter()
            .map(|parte| UploadDocumentoRequest { parte: Some(parte) });
        let mut request = Request::new(stream::iter(messages));
        request.extensions_mut().insert(grant());
        if !key.is_empty() {
            request
                .metadata_mut()
                .insert("idempotency-key", key.parse().unwrap());
        }
        Ok(self
            .client
            .clone()
            .upload_documento(request)
            .await?
            .into_inner())
    }

    pub async fn upload(&self, key: &str, bytes: &[u8]) -> Result<UploadDocumentoResponse, Status> {
        let blocks = bytes.chunks(1_000_000).map(block);
        self.send(key, [heading(bytes)].into_iter().chain(blocks).collect())
            .await
    }

    pub async fn download(&self, nome: &str) -> Result<(Intestazione, Vec<u8>), Status> {
        let request = DownloadDocumentoRequest {
            documento: Some(nome.to_owned()),
        };
        let mut parts = self
            .client
            .clone()
            .download_documento(request)
            .await?
            .into_inner();
        let Some(Inviata::Intestazione(heading)) = parts.message().await?.unwrap().parte else {
            panic!("no heading");
        };
        let mut bytes = Vec::new();
        while let Some(message) = parts.message().await? {
            let Some(Inviata::Blocco(block)) = message.parte else {
                panic!("no block")
            };
            assert!(block.len() <= BLOCCO);
            bytes.extend_from_slice(&block);
        }
        Ok((heading, bytes))
    }

    pub fn objects(&self) -> Vec<PathBuf> {
        let entries = |folder: PathBuf| {
            std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().path())
        };
        entries(self.folder.path().join("oggetti"))
            .flat_map(entries)
            .collect()
    }

    pub fn left_in_tmp(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("tmp"))
            .unwrap()
            .count()
    }
}

pub const MIB: u64 = 1024 * 1024;

pub fn grant() -> Grant {
    Grant {
        audit_id: Uuid::from_u128(7),
        instance: "varco".to_owned(),
        client_id: "client-1".to_owned(),
        consumer_id: "segreteria".to_owned(),
        purpose_id: "purpose-1".to_owned(),
        method: "varco.documenti.v1.DocumentiService/UploadDocumento".to_owned(),
        token: varco_runtime::grant::Token::default(),
    }
}

pub fn declared(bytes: &[u8]) -> Intestazione {
    let mut calcolo = Calcolo::default();
    calcolo.update(bytes);
    Intestazione {
        nome: Some("istanza.pdf".to_owned()),
        media_type: Some("application/pdf".to_owned()),
        sha256: Some(Bytes::copy_from_slice(calcolo.finish().as_bytes())),
        dimensione: Some(u64::try_from(bytes.len()).unwrap()),
        tipologia: Some("istanza".to_owned()),
        modalita_formazione: Some(ModalitaFormazione::Transazione.into()),
        oggetto: Some("Istanza di accesso".to_owned()),
    }
}

pub fn heading(bytes: &[u8]) -> Parte {
    Parte::Intestazione(declared(bytes))
}

pub fn block(bytes: &[u8]) -> Parte {
    Parte::Blocco(Bytes::copy_from_slice(bytes))
}

pub fn told(refused: &Status) -> (Code, String) {
    (refused.code(), reason(refused).unwrap_or_default())
}
