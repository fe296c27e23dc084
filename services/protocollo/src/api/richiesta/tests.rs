//! What a request to register must say, field by field.

use bytes::Bytes;
use proto::soggetto::Tipo;

use super::*;

type IdChange = fn(&mut proto::Identificatore);
type Change = fn(&mut proto::RegisterInEntrataRequest);

fn request() -> proto::RegisterInEntrataRequest {
    proto::RegisterInEntrataRequest {
        registro: None,
        mittente: Some(persona(
            Some("Anna"),
            Some("Bianchi"),
            Some("BNCNNA80A41H501X"),
        )),
        oggetto: Some("Istanza di accesso agli atti".to_owned()),
        documento_primario: Some(registrato()),
        allegati: vec![registrato(), registrato()],
        classificazione: Some("I/8".to_owned()),
        assegnazione: Some("urp".to_owned()),
        canale: Some("sportello".to_owned()),
        protocollo_mittente: None,
    }
}

fn registrato() -> proto::DocumentoRegistrato {
    proto::DocumentoRegistrato {
        documento: Some("documenti/01980c2e-4b1f-7c3a-9d2e-5f6a7b8c9d0e".to_owned()),
        sha256: Some(Bytes::from_static(&[7; 32])),
        descrizione: None,
    }
}

fn persona(
    nome: Option<&str>,
    cognome: Option<&str>,
    codice_fiscale: Option<&str>,
) -> proto::Soggetto {
    of(Tipo::PersonaFisica(proto::PersonaFisica {
        nome: nome.map(str::to_owned),
        cognome: cognome.map(str::to_owned),
        codice_fiscale: codice_fiscale.map(str::to_owned),
    }))
}

fn of(tipo: Tipo) -> proto::Soggetto {
    proto::Soggetto { tipo: Some(tipo) }
}

/// The field that is refused after a change.
fn refused(change: Change) -> String {
    let mut request = request();
    change(&mut request);
    match in_entrata(request) {
        Err(Error::Field { field, .. }) => field,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn whole_request_is_accepted() {
    let contenuto = in_entrata(request()).unwrap();

    assert_eq!(
        (contenuto.flusso, contenuto.allegati.len()),
        (Flusso::Entrata, 2)
    );
}

#[test]
fn missing_field_is_named() {
    let changes: [(&str, Change); 7] = [
        ("mittente", |r| r.mittente = None),
        ("mittente", |r| {
            r.mittente = Some(proto::Soggetto { tipo: None });
        }),
        ("oggetto", |r| r.oggetto = None),
        ("documento_primario", |r| r.documento_primario = None),
        ("allegati[1].sha256", |r| r.allegati[1].sha256 = None),
        ("classificazione", |r| r.classificazione = None),
        ("assegnazione", |r| r.assegnazione = None),
    ];
    for (field, change) in changes {
        assert_eq!(refused(change), field);
    }
}

#[test]
fn malformed_field_is_named() {
    let changes: [(&str, Change); 9] = [
        ("oggetto", |r| r.oggetto = Some("x".repeat(2001))),
        ("allegati[0].documento", |r| {
            r.allegati[0].documento = Some("istanza.pdf".to_owned());
        }),
        ("allegati[0].sha256", |r| {
            r.allegati[0].sha256 = Some(Bytes::from_static(b"short"));
        }),
        ("allegati[0].descrizione", |r| {
            r.allegati[0].descrizione = Some(String::new());
        }),
        ("allegati", |r| r.allegati = vec![registrato(); 51]),
        ("classificazione", |r| {
            r.classificazione = Some("XV/1".to_owned());
        }),
        ("assegnazione", |r| {
            r.assegnazione = Some("ufficio relazioni".to_owned());
        }),
        ("canale", |r| r.canale = Some("a voce".to_owned())),
        ("protocollo_mittente", |r| {
            r.protocollo_mittente = Some("12\n".to_owned());
        }),
    ];
    for (field, change) in changes {
        assert_eq!(refused(change), field);
    }
}

#[test]
fn sender_is_refused_by_the_field_of_its_kind() {
    let changes: [(&str, Change); 4] = [
        ("mittente.persona_fisica.cognome", |r| {
            r.mittente = Some(persona(None, None, None));
        }),
        ("mittente.persona_fisica.codice_fiscale", |r| {
            r.mittente = Some(persona(Some("Anna"), None, Some("BNCNNA")));
        }),
        ("mittente.persona_giuridica.denominazione", |r| {
            r.mittente = Some(of(Tipo::PersonaGiuridica(
                proto::PersonaGiuridica::default(),
            )));
        }),
        ("mittente.amministrazione.denominazione", |r| {
            r.mittente = Some(of(Tipo::Amministrazione(proto::Amministrazione::default())));
        }),
    ];
    for (field, change) in changes {
        assert_eq!(refused(change), field);
    }
}

#[test]
fn refusal_never_repeats_what_was_sent() {
    let mut request = request();
    request.mittente = Some(persona(Some("Anna"), None, Some("BNCNNA")));

    let refused = in_entrata(request).unwrap_err().to_string();

    assert!(!refused.contains("BNCNNA"), "{refused}");
}

#[test]
fn office_of_this_comune_sends_what_is_internal() {
    let request = proto::RegisterInternoRequest {
        ufficio_mittente: Some("tributi".to_owned()),
        oggetto: Some("Richiesta di verifica".to_owned()),
        documento_primario: Some(registrato()),
        classificazione: Some("XI/2".to_owned()),
        assegnazione: Some("anagrafe".to_owned()),
        ..proto::RegisterInternoRequest::default()
    };

    let contenuto = interno(request, &"c_z999".parse().unwrap()).unwrap();

    let mittente = contenuto.mittente.colonne();
    assert_eq!(
        (mittente.codice_ipa, mittente.codice_uo),
        (Some("c_z999"), Some("tributi"))
    );
    assert_eq!(contenuto.flusso, Flusso::Interno);
}

#[test]
fn identifier_needs_all_its_parts() {
    let changes: [(&str, IdChange); 5] = [
        ("identificatore.aoo", |id| id.aoo = None),
        ("identificatore.registro", |id| id.registro = None),
        ("identificatore.anno", |id| id.anno = Some(40_000)),
        ("identificatore.numero", |id| id.numero = Some(0)),
        ("identificatore.numero", |id| id.numero = Some(u64::MAX)),
    ];
    for (field, change) in changes {
        let mut id = whole_identifier();
        change(&mut id);

        let Err(Error::Field { field: told, .. }) = identificatore(Some(id)) else {
            panic!("{field} is not refused");
        };

        assert_eq!(told, field);
    }
    assert!(identificatore(Some(whole_identifier())).is_ok());
}

fn whole_identifier() -> proto::Identificatore {
    proto::Identificatore {
        aoo: Some("AOO01".to_owned()),
        registro: Some("PG".to_owned()),
        anno: Some(2026),
        numero: Some(1),
    }
}
