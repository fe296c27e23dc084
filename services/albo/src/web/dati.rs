//! The board as JSON, for programs: the same acts as the pages, no more.

use jiff::Timestamp;
use serde::Serialize;

use crate::pubblicazione::Pubblicazione;
use crate::settings::Settings;
use crate::web::Elenco;

/// One page of the board.
#[derive(Debug, Serialize)]
pub struct Albo {
    comune: String,
    aggiornato: String,
    pubblicazioni: Vec<Voce>,
    /// Address of the next page.
    successiva: Option<String>,
}

#[derive(Debug, Serialize)]
struct Voce {
    anno: i16,
    numero: i64,
    tipo_atto: &'static str,
    tipo_atto_etichetta: &'static str,
    oggetto: String,
    numero_atto: String,
    data_atto: String,
    ufficio: String,
    dal: String,
    al: String,
    termine_giorno_iniziale_incluso: String,
    termine_giorni_interi: String,
    base_giuridica: String,
    sha256: String,
    pagina: String,
    documento: String,
}

/// Writes one page of the board.
pub fn albo(settings: &Settings, elenco: &Elenco, now: Timestamp) -> Albo {
    let base = settings.base_url.trim_end_matches('/');
    Albo {
        comune: settings.comune.clone(),
        aggiornato: now.to_string(),
        pubblicazioni: elenco
            .pubblicazioni
            .iter()
            .map(|found| voce(base, found))
            .collect(),
        successiva: elenco
            .oltre
            .map(|oltre| format!("{base}/albo.json?oltre={oltre}")),
    }
}

fn voce(base: &str, found: &Pubblicazione) -> Voce {
    let (atto, termine) = (&found.atto, &found.termine);
    Voce {
        anno: found.repertorio.anno,
        numero: found.repertorio.numero,
        tipo_atto: atto.tipo.codice,
        tipo_atto_etichetta: atto.tipo.etichetta,
        oggetto: atto.oggetto.to_string(),
        numero_atto: atto.numero.to_string(),
        data_atto: atto.data.to_string(),
        ufficio: atto.ufficio.to_string(),
        dal: termine.dal.to_string(),
        al: termine.al.to_string(),
        termine_giorno_iniziale_incluso: termine.giorno_iniziale_incluso.to_string(),
        termine_giorni_interi: termine.giorni_interi.to_string(),
        base_giuridica: found.base_giuridica.clone(),
        sha256: atto.sha256.to_string(),
        pagina: format!("{base}/pubblicazioni/{}", found.repertorio),
        documento: format!("{base}/documenti/{}", found.copia.chiave),
    }
}
