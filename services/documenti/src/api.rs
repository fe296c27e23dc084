//! The gRPC methods: parse, act, reply.
//!
//! An upload is checked while it arrives and leaves no trace unless all of it came; a download is
//! checked while it leaves. What a message means is in [`messaggi`].

use futures_util::{StreamExt, stream};
use prost::Message;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, Streaming};
use varco_proto::documenti::v1::documenti_service_server::DocumentiService;
use varco_proto::documenti::v1::{
    DownloadDocumentoRequest, DownloadDocumentoResponse, GetImprontaRequest, GetImprontaResponse,
    UploadDocumentoRequest, UploadDocumentoResponse,
};
use varco_runtime::clock::Clock;
use varco_runtime::grant::Grant;
use varco_runtime::idempotency::IdempotencyKey;

use crate::Settings;
use crate::documento::Intestazione;
use crate::error::{DOMAIN, Error};
use crate::oggetti::Oggetti;
use crate::ricezione::Ricezione;
use crate::store::Store;

pub mod messaggi;

/// The methods of documenti.
#[derive(Clone, Debug)]
pub struct Api {
    store: Store,
    oggetti: Oggetti,
    clock: Clock,
    settings: Settings,
}

impl Api {
    /// Serves from a database and a store of bytes.
    #[must_use]
    pub fn new(store: Store, oggetti: Oggetti, clock: Clock, settings: Settings) -> Self {
        Self {
            store,
            oggetti,
            clock,
            settings,
        }
    }

    /// Stores the blocks of an upload; nothing stays unless they are what the heading declares.
    async fn receive(
        &self,
        blocks: &mut Streaming<UploadDocumentoRequest>,
        intestazione: &Intestazione,
    ) -> Result<(), Status> {
        let (impronta, dimensione) = (intestazione.impronta, intestazione.dimensione);
        let mut ricezione = Ricezione::new(impronta, dimensione);
        let mut scrittura = self.oggetti.begin(self.clock.uuid()).await?;
        while let Some(message) = blocks.message().await? {
            let blocco = messaggi::blocco(message)?;
            ricezione.accept(&blocco).map_err(Error::from)?;
            scrittura.write(&blocco).await?;
        }
        ricezione.finish().map_err(Error::from)?;
        Ok(scrittura.keep(impronta, dimensione).await?)
    }
}

#[tonic::async_trait]
impl DocumentiService for Api {
    type DownloadDocumentoStream = BoxStream<DownloadDocumentoResponse>;

    async fn upload_documento(
        &self,
        request: Request<Streaming<UploadDocumentoRequest>>,
    ) -> Result<Response<UploadDocumentoResponse>, Status> {
        let grant = Grant::of(&request)?.clone();
        let metadata = request.metadata().clone();
        let mut parts = request.into_inner();
        let heading = messaggi::heading(parts.message().await?)?;
        // The heading stands for the whole upload: it holds the hash of the bytes.
        let key = IdempotencyKey::parse(&metadata, &heading.encode_to_vec())
            .map_err(|problem| problem.into_status(DOMAIN))?;
        let intestazione = messaggi::intestazione(heading, self.settings.max_dimensione)?;
        self.store.check_key(&key, &grant).await?;
        self.receive(&mut parts, &intestazione).await?;
        let documento = self.store.add(intestazione, &key, &grant).await?;
        Ok(Response::new(messaggi::stored(&documento)))
    }

    async fn download_documento(
        &self,
        request: Request<DownloadDocumentoRequest>,
    ) -> Result<Response<Self::DownloadDocumentoStream>, Status> {
        let nome = messaggi::nome(request.into_inner().documento)?;
        let intestazione = self.store.documento(nome).await?.intestazione;
        let lettura = self
            .oggetti
            .read(intestazione.impronta, intestazione.dimensione)
            .await?;
        let heading = stream::iter([Ok(messaggi::sent_heading(&intestazione))]);
        let blocks = stream::try_unfold(lettura, async |mut lettura| {
            let block = lettura.next().await?;
            Ok(block.map(|block| (messaggi::sent_block(block), lettura)))
        });
        Ok(Response::new(Box::pin(heading.chain(blocks))))
    }

    async fn get_impronta(
        &self,
        request: Request<GetImprontaRequest>,
    ) -> Result<Response<GetImprontaResponse>, Status> {
        let nome = messaggi::nome(request.into_inner().documento)?;
        let documento = self.store.documento(nome).await?;
        Ok(Response::new(messaggi::impronta(&documento)))
    }
}

#[cfg(test)]
mod tests;
