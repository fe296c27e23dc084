//! Residents on both databases: what was true when, and what was believed when.

mod identificativi;
mod intervalli;

use jiff::ToSpan;
use jiff::civil::date;
use varco_runtime::store::Db;
use varco_runtime::store::testing::each_db;

use super::*;
use crate::esempio::{componente, id, indirizzo, instant, persona, residenza};
use crate::famiglia::Parentela;

#[tokio::test]
async fn imported_person_is_found_as_written() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let mut decesso = persona(1);
        decesso.decesso = Some(date(2020, 2, 3));
        let mut tx = fresh.db.begin().await.unwrap();

        assert!(is_empty(&mut tx).await.unwrap());
        import(&mut tx, &[persona(2), decesso.clone()], &[], &[], t(1))
            .await
            .unwrap();
        assert!(!is_empty(&mut tx).await.unwrap());

        let found = persona::by_codice(&mut tx, &decesso.codice_fiscale, t(1))
            .await
            .unwrap();
        assert!(found == Some(decesso), "{}", fresh.name);
        let unknown = persona::by_codice(&mut tx, &persona(3).codice_fiscale, t(1))
            .await
            .unwrap();
        assert!(unknown.is_none());
    }
}

#[tokio::test]
async fn old_code_and_omocodia_lead_to_the_person_under_the_present_code() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let old = persona(1).codice_fiscale;
        let new = old.variants().nth(1).unwrap();
        let mut tx = fresh.db.begin().await.unwrap();
        import(&mut tx, &[persona(1)], &[], &[], t(1))
            .await
            .unwrap();

        persona::assign_codice(&mut tx, id(1), (new, date(2022, 1, 1)), t(2))
            .await
            .unwrap();

        for codice in [old, new] {
            let found = persona::by_codice(&mut tx, &codice, t(2))
                .await
                .unwrap()
                .unwrap();
            assert!(
                found.id == id(1) && found.codice_fiscale == new,
                "{}",
                fresh.name
            );
        }
        let before = persona::by_codice(&mut tx, &old, t(1))
            .await
            .unwrap()
            .unwrap();
        assert!(before.codice_fiscale == old);
        let not_yet = persona::by_codice(&mut tx, &new, t(1)).await.unwrap();
        assert!(not_yet.is_none());
    }
}

#[tokio::test]
async fn code_of_one_person_cannot_become_anothers() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let mut tx = fresh.db.begin().await.unwrap();
        import(&mut tx, &[persona(1), persona(2)], &[], &[], t(1))
            .await
            .unwrap();
        let taken = (persona(1).codice_fiscale, date(2022, 1, 1));

        let refused = persona::assign_codice(&mut tx, id(2), taken, t(2)).await;

        assert!(refused.is_err(), "{}", fresh.name);
    }
}

#[tokio::test]
async fn correction_supersedes_and_the_old_belief_stays_readable() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let wrong = residenza(1, date(2010, 1, 1), None);
        let right = Residenza {
            indirizzo: indirizzo(7),
            ..wrong.clone()
        };
        let mut tx = fresh.db.begin().await.unwrap();
        import(
            &mut tx,
            &[persona(1)],
            std::slice::from_ref(&wrong),
            &[],
            t(1),
        )
        .await
        .unwrap();

        residenza::correct(&mut tx, &wrong, std::slice::from_ref(&right), t(3))
            .await
            .unwrap();

        assert_eq!(storia(&mut tx, t(0)).await, []);
        assert_eq!(
            storia(&mut tx, t(1)).await,
            std::slice::from_ref(&wrong),
            "{}",
            fresh.name
        );
        assert_eq!(storia(&mut tx, t(2)).await, [wrong]);
        assert_eq!(storia(&mut tx, t(3)).await, [right], "{}", fresh.name);
    }
}

#[tokio::test]
async fn move_ends_one_residence_and_begins_another() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let before = residenza(1, date(2010, 1, 1), None);
        let day = date(2024, 10, 1);
        let ended = Residenza {
            al: Some(day),
            ..before.clone()
        };
        let begun = Residenza {
            dal: day,
            indirizzo: indirizzo(7),
            ..before.clone()
        };
        let mut tx = fresh.db.begin().await.unwrap();
        import(
            &mut tx,
            &[persona(1)],
            std::slice::from_ref(&before),
            &[],
            t(1),
        )
        .await
        .unwrap();

        let both = [ended.clone(), begun.clone()];
        residenza::correct(&mut tx, &before, &both, t(2))
            .await
            .unwrap();

        let found = storia(&mut tx, t(2)).await;
        let eve = crate::residenza::at(&found, date(2024, 9, 30));
        assert_eq!(eve, Some(&ended), "{}", fresh.name);
        assert_eq!(crate::residenza::at(&found, day), Some(&begun));
    }
}

#[tokio::test]
async fn nobody_has_two_residences_that_last_nor_two_famiglie() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let mut tx = fresh.db.begin().await.unwrap();
        let residenze = [
            residenza(1, date(2010, 1, 1), None),
            residenza(1, date(2020, 1, 1), None),
        ];
        let twice = import(&mut tx, &[persona(1)], &residenze, &[], t(1)).await;
        drop(tx);
        let mut tx = fresh.db.begin().await.unwrap();
        let mut later = componente(2, 1, Parentela::Intestatario);
        later.dal = date(2020, 1, 1);
        let componenti = [componente(1, 1, Parentela::Intestatario), later];
        let two = import(&mut tx, &[persona(1)], &[], &componenti, t(1)).await;

        assert!(twice.is_err() && two.is_err(), "{}", fresh.name);
    }
}

#[tokio::test]
async fn famiglia_is_that_of_the_day() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let mut left = componente(1, 3, Parentela::Figlio);
        left.al = Some(date(2018, 6, 1));
        let componenti = [
            componente(1, 1, Parentela::Intestatario),
            componente(1, 2, Parentela::Coniuge),
            left,
            componente(2, 4, Parentela::Intestatario),
        ];
        let mut dead = persona(2);
        dead.decesso = Some(date(2020, 5, 4));
        let persone = [persona(1), dead, persona(3), persona(4)];
        let mut tx = fresh.db.begin().await.unwrap();
        import(&mut tx, &persone, &[], &componenti, t(1))
            .await
            .unwrap();

        assert_eq!(
            members(&mut tx, 1, date(2018, 5, 31), t(1)).await,
            [1, 2, 3]
        );
        assert_eq!(
            members(&mut tx, 1, date(2018, 6, 1), t(1)).await,
            [1, 2],
            "{}",
            fresh.name
        );
        assert!(members(&mut tx, 3, date(2018, 6, 1), t(1)).await.is_empty());
        assert_eq!(members(&mut tx, 1, date(2020, 5, 4), t(1)).await, [1, 2]);
        assert_eq!(
            members(&mut tx, 1, date(2020, 5, 5), t(1)).await,
            [1],
            "{}",
            fresh.name
        );
        assert_eq!(members(&mut tx, 4, date(2020, 5, 5), t(1)).await, [4]);
    }
}

#[tokio::test]
async fn restated_kinship_keeps_the_first_day_in_the_famiglia() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let before = componente(1, 2, Parentela::Fratello);
        let day = date(2020, 1, 1);
        let mut tx = fresh.db.begin().await.unwrap();
        let componenti = [componente(1, 1, Parentela::Intestatario), before.clone()];
        import(&mut tx, &[persona(1), persona(2)], &[], &componenti, t(1))
            .await
            .unwrap();
        let ended = Componente {
            al: Some(day),
            ..before.clone()
        };
        let restated = Componente {
            dal: day,
            parentela: Parentela::Cognato,
            ..before.clone()
        };

        famiglia::correct(&mut tx, &before, &[ended, restated], t(2))
            .await
            .unwrap();

        let found = famiglia::membri(&mut tx, id(1), day, t(2)).await.unwrap();
        let second = found
            .iter()
            .find(|membro| membro.componente.persona == id(2))
            .unwrap();
        assert_eq!(
            second.componente.parentela,
            Parentela::Cognato,
            "{}",
            fresh.name
        );
        assert_eq!(second.dal, date(2010, 1, 1));
        let found = famiglia::membri(&mut tx, id(1), day, t(1)).await.unwrap();
        assert_eq!(found[1].componente.parentela, Parentela::Fratello);
    }
}

#[tokio::test]
async fn rows_can_be_neither_deleted_nor_rewritten_nor_superseded_twice() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let wrong = residenza(1, date(2010, 1, 1), None);
        let componenti = [componente(1, 1, Parentela::Intestatario)];
        let mut tx = fresh.db.begin().await.unwrap();
        let residenze = std::slice::from_ref(&wrong);
        import(&mut tx, &[persona(1)], residenze, &componenti, t(1))
            .await
            .unwrap();
        residenza::correct(&mut tx, &wrong, &[], t(2))
            .await
            .unwrap();
        tx.commit().await.unwrap();

        for statement in [
            "DELETE FROM persona",
            "DELETE FROM generalita",
            "DELETE FROM codice_fiscale",
            "DELETE FROM residenza",
            "DELETE FROM famiglia",
            "DELETE FROM componente",
            "UPDATE persona SET recorded_at = 0",
            "UPDATE famiglia SET recorded_at = 0",
            "UPDATE generalita SET cognome = 'x'",
            "UPDATE generalita SET cognome = 'x', superseded_at = 9",
            "UPDATE codice_fiscale SET al = '2030-01-01'",
            "UPDATE residenza SET al = '2030-01-01', superseded_at = 9",
            "UPDATE residenza SET superseded_at = NULL",
            "UPDATE residenza SET superseded_at = 9",
            "UPDATE componente SET parentela = 3",
        ] {
            let mut tx = fresh.db.begin().await.unwrap();
            let done = on!(&mut tx, |db| sqlx::query(statement)
                .execute(db)
                .await
                .map(|_| ()));
            assert!(done.is_err(), "{}: {statement}", fresh.name);
        }
    }
}

#[tokio::test]
async fn both_databases_have_the_same_tables_and_columns() {
    let mut schemas = Vec::new();
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        schemas.push(columns(&fresh.db).await);
    }

    assert!(schemas.iter().all(|schema| schema.len() > 30));
    assert!(
        schemas.windows(2).all(|pair| pair[0] == pair[1]),
        "{schemas:#?}"
    );
}

async fn storia(tx: &mut Tx, believed_at: Timestamp) -> Vec<Residenza> {
    residenza::storia(tx, id(1), believed_at).await.unwrap()
}

async fn members(tx: &mut Tx, n: u32, day: Date, believed_at: Timestamp) -> Vec<u32> {
    let found = famiglia::membri(tx, id(n), day, believed_at).await.unwrap();
    (1..=4)
        .filter(|n| found.iter().any(|one| one.componente.persona == id(*n)))
        .collect()
}

async fn columns(db: &Db) -> Vec<(String, String)> {
    let sql = match db {
        Db::Sqlite { .. } => {
            "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c
             WHERE m.type = 'table' AND m.name NOT LIKE '\\_sqlx%' ESCAPE '\\' ORDER BY 1, 2"
        }
        Db::Postgres(_) => {
            "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT)
             FROM information_schema.columns WHERE table_schema = 'public'
             AND table_name NOT LIKE '\\_sqlx%' ORDER BY 1, 2"
        }
    };
    let mut tx = db.read().await.unwrap();
    on!(&mut tx, |db| sqlx::query_as(sql).fetch_all(db).await).unwrap()
}

/// An instant by number.
fn t(n: i64) -> Timestamp {
    instant("2026-01-01T00:00:00Z") + n.seconds()
}
