//! The pages that people read: the list, an act, and what is said when there is nothing to show.
//!
//! One column of text that works on a telephone, with the keyboard and in a screen reader, as the
//! law asks of public sites (L. 4/2004; WCAG 2.1 AA). No script, no image, no font from outside.

use jiff::civil::Date;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::pubblicazione::Pubblicazione;
use crate::settings::Settings;
use crate::web::Elenco;

/// The list of what is on the board.
pub fn elenco(settings: &Settings, elenco: &Elenco) -> Markup {
    let body = html! {
        h1 { "Albo pretorio" }
        p.intro { "Atti in pubblicazione, dal più recente." }
        @if elenco.pubblicazioni.is_empty() {
            p { "In questo momento non ci sono atti in pubblicazione." }
        }
        ol.atti {
            @for found in &elenco.pubblicazioni { li { (voce(found)) } }
        }
        @if let Some(oltre) = elenco.oltre {
            nav aria-label="Pagine" {
                a.pagina rel="next" href={ "/?oltre=" (oltre) } { "Atti precedenti" }
            }
        }
    };
    layout("Albo pretorio", Some(settings), &body)
}

/// One act with its term and its document.
pub fn pubblicazione(settings: &Settings, found: &Pubblicazione) -> Markup {
    let (atto, termine) = (&found.atto, &found.termine);
    let body = html! {
        p { a href="/" { "Torna all'elenco" } }
        h1 { (atto.oggetto) }
        p.azione {
            a.documento href={ "/documenti/" (found.copia.chiave) } { "Apri il documento" }
            " " span.nota { "(" (media(&found.copia.media_type)) ", " (size(found.copia.dimensione)) ")" }
        }
        dl {
            dt { "Repertorio" } dd { (numero(found)) }
            dt { "Tipo di atto" } dd { (atto.tipo.etichetta) }
            dt { "Atto" } dd { "n. " (atto.numero) " del " (giorno(atto.data)) }
            dt { "Ufficio" } dd { (atto.ufficio) }
            dt { "Protocollo" } dd { (protocollo(found)) }
            dt { "In pubblicazione" }
            dd { "dal " (giorno(termine.dal)) " al " (giorno(termine.al)) " compreso" }
            dt { "Termine, contando il primo giorno" }
            dd { (giorno(termine.giorno_iniziale_incluso)) }
            dt { "Termine, a giorni interi" } dd { (giorno(termine.giorni_interi)) }
            dt { "Base giuridica" } dd { (found.base_giuridica) }
            dt { "Impronta SHA-256 del documento" } dd { code { (atto.sha256) } }
        }
    };
    layout(
        &format!("Repertorio {}", numero(found)),
        Some(settings),
        &body,
    )
}

/// Why nothing is shown.
pub fn rifiuto(title: &str, text: &str) -> Markup {
    let body = html! {
        h1 { (title) }
        p { (text) }
        p { a href="/" { "Vai agli atti in pubblicazione" } }
    };
    layout(title, None, &body)
}

fn voce(found: &Pubblicazione) -> Markup {
    let atto = &found.atto;
    html! {
        article {
            p.nota { "n. " (numero(found)) " · " (atto.tipo.etichetta) }
            h2 { a href={ "/pubblicazioni/" (found.repertorio) } { (atto.oggetto) } }
            p {
                (atto.ufficio) br;
                "Dal " (giorno(found.termine.dal)) " al " (giorno(found.termine.al))
            }
        }
    }
}

fn layout(title: &str, settings: Option<&Settings>, body: &Markup) -> Markup {
    let comune = settings.map(|settings| format!("Comune di {}", settings.comune));
    html! {
        (DOCTYPE)
        html lang="it" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex, noarchive";
                title { (title) @if let Some(comune) = &comune { " · " (comune) } }
                link rel="alternate" type="application/rss+xml" title="Albo pretorio" href="/albo.rss";
                style { (PreEscaped(include_str!("stile.css"))) }
            }
            body {
                a.salta href="#contenuto" { "Vai al contenuto" }
                header { p { a href="/" { (comune.as_deref().unwrap_or("Albo pretorio")) } } }
                main id="contenuto" { (body) }
                footer {
                    p { "Pubblicità legale ai sensi dell'art. 32 della L. 69/2009." }
                    p { a href="/albo.rss" { "RSS" } " · " a href="/albo.json" { "JSON" } }
                }
            }
        }
    }
}

fn numero(found: &Pubblicazione) -> String {
    format!("{:07}/{}", found.repertorio.numero, found.repertorio.anno)
}

fn protocollo(found: &Pubblicazione) -> String {
    let protocollo = &found.atto.protocollo;
    format!(
        "n. {:07}/{} (AOO {}, registro {})",
        protocollo.numero, protocollo.anno, protocollo.aoo, protocollo.registro
    )
}

fn giorno(day: Date) -> Markup {
    let month = usize::try_from(day.month())
        .ok()
        .and_then(|month| MESI.get(month - 1));
    html! {
        time datetime=(day) { (day.day()) " " (month.copied().unwrap_or_default()) " " (day.year()) }
    }
}

fn media(media_type: &str) -> &str {
    match media_type {
        "application/pdf" => "PDF",
        "text/plain" => "testo",
        "application/xml" => "XML",
        _ => "file",
    }
}

fn size(bytes: i64) -> String {
    match bytes {
        ..1024 => format!("{bytes} byte"),
        1024..1_048_576 => format!("{} kB", bytes / 1024),
        _ => format!(
            "{},{} MB",
            bytes / 1_048_576,
            bytes % 1_048_576 * 10 / 1_048_576
        ),
    }
}

const MESI: [&str; 12] = [
    "gennaio",
    "febbraio",
    "marzo",
    "aprile",
    "maggio",
    "giugno",
    "luglio",
    "agosto",
    "settembre",
    "ottobre",
    "novembre",
    "dicembre",
];
