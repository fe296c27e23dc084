//! The board as an RSS feed after the `AlboPOP` specification, for who follows a comune's acts.
//!
//! At most 25 acts a page as the specification says, newest first; the pages are chained
//! (RFC 5005, section 3), so that a reader who comes late loses none.

use jiff::Timestamp;
use jiff::civil::Date;
use maud::{Markup, PreEscaped, html};
use varco_runtime::clock::{midnight, rome};

use crate::pubblicazione::Pubblicazione;
use crate::settings::Settings;
use crate::web::Elenco;

/// Acts on one page of the feed.
pub const PAGE: usize = 25;

/// Writes one page of the feed.
pub fn rss(settings: &Settings, elenco: &Elenco, now: Timestamp) -> String {
    let base = settings.base_url.trim_end_matches('/');
    let comune = &settings.comune;
    let markup = html! {
        (PreEscaped("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"))
        rss version="2.0" xmlns:xhtml="http://www.w3.org/1999/xhtml"
            xmlns:atom="http://www.w3.org/2005/Atom" {
            channel {
                title { "AlboPOP - Comune - " (comune) }
                (element("link", &format!("{base}/albo.rss")))
                description { "RSS feed dell'Albo Pretorio del Comune di " (comune) }
                language { "it" }
                pubDate { (rfc_822(now)) }
                webMaster { (settings.email) " (Comune di " (comune) ")" }
                docs { (base) "/" }
                xhtml:meta name="robots" content="noindex" {}
                @if let Some(oltre) = elenco.oltre {
                    atom:link rel="next" type="application/rss+xml"
                        href={ (base) "/albo.rss?oltre=" (oltre) } {}
                }
                (channel_categories(settings))
                @for found in &elenco.pubblicazioni { (item(base, found)) }
            }
        }
    };
    markup.into_string()
}

fn channel_categories(settings: &Settings) -> Markup {
    let name = format!("Comune di {}", settings.comune);
    let uid = settings
        .codice_istat
        .as_ref()
        .map(|code| format!("istat:{code}"));
    html! {
        (category("channel-category-type", "Comune"))
        (category("channel-category-name", &name))
        (category("channel-category-country", "Italia"))
        @if let Some(regione) = &settings.regione {
            (category("channel-category-region", regione))
        }
        @if let Some(provincia) = &settings.provincia {
            (category("channel-category-province", provincia))
        }
        (category("channel-category-municipality", &settings.comune))
        @if let Some(uid) = &uid { (category("channel-category-uid", uid)) }
    }
}

fn item(base: &str, found: &Pubblicazione) -> Markup {
    let page = format!("{base}/pubblicazioni/{}", found.repertorio);
    let (atto, termine) = (&found.atto, &found.termine);
    html! {
        item {
            title { (atto.oggetto) }
            (element("link", &page))
            description {
                (atto.tipo.etichetta) " n. " (atto.numero) " del " (atto.data) ": " (atto.oggetto)
            }
            pubDate { (rfc_822(found.pubblicata_il)) }
            guid isPermaLink="true" { (page) }
            (category("item-category-uid", &found.repertorio.to_string()))
            (category("item-category-type", atto.tipo.etichetta))
            (category("item-category-pubStart", &first_instant(termine.dal)))
            (category("item-category-pubEnd", &first_instant(termine.al)))
            (category("item-category-relStart", &first_instant(atto.data)))
            (category("item-category-unit", atto.ufficio.as_str()))
            enclosure url={ (base) "/documenti/" (found.copia.chiave) }
                length=(found.copia.dimensione) type=(found.copia.media_type) {}
        }
    }
}

fn category(name: &str, value: &str) -> Markup {
    html! { category domain={ "http://albopop.it/specs#" (name) } { (value) } }
}

/// An element that HTML would leave without an end.
fn element(name: &str, value: &str) -> Markup {
    html! { (PreEscaped(format!("<{name}>"))) (value) (PreEscaped(format!("</{name}>"))) }
}

/// A date of RFC 822 with the four-digit year of RFC 2822.
fn rfc_822(instant: Timestamp) -> String {
    rome(instant)
        .strftime("%a, %d %b %Y %H:%M:%S %z")
        .to_string()
}

fn first_instant(day: Date) -> String {
    rfc_822(midnight(day))
}
