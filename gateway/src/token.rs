//! The token endpoint: a client assertion comes in, a voucher goes out (RFC 6749, 7523, 8693, PDND).
//!
//! What is wrong before the signature has verified is told to nobody; what is wrong after it is
//! told precisely. Whether there is a voucher is decided in [`issuance`]; around it stand the rates,
//! single use, the signature and the record. No voucher leaves without its durable record, and the
//! record of a refusal always has the precise reason.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use varco_runtime::jose::PublicKey;
use varco_runtime::server::Connection;

use crate::gate::Gate;
use crate::keys::lifecycle::Role;
use crate::proof;
use crate::registry::snapshot::Snapshot;
use crate::voucher::Claims;

pub mod answer;
pub mod asked;
pub mod assertion;
pub mod chain;
pub mod explain;
pub mod form;
pub mod issuance;
mod metadata;
pub mod rate;
pub mod spender;
mod twin;
pub mod words;

use answer::{Answered, Issued, Refusal};
use asked::{Asked, Under};
use form::{ACCESS_TOKEN_TYPE, Wanted};
use issuance::{Case, Draft, Rules, Spending};
use rate::{Rates, Standing};
use spender::{Part, Refused};

/// The token endpoint's own parts.
#[derive(Clone, Debug)]
pub struct Endpoint {
    gate: Arc<Gate>,
    rules: Arc<Rules>,
    rates: Arc<Rates>,
}

/// A decision for a voucher, and what it uses up.
struct Decided {
    claims: Claims,
    spending: Spending,
}

impl Endpoint {
    /// Makes the endpoint; `assertion_audience` is taken beside the issuer and the token address.
    #[must_use]
    pub fn new(gate: Arc<Gate>, assertion_audience: &str) -> Self {
        Self {
            rules: Arc::new(rules(&gate, assertion_audience)),
            rates: Arc::clone(&gate.rates),
            gate,
        }
    }

    /// Its pages, and its gRPC twin beside them.
    pub fn router(self) -> Router {
        Router::new()
            .route(PATH, post(token))
            .route("/.well-known/jwks.json", get(metadata::jwks))
            .route(
                "/.well-known/oauth-authorization-server",
                get(metadata::server),
            )
            .route("/keys/{kid}", get(metadata::key))
            .layer(DefaultBodyLimit::max(MAX_FORM))
            .with_state(self.clone())
            .route_service(twin::PATH, twin::service(self))
    }

    /// Answers a request, whichever way it came: decides, records, and only then tells.
    async fn answer(
        &self,
        mut asked: Asked,
        wanted: Result<Wanted, Refusal>,
        proofs: Vec<&str>,
        htu: &str,
    ) -> Answered {
        let outcome = match &wanted {
            Ok(wanted) => self.issue(&mut asked, wanted, proofs, htu).await,
            Err(refusal) => Err(refusal.clone()),
        };
        let outcome = outcome.map_err(|refusal| self.turn_away(&asked, refusal));
        if asked.is_counted(&outcome, &self.gate) {
            return self.answered(&asked, outcome);
        }
        let deposit = asked.deposit(&outcome, &self.gate);
        if self.gate.register.commit(deposit).await.is_err() {
            let refusal = Refusal::unavailable("AUDIT_UNAVAILABLE");
            return self.answered(&asked, Err(refusal));
        }
        self.answered(&asked, outcome)
    }

    /// Issues a voucher, or says why not.
    async fn issue(
        &self,
        asked: &mut Asked,
        wanted: &Wanted,
        proofs: Vec<&str>,
        htu: &str,
    ) -> Result<Issued, Refusal> {
        let snapshot = self.gate.registry.snapshot();
        let peer = asked.certificate.clone();
        let exchange = wanted.grant.as_ref();
        let grant_keys = exchange.map_or_else(Vec::new, |_| grant_keys(&self.gate));
        let case = Case {
            assertion: &wanted.assertion,
            client_id: wanted.client_id.as_deref(),
            grant: wanted.grant.as_deref(),
            proofs,
            htu,
            peer: peer.as_deref(),
            rules: &self.rules,
            grant_keys: &grant_keys,
            snapshot: &snapshot,
            now: self.gate.clock.unix(),
        };
        let decided = self.decide(asked, &case)?;
        self.spend(decided.spending).await?;
        let claims = decided.claims;
        let counted = self.rates.count_client(claims.client_id, Instant::now());
        asked.standing = Some(counted.map_err(|standing| asked.too_many(standing))?);
        let token = self.gate.vouchers.sign(&claims);
        let access_token = token.map_err(|_| Refusal::internal())?;
        let expires_in = claims.exp - claims.iat;
        let token_type = claims.jkt().map_or("Bearer", |_| "DPoP");
        asked.issued = Some(claims);
        Ok(Issued {
            access_token,
            token_type,
            expires_in,
            issued_token_type: wanted.grant.as_ref().map(|_| ACCESS_TOKEN_TYPE),
        })
    }

    /// Decides, with the rates at their places; notes for the record what is known by then.
    fn decide(&self, asked: &mut Asked, case: &Case<'_>) -> Result<Decided, Refusal> {
        check_age(&self.gate, case.snapshot)?;
        let now = Instant::now();
        let mut draft = Draft::default();
        let key = issuance::recognise(case, &mut draft)?;
        let kid = key.kid.as_str();
        asked.kid = Some(kid.to_owned());
        let checked = self.rates.check_key(&asked.peer, kid, now);
        checked.map_err(|standing| asked.too_many(standing))?;
        issuance::verify(case, &mut draft)?;
        asked.client_id = draft.client_id();
        let checked = self.rates.check_client(key.client, now);
        asked.standing = Some(checked.map_err(|standing| asked.too_many(standing))?);
        let decided = issuance::decide(case, &mut draft, self.gate.clock.uuid());
        asked.purpose_id = draft.purpose_id();
        asked.grant = draft.grant().cloned();
        let found = draft.found();
        asked.under = found.map(|found| Under::of(found, case.snapshot));
        Ok(Decided {
            claims: decided?,
            spending: draft.spending().ok_or_else(Refusal::internal)?,
        })
    }

    async fn spend(&self, spending: Spending) -> Result<(), Refusal> {
        let parts = spending.proof.into_iter().chain([spending.assertion]);
        let spent = self.gate.spender.spend(parts.collect()).await;
        spent.map_err(|refused| match refused {
            Refused::Used(Part::Proof) => Refusal::proof("PROOF_REPLAYED"),
            Refused::Used(_) => Refusal::client("JTI_REUSED"),
            Refused::Unavailable => Refusal::unavailable("REGISTRY_UNAVAILABLE"),
        })
    }

    /// Counts a request that has failed against whoever sent it; one too many is told so.
    fn turn_away(&self, asked: &Asked, refusal: Refusal) -> Refusal {
        if refusal.is_ours() {
            return refusal;
        }
        let now = Instant::now();
        let over = match (&asked.kid, asked.client_id) {
            (_, Some(_)) if asked.exceeded => asked.standing,
            (Some(kid), Some(_)) => {
                // Whoever shows an assertion that does not do is measured, whosever it is.
                self.rates.count_forger(&asked.peer, kid, now);
                None
            }
            (kid, _) => self.turn_stranger_away(asked, kid.as_deref(), now),
        };
        over.map_or(refusal, Refusal::too_many)
    }

    /// Counts a request that has proven nothing, alike whether its key is registered or not, so
    /// that the answer does not tell.
    fn turn_stranger_away(
        &self,
        asked: &Asked,
        kid: Option<&str>,
        now: Instant,
    ) -> Option<Standing> {
        let counted = self.rates.count_stranger(&asked.peer, now);
        match kid {
            Some(_) if asked.exceeded => asked.standing,
            Some(kid) => counted.err().or_else(|| {
                self.rates.count_forger(&asked.peer, kid, now);
                None
            }),
            None => counted.err(),
        }
    }

    fn answered(&self, asked: &Asked, outcome: Result<Issued, Refusal>) -> Answered {
        let counts = &self.gate.metrics.vouchers;
        match &outcome {
            Ok(_) => counts.issued(),
            Err(refusal) => counts.refused(refusal.precise),
        }
        let standing = asked
            .standing
            .unwrap_or_else(|| self.rates.stranger(&asked.peer, Instant::now()));
        Answered {
            id: asked.id,
            outcome,
            standing,
        }
    }
}

/// What a gateway is called and goes by.
#[must_use]
pub fn rules(gate: &Gate, assertion_audience: &str) -> Rules {
    let issuer = gate.vouchers.issuer().to_owned();
    let token_url = format!("{issuer}{PATH}");
    Rules {
        audiences: vec![assertion_audience.to_owned(), issuer.clone(), token_url],
        trust_domain: gate.trust_domain.clone(),
        issuer,
    }
}

/// The keys with which this gateway signs grants.
#[must_use]
pub fn grant_keys(gate: &Gate) -> Vec<PublicKey> {
    gate.keys.ring().verifying(Role::Grant)
}

/// A registry that could not be read for too long issues nothing.
fn check_age(gate: &Gate, snapshot: &Snapshot) -> Result<(), Refusal> {
    // What calls are refused for is refused here too, where that comes earlier.
    let calls = Duration::from_secs(gate.limits().snapshot_seconds);
    if snapshot.age() > STALE.min(calls) {
        Err(Refusal::unavailable("SNAPSHOT_STALE"))
    } else {
        Ok(())
    }
}

async fn token(State(endpoint): State<Endpoint>, request: Request) -> Response {
    let connection = request.extensions().get::<Connection>().cloned();
    let asked = Asked::new(connection.as_ref(), &endpoint.gate.clock);
    let (parts, body) = request.into_parts();
    let form = axum::body::to_bytes(body, MAX_FORM).await;
    let wanted = check_kind(&parts.headers).and_then(|()| {
        let form = form.map_err(|_| {
            Refusal::request(
                "the form is larger than 16 KiB",
                "il modulo supera i 16 KiB",
            )
        })?;
        Wanted::parse(&form)
    });
    let htu = format!("{}{PATH}", endpoint.rules.issuer);
    let proofs = proof::of(&parts.headers);
    let answered = endpoint.answer(asked, wanted, proofs, &htu).await;
    answered.into_response()
}

fn check_kind(headers: &HeaderMap) -> Result<(), Refusal> {
    let kind = headers
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    if kind.split(';').next().map(str::trim) == Some("application/x-www-form-urlencoded") {
        return Ok(());
    }
    Err(Refusal::request(
        "content-type must be application/x-www-form-urlencoded",
        "content-type deve essere application/x-www-form-urlencoded",
    ))
}

/// Path of the endpoint.
pub const PATH: &str = "/token.oauth2";
const MAX_FORM: usize = 16 * 1024;
/// Age of the registry past which no voucher is issued.
const STALE: Duration = Duration::from_secs(15);
