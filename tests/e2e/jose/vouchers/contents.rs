//! Vouchers with other claims than the gateway issues, and other ways to carry one.

use serde_json::json;

use super::{Attempt, MALFORMED, Mint, SIGNATURE};
use crate::jose::Cast;
use crate::jose::forge::{decode, encode, longer, nobody, parts, resigned, without};

impl Mint {
    /// A good signature over claims that somebody has changed.
    pub(super) fn tampered(&self, cast: &Cast) -> Vec<Attempt> {
        let changes = [
            json!({"exp": self.now + 86_400}),
            json!({"nbf": 0}),
            json!({"client_id": cast.ed.id}),
            json!({"purposeId": cast.ed.purpose}),
            json!({"aud": "https://albo.comune.example/v1"}),
            json!({"iss": "https://elsewhere.example"}),
            json!({"client_kid": cast.ed.forge.kid}),
            json!({"cnf": {"x5t#S256": "AAAA"}}),
            json!({"epoch": 0}),
            json!({"scope": "everything"}),
        ];
        let signature = decode(parts(&self.good[0])[2]);
        changes
            .map(|members| {
                let token = resigned(&self.with_claims(&members), &signature);
                Attempt::of(format!("tampered {members}"), &token, SIGNATURE)
            })
            .into()
    }

    /// What the gateway's own key would have to sign, and never does.
    pub(super) fn claims(&self, cast: &Cast) -> Vec<Attempt> {
        let now = self.now;
        let cases = [
            (json!({"exp": now}), "VOUCHER_EXPIRED"),
            (json!({"exp": now - 1}), "VOUCHER_EXPIRED"),
            (json!({"exp": 0}), "VOUCHER_EXPIRED"),
            (json!({"exp": i64::MIN}), "VOUCHER_EXPIRED"),
            (json!({"nbf": now + 11}), "VOUCHER_NOT_YET_VALID"),
            (json!({"nbf": i64::MAX}), "VOUCHER_NOT_YET_VALID"),
            (json!({"iss": "https://elsewhere.example"}), SIGNATURE),
            (json!({"iss": cast.token_url}), SIGNATURE),
            (json!({"iss": format!("{}/", cast.issuer)}), SIGNATURE),
            (
                json!({"aud": "https://albo.comune.example/v1"}),
                "VOUCHER_AUDIENCE",
            ),
            (
                json!({"aud": "https://anagrafe.comune.example/v1/"}),
                "VOUCHER_AUDIENCE",
            ),
            (json!({"aud": ""}), "VOUCHER_AUDIENCE"),
            (json!({"descriptorId": nobody()}), "VOUCHER_AUDIENCE"),
            (json!({"client_id": cast.rsa.id}), "VOUCHER_CLIENT"),
            (json!({"client_id": nobody()}), "VOUCHER_CLIENT"),
            (
                json!({"cnf": {"x5t#S256": encode([7; 32])}}),
                "VOUCHER_BINDING",
            ),
            (json!({"cnf": {"x5t#S256": ""}}), "VOUCHER_BINDING"),
            (json!({"client_kid": "another"}), "KEY_REVOKED"),
            (json!({"client_kid": cast.rsa.forge.kid}), "KEY_REVOKED"),
            (json!({"purposeId": nobody()}), "PURPOSE_EXPIRED"),
            (json!({"purposeId": cast.ed.purpose}), "PURPOSE_SUSPENDED"),
            (json!({"epoch": u64::MAX}), "SNAPSHOT_STALE"),
            (json!({"exp": (now + 60).to_string()}), MALFORMED),
            (json!({"exp": 1e300}), MALFORMED),
            (json!({"nbf": null}), MALFORMED),
            (
                json!({"aud": ["https://anagrafe.comune.example/v1"]}),
                MALFORMED,
            ),
            (json!({"client_id": "tributi"}), MALFORMED),
            (json!({"purposeId": "verifica-residenza"}), MALFORMED),
            (json!({"epoch": -1}), MALFORMED),
        ];
        let mut attempts: Vec<Attempt> = cases
            .into_iter()
            .map(|(claims, reason)| {
                Attempt::of(claims.to_string(), &self.with_claims(&claims), reason)
            })
            .collect();
        let required = self.claims.as_object().unwrap().keys();
        attempts.extend(required.map(|name| {
            let claims = without(self.claims.clone(), name).to_string();
            let token = self.gateway.seal(self.header().to_string(), claims);
            Attempt::of(format!("no {name}"), &token, MALFORMED)
        }));
        let twice = longer(&self.claims, &format!(r#""exp":{}"#, now + 86_400));
        let bodies = ["null", "[]", "{}", &twice];
        attempts.extend(bodies.map(|body| {
            let token = self.gateway.seal(self.header().to_string(), body);
            Attempt::of(format!("claims: {body:.20}"), &token, MALFORMED)
        }));
        attempts
    }

    pub(super) fn shapes(&self) -> Vec<Attempt> {
        let good = &self.good[0];
        let [header, claims, signature] = parts(good);
        let malformed = [
            format!("{header}.{claims}"),
            format!("{good}.{signature}"),
            format!("{good}.AA.AA"),
            "..".to_owned(),
            format!("{header}=.{claims}.{signature}"),
            format!(" {good}"),
            format!("{}.{claims}.{signature}", hex::encode(header)),
            self.with_claims(&json!({"x": "x".repeat(8 * 1024)})),
        ];
        let unsigned = [
            format!("{good}="),
            format!("{good}=="),
            format!("{header}.{claims}=.{signature}"),
            format!("{header}..{signature}"),
        ];
        let large = self.with_claims(&json!({"x": "x".repeat(16 * 1024)}));
        let shown = |token: &str| format!("{} bytes, {token:.30}", token.len());
        let attempt = |reason| move |token: String| Attempt::of(shown(&token), &token, reason);
        malformed
            .into_iter()
            .map(attempt(MALFORMED))
            .chain(unsigned.into_iter().map(attempt(SIGNATURE)))
            .chain([attempt("METADATA_TOO_LARGE")(large)])
            .collect()
    }

    pub(super) fn schemes(&self) -> Vec<Attempt> {
        let good = &self.good[0];
        let bearer = format!("Bearer {good}");
        let lines = [
            vec![String::new()],
            vec!["Bearer".to_owned()],
            vec!["Bearer ".to_owned()],
            vec![good.clone()],
            vec![format!("Basic {good}")],
            vec![format!("Token {good}")],
            vec![format!("Bearer:{good}")],
            vec![format!("Bearer\t{good}")],
            vec![format!("Bearer  {good}")],
            vec![format!("{bearer}, {bearer}")],
            vec![format!("{bearer} {good}")],
            vec![format!("Basic dTpw, {bearer}")],
            vec![bearer.clone(), bearer.clone()],
            vec![bearer, "Basic dTpw".to_owned()],
        ];
        let none = Attempt {
            what: "no authorization".to_owned(),
            authorization: Vec::new(),
            reason: "VOUCHER_MISSING",
        };
        let attempt = |authorization: Vec<String>| Attempt {
            what: format!("authorization: {:.40}", authorization.join(" and ")),
            authorization,
            reason: MALFORMED,
        };
        lines.into_iter().map(attempt).chain([none]).collect()
    }
}
