//! What the board asks other offices before it publishes, through the gateway.
//!
//! Protocollo must confirm the act's number with its hash, and documenti must hold the document
//! that was declared, each asked on behalf of whoever publishes. The board hashes the bytes itself: an answer is checked, not believed.
//! Nothing is written to the board here.

use std::time::Duration;

use http::{Request, Response};
use tokio::time::timeout;
use tonic::Status;
use tonic::body::Body;
use tower::util::BoxCloneSyncService;
use varco_proto::documenti::v1::documenti_service_client::DocumentiServiceClient;
use varco_proto::documenti::v1::download_documento_response::Parte;
use varco_proto::documenti::v1::{
    DownloadDocumentoRequest, GetImprontaRequest, GetImprontaResponse,
};
use varco_proto::protocollo::v1::protocollo_service_client::ProtocolloServiceClient;
use varco_proto::protocollo::v1::{Esito, Identificatore, VerifyRegistrazioneRequest};
use varco_runtime::client::{Gateway, retrying};
use varco_runtime::grant::Grant;

use crate::archivio::{Bozza, Ricevuta};
use crate::atto::Atto;
use crate::error::{Error, Office};
use crate::settings::Settings;

/// The offices that the board asks.
#[derive(Clone, Debug)]
pub struct Uffici {
    documenti: DocumentiServiceClient<BoxCloneSyncService<Request<Body>, Response<Body>, Status>>,
    protocollo: ProtocolloServiceClient<BoxCloneSyncService<Request<Body>, Response<Body>, Status>>,
}

impl Uffici {
    /// Takes the ways on which the offices are reached.
    #[must_use]
    pub fn new(
        documenti: BoxCloneSyncService<Request<Body>, Response<Body>, Status>,
        protocollo: BoxCloneSyncService<Request<Body>, Response<Body>, Status>,
    ) -> Self {
        Self {
            documenti: DocumentiServiceClient::new(documenti),
            protocollo: ProtocolloServiceClient::new(protocollo),
        }
    }

    /// Reaches the offices through the gateway, each for its own purpose.
    ///
    /// # Errors
    ///
    /// When the settings name a purpose that the service's client does not have.
    pub fn through(gateway: &Gateway, settings: &Settings) -> Result<Self, Error> {
        let documenti = gateway.purpose(&settings.purpose_documenti)?;
        let protocollo = gateway.purpose(&settings.purpose_protocollo)?;
        Ok(Self::new(
            BoxCloneSyncService::new(documenti),
            BoxCloneSyncService::new(protocollo),
        ))
    }

    /// Asks protocollo whether the act's number stands in the register with the act's hash.
    ///
    /// # Errors
    ///
    /// When it does not, or protocollo cannot be asked.
    pub async fn confirm_protocollo(&self, atto: &Atto, grant: &Grant) -> Result<(), Error> {
        let request = VerifyRegistrazioneRequest {
            identificatore: Some(Identificatore {
                aoo: Some(atto.protocollo.aoo.to_string()),
                registro: Some(atto.protocollo.registro.to_string()),
                anno: u32::try_from(atto.protocollo.anno).ok(),
                numero: u64::try_from(atto.protocollo.numero).ok(),
            }),
            sha256: Some(atto.sha256.as_bytes().to_vec().into()),
        };
        let asked = retrying(|| {
            let (mut client, request) = (self.protocollo.clone(), grant.carry(request.clone()));
            async move { client.verify_registrazione(request).await }
        });
        let answer = in_time(asked)
            .await
            .map_err(|status| Office::Protocollo.failed(status))?;
        match answer.into_inner().esito() {
            Esito::Confermato => Ok(()),
            Esito::NonConfermato | Esito::Unspecified => Err(Error::ProtocolNotConfirmed),
        }
    }

    /// Asks documenti for the declared hash, size and media type of the document.
    ///
    /// # Errors
    ///
    /// When the hash is another, the document is too large, or documenti cannot be asked.
    pub async fn impronta(&self, atto: &Atto, grant: &Grant) -> Result<GetImprontaResponse, Error> {
        let request = GetImprontaRequest {
            documento: Some(atto.documento.to_string()),
        };
        let asked = retrying(|| {
            let (mut client, request) = (self.documenti.clone(), grant.carry(request.clone()));
            async move { client.get_impronta(request).await }
        });
        let answer = in_time(asked)
            .await
            .map_err(|status| Office::Documenti.failed(status))?;
        let answer = answer.into_inner();
        if answer.sha256() != atto.sha256.as_bytes() {
            return Err(Error::HashMismatch);
        }
        if answer.dimensione() > MAX_DOCUMENT {
            return Err(Error::DocumentTooLarge { max: MAX_DOCUMENT });
        }
        Ok(answer)
    }

    /// Receives the document's bytes from documenti and checks their hash.
    ///
    /// # Errors
    ///
    /// When the hash is another, the bytes are too many, or documenti stops.
    pub async fn download(
        &self,
        atto: &Atto,
        mut bozza: Bozza,
        grant: &Grant,
    ) -> Result<Ricevuta, Error> {
        let failed = |status| Office::Documenti.failed(status);
        let request = DownloadDocumentoRequest {
            documento: Some(atto.documento.to_string()),
        };
        let mut client = self.documenti.clone();
        let answer = in_time(client.download_documento(grant.carry(request)))
            .await
            .map_err(failed)?;
        let mut stream = answer.into_inner();
        while let Some(message) = in_time(stream.message()).await.map_err(failed)? {
            if let Some(Parte::Blocco(block)) = message.parte {
                bozza.write(&block).await?;
            }
            if bozza.dimensione() > MAX_DOCUMENT {
                return Err(Error::DocumentTooLarge { max: MAX_DOCUMENT });
            }
        }
        let ricevuta = bozza.finish().await?;
        if ricevuta.impronta != atto.sha256 {
            return Err(Error::HashMismatch);
        }
        Ok(ricevuta)
    }
}

/// Waits for one answer, or one message of a stream, no longer than the deadline.
async fn in_time<T>(answer: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    timeout(DEADLINE, answer)
        .await
        .unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")))
}

const DEADLINE: Duration = Duration::from_secs(10);
/// What the board shows to anyone is bounded: 50 MiB.
const MAX_DOCUMENT: u64 = 50 * 1024 * 1024;
