//! Storing a document in documenti: its heading, then its bytes in blocks, its hash declared.

use aws_lc_rs::digest::{SHA256, digest};
use prost::bytes::Bytes;
use varco_proto::documenti::v1::documenti_service_client::DocumentiServiceClient;
use varco_proto::documenti::v1::upload_documento_request::Parte;
use varco_proto::documenti::v1::{
    Intestazione, ModalitaFormazione, UploadDocumentoRequest, UploadDocumentoResponse,
};

use super::envelope::Envelope;
use super::plan::Plan;
use super::run::Run;
use super::town::Town;

/// A document before it is stored.
pub struct Foglio {
    /// File name.
    pub nome: &'static str,
    /// Kind of document.
    pub tipologia: &'static str,
    /// What it is about.
    pub oggetto: String,
    /// The PDF.
    pub bytes: Bytes,
}

/// A document that documenti keeps.
pub struct Stored {
    /// Its name there.
    pub nome: String,
    /// Its hash.
    pub sha256: Bytes,
}

/// Uploads a document; what was stored must have the declared hash.
pub async fn store(plan: &Plan, foglio: Foglio, town: &Town, run: &mut Run) -> Option<Stored> {
    let sha256 = sha256(&foglio.bytes);
    let size = u64::try_from(foglio.bytes.len()).unwrap_or(u64::MAX);
    let judge = |answer: &UploadDocumentoResponse| {
        let same = answer.sha256() == sha256 && answer.dimensione() == size;
        if same { "OK" } else { "OTHER_HASH" }
    };
    let (key, messages) = (run.key(), messages(&foglio, &sha256, size));
    let upload = async |envelope: Envelope| {
        let mut documenti = DocumentiServiceClient::new(town.through(plan)?);
        let messages = tokio_stream::iter(messages);
        documenti
            .upload_documento(envelope.once(&key).around(messages))
            .await
    };
    let answer = run.call(plan, judge, upload).await?;
    run.note(format!("{size} bytes"));
    let nome = answer.documento?;
    Some(Stored { nome, sha256 })
}

/// The SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(digest(&SHA256, bytes).as_ref())
}

fn messages(foglio: &Foglio, sha256: &Bytes, size: u64) -> Vec<UploadDocumentoRequest> {
    let heading = Intestazione {
        nome: Some(foglio.nome.to_owned()),
        media_type: Some("application/pdf".to_owned()),
        sha256: Some(sha256.clone()),
        dimensione: Some(size),
        tipologia: Some(foglio.tipologia.to_owned()),
        modalita_formazione: Some(ModalitaFormazione::Software.into()),
        oggetto: Some(foglio.oggetto.clone()),
    };
    let blocks = foglio.bytes.chunks(BLOCK);
    let blocks = blocks.map(|block| Parte::Blocco(Bytes::copy_from_slice(block)));
    std::iter::once(Parte::Intestazione(heading))
        .chain(blocks)
        .map(|parte| UploadDocumentoRequest { parte: Some(parte) })
        .collect()
}

const BLOCK: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heading_comes_first_and_blocks_are_bounded() {
        let foglio = Foglio {
            nome: "a.pdf",
            tipologia: "istanza",
            oggetto: "prova".to_owned(),
            bytes: vec![7; BLOCK + 1].into(),
        };

        let messages = messages(&foglio, &sha256(&foglio.bytes), 1);

        let sizes: Vec<usize> = messages
            .iter()
            .map(|message| match &message.parte {
                Some(Parte::Blocco(block)) => block.len(),
                _ => 0,
            })
            .collect();
        assert_eq!(sizes, [0, BLOCK, 1]);
    }
}
