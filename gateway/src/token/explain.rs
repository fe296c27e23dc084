//! Explains a token: the very steps that judge it, all of them, each with what came of it.
//!
//! Nothing is used up. What is told comes from the list of steps, from the registry and from the
//! table of words: nothing of the token is repeated, for its claims may hold anything.

use uuid::Uuid;
use varco_proto::token::v1::{
    ExplainRequest, ExplainResponse, Step as Line, StepStatus, TokenKind,
};
use varco_runtime::jose;
use varco_runtime::store;

use super::answer::Refusal;
use super::issuance::{Case, Draft, Rules, Verdict, parts, steps};
use super::{PATH, assertion, grant_keys, words};
use crate::authenticate::{Scheme, possession};
use crate::authorize::{Parts, decide};
use crate::gate::Gate;
use crate::proof::Target;
use crate::refusal::Reason;
use crate::registry::snapshot::Snapshot;
use crate::voucher::{Claims, TYP};

/// Explains a voucher or a client assertion.
///
/// # Errors
///
/// When the database that knows what was used cannot be read.
pub async fn explain(
    gate: &Gate,
    rules: &Rules,
    asked: &ExplainRequest,
) -> Result<ExplainResponse, store::Error> {
    let token = bare(&asked.token);
    match kind(token) {
        TokenKind::Voucher => Ok(voucher(gate, token, asked)),
        TokenKind::Assertion => client_assertion(gate, rules, token, asked).await,
        TokenKind::Unspecified => {
            let mut told = ExplainResponse::default();
            let unknown = Refusal::client("TOKEN_UNKNOWN");
            add(&mut told, "kind", KIND, Verdict::Failed(vec![unknown]));
            Ok(told)
        }
    }
}

/// A token as it is pasted: perhaps with its scheme, perhaps in quotation marks.
fn bare(pasted: &str) -> &str {
    let token = pasted.trim().trim_matches('"');
    let scheme = token.split_once(' ').filter(|(scheme, _)| {
        scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("dpop")
    });
    scheme.map_or(token, |(_, token)| token.trim())
}

fn kind(token: &str) -> TokenKind {
    let Ok(header) = jose::header(token) else {
        return TokenKind::Unspecified;
    };
    match header.typ.as_deref() {
        Some(TYP) => TokenKind::Voucher,
        typ if assertion::is_typ(typ) => TokenKind::Assertion,
        _ => TokenKind::Unspecified,
    }
}

async fn client_assertion(
    gate: &Gate,
    rules: &Rules,
    token: &str,
    asked: &ExplainRequest,
) -> Result<ExplainResponse, store::Error> {
    let snapshot = gate.registry.snapshot();
    let keys = grant_keys(gate);
    let case = Case {
        assertion: token,
        client_id: None,
        grant: None,
        proofs: given(&asked.proof).into_iter().collect(),
        htu: &format!("{}{PATH}", rules.issuer),
        peer: None,
        rules,
        grant_keys: &keys,
        snapshot: &snapshot,
        now: gate.clock.unix(),
    };
    let mut draft = Draft::default();
    let mut told = walk(&case, &mut draft);
    let spent = match draft.spending() {
        Some(spending) => Some(gate.spender.is_spent(&spending.assertion).await?),
        None => None,
    };
    add(
        &mut told,
        "single-use",
        SINGLE_USE,
        match spent {
            Some(false) => Verdict::Passed,
            Some(true) => Verdict::Failed(vec![Refusal::client("JTI_REUSED")]),
            None => Verdict::Skipped,
        },
    );
    // The voucher that there would be is judged as the data plane would judge it.
    let claims = draft.voucher(&case, uuid::Uuid::nil());
    let method = given(&asked.method);
    add_method(&mut told, claims.as_ref(), method, (&snapshot, case.now));
    Ok(told)
}

/// Every step of issuance, to the end.
fn walk<'a>(case: &Case<'a>, draft: &mut Draft<'a>) -> ExplainResponse {
    let mut told = ExplainResponse {
        kind: TokenKind::Assertion.into(),
        ..Default::default()
    };
    let list = [steps::RECOGNISE, steps::VERIFY, steps::DECIDE];
    for step in list.into_iter().flatten() {
        let verdict = step.run(case, draft);
        add(&mut told, step.name, (step.english, step.italian), verdict);
    }
    let (client, purpose) = (draft.client_id(), draft.purpose_id());
    add_names(&mut told, client, purpose, case.snapshot);
    told
}

fn voucher(gate: &Gate, token: &str, asked: &ExplainRequest) -> ExplainResponse {
    let snapshot = gate.registry.snapshot();
    let now = gate.clock.unix();
    let mut told = ExplainResponse {
        kind: TokenKind::Voucher.into(),
        ..Default::default()
    };
    let verified = gate.vouchers.verify(token);
    let claims = verified.as_ref().ok().map(|it| it.claims.as_ref());
    let signature = verified.as_ref().map(|_| ()).map_err(|reason| *reason);
    add(&mut told, "signature", SIGNATURE, judged(Some(signature)));
    let times = claims.map(|claims| claims.check_times(now));
    add(&mut told, "validity", VALIDITY, judged(times));
    add_binding(&mut told, claims, (gate, token, asked), now);
    let parts = claims.map(|claims| standing(claims, &snapshot, now));
    let stands = parts.is_some_and(|parts| parts.eligible().is_ok());
    for (name, what, part) in parts::PARTS {
        let known = parts.filter(|parts| parts.knows(*part));
        let checked = known.map(|parts| parts.check(*part));
        add(&mut told, name, *what, judged(checked));
    }
    let purpose = claims.map(|claims| claims.purpose_id);
    // Where no method is named, one of the purpose shows whether the e-service is still the same.
    let first = purpose.and_then(|purpose| snapshot.purposes.get(&purpose));
    let first = first.and_then(|purpose| purpose.body.content.methods.first());
    let method = given(&asked.method).or(first.map(String::as_str));
    add_method(
        &mut told,
        claims,
        method.filter(|_| stands),
        (&snapshot, now),
    );
    let client = claims.map(|claims| claims.client_id);
    add_names(&mut told, client, purpose, &snapshot);
    told
}

/// Says whose token it is and what for, by the names of the registry.
fn add_names(
    told: &mut ExplainResponse,
    client: Option<Uuid>,
    purpose: Option<Uuid>,
    snapshot: &Snapshot,
) {
    let client = client.and_then(|id| snapshot.clients.get(&id));
    told.client = client.map_or_else(String::new, |entry| entry.name.clone());
    let purpose = purpose.and_then(|id| snapshot.purposes.get(&id));
    told.purpose = purpose.map_or_else(String::new, |entry| entry.name.clone());
}

fn standing<'a>(claims: &Claims, snapshot: &'a Snapshot, now: i64) -> Parts<'a> {
    let client = (claims.client_id, claims.client_kid.as_str());
    Parts::of(client, claims.purpose_id, snapshot, now)
}

/// What a voucher is bound to: a certificate cannot be looked at here, a proof can.
fn add_binding(
    told: &mut ExplainResponse,
    claims: Option<&Claims>,
    (gate, token, asked): (&Gate, &str, &ExplainRequest),
    now: i64,
) {
    let bound = claims.and_then(|claims| claims.cnf.as_ref());
    if bound.is_some_and(|cnf| cnf.thumbprint.is_some()) {
        add(told, "certificate", CERTIFICATE, Verdict::Skipped);
    }
    let Some(jkt) = claims.and_then(Claims::jkt) else {
        return;
    };
    let verdict = given(&asked.proof).map(|proof| {
        let htu = format!("{}/{}", gate.address, asked.method);
        let target = Target {
            htu: &htu,
            voucher: Some(token),
        };
        possession(Scheme::Dpop, Some(jkt), &[proof], target, now).map(|_| ())
    });
    add(told, "proof", PROOF, judged(verdict));
}

fn add_method(
    told: &mut ExplainResponse,
    claims: Option<&Claims>,
    method: Option<&str>,
    (snapshot, now): (&Snapshot, i64),
) {
    let asked = claims.zip(method);
    let decided = asked.map(|(claims, method)| decide(claims, method, snapshot, now).map(|_| ()));
    add(told, "method", METHOD, judged(decided));
}

fn given(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

fn judged(outcome: Option<Result<(), Reason>>) -> Verdict {
    match outcome {
        None => Verdict::Skipped,
        Some(Ok(())) => Verdict::Passed,
        Some(Err(reason)) => fault(reason),
    }
}

fn fault(reason: Reason) -> Verdict {
    Verdict::Failed(vec![Refusal::client(reason.name())])
}

/// Adds a step: one line, or one for each thing that is wrong.
fn add(told: &mut ExplainResponse, name: &str, what: (&str, &str), verdict: Verdict) {
    let plain = |status: StepStatus| Line {
        name: name.to_owned(),
        status: status.into(),
        english: what.0.to_owned(),
        italian: what.1.to_owned(),
        ..Default::default()
    };
    match verdict {
        Verdict::Passed => told.steps.push(plain(StepStatus::Passed)),
        Verdict::Skipped => told.steps.push(plain(StepStatus::Skipped)),
        Verdict::Failed(faults) => {
            told.steps
                .extend(faults.iter().map(|refusal| failed(name, refusal)));
        }
    }
}

/// An operator is told the precise reason, whatever a stranger would be told.
fn failed(name: &str, refusal: &Refusal) -> Line {
    let words = words::of(refusal.precise);
    let exact = refusal.told == refusal.precise;
    let (english, italian) = if exact {
        refusal.texts()
    } else {
        (words.english, words.italian)
    };
    Line {
        name: name.to_owned(),
        status: StepStatus::Failed.into(),
        reason: refusal.precise.to_owned(),
        english: english.to_owned(),
        italian: italian.to_owned(),
        remedy_en: words.remedy.to_owned(),
        remedy_it: words.rimedio.to_owned(),
    }
}

const CERTIFICATE: (&str, &str) = (
    "the voucher works only over a connection with the certificate that it was asked for with",
    "il voucher funziona solo su una connessione con il certificato con cui è stato chiesto",
);
const KIND: (&str, &str) = ("the token is one of ours", "il token è uno dei nostri");
const METHOD: (&str, &str) = (
    "the voucher is for the e-service of the method, and the purpose includes it",
    "il voucher è per l'e-service del metodo, e la finalità lo comprende",
);
const PROOF: (&str, &str) = (
    "each call brings a new proof by the key that the voucher is bound to",
    "ogni chiamata porta una nuova prova della chiave a cui il voucher è legato",
);
const SIGNATURE: (&str, &str) = (
    "this gateway signed the voucher",
    "il voucher è firmato da questo varco",
);
const SINGLE_USE: (&str, &str) = (
    "the jti was not used before",
    "il jti non è stato ancora usato",
);
const VALIDITY: (&str, &str) = (
    "the voucher is valid now",
    "il voucher è valido in questo momento",
);

#[cfg(test)]
mod tests;
