//! The registry's gRPC methods: each answers with the least that serves (GDPR art. 5(1)(c)).
//!
//! A verification gives one answer to a wrong address and to an unknown person, so that nobody
//! can search the register by guessing; whoever may read a residence is told why there is none.

mod answer;
mod request;

use jiff::civil::Date;
use tonic::{Request, Response, Status};
use varco_proto::anagrafe::v1::anagrafe_service_server::AnagrafeService;
use varco_proto::anagrafe::v1::{
    GetFamigliaRequest, GetFamigliaResponse, GetResidenzaRequest, GetResidenzaResponse,
    ResolveIdentificativiRequest, ResolveIdentificativiResponse, VerifyResidenzaRequest,
    VerifyResidenzaResponse,
};
use varco_runtime::clock::Clock;
use varco_runtime::store::Db;

use crate::api::request::Identificativo;
use crate::error::Error;
use crate::posizione::{self, Assenza};
use crate::residenza::{self, Esito};
use crate::store;

/// What the methods stand on.
#[derive(Clone, Debug)]
pub struct Api {
    /// The register.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// First day of the register.
    pub registro_dal: Date,
}

#[tonic::async_trait]
impl AnagrafeService for Api {
    async fn verify_residenza(
        &self,
        request: Request<VerifyResidenzaRequest>,
    ) -> Result<Response<VerifyResidenzaResponse>, Status> {
        let esito = self.verify(request.get_ref()).await?;
        Ok(Response::new(answer::esito(esito)))
    }

    async fn get_residenza(
        &self,
        request: Request<GetResidenzaRequest>,
    ) -> Result<Response<GetResidenzaResponse>, Status> {
        let answer = self.residenza(request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn get_famiglia(
        &self,
        request: Request<GetFamigliaRequest>,
    ) -> Result<Response<GetFamigliaResponse>, Status> {
        let answer = self.famiglia(request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn resolve_identificativi(
        &self,
        request: Request<ResolveIdentificativiRequest>,
    ) -> Result<Response<ResolveIdentificativiResponse>, Status> {
        let answer = self.identificativi(request.get_ref()).await?;
        Ok(Response::new(answer))
    }
}

impl Api {
    async fn verify(&self, message: &VerifyResidenzaRequest) -> Result<Esito, Error> {
        let codice = request::codice_fiscale(message.codice_fiscale.as_deref())?;
        let declared = request::indirizzo(message.indirizzo.as_ref())?;
        let day = self.day(message.data.as_deref())?;
        let now = self.clock.now();
        let mut tx = self.db.read().await?;
        let Some(persona) = store::persona::by_codice(&mut tx, &codice, now).await? else {
            return Ok(Esito::NonConfermato);
        };
        let storia = store::residenza::storia(&mut tx, persona.id, now).await?;
        let registered = posizione::residenza_at(&persona, &storia, day).ok();
        Ok(residenza::verify(&declared, registered))
    }

    async fn residenza(
        &self,
        message: &GetResidenzaRequest,
    ) -> Result<GetResidenzaResponse, Error> {
        let codice = request::codice_fiscale(message.codice_fiscale.as_deref())?;
        let day = self.day(message.data.as_deref())?;
        let now = self.clock.now();
        let mut tx = self.db.read().await?;
        let persona = store::persona::by_codice(&mut tx, &codice, now).await?;
        let persona = persona.ok_or(Error::PersonUnknown)?;
        let storia = store::residenza::storia(&mut tx, persona.id, now).await?;
        let residenza = posizione::residenza_at(&persona, &storia, day)?;
        Ok(answer::residenza(residenza))
    }

    async fn famiglia(&self, message: &GetFamigliaRequest) -> Result<GetFamigliaResponse, Error> {
        let codice = request::codice_fiscale(message.codice_fiscale.as_deref())?;
        let view = request::view(message)?;
        let day = self.day(message.data.as_deref())?;
        let now = self.clock.now();
        let mut tx = self.db.read().await?;
        let persona = store::persona::by_codice(&mut tx, &codice, now).await?;
        let persona = persona.ok_or(Error::PersonUnknown)?;
        posizione::check(&persona, day)?;
        let membri = store::famiglia::membri(&mut tx, persona.id, day, now).await?;
        if membri.is_empty() {
            return Err(Assenza::NotResident.into());
        }
        Ok(answer::famiglia(membri, view))
    }

    async fn identificativi(
        &self,
        message: &ResolveIdentificativiRequest,
    ) -> Result<ResolveIdentificativiResponse, Error> {
        let asked = request::identificativo(message)?;
        let now = self.clock.now();
        let mut tx = self.db.read().await?;
        let id = match asked {
            Identificativo::Codice(codice) => {
                store::identificativi::named_by(&mut tx, &codice, now).await?
            }
            Identificativo::Id(id) => Some(id),
        };
        let id = id.ok_or(Error::PersonUnknown)?;
        let found = store::identificativi::of(&mut tx, id, now).await?;
        Ok(answer::identificativi(&found.ok_or(Error::PersonUnknown)?))
    }

    /// The day that a request asks about: of the register, and not to come.
    fn day(&self, data: Option<&str>) -> Result<Date, Error> {
        let today = self.clock.today();
        let Some(data) = data else { return Ok(today) };
        let day = request::data(data)?;
        if day > today {
            return Err(Error::DateInFuture);
        }
        if day < self.registro_dal {
            return Err(Error::DateBeforeRegister {
                registro_dal: self.registro_dal,
            });
        }
        Ok(day)
    }
}

#[cfg(test)]
mod tests;
