//! The report that the DPO hands to the person: what it is, how it was made, every access.

use super::access::Access;
use super::answer::{Answer, NOBODY};
use super::document::{Block, Style, document};
use super::searched::{Searched, Source};

/// Lays out the answer about a person.
#[must_use]
pub fn pdf(answer: &Answer) -> Vec<u8> {
    let mut blocks = vec![opening(answer), statement(answer)];
    if answer.accesses.is_empty() {
        blocks.push(paragraph(NOBODY));
    }
    let numbered = (1..).zip(&answer.accesses);
    blocks.extend(numbered.map(|(number, it)| access(number, it)));
    blocks.push(closing(answer));
    let foot = match &answer.request {
        Some(request) => format!("{} – richiesta {request}", answer.ipa),
        None => answer.ipa.clone(),
    };
    document(TITLE, &foot, &blocks)
}

fn opening(answer: &Answer) -> Block {
    let mut block = Block::default();
    block.push(Style::Title, TITLE);
    let day = |day: Option<jiff::civil::Date>, open: &str| {
        day.map_or(open.to_owned(), |it| it.strftime("%d/%m/%Y").to_string())
    };
    let since = day(answer.since, "l'inizio del registro");
    let until = day(answer.until, "oggi");
    let made = answer.made.strftime("%d/%m/%Y alle %H:%M:%S");
    for (label, value) in [
        ("Ente", answer.ipa.clone()),
        ("Richiesta", answer.request.clone().unwrap_or_default()),
        ("Interessato", identifiers(answer, Source::Given)),
        (
            "Altri identificativi, secondo l'anagrafe",
            identifiers(answer, Source::Anagrafe),
        ),
        ("Periodo", format!("da {since} a {until}")),
        ("Prodotto il", format!("{made} (ora italiana)")),
        ("Accessi trovati", answer.accesses.len().to_string()),
    ] {
        field(&mut block, label, &value);
    }
    block
}

fn identifiers(answer: &Answer, source: Source) -> String {
    let from = answer.identifiers.iter().filter(|it| it.source == source);
    let words: Vec<String> = from.map(Searched::words).collect();
    words.join(", ")
}

fn statement(answer: &Answer) -> Block {
    let mut block = Block::default();
    block.push(Style::Head, "Che cosa è questo documento");
    for text in STATEMENT {
        block.push(Style::Text, text);
    }
    for text in answer.anagrafe.sentences() {
        block.push(Style::Text, &text);
    }
    block
}

fn access(number: usize, access: &Access) -> Block {
    let mut block = Block::default();
    let head = format!("{number}. {} – {}", access.local_time, access.operation);
    block.push(Style::Head, &head);
    let asked = if access.client == access.office {
        access.office.clone()
    } else {
        format!("{} (sistema {})", access.office, access.client)
    };
    for (label, value) in [
        ("Ufficio richiedente", asked.as_str()),
        ("E-service", &access.eservice),
        ("Finalità", &access.purpose),
        ("Base giuridica", &access.legal_basis),
        ("Procedimento", &access.procedure),
        ("Classi di dati comunicati", &access.data_classes.join(", ")),
        ("Campi", &access.fields.join(", ")),
        ("Esito", &access.outcome),
        (
            "Registrazione",
            &format!("n. {} di {}", access.index, access.origin),
        ),
        ("Operatore", access.operator.as_deref().unwrap_or_default()),
    ] {
        field(&mut block, label, value);
    }
    block
}

fn closing(answer: &Answer) -> Block {
    let mut block = Block::default();
    block.push(Style::Head, "Stato del registro al momento della ricerca");
    block.push(Style::Text, HEADS);
    for head in &answer.checkpoints {
        let told = format!(
            "{}: {} registrazioni, radice {}",
            head.origin, head.size, head.root
        );
        block.push(Style::Text, &told);
    }
    for origin in &answer.not_searched {
        let told = format!("Non consultato, perché precedente alla chiave usata: {origin}");
        block.push(Style::Text, &told);
    }
    block
}

fn paragraph(text: &str) -> Block {
    let mut block = Block::default();
    block.push(Style::Text, text);
    block
}

/// A label and its value; nothing where there is none.
fn field(block: &mut Block, label: &str, value: &str) {
    if !value.is_empty() {
        block.push(Style::Text, &format!("{label}: {value}"));
    }
}

const HEADS: &str = "Ogni registro è una catena di impronte (RFC 6962) con una testata firmata: chi la conserva \
può chiedere la prova che una registrazione vi sta, e che nulla è stato cambiato dopo.";
const STATEMENT: [&str; 3] = [
    "Elenca gli accessi ai dati personali dell'interessato che risultano nel registro degli accessi della piattaforma \
     di interoperabilità del comune, in risposta alla richiesta di cui all'art. 15 del Regolamento (UE) 2016/679. Gli \
     accessi che non passano dalla piattaforma non vi compaiono.",
    "Sono indicati data, ufficio, finalità e dati comunicati. Le persone che hanno operato non sono indicate, salvo \
     che il responsabile della protezione dei dati l'abbia ritenuto indispensabile (Corte di giustizia dell'Unione \
     europea, 22 giugno 2023, C-579/21).",
    "Anche questa ricerca è stata registrata nel registro degli accessi.",
];
const TITLE: &str = "Accessi ai dati personali";

#[cfg(test)]
pub(super) mod tests {
    use varco_gateway::audit::subject::Identifier;
    use varco_proto::options::v1::SubjectKind;

    use super::super::gather::Head;
    use super::super::resolution::{Outcome, Resolution};
    use super::super::searched::Kind;
    use super::*;

    fn searched(kind: Kind, text: &str) -> Searched {
        let (subject, source) = match kind {
            Kind::IdAnpr => (SubjectKind::IdAnpr, Source::Anagrafe),
            Kind::CodiceFiscale => (SubjectKind::CodiceFiscale, Source::Given),
            Kind::CodiceFiscalePrecedente => (SubjectKind::CodiceFiscale, Source::Anagrafe),
        };
        Searched {
            identifier: Identifier::of(subject, "", text).unwrap(),
            kind,
            source,
        }
    }

    /// An answer with so many accesses.
    pub(in super::super) fn answer(count: u64) -> Answer {
        let access = |index| Access {
            local_time: "29/11/2026 12:00:00".to_owned(),
            office: "tributi".to_owned(),
            client: "tributi".to_owned(),
            operation: "consultazione della residenza".to_owned(),
            data_classes: vec!["residenza".to_owned()],
            index,
            origin: "c_z999.audit/gw1/2026".to_owned(),
            ..Access::default()
        };
        Answer {
            ipa: "c_z999".to_owned(),
            request: Some("2026/7".to_owned()),
            made: "2026-11-29T12:00:00+01:00[Europe/Rome]".parse().unwrap(),
            since: None,
            until: None,
            identifiers: vec![
                searched(Kind::CodiceFiscale, "RSSMRA80A01H501U"),
                searched(Kind::IdAnpr, "AA00001AA"),
            ],
            anagrafe: Resolution {
                outcome: Outcome::Resolved,
                codes_omitted: 0,
                lookups: vec!["0197-7".to_owned()],
            },
            accesses: (0..count).map(access).collect(),
            checkpoints: vec![Head {
                origin: "c_z999.audit/gw1/2026".to_owned(),
                size: 99,
                root: "cm9vdA==".to_owned(),
            }],
            not_searched: vec!["c_z999.audit/gw1/2020".to_owned()],
        }
    }

    /// How often a text stands in a document, as it is or, with accents, in hexadecimal.
    fn times(bytes: &[u8], part: &str) -> usize {
        let part = super::super::font::encode(part);
        let hex = hex::encode_upper(&part).into_bytes();
        let count = |part: &[u8]| bytes.windows(part.len()).filter(|it| *it == part).count();
        count(&part) + count(&hex)
    }

    #[test]
    fn report_of_a_thousand_accesses_has_each_of_them_and_numbered_pages() {
        let bytes = pdf(&answer(1000));

        assert!(bytes.starts_with(b"%PDF-1.7\n"));
        assert_eq!(times(&bytes, "Registrazione: n. "), 1000);
        let pages = times(&bytes, "/MediaBox");
        assert!(pages > 50, "{pages} pages");
        assert_eq!(times(&bytes, &format!("Pagina {pages} di {pages}")), 1);
        assert_eq!(times(&bytes, "c_z999 – richiesta 2026/7"), pages);
    }

    #[test]
    fn report_says_what_it_is_of_whom_and_under_which_head() {
        let bytes = pdf(&answer(1));

        for words in [
            "Interessato: RSSMRA80A01H501U (codice fiscale)",
            "secondo l'anagrafe: AA00001AA (id ANPR)",
            "0197-7.",
            "Richiesta: 2026/7",
            "99 registrazioni, radice cm9vdA==",
            "alla chiave usata: c_z999.audit/gw1/2020",
            "Accessi trovati: 1",
        ] {
            assert_eq!(times(&bytes, words), 1, "{words}");
        }
        assert_eq!(times(&bytes, "Operatore: "), 0);
    }

    #[test]
    fn report_names_the_operator_where_the_answer_does() {
        let mut answer = answer(1);
        answer.accesses[0].operator = Some("matricola-4711".to_owned());

        assert_eq!(times(&pdf(&answer), "Operatore: matricola-4711"), 1);
    }

    #[test]
    fn report_without_accesses_says_so() {
        assert_eq!(times(&pdf(&answer(0)), "Nessun accesso ai dati"), 1);
    }
}
