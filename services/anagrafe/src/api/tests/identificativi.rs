//! By which identifiers a person is known, from request to status.

use super::*;
use crate::esempio::id;

impl Town {
    async fn resolve(
        &self,
        codice: Option<&str>,
        id: Option<&str>,
    ) -> Result<ResolveIdentificativiResponse, Status> {
        let asked = ResolveIdentificativiRequest {
            codice_fiscale: codice.map(str::to_owned),
            id_anpr: id.map(str::to_owned),
        };
        self.api
            .resolve_identificativi(Request::new(asked))
            .await
            .map(Response::into_inner)
    }
}

#[tokio::test]
async fn person_is_known_by_the_same_identifiers_however_asked_for() {
    for town in each_town().await {
        let old = persona(1).codice_fiscale;
        let new = old.variants().nth(1).unwrap();
        town.api.clock.set(instant("2026-03-03T09:00:00Z"));
        let now = town.api.clock.now();
        let mut tx = town.fresh.db.begin().await.unwrap();
        store::persona::assign_codice(&mut tx, id(1), (new, date(2026, 3, 3)), now)
            .await
            .unwrap();
        tx.commit().await.unwrap();

        let by_old = town.resolve(Some(&old.as_str().to_lowercase()), None).await;
        let by_new = town.resolve(Some(new.as_str()), None).await;
        let by_id = town.resolve(None, Some(id(1).as_str())).await.unwrap();

        assert_eq!(by_id.id_anpr(), id(1).as_str(), "{}", town.name());
        let codici = by_id.codici.iter();
        let codici: Vec<_> = codici
            .map(|it| (it.codice_fiscale(), it.attuale()))
            .collect();
        assert_eq!(codici, [(new.as_str(), true), (old.as_str(), false)]);
        assert_eq!(by_id.codici_omessi, Some(0));
        assert_eq!(by_old.unwrap(), by_id, "{}", town.name());
        assert_eq!(by_new.unwrap(), by_id, "{}", town.name());
    }
}

#[tokio::test]
async fn who_died_or_left_is_still_known() {
    for town in each_town().await {
        for n in [2, 3] {
            let codice = persona(n).codice_fiscale;
            let known = town.resolve(Some(codice.as_str()), None).await.unwrap();
            assert_eq!(known.id_anpr(), id(n).as_str(), "{}", town.name());
        }
    }
}

#[tokio::test]
async fn stranger_is_refused_alike_by_code_and_by_id() {
    for town in each_town().await {
        let codice = persona(9).codice_fiscale;

        let by_code = town.resolve(Some(codice.as_str()), None).await.unwrap_err();
        let by_id = town.resolve(None, Some(id(9).as_str())).await.unwrap_err();

        assert_eq!(by_code.code(), Code::NotFound, "{}", town.name());
        assert_eq!(reason(&by_code).unwrap(), "PERSON_UNKNOWN");
        assert_eq!(by_code.message(), by_id.message());
        assert_eq!(by_code.details(), by_id.details());
    }
}

#[tokio::test]
async fn person_is_asked_for_by_one_well_formed_identifier() {
    let town = each_town().await.remove(0);
    let codice = persona(1).codice_fiscale;

    for (codice, id, field) in [
        (None, None, "codice_fiscale"),
        (Some("RSSMRA80A01H501X"), None, "codice_fiscale"),
        (Some(codice.as_str()), Some("AA00001AA"), "id_anpr"),
        (None, Some("aa00001aa"), "id_anpr"),
        (None, Some(""), "id_anpr"),
    ] {
        let refused = town.resolve(codice, id).await.unwrap_err();

        assert_eq!(refused.code(), Code::InvalidArgument, "{field}");
        assert!(
            refused.message().starts_with(&format!("{field}: ")),
            "{}",
            refused.message()
        );
        assert!(!format!("{refused:?}").contains("RSSMRA80A01H501X"));
    }
}
