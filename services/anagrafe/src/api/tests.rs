//! The methods of the registry of residents, from request to status.

mod identificativi;

use jiff::civil::date;
use tonic::Code;
use varco_proto::anagrafe::v1 as proto;
use varco_runtime::problem::reason;
use varco_runtime::store::testing::{Fresh, each_db};

use super::*;
use crate::esempio::{componente, indirizzo, instant, persona, residenza as residence};
use crate::famiglia::Parentela;
use crate::residenza::{Residenza, StatoResidenza};
use crate::store::MIGRATIONS;

#[tokio::test]
async fn registered_address_is_confirmed_and_nothing_else_comes_back() {
    for town in each_town().await {
        assert_eq!(
            town.verify(1, 7, None).await,
            Ok(proto::Esito::Confermato),
            "{}",
            town.name()
        );
        assert_eq!(
            town.verify(1, 1, None).await,
            Ok(proto::Esito::NonConfermato)
        );
    }
}

#[tokio::test]
async fn address_of_before_a_move_is_confirmed_for_the_days_before() {
    for town in each_town().await {
        assert_eq!(
            town.verify(1, 1, Some("2024-09-30")).await,
            Ok(proto::Esito::Confermato)
        );
        assert_eq!(
            town.verify(1, 1, Some("2024-10-01")).await,
            Ok(proto::Esito::NonConfermato)
        );
        assert_eq!(
            town.verify(1, 7, Some("2024-10-01")).await,
            Ok(proto::Esito::Confermato)
        );
    }
}

#[tokio::test]
async fn unknown_dead_departed_and_not_yet_registered_all_verify_alike() {
    for town in each_town().await {
        let no = Ok(proto::Esito::NonConfermato);

        assert_eq!(town.verify(9, 1, None).await, no, "unknown");
        assert_eq!(town.verify(2, 1, None).await, no, "dead");
        assert_eq!(town.verify(3, 1, None).await, no, "departed");
        assert_eq!(
            town.verify(1, 1, Some("2009-12-31")).await,
            no,
            "not yet registered"
        );
    }
}

#[tokio::test]
async fn mismatch_under_procedure_cannot_be_verified() {
    for town in each_town().await {
        assert_eq!(
            town.verify(4, 2, None).await,
            Ok(proto::Esito::NonVerificabile)
        );
        assert_eq!(town.verify(4, 1, None).await, Ok(proto::Esito::Confermato));
    }
}

#[tokio::test]
async fn residence_is_told_as_of_a_day() {
    for town in each_town().await {
        let today = town.residenza(1, None).await.unwrap();
        let before = town.residenza(1, Some("2024-09-30")).await.unwrap();

        assert_eq!(today.indirizzo.as_ref().unwrap().numero(), 7);
        assert_eq!(
            (today.dal(), today.stato()),
            ("2024-10-01", proto::StatoResidenza::Definitiva)
        );
        assert_eq!(before.indirizzo.as_ref().unwrap().numero(), 1);
        assert_eq!(before.indirizzo.unwrap().interno, None);
        let reserved = town.residenza(4, None).await.unwrap();
        assert_eq!(reserved.stato(), proto::StatoResidenza::ConRiserva);
    }
}

#[tokio::test]
async fn absence_has_its_precise_reason_for_who_may_read() {
    for town in each_town().await {
        for (n, data, code, expected) in [
            (9, None, Code::NotFound, "PERSON_UNKNOWN"),
            (
                2,
                Some("2020-05-05"),
                Code::FailedPrecondition,
                "NOT_RESIDENT_AT_DATE",
            ),
            (3, None, Code::FailedPrecondition, "NOT_RESIDENT_AT_DATE"),
            (
                1,
                Some("2009-12-31"),
                Code::FailedPrecondition,
                "NOT_REGISTERED_AT_DATE",
            ),
            (
                1,
                Some("1999-12-31"),
                Code::OutOfRange,
                "DATE_BEFORE_REGISTER",
            ),
            (1, Some("2026-03-03"), Code::OutOfRange, "DATE_IN_FUTURE"),
            (1, Some("20260301"), Code::InvalidArgument, "FIELD_INVALID"),
        ] {
            let residenza = town.residenza(n, data).await.unwrap_err();
            let famiglia = town
                .famiglia(n, data, proto::FamigliaView::Count)
                .await
                .unwrap_err();

            for refused in [residenza, famiglia] {
                assert_eq!(refused.code(), code, "{expected}");
                assert_eq!(reason(&refused).unwrap(), expected);
                let codice = persona(n).codice_fiscale;
                assert!(!format!("{refused:?}").contains(codice.as_str()));
            }
        }
        assert!(
            town.residenza(2, Some("2020-05-04")).await.is_ok(),
            "the day of death"
        );
    }
}

#[tokio::test]
async fn day_of_a_question_is_romes() {
    for town in each_town().await {
        town.api.clock.set(instant("2026-03-02T23:30:00Z"));

        assert!(
            town.residenza(1, Some("2026-03-03")).await.is_ok(),
            "{}",
            town.name()
        );
    }
}

#[tokio::test]
async fn each_view_of_a_famiglia_sets_its_own_fields_only() {
    for town in each_town().await {
        let count = town
            .famiglia(1, None, proto::FamigliaView::Count)
            .await
            .unwrap();
        let codes = town
            .famiglia(1, None, proto::FamigliaView::CfOnly)
            .await
            .unwrap();
        let kinship = town
            .famiglia(1, None, proto::FamigliaView::WithKinship)
            .await
            .unwrap();

        assert_eq!((count.numero_componenti(), count.componenti.len()), (2, 0));
        assert_eq!(codes.componenti.len(), 2);
        assert!(
            codes
                .componenti
                .iter()
                .all(|one| one.parentela.is_none() && one.dal.is_none())
        );
        let codes_of: Vec<_> = kinship
            .componenti
            .iter()
            .map(proto::Componente::parentela)
            .collect();
        assert_eq!(codes_of, [1, 3]);
        assert_eq!(kinship.componenti[0].dal(), "2010-01-01");
    }
}

#[tokio::test]
async fn order_of_codes_does_not_tell_the_kinship() {
    for town in each_town().await {
        let found = town
            .famiglia(4, None, proto::FamigliaView::CfOnly)
            .await
            .unwrap();

        let codes: Vec<_> = found
            .componenti
            .iter()
            .map(proto::Componente::codice_fiscale)
            .collect();
        assert!(codes.is_sorted());
    }
}

#[tokio::test]
async fn view_that_is_not_said_is_refused() {
    let town = each_town().await.remove(0);

    let refused = town
        .famiglia(1, None, proto::FamigliaView::Unspecified)
        .await
        .unwrap_err();

    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().starts_with("view: "));
}

#[tokio::test]
async fn famiglia_of_who_left_it_is_not_told() {
    for town in each_town().await {
        let refused = town
            .famiglia(3, None, proto::FamigliaView::Count)
            .await
            .unwrap_err();

        assert_eq!(reason(&refused).unwrap(), "NOT_RESIDENT_AT_DATE");
    }
}

#[tokio::test]
async fn malformed_fields_are_named_and_never_repeated() {
    let town = each_town().await.remove(0);
    let cases = [
        wrong("codice_fiscale", |a| a.codice_fiscale = None),
        wrong("codice_fiscale", |a| {
            a.codice_fiscale = text("RSSMRA80A01H501X");
        }),
        wrong("indirizzo", |a| a.indirizzo = None),
        wrong("indirizzo.specie", |a| address(a).specie = None),
        wrong("indirizzo.denominazione", |a| {
            address(a).denominazione = text(" ");
        }),
        wrong("indirizzo.esponente", |a| {
            address(a).esponente = text("sedici caratteri");
        }),
        wrong("indirizzo.numero", |a| address(a).numero = Some(0)),
        wrong("indirizzo.codice_toponimo", |a| {
            address(a).codice_toponimo = text("+1");
        }),
        wrong("indirizzo.cap", |a| address(a).cap = text("1")),
    ];

    for (field, message) in cases {
        let asked = town.api.verify_residenza(Request::new(message)).await;
        let refused = asked.unwrap_err();

        assert_eq!(refused.code(), Code::InvalidArgument, "{field}");
        assert!(
            refused.message().starts_with(&format!("{field}: ")),
            "{}",
            refused.message()
        );
        assert!(!format!("{refused:?}").contains("RSSMRA80A01H501X"));
    }
}

/// A register that began in 2000: 1 moved, 2 died, 3 left, 4 is under procedure; 9 is nobody.
struct Town {
    api: Api,
    fresh: Fresh,
}

impl Town {
    fn name(&self) -> &'static str {
        self.fresh.name
    }

    async fn verify(&self, n: u32, civico: u32, data: Option<&str>) -> Result<proto::Esito, Code> {
        let asked = question(n, civico, data);
        let answer = self.api.verify_residenza(Request::new(asked)).await;
        answer
            .map(|answer| answer.into_inner().esito())
            .map_err(|refused| refused.code())
    }

    async fn residenza(&self, n: u32, data: Option<&str>) -> Result<GetResidenzaResponse, Status> {
        let codice_fiscale = Some(persona(n).codice_fiscale.as_str().to_owned());
        let asked = GetResidenzaRequest {
            codice_fiscale,
            data: data.map(str::to_owned),
        };
        self.api
            .get_residenza(Request::new(asked))
            .await
            .map(Response::into_inner)
    }

    async fn famiglia(
        &self,
        n: u32,
        data: Option<&str>,
        view: proto::FamigliaView,
    ) -> Result<GetFamigliaResponse, Status> {
        let asked = GetFamigliaRequest {
            codice_fiscale: Some(persona(n).codice_fiscale.as_str().to_owned()),
            data: data.map(str::to_owned),
            view: Some(view.into()),
        };
        self.api
            .get_famiglia(Request::new(asked))
            .await
            .map(Response::into_inner)
    }
}

async fn each_town() -> Vec<Town> {
    let mut towns = Vec::new();
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let now = instant("2026-03-02T09:00:00Z");
        let mut tx = fresh.db.begin().await.unwrap();
        let mut persone = [1, 2, 3, 4, 5].map(persona);
        persone[1].decesso = Some(date(2020, 5, 4));
        store::import(&mut tx, &persone, &residenze(), &componenti(), now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let api = Api {
            db: fresh.db.clone(),
            clock: Clock::fixed(now),
            registro_dal: date(2000, 1, 1),
        };
        towns.push(Town { api, fresh });
    }
    towns
}

fn residenze() -> Vec<Residenza> {
    let (begin, moved) = (date(2010, 1, 1), date(2024, 10, 1));
    vec![
        residence(1, begin, Some(moved)),
        Residenza {
            indirizzo: indirizzo(7),
            ..residence(1, moved, None)
        },
        residence(2, begin, None),
        residence(3, begin, Some(date(2018, 6, 1))),
        Residenza {
            stato: StatoResidenza::ConRiserva,
            ..residence(4, begin, None)
        },
    ]
}

fn componenti() -> Vec<crate::famiglia::Componente> {
    let mut left = componente(1, 3, Parentela::Coniuge);
    left.al = Some(date(2018, 6, 1));
    vec![
        componente(1, 1, Parentela::Intestatario),
        componente(1, 2, Parentela::Genitore),
        left,
        componente(1, 5, Parentela::Figlio),
        componente(2, 4, Parentela::Intestatario),
    ]
}

fn question(n: u32, civico: u32, data: Option<&str>) -> VerifyResidenzaRequest {
    VerifyResidenzaRequest {
        codice_fiscale: Some(persona(n).codice_fiscale.as_str().to_owned()),
        indirizzo: Some(proto::Indirizzo {
            specie: Some("Via".into()),
            denominazione: Some("ROMA".into()),
            numero: Some(civico),
            ..Default::default()
        }),
        data: data.map(str::to_owned),
    }
}

fn wrong(
    field: &'static str,
    spoil: impl Fn(&mut VerifyResidenzaRequest),
) -> (&'static str, VerifyResidenzaRequest) {
    let mut asked = question(1, 7, None);
    spoil(&mut asked);
    (field, asked)
}

fn address(asked: &mut VerifyResidenzaRequest) -> &mut proto::Indirizzo {
    asked.indirizzo.get_or_insert_default()
}

#[expect(clippy::unnecessary_wraps, reason = "fields of a message are optional")]
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}
