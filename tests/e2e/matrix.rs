//! Every refusal of the data plane, by every kind of call, to a client of ours and a foreign one.
//!
//! Each case is made four times by tonic and, where it is installed, four times by grpcio. The
//! service is a foreign one, so that the messages are plain.

use bytes::Bytes;
use prost::Message as _;
use tonic::Code;
use uuid::Uuid;
use varco_gateway::keys::lifecycle::Role;
use varco_gateway::voucher::{Claims, Confirmation, Vouchers};
use varco_proto::registry::v1 as registry;
use varco_tests::calls::raw::Tonic;
use varco_tests::comune::Comune;
use varco_tests::eco::v1;
use varco_tests::foreign::{ForeignCall, Kind, Outcome, Python, installed};

mod limits;
mod outside;
mod permission;
mod voucher;

/// Both clients.
struct Clients {
    tonic: Tonic,
    python: Option<Python>,
}

impl Clients {
    fn start() -> Self {
        Self {
            tonic: Tonic::default(),
            python: Python::start(),
        }
    }

    /// Makes a call by each client.
    async fn make(&mut self, call: &ForeignCall) -> Vec<Outcome> {
        let mut outcomes = vec![self.tonic.call(call).await];
        if let Some(python) = &mut self.python {
            outcomes.push(python.call(call).await);
        }
        outcomes
    }

    /// Whether the foreign client is installed.
    fn both() -> bool {
        installed("VARCO_TEST_PYTHON").is_some()
    }

    /// Makes a call by both clients at the same time.
    async fn make_at_once(&mut self, call: &ForeignCall) -> Vec<Outcome> {
        let python = async {
            match &mut self.python {
                Some(python) => Some(python.call(call).await),
                None => None,
            }
        };
        let (ours, theirs) = tokio::join!(self.tonic.call(call), python);
        [Some(ours), theirs].into_iter().flatten().collect()
    }

    /// Makes calls by both clients, all at the same time: each may take long.
    async fn make_all_at_once(calls: [ForeignCall; 4]) -> Vec<(Kind, Outcome)> {
        let made = calls.iter().map(|call| async move {
            let outcomes = Self::start().make_at_once(call).await;
            outcomes.into_iter().map(|outcome| (call.kind, outcome))
        });
        let made = futures_util::future::join_all(made).await;
        made.into_iter().flatten().collect()
    }

    /// Checks that a call is refused to each client in the same words, and not as HTTP.
    async fn assert_refused(&mut self, call: &ForeignCall, (code, reason): (Code, &str)) {
        for outcome in self.make(call).await {
            assert_refusal(call.kind, &outcome, (code, reason));
        }
    }

    /// The same for a call of each kind.
    async fn assert_all_refused(
        &mut self,
        call: impl Fn(Kind) -> ForeignCall,
        expected: (Code, &str),
    ) {
        for kind in Kind::ALL {
            self.assert_refused(&call(kind), expected).await;
        }
    }

    /// Checks that a call of each kind is answered.
    async fn assert_all_answered(&mut self, call: impl Fn(Kind) -> ForeignCall) {
        for kind in [Kind::Unary, Kind::Client, Kind::Bidi] {
            for outcome in self.make(&call(kind)).await {
                assert_eq!(outcome.code, Code::Ok, "{kind:?}: {outcome:?}");
            }
        }
    }
}

fn assert_refusal(kind: Kind, outcome: &Outcome, (code, reason): (Code, &str)) {
    let told = (kind, outcome);
    assert_eq!(outcome.refusal(), (code, reason, "varco"), "{told:?}");
    assert!(outcome.metadatum("varco-audit-id").is_some(), "{told:?}");
    assert!(outcome.messages.is_empty(), "{told:?}");
    assert!(outcome.details.len() <= 4096, "{told:?}");
    let is_retried = String::from_utf8_lossy(&outcome.details).contains("RetryInfo");
    assert!(
        is_retried || code != Code::Unavailable,
        "{reason}: {told:?}"
    );
}

/// The method of a kind that the foreign service has.
fn method(kind: Kind) -> &'static str {
    match kind {
        Kind::Unary => "eco.v1.EcoService/Echo",
        Kind::Client => "eco.v1.EcoService/Collect",
        Kind::Server => "eco.v1.EcoService/Follow",
        Kind::Bidi => "eco.v1.EcoService/Converse",
    }
}

/// A call of the tax office to the foreign service, with a voucher.
fn call(comune: &Comune, kind: Kind, voucher: &str) -> ForeignCall {
    let call = ForeignCall {
        method: method(kind).to_owned(),
        ..ForeignCall::new(comune, "tributi", kind)
    };
    call.with("authorization", &format!("Bearer {voucher}"))
}

/// A call that the service never answers.
fn endless(comune: &Comune, kind: Kind, voucher: &str) -> ForeignCall {
    let call = call(comune, kind, voucher);
    match kind {
        Kind::Unary => ForeignCall {
            method: "eco.v1.EcoService/Wait".to_owned(),
            ..call
        },
        Kind::Client => ForeignCall {
            messages: vec![text("aspetta")],
            ..call
        },
        Kind::Server => call,
        Kind::Bidi => ForeignCall {
            messages: Vec::new(),
            keep_open: true,
            ..call
        },
    }
}

/// A message with a text, the same in all requests of the service that hold one.
fn text(text: &str) -> Bytes {
    let message = v1::EchoRequest {
        text: text.to_owned(),
    };
    message.encode_to_vec().into()
}

/// A voucher of the tax office for a purpose of its own.
async fn voucher(comune: &Comune, purpose: &str) -> String {
    let purpose = format!("tributi/{purpose}");
    let purpose = comune.id(registry::Kind::Purpose, &purpose).await;
    comune.voucher("tributi", &purpose).await
}

/// A voucher that the gateway itself would sign, with claims that it never would.
fn bent(comune: &Comune, good: &str, bend: impl Fn(&mut Claims)) -> String {
    let key = comune.signing_key(Role::Voucher);
    let vouchers = Vouchers::new(key, comune.config().issuer());
    let now = comune.clock().unix();
    let mut claims = (*vouchers.verdict(good, now).unwrap().claims).clone();
    bend(&mut claims);
    vouchers.sign(&claims).unwrap()
}

/// A binding to a certificate that nobody has.
fn elsewhere(claims: &mut Claims) {
    claims.cnf = Some(Confirmation::to(&[7; 32]));
}

/// Another version than the one in force.
fn another_version(claims: &mut Claims) {
    claims.descriptor_id = Uuid::from_u128(1);
}
