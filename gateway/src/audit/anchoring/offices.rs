//! The comune's own offices: the note is stored, registered and published as any document is.
//!
//! Here the gateway is a client like any other, of its own data plane: it has purposes in the registry,
//! asks for vouchers, and each of its calls leaves a record.

use std::future::Future;
use std::time::Duration;

use prost::bytes::Bytes;
use tonic::{Request, Response, Status};
use varco_proto::albo::v1::albo_service_client::AlboServiceClient;
use varco_proto::albo::v1::{PublishAttoRequest, RiferimentoProtocollo};
use varco_proto::documenti::v1::documenti_service_client::DocumentiServiceClient;
use varco_proto::documenti::v1::upload_documento_request::Parte;
use varco_proto::documenti::v1::{Intestazione, ModalitaFormazione, UploadDocumentoRequest};
use varco_proto::protocollo::v1::protocollo_service_client::ProtocolloServiceClient;
use varco_proto::protocollo::v1::{DocumentoRegistrato, RegisterInternoRequest};
use varco_runtime::client::{self, Gateway, retrying, why};
use varco_runtime::clock::Clock;
use varco_runtime::config::{self, Config};

use super::begun::Registrazione;
use super::{Error, Paper};
use crate::audit::record::names_a_person;

/// The way to the offices.
pub(super) struct Offices {
    gateway: Gateway,
    names: config::anchors::Offices,
}

impl Offices {
    /// Reads the client's folder; nothing is asked of the network yet.
    pub(super) fn open(config: &Config, clock: &Clock) -> Result<Self, Error> {
        let names = config.gateway.anchors.offices.clone();
        let names = names.ok_or_else(|| refused("offices", "they are not configured"))?;
        let folder = config.path(&names.client);
        let gateway = Gateway::open(&folder, &config.path(&config.comune.ca), clock)?;
        Ok(Self { gateway, names })
    }

    /// Renews the client's certificate in the last third of its life.
    pub(super) async fn renew_when_due(&self) -> Result<(), client::Error> {
        self.gateway.renew_when_due().await
    }

    /// Stores the note; gives its name in documenti.
    pub(super) async fn store(&self, paper: &Paper) -> Result<String, Error> {
        let office = "documenti";
        let channel = self.gateway.purpose(&self.names.documenti)?;
        let documenti = DocumentiServiceClient::new(channel);
        let (messages, key) = (upload(paper), paper.key(office));
        let stored = asked(office, || {
            let (mut documenti, messages) = (documenti.clone(), messages.clone());
            let request = once(&key, tokio_stream::iter(messages));
            async move { documenti.upload_documento(request).await }
        })
        .await?;
        if stored.sha256() != paper.sha256 {
            return Err(refused(office, "it has stored something else"));
        }
        let named = stored.documento.as_deref().and_then(plain);
        named.ok_or_else(|| refused(office, "its answer names no document"))
    }

    /// Registers the stored note as an internal document.
    pub(super) async fn register(
        &self,
        paper: &Paper,
        documento: &str,
    ) -> Result<Registrazione, Error> {
        let office = "protocollo";
        let channel = self.gateway.purpose(&self.names.protocollo)?;
        let protocollo = ProtocolloServiceClient::new(channel);
        let (request, key) = (self.interno(paper, documento), paper.key(office));
        let answer = asked(office, || {
            let (mut protocollo, request) = (protocollo.clone(), once(&key, request.clone()));
            async move { protocollo.register_interno(request).await }
        })
        .await?;
        let made = answer.registrazione.unwrap_or_default();
        let id = made.identificatore.clone().unwrap_or_default();
        if id.numero() == 0 {
            return Err(refused(office, "its answer has no number"));
        }
        let plain = |text| plain(text).ok_or_else(|| refused(office, "its answer is malformed"));
        Ok(Registrazione {
            aoo: plain(id.aoo())?,
            registro: plain(id.registro())?,
            anno: id.anno(),
            numero: id.numero(),
            segnatura: plain(made.segnatura())?,
        })
    }

    /// Publishes the registered note; gives its number in the repertorio.
    pub(super) async fn publish(
        &self,
        paper: &Paper,
        (documento, registrazione): (&str, &Registrazione),
    ) -> Result<String, Error> {
        let office = "albo";
        let purpose = self.names.albo.as_deref().unwrap_or_default();
        let albo = AlboServiceClient::new(self.gateway.purpose(purpose)?);
        let (request, key) = (
            self.atto(paper, documento, registrazione),
            paper.key(office),
        );
        let answer = asked(office, || {
            let (mut albo, request) = (albo.clone(), once(&key, request.clone()));
            async move { albo.publish_atto(request).await }
        })
        .await?;
        let made = answer.pubblicazione.unwrap_or_default();
        if made.numero() == 0 {
            return Err(refused(office, "its answer has no number"));
        }
        Ok(format!("{}/{}", made.numero(), made.anno()))
    }

    fn interno(&self, paper: &Paper, documento: &str) -> RegisterInternoRequest {
        RegisterInternoRequest {
            ufficio_mittente: Some(self.names.ufficio.clone()),
            oggetto: Some(paper.oggetto()),
            documento_primario: Some(DocumentoRegistrato {
                documento: Some(documento.to_owned()),
                sha256: Some(Bytes::copy_from_slice(&paper.sha256)),
                descrizione: Some("Checkpoint firmato del registro degli accessi".to_owned()),
            }),
            classificazione: Some(SISTEMA_INFORMATIVO.to_owned()),
            assegnazione: Some(self.names.ufficio.clone()),
            ..RegisterInternoRequest::default()
        }
    }

    fn atto(
        &self,
        paper: &Paper,
        documento: &str,
        registrazione: &Registrazione,
    ) -> PublishAttoRequest {
        let Registrazione {
            aoo,
            registro,
            anno,
            numero,
            ..
        } = registrazione;
        PublishAttoRequest {
            tipo_atto: Some(AVVISO.to_owned()),
            oggetto: Some(paper.oggetto()),
            numero_atto: Some(paper.checkpoint.size.to_string()),
            data_atto: Some(paper.day.to_string()),
            ufficio: Some(self.names.ufficio.clone()),
            protocollo: Some(RiferimentoProtocollo {
                aoo: Some(aoo.clone()),
                registro: Some(registro.clone()),
                anno: Some(*anno),
                numero: Some(*numero),
            }),
            documento: Some(documento.to_owned()),
            sha256: Some(Bytes::copy_from_slice(&paper.sha256)),
            giorni: None,
        }
    }
}

fn upload(paper: &Paper) -> Vec<UploadDocumentoRequest> {
    let heading = Intestazione {
        nome: Some(paper.file_name()),
        media_type: Some("text/plain".to_owned()),
        sha256: Some(Bytes::copy_from_slice(&paper.sha256)),
        dimensione: u64::try_from(paper.note.len()).ok(),
        tipologia: Some("checkpoint".to_owned()),
        modalita_formazione: Some(ModalitaFormazione::Estrazione.into()),
        oggetto: Some(paper.oggetto()),
    };
    let note = Bytes::copy_from_slice(paper.note.as_bytes());
    [Parte::Intestazione(heading), Parte::Blocco(note)]
        .map(|parte| UploadDocumentoRequest { parte: Some(parte) })
        .to_vec()
}

/// A request that is carried out once, however often it is sent.
fn once<M>(key: &str, message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.set_timeout(PATIENCE);
    if let Ok(key) = key.parse() {
        request.metadata_mut().insert("idempotency-key", key);
    }
    request
}

async fn asked<T, F>(office: &'static str, call: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let answer = tokio::time::timeout(PATIENCE, retrying(call)).await;
    let answer = answer.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")));
    answer.map(Response::into_inner).map_err(|status| {
        let why = plain(&why(&status));
        refused(
            office,
            why.as_deref().unwrap_or("for a reason that is none"),
        )
    })
}

/// What an office said, where it may stand in a record and in a log line: short, and of nobody.
fn plain(text: &str) -> Option<String> {
    let is_plain = (1..=100).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !names_a_person(text);
    is_plain.then(|| text.to_owned())
}

fn refused(office: &'static str, reason: &str) -> Error {
    Error::Office {
        office,
        reason: reason.to_owned(),
    }
}

/// Class of the titolario for the comuni: "Sistema informativo".
const SISTEMA_INFORMATIVO: &str = "I/7";
/// Kind of act of the AgID vocabulary: "Avviso/Manifesto".
const AVVISO: &str = "D.01.02";
const PATIENCE: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_short_and_names_nobody_is_taken_from_an_office() {
        let segnatura = "c_z999-AOO01-PG-2026-0000003-I";

        assert_eq!(plain(segnatura).as_deref(), Some(segnatura));
        for text in ["", "two words", "riga\n", "à", "per-RSSMRA80A01H501U"] {
            assert_eq!(plain(text), None, "{text}");
        }
        assert_eq!(plain(&"x".repeat(101)), None);
    }
}
