//! Calls that tests make as offices do, and what they look at in answers.

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use tonic::{Request, Response, Status};
use tonic_types::StatusExt as _;
use varco_proto::anagrafe::v1::VerifyResidenzaRequest;
use varco_proto::anagrafe::v1::anagrafe_service_client::AnagrafeServiceClient;
use varco_proto::documenti::v1::documenti_service_client::DocumentiServiceClient;
use varco_proto::documenti::v1::upload_documento_request::Parte;
use varco_proto::documenti::v1::{
    Intestazione, ModalitaFormazione, UploadDocumentoRequest, UploadDocumentoResponse,
};
use varco_proto::protocollo::v1::protocollo_service_client::ProtocolloServiceClient;
use varco_proto::protocollo::v1::soggetto::Tipo;
use varco_proto::protocollo::v1::{
    DocumentoRegistrato, PersonaGiuridica, RegisterInEntrataRequest, RegisterInEntrataResponse,
    Soggetto,
};
use varco_runtime::client::Gateway;

pub mod raw;

/// SHA-256 of some bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(digest(&SHA256, bytes).as_ref())
}

/// The reason that a refusal carries.
#[must_use]
pub fn reason(status: &Status) -> String {
    status
        .get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_default()
}

/// A request with an idempotency key.
///
/// # Panics
///
/// When the key is no metadata.
pub fn keyed<T>(message: T, key: &str) -> Request<T> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("idempotency-key", key.parse().expect("a key"));
    request
}

/// The index in the register of accesses that an answer carries.
#[must_use]
pub fn audit_index(metadata: &tonic::metadata::MetadataMap) -> Option<u64> {
    metadata
        .get("varco-audit-index")?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// The heading that describes some bytes truly.
#[must_use]
pub fn heading(content: &[u8]) -> Intestazione {
    Intestazione {
        nome: Some("prova.txt".to_owned()),
        media_type: Some("text/plain".to_owned()),
        sha256: Some(sha256(content)),
        dimensione: u64::try_from(content.len()).ok(),
        tipologia: Some("istanza".to_owned()),
        modalita_formazione: Some(ModalitaFormazione::Software.into()),
        oggetto: Some("prova".to_owned()),
    }
}

/// The messages of an upload: a heading, then blocks.
#[must_use]
pub fn upload(heading: Intestazione, content: &[u8], block: usize) -> Vec<UploadDocumentoRequest> {
    let first = UploadDocumentoRequest {
        parte: Some(Parte::Intestazione(heading)),
    };
    let blocks = content.chunks(block).map(|chunk| UploadDocumentoRequest {
        parte: Some(Parte::Blocco(Bytes::copy_from_slice(chunk))),
    });
    std::iter::once(first).chain(blocks).collect()
}

/// Sends an upload as the desk does.
///
/// # Errors
///
/// As the gateway or documenti refuse.
///
/// # Panics
///
/// When the desk lacks the purpose.
pub async fn send_upload(
    desk: &Gateway,
    messages: Vec<UploadDocumentoRequest>,
    key: &str,
) -> Result<Response<UploadDocumentoResponse>, Status> {
    let channel = desk.purpose("istanze-documenti").expect("a purpose");
    let stream = tokio_stream::iter(messages);
    DocumentiServiceClient::new(channel)
        .upload_documento(keyed(stream, key))
        .await
}

/// Stores a document as the desk does, and gives its name.
///
/// # Errors
///
/// As the gateway or documenti refuse.
pub async fn store(desk: &Gateway, content: &[u8], key: &str) -> Result<String, Status> {
    let messages = upload(heading(content), content, 64 * 1024);
    let stored = send_upload(desk, messages, key).await?.into_inner();
    Ok(stored.documento.unwrap_or_default())
}

/// What registers a document in entrata.
#[must_use]
pub fn registration(documento: &str, content: &[u8]) -> RegisterInEntrataRequest {
    let sender = PersonaGiuridica {
        denominazione: Some("Ditta di prova".to_owned()),
        codice_fiscale: None,
    };
    RegisterInEntrataRequest {
        mittente: Some(Soggetto {
            tipo: Some(Tipo::PersonaGiuridica(sender)),
        }),
        oggetto: Some("Istanza di prova".to_owned()),
        documento_primario: Some(DocumentoRegistrato {
            documento: Some(documento.to_owned()),
            sha256: Some(sha256(content)),
            descrizione: Some("istanza".to_owned()),
        }),
        classificazione: Some("XI/2".to_owned()),
        assegnazione: Some("DEMO".to_owned()),
        canale: Some("sportello".to_owned()),
        ..Default::default()
    }
}

/// Registers a stored document in entrata as the desk does.
///
/// # Errors
///
/// As the gateway or protocollo refuse.
///
/// # Panics
///
/// When the desk lacks the purpose.
pub async fn register(
    desk: &Gateway,
    documento: &str,
    content: &[u8],
    key: &str,
) -> Result<Response<RegisterInEntrataResponse>, Status> {
    let request = keyed(registration(documento, content), key);
    let channel = desk.purpose("istanze-protocollo").expect("a purpose");
    ProtocolloServiceClient::new(channel)
        .register_in_entrata(request)
        .await
}

/// Asks for the residence of somebody who does not exist, as the tax office may.
///
/// # Errors
///
/// As the gateway or anagrafe refuse.
///
/// # Panics
///
/// When the tax office lacks the purpose.
pub async fn verify(tax_office: &Gateway, purpose: &str) -> Result<(), Status> {
    let channel = tax_office.purpose(purpose).expect("a purpose");
    let mut client = AnagrafeServiceClient::new(channel);
    client.verify_residenza(question()).await.map(|_| ())
}

/// A question about somebody who does not exist.
#[must_use]
pub fn question() -> VerifyResidenzaRequest {
    VerifyResidenzaRequest {
        codice_fiscale: Some("RSSMRA80A01H501U".to_owned()),
        indirizzo: Some(varco_proto::anagrafe::v1::Indirizzo {
            specie: Some("via".to_owned()),
            denominazione: Some("Inesistente".to_owned()),
            numero: Some(1),
            ..Default::default()
        }),
        data: None,
    }
}
