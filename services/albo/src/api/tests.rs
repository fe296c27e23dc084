//! The methods of the board, from request to status.

mod offices;

use futures_util::future::join;
use tempfile::TempDir;
use tonic::Code;
use varco_proto::albo::v1::{RiferimentoProtocollo, StatoPubblicazione};
use varco_proto::protocollo::v1::Esito;
use varco_runtime::problem::reason;
use varco_runtime::store::testing::{Fresh, each_db};

use super::*;
use crate::esempio::{self, grant, instant};
use crate::store::MIGRATIONS;

use offices::Offices;

#[tokio::test]
async fn confirmed_act_goes_on_the_board_with_both_terms() {
    for (api, _keep) in each_api(Offices::default()).await {
        let published = publish(&api, "k1", message()).await.unwrap();

        assert_eq!((published.anno(), published.numero()), (2026, 1));
        assert_eq!(
            (published.dal(), published.al()),
            ("2026-03-02", "2026-03-17")
        );
        assert_eq!(published.termine_giorno_iniziale_incluso(), "2026-03-16");
        assert_eq!(published.termine_giorni_interi(), "2026-03-17");
        assert_eq!(published.stato(), StatoPubblicazione::InCorso);
    }
}

#[tokio::test]
async fn same_key_and_content_give_the_same_answer() {
    for (api, _keep) in each_api(Offices::default()).await {
        let first = publish(&api, "k1", message()).await.unwrap();
        let again = publish(&api, "k1", message()).await.unwrap();

        assert_eq!(first, again);
    }
}

#[tokio::test]
async fn same_key_with_other_content_is_refused() {
    for (api, _keep) in each_api(Offices::default()).await {
        publish(&api, "k1", message()).await.unwrap();
        let other = PublishAttoRequest {
            giorni: Some(20),
            ..message()
        };

        let refused = publish(&api, "k1", other).await.unwrap_err();

        assert_eq!(refused.code(), Code::AlreadyExists);
        assert_eq!(reason(&refused).unwrap(), "IDEMPOTENCY_KEY_REUSED");
    }
}

#[tokio::test]
async fn identical_requests_that_race_publish_once() {
    for (api, keep) in each_api(Offices::default()).await {
        let (first, second) = join(
            publish(&api, "k1", message()),
            publish(&api, "k1", message()),
        )
        .await;

        assert_eq!(first.unwrap(), second.unwrap());
        assert_eq!(copies(&keep), 1);
    }
}

#[tokio::test]
async fn number_that_protocollo_does_not_confirm_is_refused() {
    let offices = Offices {
        esito: Esito::NonConfermato,
        ..Offices::default()
    };
    for (api, keep) in each_api(offices).await {
        let refused = publish(&api, "k1", message()).await.unwrap_err();

        assert_eq!(reason(&refused).unwrap(), "PROTOCOL_NOT_CONFIRMED");
        assert_eq!(copies(&keep), 0);
    }
}

#[tokio::test]
async fn bytes_with_another_hash_are_refused_whatever_documenti_says() {
    let offices = Offices {
        bytes: b"altro",
        ..Offices::default()
    };
    for (api, keep) in each_api(offices).await {
        let refused = publish(&api, "k1", message()).await.unwrap_err();

        assert_eq!(reason(&refused).unwrap(), "HASH_MISMATCH");
        assert_eq!(copies(&keep), 0);
    }
}

#[tokio::test]
async fn hash_that_documenti_does_not_hold_is_refused() {
    for (api, _keep) in each_api(Offices::default()).await {
        let other = PublishAttoRequest {
            sha256: Some(vec![0; 32].into()),
            ..message()
        };

        let refused = publish(&api, "k1", other).await.unwrap_err();

        assert_eq!(reason(&refused).unwrap(), "HASH_MISMATCH");
    }
}

#[tokio::test]
async fn document_unknown_to_documenti_is_refused() {
    let offices = Offices {
        refusal: Some(Code::NotFound),
        ..Offices::default()
    };
    for (api, _keep) in each_api(offices).await {
        let refused = publish(&api, "k1", message()).await.unwrap_err();

        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert_eq!(reason(&refused).unwrap(), "DOCUMENT_UNKNOWN");
    }
}

#[tokio::test]
async fn office_that_refuses_leaves_nothing_and_the_key_free() {
    let offices = Offices {
        refusal: Some(Code::Unavailable),
        ..Offices::default()
    };
    for (mut api, keep) in each_api(offices).await {
        let refused = publish(&api, "k1", message()).await.unwrap_err();
        api.uffici = Offices::default().uffici();
        let published = publish(&api, "k1", message()).await.unwrap();

        assert_eq!(refused.code(), Code::Unavailable);
        assert_eq!(reason(&refused).unwrap(), "DOCUMENTI_UNAVAILABLE");
        assert_eq!(published.numero(), 1);
        assert_eq!(copies(&keep), 1);
    }
}

#[tokio::test]
async fn subject_with_a_codice_fiscale_waits_for_a_person() {
    for (api, _keep) in each_api(Offices::default()).await {
        let oggetto = Some("Contributo a RSSMRA80A01H501U".to_owned());

        let refused = publish(
            &api,
            "k1",
            PublishAttoRequest {
                oggetto,
                ..message()
            },
        )
        .await
        .unwrap_err();

        assert_eq!(reason(&refused).unwrap(), "PRIVACY_REVIEW_REQUIRED");
        assert!(!format!("{refused:?}").contains("RSSMRA"));
    }
}

#[tokio::test]
async fn malformed_fields_are_named() {
    let (api, _keep) = each_api(Offices::default()).await.remove(0);
    let wrong = [
        wrong("tipo_atto", |act| act.tipo_atto = Some("Z".into())),
        wrong("oggetto", |act| act.oggetto = None),
        wrong("oggetto", |act| act.oggetto = Some("a\u{1}".into())),
        wrong("oggetto", |act| act.oggetto = Some("a".repeat(1001))),
        wrong("numero_atto", |act| act.numero_atto = None),
        wrong("data_atto", |act| act.data_atto = Some("2026-03-03".into())),
        wrong("data_atto", |act| act.data_atto = Some("20260301".into())),
        wrong("ufficio", |act| act.ufficio = Some(" ".into())),
        wrong("protocollo", |act| act.protocollo = None),
        wrong("documento", |act| act.documento = Some("altri/1".into())),
        wrong("sha256", |act| act.sha256 = Some(vec![0; 31].into())),
        wrong("giorni", |act| act.giorni = Some(14)),
        wrong("giorni", |act| act.giorni = Some(366)),
    ];

    for (field, request) in wrong {
        let refused = publish(&api, "k1", request).await.unwrap_err();

        assert_eq!(refused.code(), Code::InvalidArgument, "{field}");
        assert!(
            refused.message().starts_with(&format!("{field}: ")),
            "{}",
            refused.message()
        );
    }
}

#[tokio::test]
async fn call_without_a_grant_is_refused() {
    let (api, _keep) = each_api(Offices::default()).await.remove(0);

    let refused = api.publish_atto(Request::new(message())).await.unwrap_err();

    assert_eq!(refused.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn publication_past_its_term_is_told_but_not_listed() {
    for (api, _keep) in each_api(Offices::default()).await {
        publish(&api, "k1", message()).await.unwrap();
        api.clock.set(instant("2026-03-17T23:00:00Z"));

        let get = GetPubblicazioneRequest {
            anno: Some(2026),
            numero: Some(1),
        };
        let found = api
            .get_pubblicazione(Request::new(get))
            .await
            .unwrap()
            .into_inner();
        let list = ListPubblicazioniRequest::default();
        let listed = api
            .list_pubblicazioni(Request::new(list))
            .await
            .unwrap()
            .into_inner();

        assert_eq!(
            found.pubblicazione.unwrap().stato(),
            StatoPubblicazione::Scaduta
        );
        assert_eq!(listed.pubblicazioni, []);
    }
}

#[tokio::test]
async fn list_is_paged_by_its_own_tokens() {
    for (api, _keep) in each_api(Offices::default()).await {
        for key in ["a", "b", "c"] {
            publish(&api, key, message()).await.unwrap();
        }

        let first = list(&api, None).await.unwrap();
        let second = list(&api, first.next_page_token.clone()).await.unwrap();
        let forged = list(&api, Some("forged".into())).await.unwrap_err();

        assert_eq!(
            (first.pubblicazioni.len(), second.pubblicazioni.len()),
            (2, 1)
        );
        assert_eq!(second.pubblicazioni[0].numero(), 3);
        assert_eq!(second.next_page_token, None);
        assert_eq!(forged.code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn publication_that_does_not_exist_is_named_by_its_number() {
    let (api, _keep) = each_api(Offices::default()).await.remove(0);
    let get = GetPubblicazioneRequest {
        anno: Some(2026),
        numero: Some(9),
    };

    let refused = api.get_pubblicazione(Request::new(get)).await.unwrap_err();

    assert_eq!(refused.code(), Code::NotFound);
    assert_eq!(
        refused.message(),
        "pubblicazione pubblicazioni/2026/9 does not exist"
    );
}

async fn each_api(offices: Offices) -> Vec<(Api, (Fresh, TempDir))> {
    let mut apis = Vec::new();
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let folder = TempDir::new().unwrap();
        let api = Api {
            db: fresh.db.clone(),
            clock: Clock::fixed(instant("2026-03-02T09:00:00Z")),
            uffici: offices.uffici(),
            archivio: Archivio::open(folder.path(), &[]).await.unwrap(),
        };
        apis.push((api, (fresh, folder)));
    }
    apis
}

fn copies((_, folder): &(Fresh, TempDir)) -> usize {
    std::fs::read_dir(folder.path().join("copie"))
        .unwrap()
        .count()
}

async fn publish(
    api: &Api,
    key: &str,
    message: PublishAttoRequest,
) -> Result<varco_proto::albo::v1::Pubblicazione, Status> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("idempotency-key", key.parse().unwrap());
    request.extensions_mut().insert(grant());
    let answer = api.publish_atto(request).await?;
    Ok(answer.into_inner().pubblicazione.unwrap())
}

async fn list(api: &Api, page_token: Option<String>) -> Result<ListPubblicazioniResponse, Status> {
    let message = ListPubblicazioniRequest {
        page_size: Some(2),
        page_token,
    };
    api.list_pubblicazioni(Request::new(message))
        .await
        .map(Response::into_inner)
}

fn wrong(
    field: &'static str,
    spoil: impl Fn(&mut PublishAttoRequest),
) -> (&'static str, PublishAttoRequest) {
    let mut message = message();
    spoil(&mut message);
    (field, message)
}

fn message() -> PublishAttoRequest {
    let atto = esempio::atto();
    PublishAttoRequest {
        tipo_atto: Some(atto.tipo.codice.to_owned()),
        oggetto: Some(atto.oggetto.to_string()),
        numero_atto: Some(atto.numero.to_string()),
        data_atto: Some(atto.data.to_string()),
        ufficio: Some(atto.ufficio.to_string()),
        protocollo: Some(RiferimentoProtocollo {
            aoo: Some(atto.protocollo.aoo.to_string()),
            registro: Some(atto.protocollo.registro.to_string()),
            anno: Some(2026),
            numero: Some(12),
        }),
        documento: Some(atto.documento.to_string()),
        sha256: Some(atto.sha256.as_bytes().to_vec().into()),
        giorni: None,
    }
}
