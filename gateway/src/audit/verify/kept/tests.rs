//! A kept checkpoint tells a log that was cut off from one that was written anew.

use crate::audit::committer::Register;
use crate::audit::testing::{Place, each_place, outcome, run, signers};

use super::*;

/// Writes so many records, the first with that number; gives the last receipt's checkpoint.
async fn write(register: &Register, numbers: std::ops::Range<u128>) -> String {
    let mut note = String::new();
    for n in numbers {
        let receipt = register.commit(outcome(n)).await.unwrap();
        note = receipt.checkpoint.to_string();
    }
    note
}

async fn ask(place: &Place, note: &str, vkey: Option<&str>) -> Result<Reached, Error> {
    verify_in((place.db(), place.index()), note, vkey).await
}

#[tokio::test(flavor = "multi_thread")]
async fn log_that_grew_bears_out_every_checkpoint_of_it() {
    for place in each_place().await {
        let register = place.open().await.unwrap();
        let early = write(&register, 0..5).await;
        let late = write(&register, 5..300).await;

        let reached = ask(&place, &early, None).await.unwrap();

        assert_eq!((reached.size, reached.log.size), (5, 300), "{}", place.name);
        let carried = STANDARD_NO_PAD.encode(&late);
        assert_eq!(ask(&place, &carried, None).await.unwrap().size, 300);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn older_copy_and_another_history_are_told_apart() {
    let place = each_place().await.remove(0);
    let register = place.open().await.unwrap();
    let note = write(&register, 0..20).await;
    let older = each_place().await.remove(0);
    write(&older.open().await.unwrap(), 0..12).await;
    let another = each_place().await.remove(0);
    write(&another.open().await.unwrap(), 100..150).await;

    let cut_off = ask(&older, &note, None).await.unwrap_err();
    let rewritten = ask(&another, &note, None).await.unwrap_err();

    assert!(
        matches!(
            cut_off,
            Error::CutOff {
                stored: 12,
                kept: 20,
                last: 11,
                ..
            }
        ),
        "{cut_off}"
    );
    assert!(
        matches!(rewritten, Error::Rewritten { kept: 20, .. }),
        "{rewritten}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoint_is_believed_for_the_logs_key_alone() {
    let place = each_place().await.remove(0);
    let register = place.open().await.unwrap();
    let note = write(&register, 0..3).await;
    let vkey = register.log().vkey.clone();
    let anew = each_place().await.remove(0);
    let other = anew.open_with(run(), signers(9)).await.unwrap();
    write(&other, 0..9).await;
    let nothing = each_place().await.remove(0);

    let other_key = ask(&anew, &note, None).await.unwrap_err();
    let named_key = ask(&anew, &note, Some(&vkey)).await.unwrap_err();
    let unknown = ask(&nothing, &note, None).await.unwrap_err();
    let gone = ask(&nothing, &note, Some(&vkey)).await.unwrap_err();
    let altered = ask(&place, &note.replace("\n3\n", "\n4\n"), None)
        .await
        .unwrap_err();
    let nonsense = ask(&place, "no note", None).await.unwrap_err();

    assert!(matches!(other_key, Error::Stranger(_)), "{other_key}");
    assert!(matches!(named_key, Error::Stranger(_)), "{named_key}");
    assert!(matches!(unknown, Error::Unknown(_)), "{unknown}");
    assert!(matches!(gone, Error::Gone { kept: 3, .. }), "{gone}");
    assert!(matches!(altered, Error::Stranger(_)), "{altered}");
    assert!(matches!(nonsense, Error::NoCheckpoint), "{nonsense}");
}
