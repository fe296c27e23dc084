//! What goes into a pack, and under which head.

use varco_proto::audit::v1::Record;
use varco_tlog::cosignature::Cosigner;
use varco_tlog::note::{Note, with_lines};

use super::*;
use crate::audit::committer::Register;
use crate::audit::testing::{Place, anchor, each_place, outcome};
use crate::audit::verify;

async fn choose_in(place: &Place, wanted: &Wanted) -> Result<Vec<Chosen>, Error> {
    choice::choose((place.db(), place.index()), wanted, None).await
}

async fn packed(chosen: &[Chosen], witnesses: &[CosignerKey]) -> (Vec<u8>, Vec<Packed>) {
    pack(Vec::new(), (chosen, witnesses), "una prova")
        .await
        .unwrap()
}

fn day() -> Wanted {
    Wanted::Day("2026-11-22".parse().unwrap())
}

async fn fill(register: &Register, records: u128) -> String {
    let mut note = String::new();
    for n in 0..records {
        let receipt = register.commit(outcome(n)).await.unwrap();
        note = receipt.checkpoint.to_string();
    }
    note
}

#[tokio::test(flavor = "multi_thread")]
async fn pack_of_a_day_a_call_or_a_journey_holds_its_records_and_verifies() {
    for place in each_place().await {
        let register = place.open().await.unwrap();
        fill(&register, 300).await;
        let journey = Record {
            trace_id: vec![5; 16].into(),
            ..outcome(7)
        };
        register.commit(journey).await.unwrap();

        for (wanted, expected) in [
            (day(), (301, 0, 300, 0)),
            (
                Wanted::Call(*uuid::Uuid::from_u128(7).as_bytes()),
                (2, 7, 300, 292),
            ),
            (Wanted::Trace([5; 16]), (1, 300, 300, 0)),
        ] {
            let chosen = choose_in(&place, &wanted).await.unwrap();
            let (bytes, _) = packed(&chosen, &[]).await;
            let held = verify::pack::verify(&bytes, None).unwrap().remove(0);

            let found = (held.records, held.first, held.last, held.absent);
            assert_eq!(found, expected, "{}: {wanted:?}", place.name);
        }
        let other = Wanted::Day("2026-11-21".parse().unwrap());
        let nothing = choose_in(&place, &other).await.unwrap_err();
        assert!(matches!(nothing, Error::Nothing), "{nothing}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cosigned_head_is_taken_when_a_known_witness_signed_it_and_it_covers_all() {
    let place = each_place().await.remove(0);
    let register = place.open().await.unwrap();
    let early = fill(&register, 2).await;
    fill(&register, 1).await;
    let chosen = choose_in(&place, &day()).await;
    // The log grows past what was chosen, and past what was read of it.
    let late = fill(&register, 3).await;
    let witness = Cosigner::from_seed("testimone", &[3; 32]).unwrap();
    let stranger = Cosigner::from_seed("estraneo", &[4; 32]).unwrap();
    let cosigned = |note: &str, by: &Cosigner| {
        let line = by
            .cosign(&Note::parse(note).unwrap(), 1_790_000_000)
            .unwrap();
        with_lines(note, &line).unwrap()
    };
    let known = [witness.vkey().parse::<CosignerKey>().unwrap()];
    let mut chosen = chosen.unwrap();
    chosen[0].cosigned = vec![cosigned(&early, &witness), cosigned(&late, &stranger)];

    let (_, plain) = packed(&chosen, &known).await;
    chosen[0].cosigned.push(cosigned(&late, &witness));
    let (bytes, taken) = packed(&chosen, &known).await;

    assert_eq!((plain[0].size, plain[0].witnesses.len()), (6, 0));
    assert_eq!(
        (taken[0].size, &taken[0].witnesses[..]),
        (6, &["testimone".to_owned()][..])
    );
    let held = verify::pack::verify(&bytes, None).unwrap();
    assert_eq!(held[0].witnesses, ["testimone"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn anchors_of_the_chosen_records_come_with_their_evidence() {
    let place = each_place().await.remove(0);
    let register = place.open().await.unwrap();
    fill(&register, 4).await;
    for (n, place) in [(7, "tsa"), (8, "protocollo")] {
        let receipt = register.commit(outcome(n)).await.unwrap();
        register.commit(anchor(&receipt, place)).await.unwrap();
    }
    let first = Wanted::Call(*uuid::Uuid::from_u128(0).as_bytes());
    let chosen = choose_in(&place, &first).await.unwrap();

    let (bytes, packed) = packed(&chosen, &[]).await;

    assert_eq!((packed[0].records, packed[0].anchors), (1, 2));
    let held = verify::pack::verify(&bytes, None).unwrap();
    assert_eq!(held[0].anchors, 2);
}
