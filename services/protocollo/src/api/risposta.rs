//! Writes a registration as the contract tells it.

use bytes::Bytes;
use prost_types::Timestamp;
use varco_proto::protocollo::v1 as proto;

use crate::documento::{Documento, Impronta};
use crate::identificatore::{Flusso, Identificatore};
use crate::registrazione::Registrazione;
use crate::soggetto::Soggetto;

/// The registration, whole: what of it leaves the gateway is the purpose's matter.
#[must_use]
pub fn registrazione(row: &Registrazione) -> proto::Registrazione {
    let contenuto = &row.contenuto;
    let mut answer = proto::Registrazione {
        identificatore: Some(identificatore(&row.identificatore)),
        registrata_il: Some(Timestamp {
            seconds: row.istante.at.as_second(),
            nanos: row.istante.at.subsec_nanosecond(),
        }),
        data: Some(row.data.to_string()),
        flusso: None,
        segnatura: Some(row.segnatura.as_str().to_owned()),
        oggetto: Some(contenuto.oggetto.as_str().to_owned()),
        mittente: Some(soggetto(&contenuto.mittente)),
        documento_primario: Some(documento(&contenuto.documento_primario)),
        allegati: contenuto.allegati.iter().map(documento).collect(),
        classificazione: Some(contenuto.classificazione.to_string()),
        assegnazione: Some(contenuto.assegnazione.to_string()),
        catena: Some(bytes(&row.catena)),
    };
    answer.set_flusso(flusso(contenuto.flusso));
    answer
}

fn identificatore(id: &Identificatore) -> proto::Identificatore {
    proto::Identificatore {
        aoo: Some(id.registro.aoo.to_string()),
        registro: Some(id.registro.codice.to_string()),
        anno: Some(u32::from(id.anno.unsigned_abs())),
        numero: Some(id.numero.as_u64()),
    }
}

fn flusso(flusso: Flusso) -> proto::Flusso {
    match flusso {
        Flusso::Entrata => proto::Flusso::Entrata,
        Flusso::Interno => proto::Flusso::Interno,
        Flusso::Uscita => proto::Flusso::Uscita,
    }
}

fn soggetto(soggetto: &Soggetto) -> proto::Soggetto {
    let row = soggetto.colonne();
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let tipo = match soggetto {
        Soggetto::Amministrazione { .. } => {
            proto::soggetto::Tipo::Amministrazione(proto::Amministrazione {
                denominazione: owned(row.denominazione),
                codice_ipa: owned(row.codice_ipa),
                codice_uo: owned(row.codice_uo),
            })
        }
        Soggetto::PersonaFisica { .. } => {
            proto::soggetto::Tipo::PersonaFisica(proto::PersonaFisica {
                nome: owned(row.nome),
                cognome: owned(row.cognome),
                codice_fiscale: owned(row.codice_fiscale),
            })
        }
        Soggetto::PersonaGiuridica { .. } => {
            proto::soggetto::Tipo::PersonaGiuridica(proto::PersonaGiuridica {
                denominazione: owned(row.denominazione),
                codice_fiscale: owned(row.codice_fiscale),
            })
        }
    };
    proto::Soggetto { tipo: Some(tipo) }
}

fn documento(documento: &Documento) -> proto::DocumentoRegistrato {
    proto::DocumentoRegistrato {
        documento: Some(documento.nome.to_string()),
        sha256: Some(bytes(&documento.impronta)),
        descrizione: documento
            .descrizione
            .as_ref()
            .map(|text| text.as_str().to_owned()),
    }
}

fn bytes(impronta: &Impronta) -> Bytes {
    Bytes::copy_from_slice(impronta.as_bytes())
}
