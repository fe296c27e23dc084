//! Attacks on JOSE: assertions and vouchers that must not pass, from small tables by family.
//!
//! Each is refused with its own reason and leaves exactly one record that names it. What is wrong
//! before the signature has verified is told to nobody (RFC 6749 §5.2); after it, precisely. One
//! town serves a whole corpus, on a clock that stands still, so that borders are exact seconds.

use futures_util::stream::{self, StreamExt as _};
use http::StatusCode;
use uuid::Uuid;
use varco_gateway::keys::lifecycle::Role;
use varco_proto::audit::v1::RecordKind;
use varco_runtime::clock::Clock;
use varco_runtime::jose::PrivateKey;
use varco_runtime::secret;
use varco_tests::assertion::{Answer, Asker};
use varco_tests::comune::Comune;
use varco_tests::folder::files;

mod algorithms;
mod claims;
mod forge;
mod headers;
mod replay;
mod shape;
mod signatures;
mod vouchers;

use forge::{Client, Forge};

/// Who appears in the corpus: a client of each kind of key.
struct Cast {
    /// Signs ES256.
    ec: Client,
    /// Signs `EdDSA`.
    ed: Client,
    /// Signs RS256, and may for a month.
    rsa: Client,
    issuer: String,
    token_url: String,
    /// Name of the key that signs vouchers.
    voucher_kid: String,
}

/// A hostile assertion, and the reason that its record gives.
#[derive(Clone)]
struct Case {
    what: String,
    /// The `client_id` of the form; none when empty.
    client: String,
    assertion: String,
    reason: &'static str,
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_assertions_are_refused_each_with_its_reason_and_one_record() {
    let comune = town().await;
    let cast = Cast::of(&comune);
    let asker = comune.asker("tributi");
    let cases: Vec<Case> = [
        algorithms::cases(&cast),
        headers::cases(&cast),
        shape::cases(&cast),
        signatures::cases(&cast),
        claims::cases(&cast),
    ]
    .concat();
    let bare = Asker::open(&comune.client_folder("tributi"), None, &comune.ca());

    let judged = stream::iter(&cases).map(async |case| {
        let answer = bare.post(&case.form()).await;
        let judged = case.judge(&answer, &comune).await;
        judged.err().map(|how| format!("{}: {how}", case.what))
    });
    let judged: Vec<_> = judged.buffer_unordered(AT_ONCE).collect().await;
    let mut wrong: Vec<String> = judged.into_iter().flatten().collect();
    // The same town takes what lies on the good side of each border: not everything is refused.
    for (what, assertion) in claims::good(&cast) {
        let answer = bare.post(&Case::new(&*what, &assertion, "").form()).await;
        if answer.status != StatusCode::OK {
            wrong.push(format!("good {what}: {}", answer.body));
        }
    }
    wrong.extend(replay::of_one_town(&cast, &comune, &asker).await);

    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(cases.len() >= 500, "only {} cases", cases.len());
    comune.stop().await;
}

/// A town on a clock that stands still, with room for a whole corpus from one peer.
async fn town() -> Comune {
    Comune::start_with(Clock::fixed(Clock::system().now()), |config| {
        config.gateway.limits.tokens_per_second = 100_000;
        config.gateway.limits.calls_per_second = 100_000;
        config.gateway.limits.refusals_per_minute = 100_000;
    })
    .await
}

impl Cast {
    fn of(comune: &Comune) -> Self {
        let client = |name, purpose| client(comune, name, purpose);
        Self {
            ec: client("tributi", "verifica-residenza"),
            ed: client("segreteria", "determine-documenti"),
            rsa: client("legacy", "verifica-residenza"),
            issuer: comune.config().issuer(),
            token_url: comune.asker("tributi").file.token_url,
            voucher_kid: authority(comune, Role::Voucher).kid,
        }
    }

    fn clients(&self) -> [(&'static str, &Client); 3] {
        [("EC", &self.ec), ("Ed25519", &self.ed), ("RSA", &self.rsa)]
    }
}

/// The key with which the gateway signs, from its own folder.
fn authority(comune: &Comune, role: Role) -> Forge {
    let signs = comune.signing_key(role);
    let files = files(&comune.config().path(&comune.config().gateway.keys));
    let pems = files.iter().filter_map(|file| secret::read(file).ok());
    let keys = pems.filter(|pem| PrivateKey::from_pem(pem).is_ok());
    let mut keys = keys.map(|pem| Forge::new(&pem));
    keys.find(|key| key.kid == signs.public().kid()).unwrap()
}

fn client(comune: &Comune, name: &str, purpose: &str) -> Client {
    let file = comune.asker(name).file;
    let pem = secret::read(&comune.client_folder(name).join("assertion.key")).unwrap();
    Client {
        forge: Forge::new(&pem),
        id: file.client_id,
        audience: file.assertion_audience,
        purpose: comune.purpose_id(name, purpose),
        now: comune.clock().unix(),
    }
}

impl Case {
    fn new(what: impl Into<String>, assertion: &str, reason: &'static str) -> Self {
        Self {
            what: what.into(),
            client: String::new(),
            assertion: assertion.to_owned(),
            reason,
        }
    }

    /// The form that carries it, each byte as it is.
    fn form(&self) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("client_assertion", &self.assertion)
            .append_pair("client_assertion_type", ASSERTION_TYPE)
            .append_pair("grant_type", "client_credentials");
        if !self.client.is_empty() {
            form.append_pair("client_id", &self.client);
        }
        form.finish()
    }

    /// Whether it was refused as it should be, or how not.
    async fn judge(&self, answer: &Answer, comune: &Comune) -> Result<(), String> {
        let (status, error, told, known) = expected(self.reason);
        let found = (answer.status, answer.text("error"), answer.text("reason"));
        if found != (status, error, told) {
            return Err(format!("wanted {}, got {found:?}", self.reason));
        }
        let id: Uuid = answer.text("correlation_id").parse().unwrap();
        let records = comune.records(id.as_bytes()).await;
        let [record] = records.as_slice() else {
            return Err(format!("{} records", records.len()));
        };
        let recorded = (record.kind(), record.deny_reason.as_str());
        if recorded != (RecordKind::VoucherRefused, self.reason) {
            return Err(format!("recorded as {recorded:?}"));
        }
        if record.client_id.is_empty() == known {
            return Err(format!("recorded for client {:?}", record.client_id));
        }
        Ok(())
    }
}

/// Status, error and reason that the caller is told, and whether the record names the client.
fn expected(reason: &'static str) -> (StatusCode, &'static str, &'static str, bool) {
    let bad = StatusCode::BAD_REQUEST;
    match reason {
        "ASSERTION_MALFORMED" | "ASSERTION_SIGNATURE" | "KEY_UNKNOWN" => (
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "CLIENT_AUTHENTICATION_FAILED",
            false,
        ),
        "REQUEST_MALFORMED" => (bad, "invalid_request", reason, false),
        "PURPOSE_EXPIRED" | "PURPOSE_SUSPENDED" => (bad, "unauthorized_client", reason, true),
        _ => (bad, "invalid_client", reason, true),
    }
}

/// Assertions that are under way at once: enough that their records share commits.
const AT_ONCE: usize = 16;
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
