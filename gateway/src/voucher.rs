//! Vouchers: the signed word that one client may call one e-service for one purpose.
//!
//! Claims follow PDND. A verdict on a signature is kept for as long as the voucher lives, never
//! beyond; everything else is decided anew on every call.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use varco_runtime::grant::Actor;
use varco_runtime::jose::{self, PrivateKey};

use crate::keys::lifecycle::Role;
use crate::keys::ring::{Keys, Ring};
use crate::refusal::Reason;

/// Header type of a voucher (RFC 9068 §2.1).
pub const TYP: &str = "at+jwt";

/// Claims of a voucher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claims {
    /// The gateway.
    pub iss: String,
    /// The client; in a chain the one that began it (RFC 8693 §4.1).
    pub sub: String,
    /// The client.
    #[serde(rename = "client_id")]
    pub client_id: Uuid,
    /// The e-service's own audience.
    pub aud: String,
    /// Unique.
    pub jti: Uuid,
    /// Issued at, seconds.
    pub iat: i64,
    /// Valid from, seconds.
    pub nbf: i64,
    /// Valid until, seconds.
    pub exp: i64,
    /// What for.
    pub purpose_id: Uuid,
    /// Who offers the e-service.
    pub producer_id: Uuid,
    /// Who uses it.
    pub consumer_id: Uuid,
    /// The e-service.
    pub eservice_id: Uuid,
    /// Its version.
    pub descriptor_id: Uuid,
    /// The client's key that asked.
    #[serde(rename = "client_kid")]
    pub client_kid: String,
    /// The registry's epoch at issuance.
    pub epoch: u64,
    /// What the voucher is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// Digest that the assertion carried (PDND, `AUDIT_REST_02`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<AssertionDigest>,
    /// In a chain, the client and those that acted before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Actor>,
    /// In a chain, what the first client called for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin_purpose_id: Option<Uuid>,
    /// In a chain, the id of the call that is being served, in the register of accesses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub txn: Option<Uuid>,
}

/// What a voucher is bound to (RFC 7800).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// SHA-256 of the client's certificate, base64url (RFC 8705 §3.1).
    #[serde(default, rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    pub thumbprint: Option<String>,
    /// RFC 7638 thumbprint of the key whose possession is proven (RFC 9449 §6.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jkt: Option<String>,
}

/// A digest as PDND's assertions carry it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssertionDigest {
    /// `SHA256`.
    pub alg: String,
    /// 64 hexadecimal characters.
    pub value: String,
}

/// Issues vouchers and judges their signatures.
#[derive(Clone)]
pub struct Vouchers {
    ring: Ring,
    issuer: String,
    verified: Cache<[u8; 32], Verdict>,
}

/// A voucher whose signature is good.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What it says.
    pub claims: Arc<Claims>,
    /// The key that signed it.
    pub kid: Arc<str>,
}

impl Vouchers {
    /// Issues and judges with one key, under one name.
    #[must_use]
    pub fn new(key: PrivateKey, issuer: String) -> Self {
        Self::over(Ring::new(Keys::one(Role::Voucher, key)), issuer)
    }

    /// Issues and judges with the keys at hand, under one name.
    #[must_use]
    pub fn over(ring: Ring, issuer: String) -> Self {
        Self {
            ring,
            issuer,
            verified: Cache::new(VERDICTS),
        }
    }

    /// Signs a voucher.
    ///
    /// # Errors
    ///
    /// When there is no key, or it refuses.
    pub fn sign(&self, claims: &Claims) -> Result<String, jose::Error> {
        self.ring.signer(Role::Voucher)?.sign(TYP, claims)
    }

    /// The gateway's name as an issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// How many verdicts are kept, about: what has just come or gone may be missing or counted.
    #[must_use]
    pub fn verdicts(&self) -> u64 {
        self.verified.entry_count()
    }

    /// Whether a key of that name still verifies vouchers.
    #[must_use]
    pub fn knows(&self, kid: &str) -> bool {
        self.ring.verifies(Role::Voucher, kid)
    }

    /// The claims of a voucher that a gateway signed and that is valid at `now`, and the key that signed
    /// it.
    ///
    /// # Errors
    ///
    /// The reason for which it is refused.
    pub fn verdict(&self, token: &str, now: i64) -> Result<Verdict, Reason> {
        let mut name = [0; 32];
        name.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        let verdict = if let Some(verdict) = self.verified.get(&name) {
            // A verdict is worth no more than the key that it rests on.
            if !self.knows(&verdict.kid) {
                self.verified.invalidate(&name);
                return Err(Reason::VoucherSignature);
            }
            verdict
        } else {
            let verdict = self.verify(token)?;
            if now < verdict.claims.exp {
                self.verified.insert(name, verdict.clone());
            }
            verdict
        };
        let claims = &verdict.claims;
        if claims.exp <= now {
            self.verified.invalidate(&name);
        }
        claims.check_times(now)?;
        Ok(verdict)
    }

    /// Whether the signature of a token has verified before.
    #[must_use]
    pub fn has_verified(&self, token: &str) -> bool {
        let mut name = [0; 32];
        name.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        self.verified.contains_key(&name)
    }

    /// The claims of a voucher that a gateway signed, whenever that was.
    ///
    /// # Errors
    ///
    /// The reason for which it is no voucher of ours.
    pub fn verify(&self, token: &str) -> Result<Verdict, Reason> {
        let header = jose::header(token).map_err(|_| Reason::VoucherMalformed)?;
        if header.typ.as_deref() != Some(TYP) {
            return Err(Reason::VoucherMalformed);
        }
        let kid = header.kid.as_deref().ok_or(Reason::VoucherSignature)?;
        let key = self.ring.key(Role::Voucher, kid);
        let key = key.ok_or(Reason::VoucherSignature)?;
        let claims: Claims = key.verify(token).map_err(|error| match error {
            jose::Error::Malformed => Reason::VoucherMalformed,
            _ => Reason::VoucherSignature,
        })?;
        if claims.iss != self.issuer {
            return Err(Reason::VoucherSignature);
        }
        Ok(Verdict {
            claims: Arc::new(claims),
            kid: kid.into(),
        })
    }
}

impl Claims {
    /// Whether the voucher is valid at `now`.
    ///
    /// # Errors
    ///
    /// That it has expired, or is still to come.
    pub fn check_times(&self, now: i64) -> Result<(), Reason> {
        if self.exp <= now {
            return Err(Reason::VoucherExpired);
        }
        if self.nbf > now + SKEW {
            return Err(Reason::VoucherNotYetValid);
        }
        Ok(())
    }

    /// The key whose possession must be proven, if the voucher is bound to one.
    #[must_use]
    pub fn jkt(&self) -> Option<&str> {
        self.cnf.as_ref().and_then(|cnf| cnf.jkt.as_deref())
    }

    /// Whether the voucher may be used over a connection with this certificate.
    #[must_use]
    pub fn fits(&self, thumbprint: &[u8; 32]) -> bool {
        let bound = self.cnf.as_ref().and_then(|cnf| cnf.thumbprint.as_ref());
        bound.is_none_or(|bound| *bound == URL_SAFE_NO_PAD.encode(thumbprint))
    }

    /// Clients on whose behalf the voucher is used, nearest first.
    #[must_use]
    pub fn on_behalf_of(&self) -> Vec<String> {
        let Some(actor) = &self.act else {
            return Vec::new();
        };
        let before = actor.clients().skip(1).map(str::to_owned);
        before.chain([self.sub.clone()]).collect()
    }

    /// How many services the call passes through before this one.
    #[must_use]
    pub fn hop(&self) -> u32 {
        let clients = self.act.as_ref().map_or(0, |actor| actor.clients().count());
        u32::try_from(clients).unwrap_or(u32::MAX)
    }
}

impl Confirmation {
    /// A binding to a certificate.
    #[must_use]
    pub fn to(thumbprint: &[u8; 32]) -> Self {
        Self {
            thumbprint: Some(URL_SAFE_NO_PAD.encode(thumbprint)),
            jkt: None,
        }
    }

    /// The bindings that a request brings; none when it brings none.
    #[must_use]
    pub fn of(thumbprint: Option<&[u8; 32]>, jkt: Option<&str>) -> Option<Self> {
        let cnf = Self {
            thumbprint: thumbprint.map(|thumbprint| URL_SAFE_NO_PAD.encode(thumbprint)),
            jkt: jkt.map(str::to_owned),
        };
        (cnf != Self::default()).then_some(cnf)
    }
}

impl std::fmt::Debug for Vouchers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vouchers({})", self.issuer)
    }
}

/// Tolerance for clocks, seconds.
const SKEW: i64 = 10;
/// Signature verdicts kept at once.
const VERDICTS: u64 = 20_000;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use varco_runtime::pki::{KeyKind, generate_key};

    impl Vouchers {
        fn judge(&self, token: &str, now: i64) -> Result<Arc<Claims>, Reason> {
            self.verdict(token, now).map(|verdict| verdict.claims)
        }
    }

    pub(crate) fn key() -> PrivateKey {
        PrivateKey::from_pem(&generate_key(KeyKind::EcP256).unwrap()).unwrap()
    }

    pub(crate) fn vouchers() -> Vouchers {
        Vouchers::new(key(), "https://localhost:7444".to_owned())
    }

    pub(crate) fn claims(now: i64) -> Claims {
        let id = Uuid::from_u128;
        Claims {
            iss: "https://localhost:7444".to_owned(),
            sub: id(1).to_string(),
            client_id: id(1),
            aud: "https://anagrafe.example/v1".to_owned(),
            jti: id(2),
            iat: now,
            nbf: now,
            exp: now + 300,
            purpose_id: id(3),
            producer_id: id(4),
            consumer_id: id(5),
            eservice_id: id(6),
            descriptor_id: id(7),
            client_kid: "kid".to_owned(),
            epoch: 1,
            cnf: None,
            digest: None,
            act: None,
            origin_purpose_id: None,
            txn: None,
        }
    }

    #[test]
    fn own_voucher_is_good_until_its_last_second() {
        let vouchers = vouchers();
        let token = vouchers.sign(&claims(1000)).unwrap();

        assert_eq!(*vouchers.judge(&token, 1000).unwrap(), claims(1000));
        assert_eq!(*vouchers.judge(&token, 1299).unwrap(), claims(1000));
        assert_eq!(vouchers.judge(&token, 1300), Err(Reason::VoucherExpired));
        assert_eq!(vouchers.judge(&token, 900), Err(Reason::VoucherNotYetValid));
    }

    #[test]
    fn voucher_of_another_gateway_is_refused() {
        let token = vouchers().sign(&claims(1000)).unwrap();

        assert_eq!(
            vouchers().judge(&token, 1000),
            Err(Reason::VoucherSignature)
        );
    }

    #[test]
    fn altered_voucher_is_refused_in_every_part() {
        let vouchers = vouchers();
        let token = vouchers.sign(&claims(1000)).unwrap();
        let payload = token.find('.').unwrap() + 10;
        let altered: String = token
            .char_indices()
            .map(|(i, c)| {
                if i == payload {
                    if c == 'A' { 'B' } else { 'A' }
                } else {
                    c
                }
            })
            .collect();

        assert!(!vouchers.has_verified(&token));
        assert!(vouchers.judge(&token, 1000).is_ok());
        assert!(vouchers.judge(&altered, 1000).is_err());
        assert!(vouchers.has_verified(&token) && !vouchers.has_verified(&altered));
        assert_eq!(vouchers.judge("x.y", 1000), Err(Reason::VoucherMalformed));
        assert_eq!(
            vouchers.judge(&"x".repeat(9000), 1000),
            Err(Reason::VoucherMalformed)
        );
    }

    #[test]
    fn token_of_another_type_is_no_voucher() {
        let vouchers = vouchers();
        let key = vouchers.ring.signer(Role::Voucher).unwrap();
        let token = key.sign("varco-grant+jwt", &claims(1000)).unwrap();

        assert_eq!(vouchers.judge(&token, 1000), Err(Reason::VoucherMalformed));
    }

    #[test]
    fn verdict_is_worth_no_more_than_its_key() {
        let ring = Ring::new(Keys::one(Role::Voucher, key()));
        let vouchers = Vouchers::over(ring.clone(), "https://localhost:7444".to_owned());
        let token = vouchers.sign(&claims(1000)).unwrap();
        vouchers.judge(&token, 1000).unwrap();

        ring.set(Keys::one(Role::Voucher, key()));

        assert_eq!(vouchers.judge(&token, 1000), Err(Reason::VoucherSignature));
        let fresh = vouchers.sign(&claims(1000)).unwrap();
        assert!(vouchers.judge(&fresh, 1000).is_ok());
    }

    #[test]
    fn key_of_grants_signs_no_voucher() {
        let key = key();
        let token = key.sign(TYP, &claims(1000)).unwrap();
        let ring = Ring::new(Keys::one(Role::Grant, key));
        let vouchers = Vouchers::over(ring, "https://localhost:7444".to_owned());

        assert_eq!(vouchers.judge(&token, 1000), Err(Reason::VoucherSignature));
        assert!(matches!(
            vouchers.sign(&claims(1000)),
            Err(jose::Error::NoKey)
        ));
    }
}
