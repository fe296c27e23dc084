//! The same tricks against the data plane: vouchers that the gateway never issued.

use bytes::Bytes;
use serde_json::{Value, json};
use tonic::Status;
use tonic_types::StatusExt as _;
use uuid::Uuid;
use varco_gateway::keys::lifecycle::Role;
use varco_gateway::refusal::Reason;
use varco_tests::calls::question;
use varco_tests::comune::Comune;
use varco_tests::wire::frame;

mod contents;
mod headers;

use super::forge::{Forge, bent, decode, parts};
use super::{Cast, authority, town};

/// A hostile `authorization`, and the reason that its record gives.
struct Attempt {
    what: String,
    authorization: Vec<String>,
    reason: &'static str,
}

/// What the attempts are made from.
struct Mint {
    /// The gateway's own key for vouchers.
    gateway: Forge,
    /// Its key for grants.
    grants: Forge,
    /// Two good vouchers.
    good: [String; 2],
    /// The claims of the first.
    claims: Value,
    now: i64,
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_vouchers_are_refused_each_with_its_reason_and_one_record() {
    let comune = town().await;
    let cast = Cast::of(&comune);
    let mint = Mint::of(&comune, &cast).await;
    let attempts: Vec<Attempt> = mint
        .algorithms()
        .into_iter()
        .chain(mint.headers())
        .chain(mint.signers(&comune, &cast))
        .chain(mint.signatures())
        .chain(mint.tampered(&cast))
        .chain(mint.claims(&cast))
        .chain(mint.shapes())
        .chain(mint.schemes())
        .collect();

    let mut wrong = Vec::new();
    let mut wire = comune.wire("tributi").await;
    for attempt in &attempts {
        let headers = attempt.authorization.iter();
        let headers: Vec<_> = headers
            .map(|value| ("authorization", value.as_str()))
            .collect();
        let answer = wire
            .send(VERIFY, &headers, frame(&question()))
            .await
            .unwrap();
        assert_eq!(answer.body, Bytes::new(), "{}", attempt.what);
        if let Err(how) = attempt.judge(&answer.status(), &comune).await {
            wrong.push(format!("{}: {how}", attempt.what));
        }
    }
    for (what, voucher) in mint.on_the_good_side() {
        let status = wire.call(VERIFY, &voucher, &question()).await;
        if status.code() != tonic::Code::Ok {
            wrong.push(format!("good {what}: {status:?}"));
        }
    }

    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(attempts.len() >= 200, "only {} attempts", attempts.len());
    comune.stop().await;
}

impl Mint {
    async fn of(comune: &Comune, cast: &Cast) -> Self {
        let bare = varco_tests::assertion::Asker::open(
            &comune.client_folder("tributi"),
            None,
            &comune.ca(),
        );
        let issue = async || {
            let assertion = cast.ec.with_header(&json!({}));
            bare.post(&bare.form(&assertion)).await.voucher()
        };
        let good = [issue().await, issue().await];
        Self {
            gateway: authority(comune, Role::Voucher),
            grants: authority(comune, Role::Grant),
            claims: serde_json::from_slice(&decode(parts(&good[0])[1])).unwrap(),
            good,
            now: comune.clock().unix(),
        }
    }

    fn header(&self) -> Value {
        self.gateway.header("at+jwt")
    }

    /// What the gateway itself would sign, under another header.
    fn with_header(&self, members: &Value) -> String {
        let header = bent(self.header(), members);
        self.gateway
            .seal(header.to_string(), self.claims.to_string())
    }

    /// What the gateway itself would sign, with other claims.
    fn with_claims(&self, members: &Value) -> String {
        let claims = bent(self.claims.clone(), members);
        self.gateway
            .seal(self.header().to_string(), claims.to_string())
    }

    fn on_the_good_side(&self) -> Vec<(&'static str, String)> {
        vec![
            ("as issued", self.good[0].clone()),
            (
                "last second",
                self.with_claims(&json!({"exp": self.now + 1})),
            ),
            (
                "ten seconds early",
                self.with_claims(&json!({"nbf": self.now + 10})),
            ),
            ("a claim of tomorrow", self.with_claims(&json!({"x": 1}))),
        ]
    }
}

impl Attempt {
    fn of(what: impl Into<String>, token: &str, reason: &'static str) -> Self {
        Self {
            what: what.into(),
            authorization: vec![format!("Bearer {token}")],
            reason,
        }
    }

    /// Whether it was refused as it should be, or how not.
    async fn judge(&self, status: &Status, comune: &Comune) -> Result<(), String> {
        let known = Reason::ALL.iter().find(|known| known.name() == self.reason);
        let code = known.unwrap().code();
        let Some(info) = status.get_details_error_info() else {
            return Err(format!("no reason in {status:?}"));
        };
        if (info.reason.as_str(), status.code()) != (self.reason, code) {
            return Err(format!("wanted {}, got {}", self.reason, info.reason));
        }
        let id: Uuid = info.metadata["audit_id"].parse().unwrap();
        let records = comune.records(id.as_bytes()).await;
        let [record] = records.as_slice() else {
            return Err(format!("{} records", records.len()));
        };
        if record.deny_reason != self.reason {
            return Err(format!("recorded as {}", record.deny_reason));
        }
        Ok(())
    }
}

const MALFORMED: &str = "VOUCHER_MALFORMED";
const SIGNATURE: &str = "VOUCHER_SIGNATURE";
const VERIFY: &str = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza";
