//! Protocollo and documenti as they answer in a test.

use std::convert::Infallible;
use std::pin::Pin;

use tokio_stream::Stream;
use tonic::{Code, Request, Response, Status};
use tower::util::{BoxCloneSyncService, MapErr};
use varco_proto::documenti::v1 as documenti;
use varco_proto::documenti::v1::documenti_service_server::{
    DocumentiService, DocumentiServiceServer,
};
use varco_proto::documenti::v1::download_documento_response::Parte;
use varco_proto::protocollo::v1 as protocollo;
use varco_proto::protocollo::v1::protocollo_service_server::{
    ProtocolloService, ProtocolloServiceServer,
};

use crate::esempio::{DOCUMENTO, impronta};
use crate::uffici::Uffici;

/// The two offices as they answer in a test.
#[derive(Clone)]
pub struct Offices {
    pub esito: protocollo::Esito,
    pub bytes: &'static [u8],
    pub refusal: Option<Code>,
}

impl Default for Offices {
    fn default() -> Self {
        Self {
            esito: protocollo::Esito::Confermato,
            bytes: DOCUMENTO,
            refusal: None,
        }
    }
}

impl Offices {
    pub fn uffici(&self) -> Uffici {
        let documenti = DocumentiServiceServer::new(self.clone());
        let protocollo = ProtocolloServiceServer::new(self.clone());
        Uffici::new(
            BoxCloneSyncService::new(MapErr::new(documenti, never)),
            BoxCloneSyncService::new(MapErr::new(protocollo, never)),
        )
    }

    fn refuse(&self) -> Result<(), Status> {
        self.refusal
            .map_or(Ok(()), |code| Err(Status::new(code, "refused")))
    }
}

#[tonic::async_trait]
impl ProtocolloService for Offices {
    async fn verify_registrazione(
        &self,
        request: Request<protocollo::VerifyRegistrazioneRequest>,
    ) -> Result<Response<protocollo::VerifyRegistrazioneResponse>, Status> {
        let asked = request.into_inner().identificatore.unwrap_or_default();
        assert_eq!(
            (asked.aoo(), asked.anno(), asked.numero()),
            ("AOO1", 2026, 12)
        );
        let esito = Some(self.esito.into());
        Ok(Response::new(protocollo::VerifyRegistrazioneResponse {
            esito,
        }))
    }

    async fn register_in_entrata(
        &self,
        _: Request<protocollo::RegisterInEntrataRequest>,
    ) -> Result<Response<protocollo::RegisterInEntrataResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn register_interno(
        &self,
        _: Request<protocollo::RegisterInternoRequest>,
    ) -> Result<Response<protocollo::RegisterInternoResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get_registrazione(
        &self,
        _: Request<protocollo::GetRegistrazioneRequest>,
    ) -> Result<Response<protocollo::GetRegistrazioneResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

#[tonic::async_trait]
impl DocumentiService for Offices {
    type DownloadDocumentoStream =
        Pin<Box<dyn Stream<Item = Result<documenti::DownloadDocumentoResponse, Status>> + Send>>;

    async fn get_impronta(
        &self,
        _: Request<documenti::GetImprontaRequest>,
    ) -> Result<Response<documenti::GetImprontaResponse>, Status> {
        self.refuse()?;
        Ok(Response::new(documenti::GetImprontaResponse {
            sha256: Some(impronta(DOCUMENTO).as_bytes().to_vec().into()),
            dimensione: Some(DOCUMENTO.len() as u64),
            media_type: Some("application/pdf".to_owned()),
        }))
    }

    async fn download_documento(
        &self,
        _: Request<documenti::DownloadDocumentoRequest>,
    ) -> Result<Response<Self::DownloadDocumentoStream>, Status> {
        let parts = [
            Parte::Intestazione(documenti::Intestazione::default()),
            Parte::Blocco(self.bytes[..3].to_vec().into()),
            Parte::Blocco(self.bytes[3..].to_vec().into()),
        ];
        let messages =
            parts.map(|parte| Ok(documenti::DownloadDocumentoResponse { parte: Some(parte) }));
        Ok(Response::new(Box::pin(tokio_stream::iter(messages))))
    }

    async fn upload_documento(
        &self,
        _: Request<tonic::Streaming<documenti::UploadDocumentoRequest>>,
    ) -> Result<Response<documenti::UploadDocumentoResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

fn never(never: Infallible) -> Status {
    match never {}
}
