//! The evidence of ModI on calls: asked for by a method's rule, judged, passed on, recorded.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;
use varco_proto::audit::v1::Record;
use varco_proto::registry::v1::{Document, Kind, MethodRule};
use varco_tests::assertion::Asker;
use varco_tests::calls::reason;
use varco_tests::comune::Comune;
use varco_tests::eco::{self, Eco};
use varco_tests::wire::{Answer, Wire, frame};

const AUDIENCE: &str = "https://eco.example/v1";
const ECHO: &str = "eco.v1.EcoService/Echo";
const SIGNATURE: &str = "agid-jwt-signature";
const TRACKING: &str = "agid-jwt-trackingevidence";

/// The foreign service, whose Echo asks who acts.
fn asking(eco: &Eco) -> Document {
    let mut document = eco.document("read");
    document.eservices[0].descriptors[0].rules = vec![MethodRule {
        methods: vec![ECHO.to_owned()],
        evidence: vec!["tracking".to_owned()],
        ..Default::default()
    }];
    document
}

/// A client that shows evidence of what it does.
struct Witness {
    asker: Asker,
    purpose: String,
    wire: Wire,
}

impl Witness {
    async fn of(comune: &Comune) -> Self {
        Self {
            asker: comune.asker("tributi"),
            purpose: comune.id(Kind::Purpose, "tributi/prova").await,
            wire: comune.wire("tributi").await,
        }
    }

    fn evidence(&self, more: &Value) -> String {
        let mut claims = self.asker.claims(&self.purpose);
        claims["aud"] = json!(AUDIENCE);
        for (name, value) in more.as_object().unwrap() {
            claims[name.as_str()] = value.clone();
        }
        self.asker.sign(&claims)
    }

    fn tracking(&self) -> String {
        self.evidence(&json!({"userID": "matricola-4711", "userLocation": "sportello-2"}))
    }

    async fn echo(&mut self, voucher: &str, more: &[(&str, &str)]) -> Answer {
        let bearer = format!("Bearer {voucher}");
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(more);
        let message = frame(&question());
        self.wire.send(ECHO, &headers, message).await.unwrap()
    }
}

fn question() -> eco::v1::EchoRequest {
    eco::v1::EchoRequest {
        text: "eco".to_owned(),
    }
}

/// The reason, the part and the fault of a refusal.
fn flaw(status: &Status) -> (String, String, String) {
    let told = status.get_details_error_info().unwrap().metadata;
    let fact = |name: &str| told.get(name).cloned().unwrap_or_default();
    (reason(status), fact("evidence"), fact("fault"))
}

fn flawed(reason: &str, evidence: &str, fault: &str) -> (String, String, String) {
    (reason.to_owned(), evidence.to_owned(), fault.to_owned())
}

async fn record(comune: &Comune, answer: &Answer) -> Record {
    let id: Uuid = answer.headers["varco-audit-id"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    comune.records(id.as_bytes()).await.pop().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_that_a_method_asks_for_must_come_and_hold() {
    let (comune, eco) = (Comune::start().await, Eco::start());
    comune.apply(asking(&eco)).await;
    let mut witness = Witness::of(&comune).await;
    let voucher = comune.voucher("tributi", &witness.purpose).await;

    absent_and_bad(&comune, &mut witness, &voucher).await;
    good_and_again(&comune, &mut witness, &voucher).await;
    signed(&mut witness, &voucher).await;
    pinned(&mut witness).await;

    comune.stop().await;
}

async fn absent_and_bad(comune: &Comune, witness: &mut Witness, voucher: &str) {
    let refused = witness.echo(voucher, &[]).await.status();
    let told = flawed("EVIDENCE_REQUIRED", "tracking", "missing");
    assert_eq!(flaw(&refused), told);
    comune
        .assert_refused(&refused, Code::PermissionDenied, "EVIDENCE_REQUIRED")
        .await;

    let foreign = witness.evidence(&json!({
        "userID": "matricola-4711", "userLocation": "sportello-2", "aud": "https://altro.example",
    }));
    let refused = witness
        .echo(voucher, &[(TRACKING, &foreign)])
        .await
        .status();
    let told = flawed("EVIDENCE_INVALID", "tracking", "audience");
    assert_eq!(flaw(&refused), told);
    assert!(!format!("{refused:?}").contains("matricola"));
}

async fn good_and_again(comune: &Comune, witness: &mut Witness, voucher: &str) {
    let token = witness.tracking();

    let served = witness.echo(voucher, &[(TRACKING, &token)]).await;
    let again = witness.echo(voucher, &[(TRACKING, &token)]).await.status();

    assert_eq!(served.status().code(), Code::Ok);
    let echoed = eco::v1::EchoResponse::decode(&served.body[5..]).unwrap();
    let mut came = echoed.metadata.iter().filter(|it| it.name == TRACKING);
    assert_eq!(came.next().unwrap().value, token.as_bytes());
    let record = record(comune, &served).await;
    let hash = digest(&SHA256, token.as_bytes());
    assert_eq!(record.evidence_sha256, [hash.as_ref().to_vec()]);
    assert!(!format!("{record:?}").contains("matricola"));
    let told = flawed("EVIDENCE_INVALID", "tracking", "replayed");
    assert_eq!(flaw(&again), told);
}

async fn signed(witness: &mut Witness, voucher: &str) {
    let message = question().encode_to_vec();
    let value = format!(
        "SHA-256={}",
        STANDARD.encode(digest(&SHA256, &message).as_ref())
    );
    let sign = |witness: &Witness, method: &str| {
        witness.evidence(&json!({"signed_headers": [
            {"content-type": "application/grpc"}, {"digest": value}, {"grpc-method": method},
        ]}))
    };
    let good = sign(witness, ECHO);
    let other = sign(witness, "eco.v1.EcoService/Wait");
    for (token, expected) in [
        (&good, None),
        (&good, Some("replayed")),
        (&other, Some("mismatch")),
    ] {
        let tracking = witness.tracking();
        let headers = [
            (TRACKING, tracking.as_str()),
            ("digest", &value),
            (SIGNATURE, token),
        ];

        let status = witness.echo(voucher, &headers).await.status();

        match expected {
            None => assert_eq!(status.code(), Code::Ok, "{status:?}"),
            Some(fault) => {
                let told = flawed("EVIDENCE_INVALID", "signature", fault);
                assert_eq!(flaw(&status), told);
            }
        }
    }
}

/// `AUDIT_REST_02`: the evidence that the voucher names serves all of its calls, and no other does.
async fn pinned(witness: &mut Witness) {
    let token = witness.evidence(&json!({
        "userID": "matricola-4711", "userLocation": "sportello-2", "dnonce": 1_234_567_890_123_u64,
    }));
    let mut claims = witness.asker.claims(&witness.purpose);
    let value = hex::encode(digest(&SHA256, token.as_bytes()));
    claims["digest"] = json!({"alg": "SHA256", "value": value});
    let voucher = witness.asker.ask(&claims).await.voucher();

    for _ in 0..2 {
        let served = witness.echo(&voucher, &[(TRACKING, &token)]).await;
        assert_eq!(served.status().code(), Code::Ok);
    }
    let other = witness.evidence(&json!({
        "userID": "matricola-4711", "userLocation": "sportello-2", "dnonce": 1_234_567_890_124_u64,
    }));
    let refused = witness.echo(&voucher, &[(TRACKING, &other)]).await.status();
    let told = flawed("EVIDENCE_INVALID", "tracking", "voucher_digest");
    assert_eq!(flaw(&refused), told);
}
