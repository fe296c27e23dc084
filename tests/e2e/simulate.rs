//! What-if: recorded decisions under another registry, and under that of their own time.

use tonic::Code;
use varco_gateway::audit::reading::Reading;
use varco_gateway::registry::{Registry, Rules};
use varco_gateway::simulate::nightly;
use varco_proto::anagrafe::v1::GetFamigliaRequest;
use varco_proto::anagrafe::v1::anagrafe_service_client::AnagrafeServiceClient;
use varco_runtime::clock::Clock;
use varco_runtime::store::Db;
use varco_tests::calls::verify;
use varco_tests::comune::Comune;

use crate::PROGRAM;

const VERIFY: &str = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza";
const FAMILY: &str = "varco.anagrafe.v1.AnagrafeService/GetFamiglia";

/// Three calls that pass and one that the purpose does not include.
async fn calls(comune: &Comune) {
    let tax_office = comune.client("tributi");
    for _ in 0..3 {
        verify(&tax_office, "verifica-residenza").await.unwrap();
    }
    let channel = tax_office.purpose("verifica-residenza").unwrap();
    let asked = GetFamigliaRequest::default();
    let refused = AnagrafeServiceClient::new(channel)
        .get_famiglia(asked)
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread")]
async fn file_is_told_by_the_calls_that_it_would_refuse_and_let_pass() {
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);
    calls(&comune).await;
    let folder = comune.path().join("export");
    let file = folder.join("registro.toml");
    let simulate = ["policy", "simulate", "-f", file.to_str().unwrap()];
    program
        .done(&["export", "--to", folder.to_str().unwrap()])
        .await;
    let stands = std::fs::read_to_string(&file).unwrap();

    let same = program.json(&simulate).await;
    // The purpose has the one method in place of the other.
    let (before, purpose) = stands.split_once("\"verifica-residenza\"").unwrap();
    let purpose = purpose.replacen("VerifyResidenza", "GetFamiglia", 1);
    std::fs::write(&file, format!("{before}\"verifica-residenza\"{purpose}")).unwrap();
    let other = program.json(&simulate).await;
    let text = program.done(&simulate).await;
    std::fs::write(
        &file,
        stands.replace("eservice = \"anagrafe\"", "eservice = \"anagrefe\""),
    )
    .unwrap();
    let wrong = program.run(&simulate).await;
    let purposes = program.json(&["get", "purpose"]).await;

    let row = |method: &str, count: u64| {
        serde_json::json!([{
            "office": "tributi",
            "purpose": "tributi/verifica-residenza",
            "method": method,
            "reason": "METHOD_NOT_IN_PURPOSE",
            "count": count,
        }])
    };
    for told in [&same, &other] {
        let counts = ["decisions", "changed_since", "not_redecidable"].map(|it| told[it].as_u64());
        assert_eq!(counts, [Some(4), Some(0), Some(0)], "{told:#}");
    }
    assert_eq!(same["newly_allowed"], serde_json::json!([]), "{same:#}");
    assert_eq!(same["newly_denied"], serde_json::json!([]), "{same:#}");
    assert_eq!(other["newly_denied"], row(VERIFY, 3), "{other:#}");
    assert_eq!(other["newly_allowed"], row(FAMILY, 1), "{other:#}");
    assert!(text.contains("3 newly denied, 1 newly allowed"), "{text}");
    assert_eq!((wrong.code, wrong.out.as_str()), (Some(1), ""));
    assert!(wrong.err.contains("names no eservice"), "{}", wrong.err);
    let kept = purposes.to_string();
    assert!(kept.contains(VERIFY), "nothing was changed: {kept}");
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_decisions_come_out_the_same_under_the_registry_of_their_time() {
    let comune = Comune::start().await;
    let program = comune.program(PROGRAM);
    let purpose = ["purpose", "tributi/verifica-residenza"];
    let began = Clock::system().now();
    calls(&comune).await;
    program.done(&[&["suspend"], &purpose[..]].concat()).await;
    let tax_office = comune.client("tributi");
    for _ in 0..2 {
        // The voucher that the client still holds: the data plane refuses, not the token endpoint.
        let _ = verify(&tax_office, "verifica-residenza").await;
    }
    program.done(&[&["unsuspend"], &purpose[..]].concat()).await;
    calls(&comune).await;

    let folder = comune.path();
    let open = async |name: &str| Db::open_to_read(&folder.join(name)).await.unwrap();
    let registry = open("gateway.db").await;
    let opened = Registry::open(registry, Clock::system(), Rules::default());
    let registry = opened.await.unwrap();
    let reading = Reading::open(comune.config(), None).await.unwrap();
    let span = (began, Clock::system().now());
    let checked = nightly::check(&reading, &registry, span).await.unwrap();

    assert!(checked.different.is_empty(), "{checked:?}");
    assert!(checked.decisions >= 8, "{checked:?}");
    comune.stop().await;
}
