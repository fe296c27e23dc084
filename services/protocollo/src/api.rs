//! The gRPC methods: parse, act, reply.
//!
//! A registration goes through four doors in this order: the request is well formed, its key is
//! new, documenti confirms its documents, the register takes it. What a message means is in
//! [`richiesta`] and [`risposta`].

use prost::Message;
use tonic::{Request, Response, Status};
use varco_proto::protocollo::v1::protocollo_service_server::ProtocolloService;
use varco_proto::protocollo::v1::{
    Esito, GetRegistrazioneRequest, GetRegistrazioneResponse, RegisterInEntrataRequest,
    RegisterInEntrataResponse, RegisterInternoRequest, RegisterInternoResponse,
    VerifyRegistrazioneRequest, VerifyRegistrazioneResponse,
};
use varco_runtime::grant::Grant;
use varco_runtime::idempotency::IdempotencyKey;

use crate::Settings;
use crate::documenti::Documenti;
use crate::error::{DOMAIN, Error};
use crate::identificatore::{Identificatore, Registro};
use crate::registrazione::{Contenuto, Registrazione};
use crate::store::Store;

pub mod campo;
pub mod richiesta;
pub mod risposta;

/// The methods of protocollo.
#[derive(Clone, Debug)]
pub struct Api {
    store: Store,
    documenti: Documenti,
    settings: Settings,
}

impl Api {
    /// Serves the register of the settings.
    #[must_use]
    pub fn new(store: Store, documenti: Documenti, settings: Settings) -> Self {
        Self {
            store,
            documenti,
            settings,
        }
    }

    async fn register(
        &self,
        contenuto: Contenuto,
        registro: &Registro,
        (key, grant): (&IdempotencyKey, &Grant),
    ) -> Result<Registrazione, Error> {
        if let Some(known) = self.store.known(key, grant).await? {
            return Ok(known);
        }
        for (field, documento) in contenuto.documenti() {
            self.documenti.check(documento, field, grant).await?;
        }
        self.store.register(contenuto, registro, (key, grant)).await
    }

    /// The register that a request names, or the ordinary one.
    fn registro(&self, codice: Option<String>) -> Result<Registro, Error> {
        let ordinary = Registro {
            aoo: self.settings.aoo.clone(),
            codice: self.settings.registro.clone(),
        };
        match campo::optional("registro", codice)? {
            Some(codice) => self.existing(Registro { codice, ..ordinary }),
            None => Ok(ordinary),
        }
    }

    /// The ordinary register is the only one that this administration keeps here so far.
    fn existing(&self, registro: Registro) -> Result<Registro, Error> {
        if (&registro.aoo, &registro.codice) == (&self.settings.aoo, &self.settings.registro) {
            return Ok(registro);
        }
        Err(Error::RegisterUnknown(registro))
    }

    fn identificatore(&self, id: Identificatore) -> Result<Identificatore, Error> {
        Ok(Identificatore {
            registro: self.existing(id.registro)?,
            ..id
        })
    }
}

#[tonic::async_trait]
impl ProtocolloService for Api {
    async fn register_in_entrata(
        &self,
        request: Request<RegisterInEntrataRequest>,
    ) -> Result<Response<RegisterInEntrataResponse>, Status> {
        let (grant, key) = caller(&request)?;
        let request = request.into_inner();
        let registro = self.registro(request.registro.clone())?;
        let contenuto = richiesta::in_entrata(request)?;
        let row = self.register(contenuto, &registro, (&key, &grant)).await?;
        let registrazione = Some(risposta::registrazione(&row));
        Ok(Response::new(RegisterInEntrataResponse { registrazione }))
    }

    async fn register_interno(
        &self,
        request: Request<RegisterInternoRequest>,
    ) -> Result<Response<RegisterInternoResponse>, Status> {
        let (grant, key) = caller(&request)?;
        let request = request.into_inner();
        let registro = self.registro(request.registro.clone())?;
        let contenuto = richiesta::interno(request, &self.settings.codice_amministrazione)?;
        let row = self.register(contenuto, &registro, (&key, &grant)).await?;
        let registrazione = Some(risposta::registrazione(&row));
        Ok(Response::new(RegisterInternoResponse { registrazione }))
    }

    async fn get_registrazione(
        &self,
        request: Request<GetRegistrazioneRequest>,
    ) -> Result<Response<GetRegistrazioneResponse>, Status> {
        let id = richiesta::identificatore(request.into_inner().identificatore)?;
        let row = self.store.registrazione(&self.identificatore(id)?).await?;
        let registrazione = Some(risposta::registrazione(&row));
        Ok(Response::new(GetRegistrazioneResponse { registrazione }))
    }

    async fn verify_registrazione(
        &self,
        request: Request<VerifyRegistrazioneRequest>,
    ) -> Result<Response<VerifyRegistrazioneResponse>, Status> {
        let request = request.into_inner();
        let id = richiesta::identificatore(request.identificatore)?;
        let impronta = campo::sha256("sha256", request.sha256.as_deref())?;
        let holds = self
            .store
            .holds(&self.identificatore(id)?, &impronta)
            .await?;
        let esito = if holds {
            Esito::Confermato
        } else {
            Esito::NonConfermato
        };
        Ok(Response::new(VerifyRegistrazioneResponse {
            esito: Some(esito.into()),
        }))
    }
}

/// Who calls, and the key of the call, which stands for the method and the whole request.
fn caller<T: Message>(request: &Request<T>) -> Result<(Grant, IdempotencyKey), Status> {
    let grant = Grant::of(request)?.clone();
    let mut content = grant.method.clone().into_bytes();
    content.push(0);
    content.extend(request.get_ref().encode_to_vec());
    let key = IdempotencyKey::parse(request.metadata(), &content)
        .map_err(|problem| problem.into_status(DOMAIN))?;
    Ok((grant, key))
}

#[cfg(test)]
mod tests;
