//! The algorithm that a header names: none, another, or the public key as a secret.

use jsonwebtoken::Algorithm;
use serde_json::json;

use super::forge::{bent, encode, hmac, parts, stranger};
use super::{Case, Cast};

/// Names of algorithms, real and invented.
const NAMES: [&str; 24] = [
    "",
    "none",
    "None",
    "NONE",
    "nOnE",
    "HS256",
    "HS384",
    "HS512",
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "ES256K",
    "EdDSA",
    "Ed25519",
    "Ed448",
    "es256",
    " ES256",
    "ES256\u{0}",
];

/// Every hostile assertion of this family.
pub fn cases(cast: &Cast) -> Vec<Case> {
    [
        foreign_names(cast),
        unsigned(cast),
        public_keys_as_secrets(cast),
        real_signatures_of_other_algorithms(cast),
        keys_of_others(cast),
        names_that_are_no_text(cast),
    ]
    .concat()
}

/// A good signature under a header that names another algorithm than the key's.
fn foreign_names(cast: &Cast) -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, client) in cast.clients() {
        let own = |alg: &str| match client.forge.alg {
            "EdDSA" => ["EdDSA", "Ed25519"].contains(&alg),
            own => own == alg,
        };
        for alg in NAMES.into_iter().filter(|alg| !own(alg)) {
            let token = client.with_header(&json!({"alg": alg}));
            cases.push(Case::new(
                format!("{name} names alg {alg:?}"),
                &token,
                "ASSERTION_SIGNATURE",
            ));
        }
    }
    cases
}

/// No signature at all, under the names that say so and under the key's own.
fn unsigned(cast: &Cast) -> Vec<Case> {
    let client = &cast.ec;
    let cut = |alg: &str| {
        let token = client.with_header(&json!({"alg": alg}));
        let [header, claims, _] = parts(&token);
        format!("{header}.{claims}.")
    };
    ["none", "None", "NONE", "HS256", "ES256"]
        .map(|alg| Case::new(format!("unsigned {alg}"), &cut(alg), "ASSERTION_SIGNATURE"))
        .to_vec()
}

/// HMAC whose secret is what everybody knows of the client: its public key, in each spelling.
fn public_keys_as_secrets(cast: &Cast) -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, client) in cast.clients() {
        let forge = &client.forge;
        let spellings = [
            ("PEM", forge.pem.clone().into_bytes()),
            ("PEM without its last newline", forge.pem.trim().into()),
            ("DER", forge.der()),
            ("JWK", forge.jwk.to_string().into_bytes()),
            ("nothing", Vec::new()),
        ];
        for (spelling, secret) in spellings {
            for alg in ["HS256", "HS384", "HS512"] {
                let token = hmac(alg, &client.header(), &client.claims(), &secret);
                let what = format!("{alg} with {spelling} of {name}");
                cases.push(Case::new(what, &token, "ASSERTION_SIGNATURE"));
            }
        }
    }
    cases
}

/// Signatures that do verify under the RSA key, with algorithms that are not pinned.
fn real_signatures_of_other_algorithms(cast: &Cast) -> Vec<Case> {
    let client = &cast.rsa;
    let algorithms = [
        ("RS384", Algorithm::RS384),
        ("RS512", Algorithm::RS512),
        ("PS256", Algorithm::PS256),
        ("PS384", Algorithm::PS384),
        ("PS512", Algorithm::PS512),
    ];
    let mut cases = Vec::new();
    for (alg, algorithm) in algorithms {
        for named in [alg, "RS256"] {
            let header = bent(client.header(), &json!({"alg": named})).to_string();
            let claims = client.claims().to_string();
            let token = client.forge.seal_as(algorithm, header, claims);
            let what = format!("a real {alg} that names {named}");
            cases.push(Case::new(what, &token, "ASSERTION_SIGNATURE"));
        }
    }
    cases
}

/// The key of one client under the name of another's, with each one's algorithm.
fn keys_of_others(cast: &Cast) -> Vec<Case> {
    let mut cases = Vec::new();
    let nobody = cast.ec.under(stranger());
    let signers = cast.clients().into_iter().chain([("a stranger", &nobody)]);
    for (signs, signer) in signers {
        for (named, victim) in cast.clients() {
            if signer.forge.kid == victim.forge.kid {
                continue;
            }
            for alg in [signer.forge.alg, victim.forge.alg] {
                let header = bent(victim.header(), &json!({"alg": alg})).to_string();
                let token = signer.forge.seal(header, victim.claims().to_string());
                let what = format!("{signs} signs as {named} with {alg}");
                cases.push(Case::new(what, &token, "ASSERTION_SIGNATURE"));
            }
        }
    }
    cases
}

fn names_that_are_no_text(cast: &Cast) -> Vec<Case> {
    let client = &cast.ec;
    let values = [
        json!(null),
        json!(256),
        json!(true),
        json!(["ES256"]),
        json!({"name": "ES256"}),
    ];
    let mut cases: Vec<Case> = values
        .into_iter()
        .map(|alg| {
            let token = client.with_header(&json!({"alg": alg}));
            Case::new(format!("alg is {alg}"), &token, "ASSERTION_MALFORMED")
        })
        .collect();
    for header in [
        json!({"typ": "JWT", "kid": client.forge.kid}),
        json!({"ALG": "ES256", "typ": "JWT", "kid": client.forge.kid}),
    ] {
        let token = client
            .forge
            .seal(header.to_string(), client.claims().to_string());
        let what = format!("header {}", encode(header.to_string()));
        cases.push(Case::new(what, &token, "ASSERTION_MALFORMED"));
    }
    cases
}
