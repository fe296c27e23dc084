//! Whatever the intervals of a history, a day is answered with the one that covers it.

use jiff::ToSpan;
use jiff::civil::{Date, date};
use proptest::collection::vec;
use proptest::prelude::*;
use varco_runtime::store::testing::each_db;

use super::t;
use crate::esempio::{id, indirizzo, persona, residenza};
use crate::residenza::{Residenza, at};
use crate::store::residenza::storia;
use crate::store::{MIGRATIONS, import};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_intervals_without_overlap_answer_the_right_one(
        lengths in vec((0_i32..40, 1_i32..60), 1..8),
        lasts in any::<bool>(),
        asked in -10_i32..700,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let residenze = intervals(&lengths, lasts);
        let day = date(2010, 1, 1).saturating_add(asked.days());

        let found = runtime.block_on(found_at(&residenze, day));

        let expected = residenze.iter().position(|one| {
            one.dal <= day && one.al.is_none_or(|al| day < al)
        });
        for civico in found {
            prop_assert_eq!(civico, expected.and_then(|index| u32::try_from(index + 1).ok()));
        }
    }
}

/// Residences with gaps and lengths in days, each at the house number of its place in the row.
fn intervals(lengths: &[(i32, i32)], lasts: bool) -> Vec<Residenza> {
    let mut end = date(2010, 1, 1);
    let mut residenze: Vec<Residenza> = (1..)
        .zip(lengths)
        .map(|(civico, (gap, length))| {
            let dal = end.saturating_add(gap.days());
            end = dal.saturating_add(length.days());
            Residenza {
                indirizzo: indirizzo(civico),
                ..residenza(1, dal, Some(end))
            }
        })
        .collect();
    if let Some(last) = residenze.last_mut().filter(|_| lasts) {
        last.al = None;
    }
    residenze
}

async fn found_at(residenze: &[Residenza], day: Date) -> Vec<Option<u32>> {
    let mut found = Vec::new();
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let mut tx = fresh.db.begin().await.unwrap();
        import(&mut tx, &[persona(1)], residenze, &[], t(1))
            .await
            .unwrap();
        let storia = storia(&mut tx, id(1), t(1)).await.unwrap();
        found.push(at(&storia, day).and_then(|one| one.indirizzo.civico));
        drop(tx);
        fresh.db.close().await;
    }
    found
}
