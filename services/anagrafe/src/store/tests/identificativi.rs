//! Whoever is asked for is known by every identifier, and by nobody else's.

use jiff::civil::date;
use varco_runtime::on;
use varco_runtime::store::Tx;
use varco_runtime::store::testing::each_db;

use super::t;
use crate::codice_fiscale::CodiceFiscale;
use crate::esempio::{id, persona};
use crate::store::identificativi::{self, Attribuito, Identificativi, MOST};
use crate::store::persona::assign_codice;
use crate::store::{MIGRATIONS, import};

async fn found(tx: &mut Tx, n: u32, now: i64) -> Option<Identificativi> {
    identificativi::of(tx, id(n), t(now)).await.unwrap()
}

fn codici(found: &Identificativi) -> Vec<(&str, bool)> {
    found
        .codici
        .iter()
        .map(|it| (it.codice.as_str(), it.attuale))
        .collect()
}

/// Takes a code back from whoever has it, as if it had been a mistake.
async fn take_back(tx: &mut Tx, codice: &CodiceFiscale, now: i64) {
    let statement = "UPDATE codice_fiscale SET superseded_at = $1
        WHERE codice = $2 AND superseded_at IS NULL";
    on!(tx, |db| sqlx::query(statement)
        .bind(t(now).as_microsecond())
        .bind(codice.as_str())
        .execute(db)
        .await
        .map(|_| ()))
    .unwrap();
}

#[tokio::test]
async fn every_code_of_a_person_leads_to_all_of_them_the_present_first() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let old = persona(1).codice_fiscale;
        let new = old.variants().nth(1).unwrap();
        let mut tx = fresh.db.begin().await.unwrap();
        import(&mut tx, &[persona(1), persona(2)], &[], &[], t(1))
            .await
            .unwrap();
        assign_codice(&mut tx, id(1), (new, date(2022, 1, 1)), t(2))
            .await
            .unwrap();

        for codice in [old, new] {
            let named = identificativi::named_by(&mut tx, &codice, t(2)).await;
            assert_eq!(named.unwrap(), Some(id(1)), "{}", fresh.name);
        }
        let all = found(&mut tx, 1, 2).await.unwrap();
        assert_eq!(codici(&all), [(new.as_str(), true), (old.as_str(), false)]);
        assert_eq!((all.id, all.omessi), (id(1), 0), "{}", fresh.name);
        let before = found(&mut tx, 1, 1).await.unwrap();
        assert_eq!(codici(&before), [(old.as_str(), true)], "{}", fresh.name);
    }
}

#[tokio::test]
async fn nobody_has_an_identifier_that_was_never_given() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let mut tx = fresh.db.begin().await.unwrap();
        import(&mut tx, &[persona(1)], &[], &[], t(1))
            .await
            .unwrap();
        let stranger = persona(3).codice_fiscale;

        let named = identificativi::named_by(&mut tx, &stranger, t(1)).await;

        assert_eq!(named.unwrap(), None, "{}", fresh.name);
        assert_eq!(found(&mut tx, 3, 1).await, None);
        assert_eq!(found(&mut tx, 1, 0).await, None, "not known yet");
    }
}

#[tokio::test]
async fn code_that_was_taken_back_is_told_until_it_is_anothers() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let own = persona(1).codice_fiscale;
        let wrong = own.variants().nth(2).unwrap();
        let mut tx = fresh.db.begin().await.unwrap();
        import(&mut tx, &[persona(1), persona(2)], &[], &[], t(1))
            .await
            .unwrap();
        assign_codice(&mut tx, id(1), (wrong, date(2022, 1, 1)), t(2))
            .await
            .unwrap();
        take_back(&mut tx, &wrong, 3).await;

        let alone = found(&mut tx, 1, 3).await.unwrap();
        let named = identificativi::named_by(&mut tx, &wrong, t(3)).await;
        assign_codice(&mut tx, id(2), (wrong, date(2023, 1, 1)), t(4))
            .await
            .unwrap();
        let shared = found(&mut tx, 1, 4).await.unwrap();
        let after = identificativi::named_by(&mut tx, &wrong, t(4)).await;

        assert!(alone.codici.iter().any(|it| it.codice == wrong));
        assert_eq!(named.unwrap(), Some(id(1)), "{}", fresh.name);
        assert!(shared.codici.iter().all(|it| it.codice != wrong));
        assert_eq!(shared.omessi, 1, "{}", fresh.name);
        assert_eq!(after.unwrap(), Some(id(2)), "{}", fresh.name);
        let present = Attribuito {
            codice: wrong,
            attuale: true,
        };
        assert_eq!(found(&mut tx, 2, 4).await.unwrap().codici[0], present);
    }
}

#[tokio::test]
async fn codes_beyond_the_bound_are_counted() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let mut tx = fresh.db.begin().await.unwrap();
        import(&mut tx, &[persona(1)], &[], &[], t(1))
            .await
            .unwrap();
        let variants = persona(1).codice_fiscale.variants().skip(1);
        for (variant, day) in variants.zip(1..=40) {
            let dal = date(1990 + day, 1, 1);
            assign_codice(&mut tx, id(1), (variant, dal), t(i64::from(day) + 1))
                .await
                .unwrap();
        }

        let all = found(&mut tx, 1, 100).await.unwrap();

        assert_eq!((all.codici.len(), all.omessi), (MOST, 41 - MOST));
        assert!(all.codici[0].attuale, "{}", fresh.name);
    }
}
