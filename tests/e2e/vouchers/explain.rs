//! Explanations: the same judgement as the endpoint's, and nothing used up by it.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use http::StatusCode;
use serde_json::{Value, json};
use tonic::Code;
use varco_proto::registry::v1::Kind;
use varco_proto::token::v1::explain_service_client::ExplainServiceClient;
use varco_proto::token::v1::{ExplainRequest, ExplainResponse, StepStatus, TokenKind};
use varco_tests::calls::reason;
use varco_tests::comune::Comune;

use super::PURPOSE;
use crate::PROGRAM;

const VERIFY: &str = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza";

async fn explained(comune: &Comune, token: &str, method: &str) -> ExplainResponse {
    let request = ExplainRequest {
        token: token.to_owned(),
        method: method.to_owned(),
        proof: String::new(),
    };
    let mut client = ExplainServiceClient::new(comune.control("amministratore"));
    client.explain(request).await.unwrap().into_inner()
}

fn failed(told: &ExplainResponse) -> Vec<(&str, &str)> {
    let failed = told.steps.iter();
    let failed = failed.filter(|step| step.status() == StepStatus::Failed);
    failed
        .map(|step| (step.name.as_str(), step.reason.as_str()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn token_is_explained_and_still_good_afterwards() {
    let comune = Comune::start().await;
    let asker = comune.asker("tributi");
    let purpose = comune.purpose_id("tributi", PURPOSE);
    let assertion = asker.sign(&asker.claims(&purpose));

    // Before it is used, however often it is explained, an assertion is good.
    for _ in 0..2 {
        let told = explained(&comune, &assertion, VERIFY).await;
        assert_eq!(told.kind(), TokenKind::Assertion);
        assert_eq!(failed(&told), []);
        assert_eq!(told.purpose, "tributi/verifica-residenza");
    }
    let answer = asker.post(&asker.form(&assertion)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let voucher = answer.voucher();
    let told = explained(&comune, &assertion, "").await;
    assert_eq!(failed(&told), [("single-use", "JTI_REUSED")]);

    let told = explained(&comune, &voucher, VERIFY).await;
    assert_eq!((told.kind(), failed(&told)), (TokenKind::Voucher, vec![]));
    let other = "varco.anagrafe.v1.AnagrafeService/GetFamiglia";
    let told = explained(&comune, &voucher, other).await;
    assert_eq!(failed(&told), [("method", "METHOD_NOT_IN_PURPOSE")]);
    comune
        .suspend(Kind::Purpose, "tributi/verifica-residenza")
        .await;
    let told = explained(&comune, &voucher, VERIFY).await;
    assert_eq!(failed(&told), [("purpose-state", "PURPOSE_SUSPENDED")]);

    roles(&comune, &voucher).await;
    command_line(&comune, &voucher);
    comune.stop().await;
}

async fn roles(comune: &Comune, voucher: &str) {
    let mut auditor = ExplainServiceClient::new(comune.control("auditor"));
    let request = ExplainRequest {
        token: voucher.to_owned(),
        ..Default::default()
    };

    let refused = auditor.explain(request).await.unwrap_err();

    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(reason(&refused), "ROLE_MISSING");
}

fn command_line(comune: &Comune, voucher: &str) {
    let expired = std::fs::read_to_string(comune.path().join("expired.jwt")).unwrap();
    let json = ["voucher", "explain", "--output", "json"];

    let told = comune.run(PROGRAM, &[&json[..], &[expired.trim()]].concat());
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(
        (&told["kind"], &told["ok"]),
        (&json!("VOUCHER"), &json!(false))
    );
    let reasons: Vec<&Value> = told["steps"].as_array().unwrap().iter().collect();
    assert!(
        reasons
            .iter()
            .any(|step| step["reason"] == "VOUCHER_EXPIRED")
    );

    let told = piped(comune, voucher);
    let text = String::from_utf8(told.stdout).unwrap();
    assert!(told.status.success(), "{text}");
    assert!(
        text.contains("PURPOSE_SUSPENDED") && text.contains("→ "),
        "{text}"
    );
    assert!(!text.contains(voucher), "the token is repeated");
}

/// Explains what comes through a pipe.
fn piped(comune: &Comune, token: &str) -> Output {
    let mut program = Command::new(PROGRAM)
        .args(["voucher", "explain", "--data"])
        .arg(comune.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = program.stdin.take().unwrap();
    input.write_all(token.as_bytes()).unwrap();
    drop(input);
    program.wait_with_output().unwrap()
}
