//! The journey of the README, from another process, over the network.

use serde_json::Value;
use varco_tests::comune::Comune;
use varco_tests::folder;

use crate::PROGRAM;

fn demo(comune: &Comune) -> Value {
    let out = comune.run(PROGRAM, &["demo", "--output", "json"]);
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    serde_json::from_slice(&out.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn journey_goes_as_it_should_and_may_be_repeated() {
    let comune = Comune::start().await;

    let runs = [demo(&comune), demo(&comune)];

    for run in &runs {
        assert_eq!(run["ok"], true, "{run:#}");
        let steps = run["steps"].as_array().unwrap();
        for step in steps {
            for field in [
                "name",
                "caller",
                "method",
                "purpose",
                "expected",
                "outcome",
                "code",
                "reason",
                "ms",
                "trace_id",
                "audit_index",
            ] {
                assert!(step.get(field).is_some(), "{field} is missing in {step}");
            }
        }
        let outcomes: Vec<&str> = steps.iter().filter_map(|s| s["outcome"].as_str()).collect();
        for refusal in [
            "METHOD_NOT_IN_PURPOSE",
            "VOUCHER_MISSING",
            "VOUCHER_EXPIRED",
            "VOUCHER_CLIENT",
            "PURPOSE_SUSPENDED",
        ] {
            assert!(
                outcomes.contains(&refusal),
                "{refusal} is not among {outcomes:?}"
            );
        }
    }
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_town_is_told_in_one_line_with_a_remedy() {
    let comune = Comune::start().await;
    let data = comune.path().to_owned();
    let kept = tempfile::tempdir().unwrap();
    let copy = kept.path().join("copy");
    folder::copy(&data, &copy);
    comune.stop().await;

    let out = std::process::Command::new(PROGRAM)
        .args(["demo", "--data"])
        .arg(&copy)
        .output()
        .unwrap();

    let told = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1), "{told}");
    assert_eq!(told.trim().lines().count(), 1, "{told}");
    assert!(told.contains("varco up"), "{told}");
}
