//! The steps of issuance, in the order in which they are taken.

use super::super::answer::Refusal;
use super::super::assertion::{self, Assertion};
use super::super::chain;
use super::parts::PARTS;
use super::{Case, Draft, Step, Verdict};
use crate::authenticate::client_of;
use crate::authorize::{Part, Parts};
use crate::json::Object;
use crate::proof::{self, Target};
use varco_runtime::jose;

/// Who asks, by what it says.
pub const RECOGNISE: &[Step] = &[
    Step {
        name: "format",
        english: "the assertion is a compact JWS that names a key",
        italian: "l'assertion è un JWS compatto che indica una chiave",
        run: format,
    },
    Step {
        name: "key",
        english: "kid is that of a registered key",
        italian: "kid è quello di una chiave registrata",
        run: key,
    },
];

/// Who asks, by its signature. Until here the caller is told nothing.
pub const VERIFY: &[Step] = &[Step {
    name: "signature",
    english: "the key signed the assertion with its algorithm",
    italian: "la chiave ha firmato l'assertion con il suo algoritmo",
    run: signature,
}];

/// What a known client asks for.
pub const DECIDE: &[Step] = &[
    Step {
        name: "claims",
        english: "the claims are those of an assertion, each once and of its kind",
        italian: "le claim sono quelle di un'assertion, ciascuna una volta e del suo tipo",
        run: claims,
    },
    Step {
        name: "issuer",
        english: "iss, sub and client_id are the client that owns the key",
        italian: "iss, sub e client_id sono il client a cui appartiene la chiave",
        run: issuer,
    },
    Step {
        name: "audience",
        english: "aud is one value, and ours",
        italian: "aud ha un solo valore, ed è il nostro",
        run: audience,
    },
    Step {
        name: "expiry",
        english: "the assertion has not expired",
        italian: "l'assertion non è scaduta",
        run: expiry,
    },
    Step {
        name: "start",
        english: "iat and nbf are not in the future",
        italian: "iat e nbf non sono nel futuro",
        run: start,
    },
    Step {
        name: "lifetime",
        english: "the assertion lives no longer than this client may ask for",
        italian: "l'assertion non dura più di quanto il client può chiedere",
        run: lifetime,
    },
    Step {
        name: "jti",
        english: "jti has 1 to 128 characters",
        italian: "jti ha da 1 a 128 caratteri",
        run: jti,
    },
    Step {
        name: "digest",
        english: "the digest of the tracking evidence is a SHA-256 in hexadecimal",
        italian: "il digest della tracking evidence è uno SHA-256 in esadecimale",
        run: digest,
    },
    Step {
        name: "purpose",
        english: "the assertion names a purpose",
        italian: "l'assertion indica una finalità",
        run: purpose,
    },
    Step {
        name: "certificate",
        english: "the certificate of the connection is this client's",
        italian: "il certificato della connessione è di questo client",
        run: certificate,
    },
    Step {
        name: "proof",
        english: "the proof of possession holds for this address and this time",
        italian: "la prova di possesso vale per questo indirizzo e questo momento",
        run: possession,
    },
    PART_CLIENT,
    PART_KEY,
    PART_PURPOSE,
    PART_CONSUMER,
    PART_LINK,
    PART_AGREEMENT,
    PART_ESERVICE,
    PART_DESCRIPTOR,
    Step {
        name: "grant",
        english: "the grant is of a call that this client's office is serving now",
        italian: "il grant è di una chiamata che l'ufficio del client sta servendo ora",
        run: grant,
    },
    Step {
        name: "chain",
        english: "the purpose may serve the calls of others, the chain is not too long, and those \
                  on whose behalf it is still may call",
        italian: "la finalità può servire chiamate di altri, la catena non è troppo lunga, e coloro \
                  per conto dei quali si chiama sono ancora autorizzati",
        run: chain,
    },
];

const PART_CLIENT: Step = Step {
    name: PARTS[0].0,
    english: PARTS[0].1.0,
    italian: PARTS[0].1.1,
    run: |case, draft| part(case, draft, Part::Client),
};
const PART_KEY: Step = Step {
    name: PARTS[1].0,
    english: PARTS[1].1.0,
    italian: PARTS[1].1.1,
    run: |case, draft| part(case, draft, Part::Key),
};
const PART_PURPOSE: Step = Step {
    name: PARTS[2].0,
    english: PARTS[2].1.0,
    italian: PARTS[2].1.1,
    run: |case, draft| part(case, draft, Part::Purpose),
};
const PART_CONSUMER: Step = Step {
    name: PARTS[3].0,
    english: PARTS[3].1.0,
    italian: PARTS[3].1.1,
    run: |case, draft| part(case, draft, Part::Consumer),
};
const PART_LINK: Step = Step {
    name: PARTS[4].0,
    english: PARTS[4].1.0,
    italian: PARTS[4].1.1,
    run: |case, draft| part(case, draft, Part::Link),
};
const PART_AGREEMENT: Step = Step {
    name: PARTS[5].0,
    english: PARTS[5].1.0,
    italian: PARTS[5].1.1,
    run: |case, draft| part(case, draft, Part::Agreement),
};
const PART_ESERVICE: Step = Step {
    name: PARTS[6].0,
    english: PARTS[6].1.0,
    italian: PARTS[6].1.1,
    run: |case, draft| part(case, draft, Part::Eservice),
};
const PART_DESCRIPTOR: Step = Step {
    name: PARTS[7].0,
    english: PARTS[7].1.0,
    italian: PARTS[7].1.1,
    run: descriptor,
};

fn format<'a>(case: &Case<'a>, draft: &mut Draft<'a>) -> Verdict {
    let header = jose::header(case.assertion).ok();
    // A voucher or a grant is no assertion (RFC 8725 §3.11).
    let header = header.filter(|header| assertion::is_typ(header.typ.as_deref()));
    draft.kid = header.and_then(|header| header.kid);
    match draft.kid {
        Some(_) => Verdict::Passed,
        None => failed(Refusal::unauthenticated("ASSERTION_MALFORMED")),
    }
}

fn key<'a>(case: &Case<'a>, draft: &mut Draft<'a>) -> Verdict {
    let Some(kid) = &draft.kid else {
        return Verdict::Skipped;
    };
    draft.key = case.snapshot.keys.get(kid).map(AsRef::as_ref);
    match draft.key {
        Some(_) => Verdict::Passed,
        None => failed(Refusal::unauthenticated("KEY_UNKNOWN")),
    }
}

fn signature<'a>(case: &Case<'a>, draft: &mut Draft<'a>) -> Verdict {
    let Some(live) = draft.key else {
        return Verdict::Skipped;
    };
    let Some(key) = live.public() else {
        return failed(Refusal::unauthenticated("KEY_UNKNOWN"));
    };
    match key.verify::<Object>(case.assertion) {
        Ok(object) => draft.object = Some(object),
        // The header was read before: only claims that are no object are malformed here.
        Err(jose::Error::Malformed) => {}
        Err(_) => return failed(Refusal::unauthenticated("ASSERTION_SIGNATURE")),
    }
    draft.verified = true;
    Verdict::Passed
}

fn claims<'a>(_: &Case<'a>, draft: &mut Draft<'a>) -> Verdict {
    if !draft.verified {
        return Verdict::Skipped;
    }
    let Some(object) = &draft.object else {
        return failed(Refusal::client("ASSERTION_CLAIMS").about(
            "the claims of the assertion are no JSON object",
            "le claim dell'assertion non sono un oggetto JSON",
        ));
    };
    let (assertion, faults) = assertion::read(object);
    draft.assertion = Some(assertion);
    if faults.is_empty() {
        Verdict::Passed
    } else {
        Verdict::Failed(faults)
    }
}

fn issuer<'a>(case: &Case<'a>, draft: &mut Draft<'a>) -> Verdict {
    let Some((assertion, client)) = draft.assertion.as_ref().zip(draft.client_id()) else {
        return Verdict::Skipped;
    };
    verdict(assertion.check_issuer(client, case.client_id))
}

fn audience<'a>(case: &Case<'a>, draft: &mut Draft<'a>) -> Verdict {
    look(draft, |assertion| {
        assertion.aud.as_ref()?;
        Some(assertion.check_audience(&case.rules.audiences))
    })
}

fn expiry<'a>(case: &Case<'a>, draft: &mut Draft<'a>) -> Verdict {
    look(draft, |assertion| {
        assertion.exp?;
        Some(assertion.check_expiry(case.now))
    })
}

fn start<'a>(case: &Case<'a>, draft: &mut Draft<'a>) -> Verdict {
    look(draft, |assertion| {
        assertion.iat?;
        Some(assertion.check_start(case.now))
    })
}

fn lifetime<'a>(case: &Case<'a>, draft: &mut Draft<'a>) -> Verdict {
    let legacy = draft.client(case).is_some_and(|client| client.body.legacy);
    look(draft, |assertion| {
        assertion.exp.and(assertion.iat)?;
        Some(assertion.check_life(legacy))
    })
}

fn jti<'a>(_: &Case<'a>, draft: &mut Draft<'a>) -> Verdict {
    look(draft, |assertion| {
        assertion.jti.as_ref()?;
        Some(assertion.check_jti())
    })
}

fn digest<'a>(_: &Case<'a>, draft: &mut Draft<'a>) -> Verdict {
    match draft.assertion.as_ref().map(Assertion::sha256) {
        None | Some(Ok(None)) => Verdict::Skipped,
        Some(Ok(digest)) => {
            draft.digest = digest;
            Verdict::Passed
        }
        Some(Err(refusal)) => failed(refusal),
    }
}

fn purpose<'a>(_: &Case<'a>, draft: &mut Draft<'a>) -> Verdict {
    look(draft, |assertion| Some(assertion.purpose().map(|_| ())))
}

/// A client that presents a certificate presents its own.
fn certificate<'a>(case: &Case<'a>, draft: &mut Draft<'a>) -> Verdict {
    let Some((peer, client)) = case.peer.zip(draft.client_id()) else {
        return Verdict::Skipped;
    };
    let holder = client_of(peer, &case.rules.trust_domain, case.snapshot, case.now);
    if holder == Ok(client) {
        Verdict::Passed
    } else {
        failed(Refusal::client("CERTIFICATE_OF_ANOTHER_CLIENT"))
    }
}

fn possession<'a>(case: &Case<'a>, draft: &mut Draft<'a>) -> Verdict {
    let target = Target {
        htu: case.htu,
        voucher: None,
    };
    match proof::judge(&case.proofs, target, case.now) {
        Ok(None) => Verdict::Skipped,
        Ok(proof) => {
            draft.proof = proof;
            Verdict::Passed
        }
        Err(fault) => {
            let (english, italian) = fault.texts();
            failed(Refusal::proof("PROOF_INVALID").about(english, italian))
        }
    }
}

/// Looks at one of the parts on which the client's leave rests.
fn part<'a>(case: &Case<'a>, draft: &mut Draft<'a>, part: Part) -> Verdict {
    let parts = parts(case, draft).filter(|parts| parts.knows(part));
    let Some(parts) = parts else {
        return Verdict::Skipped;
    };
    let checked = parts.check(part);
    verdict(checked.map_err(|reason| Refusal::unauthorized(reason.name())))
}

/// The last of the parts; once all stand, what the voucher says is found.
fn descriptor<'a>(case: &Case<'a>, draft: &mut Draft<'a>) -> Verdict {
    draft.found = parts(case, draft).and_then(|parts| parts.eligible().ok());
    part(case, draft, Part::Descriptor)
}

fn parts<'a>(case: &Case<'a>, draft: &Draft<'a>) -> Option<Parts<'a>> {
    let (key, purpose) = (draft.key?, draft.purpose_id()?);
    let asks = (key.client, key.kid.as_str());
    Some(Parts::of(asks, purpose, case.snapshot, case.now))
}

fn grant<'a>(case: &Case<'a>, draft: &mut Draft<'a>) -> Verdict {
    let (Some(token), Some(actor)) = (case.grant, draft.client(case)) else {
        return Verdict::Skipped;
    };
    let grant = match chain::verify(token, case.grant_keys, &case.rules.issuer) {
        Ok(grant) => grant,
        Err(refusal) => return failed(refusal),
    };
    let checked = chain::check(&grant, &actor.body, case.snapshot, case.now);
    draft.grant = Some(grant);
    verdict(checked)
}

fn chain<'a>(case: &Case<'a>, draft: &mut Draft<'a>) -> Verdict {
    let Some(((grant, found), client)) = draft
        .grant
        .as_ref()
        .zip(draft.found.as_ref())
        .zip(draft.client_id())
    else {
        return Verdict::Skipped;
    };
    if !found.purpose.body.content.chained {
        return failed(Refusal::unauthorized("CHAIN_NOT_ALLOWED"));
    }
    let act = chain::extend(grant.act.clone(), client.to_string());
    let act = act.and_then(|act| chain::stands(grant, case.snapshot, case.now).map(|()| act));
    match act {
        Ok(act) => {
            draft.act = Some(act);
            Verdict::Passed
        }
        Err(refusal) => failed(refusal),
    }
}

/// Looks at a claim; one that is absent was refused with the others, and is not judged again.
fn look(draft: &Draft<'_>, check: impl Fn(&Assertion) -> Option<Result<(), Refusal>>) -> Verdict {
    let checked = draft.assertion.as_ref().and_then(check);
    checked.map_or(Verdict::Skipped, verdict)
}

fn verdict(checked: Result<(), Refusal>) -> Verdict {
    checked.map_or_else(failed, |()| Verdict::Passed)
}

fn failed(refusal: Refusal) -> Verdict {
    Verdict::Failed(vec![refusal])
}
