//! The board's gRPC methods: parse, ask, record, answer.

mod answer;
mod request;

use jiff::Timestamp;
use prost::Message as _;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};
use varco_proto::albo::v1::albo_service_server::AlboService;
use varco_proto::albo::v1::{
    GetPubblicazioneRequest, GetPubblicazioneResponse, ListPubblicazioniRequest,
    ListPubblicazioniResponse, PublishAttoRequest, PublishAttoResponse,
};
use varco_runtime::clock::{Clock, day};
use varco_runtime::grant::Grant;
use varco_runtime::idempotency::IdempotencyKey;
use varco_runtime::problem::Problem;
use varco_runtime::store::Db;

use crate::archivio::Archivio;
use crate::atto::Atto;
use crate::error::{DOMAIN, Error};
use crate::pubblicazione::{Chiave, Copia, Pubblicazione, Repertorio};
use crate::riservatezza;
use crate::store::{self, Mandato, Nuova};
use crate::termine::{Giorni, Termine};
use crate::uffici::Uffici;

/// What the methods stand on.
#[derive(Clone, Debug)]
pub struct Api {
    /// The repertorio.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// The offices that are asked first.
    pub uffici: Uffici,
    /// The public copies.
    pub archivio: Archivio,
}

#[tonic::async_trait]
impl AlboService for Api {
    async fn publish_atto(
        &self,
        request: Request<PublishAttoRequest>,
    ) -> Result<Response<PublishAttoResponse>, Status> {
        let grant = Grant::of(&request)?.clone();
        let (metadata, _, message) = request.into_parts();
        let published = self
            .publish(grant, &metadata, message)
            .await
            .map_err(refused)?;
        let pubblicazione = Some(answer::pubblicazione(&published, self.clock.today()));
        Ok(Response::new(PublishAttoResponse { pubblicazione }))
    }

    async fn get_pubblicazione(
        &self,
        request: Request<GetPubblicazioneRequest>,
    ) -> Result<Response<GetPubblicazioneResponse>, Status> {
        let found = self.get(request.get_ref()).await.map_err(refused)?;
        let pubblicazione = Some(answer::pubblicazione(&found, self.clock.today()));
        Ok(Response::new(GetPubblicazioneResponse { pubblicazione }))
    }

    async fn list_pubblicazioni(
        &self,
        request: Request<ListPubblicazioniRequest>,
    ) -> Result<Response<ListPubblicazioniResponse>, Status> {
        let page = self.list(request.get_ref()).await.map_err(refused)?;
        Ok(Response::new(page))
    }
}

impl Api {
    async fn publish(
        &self,
        grant: Grant,
        metadata: &MetadataMap,
        message: PublishAttoRequest,
    ) -> Result<Pubblicazione, Problem> {
        let key = IdempotencyKey::parse(metadata, &message.encode_to_vec())?;
        let mandato = Mandato {
            grant: grant.clone(),
            key,
        };
        if let Some(published) = self.published_before(&mandato).await? {
            return Ok(published);
        }
        let (atto, giorni) = request::atto(&message, self.clock.today())?;
        riservatezza::check(atto.oggetto.as_str()).map_err(Error::PrivacyReview)?;
        self.uffici.confirm_protocollo(&atto, &grant).await?;
        let copia = self.copy(&atto, &grant).await?;
        if let Some(published) = self.record(atto, giorni, copia, &mandato).await? {
            return Ok(published);
        }
        // The same request ran at the same time and was faster.
        let published = self.published_before(&mandato).await?;
        published.ok_or_else(|| Error::Row("idempotency").into())
    }

    /// What the same key published before, linked to this call too; another content under the key
    /// is refused.
    async fn published_before(&self, mandato: &Mandato) -> Result<Option<Pubblicazione>, Problem> {
        let Some(given) = self.given(mandato).await? else {
            return Ok(None);
        };
        mandato.key.check(&given.digest)?;
        let repeated = (given.pubblicazione.repertorio, self.clock.now());
        self.repeat(mandato, repeated).await?;
        Ok(Some(given.pubblicazione))
    }

    async fn given(&self, mandato: &Mandato) -> Result<Option<store::Given>, Error> {
        let mut tx = self.db.read().await?;
        store::given(&mut tx, &mandato.grant.client_id, mandato.key.as_str()).await
    }

    async fn repeat(
        &self,
        mandato: &Mandato,
        repeated: (Repertorio, Timestamp),
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        store::repeat(&mut tx, mandato, repeated).await?;
        Ok(tx.commit().await?)
    }

    /// Takes the board's own copy of the document, once its hash is the declared one.
    async fn copy(&self, atto: &Atto, grant: &Grant) -> Result<Copia, Error> {
        let impronta = self.uffici.impronta(atto, grant).await?;
        let chiave = Chiave::random()?;
        let bozza = self.archivio.begin(chiave).await?;
        let ricevuta = self.uffici.download(atto, bozza, grant).await?;
        let dimensione = i64::try_from(ricevuta.dimensione).unwrap_or(i64::MAX);
        self.archivio.keep(ricevuta, chiave).await?;
        Ok(Copia {
            chiave,
            media_type: request::media_type(impronta.media_type()),
            dimensione,
        })
    }

    /// Puts the act on the board; `None` when the same key won meanwhile.
    async fn record(
        &self,
        atto: Atto,
        giorni: Giorni,
        copia: Copia,
        mandato: &Mandato,
    ) -> Result<Option<Pubblicazione>, Error> {
        let (chiave, sha256) = (copia.chiave, atto.sha256);
        let mut tx = self.db.begin().await?;
        let at = self.clock.now();
        let termine = Termine::starting(day(at), giorni);
        let published = store::publish(
            &mut tx,
            Nuova {
                atto,
                termine,
                copia,
                at,
            },
            mandato,
        )
        .await?;
        if published.is_some() {
            tx.commit().await?;
        } else {
            drop(tx);
            self.archivio.remove(chiave, sha256).await?;
        }
        Ok(published)
    }

    async fn get(&self, message: &GetPubblicazioneRequest) -> Result<Pubblicazione, Error> {
        let repertorio = request::repertorio(message)?;
        let mut tx = self.db.read().await?;
        let found = store::pubblicazione(&mut tx, repertorio).await?;
        found.ok_or_else(|| Error::PubblicazioneUnknown(format!("pubblicazioni/{repertorio}")))
    }

    async fn list(
        &self,
        message: &ListPubblicazioniRequest,
    ) -> Result<ListPubblicazioniResponse, Error> {
        let page = request::page(message)?;
        let today = self.clock.today();
        let mut tx = self.db.read().await?;
        let found = store::in_corso_after(&mut tx, today, page.after, page.size + 1).await?;
        Ok(answer::page(&found, page.size, today))
    }
}

fn refused(problem: impl Into<Problem>) -> Status {
    problem.into().into_status(DOMAIN)
}

#[cfg(test)]
mod tests;
