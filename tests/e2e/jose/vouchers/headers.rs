//! Vouchers whose header or signature is not the gateway's.

use serde_json::json;
use varco_runtime::secret;
use varco_tests::comune::Comune;

use super::{Attempt, MALFORMED, Mint, SIGNATURE};
use crate::jose::Cast;
use crate::jose::forge::{Forge, bent, hmac, longer, parts, stranger, without};
use crate::jose::signatures::{altered, ecdsa};

impl Mint {
    pub(super) fn algorithms(&self) -> Vec<Attempt> {
        let names = [
            "", "none", "None", "NONE", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512",
            "PS256", "PS384", "PS512", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519", "es256",
        ];
        let mut attempts = Vec::new();
        for alg in names {
            let token = self.with_header(&json!({"alg": alg}));
            let [header, claims, _] = parts(&token);
            let unsigned = format!("{header}.{claims}.");
            attempts.push(Attempt::of(format!("alg {alg:?}"), &token, SIGNATURE));
            attempts.push(Attempt::of(
                format!("unsigned {alg:?}"),
                &unsigned,
                SIGNATURE,
            ));
        }
        let spellings = [
            self.gateway.pem.clone().into_bytes(),
            self.gateway.der(),
            self.gateway.jwk.to_string().into_bytes(),
        ];
        for secret in spellings {
            for alg in ["HS256", "HS384", "HS512"] {
                let token = hmac(alg, &self.header(), &self.claims, &secret);
                attempts.push(Attempt::of(
                    format!("{alg} with the public key"),
                    &token,
                    SIGNATURE,
                ));
            }
        }
        for alg in [json!(null), json!(1), json!(["ES256"])] {
            let token = self.with_header(&json!({"alg": alg}));
            attempts.push(Attempt::of(format!("alg is {alg}"), &token, MALFORMED));
        }
        attempts
    }

    pub(super) fn headers(&self) -> Vec<Attempt> {
        let jwk = stranger().jwk;
        let malformed = [
            json!({"jwk": jwk}),
            json!({"jku": "https://keys.example/set.json"}),
            json!({"x5u": "https://keys.example/chain.pem"}),
            json!({"x5c": ["MIIB"]}),
            json!({"crit": ["exp"]}),
            json!({"crit": []}),
            json!({"crit": ["b64"], "b64": false}),
            json!({"b64": false}),
            json!({"zip": "DEF"}),
            json!({"kid": 1}),
            json!({"kid": [self.gateway.kid]}),
        ];
        let kinds = [
            "",
            "JWT",
            "jwt",
            "at",
            "AT+JWT",
            "application/at+jwt",
            "dpop+jwt",
        ];
        let kinds = kinds.into_iter().chain(["varco-grant+jwt", "at+jwt "]);
        let kinds = kinds.map(|typ| json!({"typ": typ}));
        let malformed = malformed.into_iter().chain(kinds);
        let names = ["", "../voucher", "' OR '1'='1", "\u{0}", "kid\n", "é"].map(str::to_owned);
        let own = &self.gateway.kid;
        let near = [
            format!("{own}="),
            own.to_uppercase(),
            self.grants.kid.clone(),
        ];
        let names = names.into_iter().chain(near).map(|kid| json!({"kid": kid}));
        let mut attempts: Vec<Attempt> = malformed
            .map(|members| (members, MALFORMED))
            .chain(names.map(|members| (members, SIGNATURE)))
            .map(|(members, reason)| {
                Attempt::of(
                    format!("{members:.80}"),
                    &self.with_header(&members),
                    reason,
                )
            })
            .collect();
        for (member, reason) in [("kid", SIGNATURE), ("typ", MALFORMED), ("alg", MALFORMED)] {
            let header = without(self.header(), member);
            let token = self
                .gateway
                .seal(header.to_string(), self.claims.to_string());
            attempts.push(Attempt::of(format!("no {member}"), &token, reason));
        }
        for twice in [
            r#""alg":"ES256""#,
            r#""typ":"at+jwt""#,
            r#""alg":"none""#,
            r#""typ":"JWT""#,
        ] {
            let token = self
                .gateway
                .seal(longer(&self.header(), twice), self.claims.to_string());
            attempts.push(Attempt::of(
                format!("header twice: {twice}"),
                &token,
                MALFORMED,
            ));
        }
        attempts
    }

    /// Everybody else who holds a key, under each name and each kind.
    pub(super) fn signers(&self, comune: &Comune, cast: &Cast) -> Vec<Attempt> {
        let service = comune.path().join("services/anagrafe/assertion.key");
        let service = Forge::new(&secret::read(&service).unwrap());
        let (client, nobody) = (&cast.ec.forge, stranger());
        let signers = [
            ("the grants' key", &self.grants),
            ("the client's key", client),
            ("a service's key", &service),
            ("an RSA client's key", &cast.rsa.forge),
            ("an Ed25519 client's key", &cast.ed.forge),
            ("a stranger's key", &nobody),
        ];
        let mut attempts = Vec::new();
        for (who, forge) in signers {
            for kid in [&forge.kid, &self.gateway.kid] {
                let header = bent(forge.header("at+jwt"), &json!({"kid": kid}));
                let token = forge.seal(header.to_string(), self.claims.to_string());
                attempts.push(Attempt::of(format!("{who} as {kid}"), &token, SIGNATURE));
            }
        }
        let grant = self.grants.header("varco-grant+jwt").to_string();
        let grant = self.grants.seal(grant, self.claims.to_string());
        attempts.push(Attempt::of("a grant", &grant, MALFORMED));
        let assertion = cast.ec.with_header(&json!({}));
        attempts.push(Attempt::of("an assertion", &assertion, MALFORMED));
        attempts
    }

    pub(super) fn signatures(&self) -> Vec<Attempt> {
        let [one, two] = &self.good;
        let attempt = |(what, token): (&str, String)| {
            Attempt::of(format!("signature {what}"), &token, SIGNATURE)
        };
        ecdsa(one)
            .into_iter()
            .chain(altered(one, two))
            .map(attempt)
            .collect()
    }
}
