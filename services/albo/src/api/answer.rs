//! What goes back: publications as the contract writes them.

use jiff::civil::Date;
use varco_proto::albo::v1 as proto;

use crate::pubblicazione::{Pubblicazione, Repertorio, Stato};

/// A publication as it stands on a day.
pub fn pubblicazione(found: &Pubblicazione, today: Date) -> proto::Pubblicazione {
    let (atto, termine) = (&found.atto, &found.termine);
    proto::Pubblicazione {
        anno: u32::try_from(found.repertorio.anno).ok(),
        numero: u64::try_from(found.repertorio.numero).ok(),
        tipo_atto: Some(atto.tipo.codice.to_owned()),
        oggetto: Some(atto.oggetto.to_string()),
        numero_atto: Some(atto.numero.to_string()),
        data_atto: Some(atto.data.to_string()),
        ufficio: Some(atto.ufficio.to_string()),
        protocollo: Some(proto::RiferimentoProtocollo {
            aoo: Some(atto.protocollo.aoo.to_string()),
            registro: Some(atto.protocollo.registro.to_string()),
            anno: u32::try_from(atto.protocollo.anno).ok(),
            numero: u64::try_from(atto.protocollo.numero).ok(),
        }),
        sha256: Some(atto.sha256.as_bytes().to_vec().into()),
        dal: Some(termine.dal.to_string()),
        al: Some(termine.al.to_string()),
        termine_giorno_iniziale_incluso: Some(termine.giorno_iniziale_incluso.to_string()),
        termine_giorni_interi: Some(termine.giorni_interi.to_string()),
        base_giuridica: Some(found.base_giuridica.clone()),
        stato: Some(stato(found.stato(today)).into()),
    }
}

/// A page of at most `size`; what was found beyond it says that another follows.
pub fn page(found: &[Pubblicazione], size: u32, today: Date) -> proto::ListPubblicazioniResponse {
    let size = size as usize;
    let shown = found.get(..size).unwrap_or(found);
    let more = found.len() > size;
    let last = shown
        .last()
        .filter(|_| more)
        .map(|last| token(last.repertorio));
    proto::ListPubblicazioniResponse {
        pubblicazioni: shown.iter().map(|one| pubblicazione(one, today)).collect(),
        next_page_token: last,
    }
}

fn token(repertorio: Repertorio) -> String {
    hex::encode(repertorio.to_string())
}

fn stato(stato: Stato) -> proto::StatoPubblicazione {
    match stato {
        Stato::InCorso => proto::StatoPubblicazione::InCorso,
        Stato::Scaduta => proto::StatoPubblicazione::Scaduta,
    }
}
