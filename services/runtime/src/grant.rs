//! The grant: the gateway's word that one call may be served, verified by the service again.
//!
//! Reachable is not authorised. A service takes a call only from the gateway's certificate, with a
//! grant signed by the gateway for this service, this method and this half minute.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::audit_link;
use crate::clock::Clock;
use crate::jose;
use crate::jwks::Jwks;
use crate::metadata::VARCO_GRANT;
use crate::problem::Problem;
use crate::server::Connection;
use crate::telemetry::served::name_span;

/// Header type of a grant.
pub const TYP: &str = "varco-grant+jwt";

/// Claims of a grant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    /// The gateway.
    pub iss: String,
    /// The audience of the e-service.
    pub aud: String,
    /// The client that calls; in a chain the one that began it, as in RFC 8693 §4.1.
    pub sub: String,
    /// In a chain, the client that calls and those before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Actor>,
    /// In a chain, what the first client called for.
    #[serde(
        default,
        rename = "originPurposeId",
        skip_serializing_if = "Option::is_none"
    )]
    pub origin_purpose_id: Option<Uuid>,
    /// The office that the calling client belongs to.
    #[serde(rename = "consumerId")]
    pub consumer_id: String,
    /// What it calls for.
    #[serde(rename = "purposeId")]
    pub purpose_id: String,
    /// `pkg.Service/Method`.
    pub method: String,
    /// The call's id in the register of accesses.
    pub txn: Uuid,
    /// The gateway instance whose register holds it.
    #[serde(default)]
    pub instance: String,
    /// Issued at, seconds.
    pub iat: i64,
    /// Expires at, seconds.
    pub exp: i64,
    /// Unique.
    pub jti: Uuid,
}

/// Who acts for the subject of a token, and for whom in turn (RFC 8693 §4.1): the newest is
/// outermost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The client.
    pub sub: String,
    /// The one that acted before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Box<Self>>,
}

impl Actor {
    /// The clients of a chain, newest first.
    pub fn clients(&self) -> impl Iterator<Item = &str> {
        let newest = Some(self);
        std::iter::successors(newest, |actor| actor.act.as_deref()).map(|actor| actor.sub.as_str())
    }
}

/// A verified grant, as a service's methods see it.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The call's id in the register of accesses.
    pub audit_id: Uuid,
    /// The gateway instance whose register holds it.
    pub instance: String,
    /// The client that calls; the gateway's URI where it asks in its own name.
    pub client_id: String,
    /// The office that it belongs to.
    pub consumer_id: String,
    /// What it calls for.
    pub purpose_id: String,
    /// `pkg.Service/Method`.
    pub method: String,
    /// The grant itself.
    pub token: Token,
}

/// The signed grant: a service hands it back to the gateway to call on behalf of its caller.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Token(Arc<str>);

/// What a service checks grants with.
#[derive(Clone, Debug)]
pub struct Guard {
    /// The gateway's keys.
    pub jwks: Jwks,
    /// The gateway's name as an issuer.
    pub issuer: String,
    /// The service's own audience.
    pub audience: String,
    /// URI in the gateway's certificate.
    pub gateway: String,
    /// The service's name in refusals, such as `anagrafe.varco`.
    pub domain: String,
    /// The time.
    pub clock: Clock,
}

impl Grant {
    /// The grant of a call that the guard let through.
    ///
    /// # Errors
    ///
    /// `UNAUTHENTICATED` when there is none, which the guard makes impossible.
    pub fn of<T>(request: &tonic::Request<T>) -> Result<&Self, Status> {
        request
            .extensions()
            .get()
            .ok_or_else(|| Status::unauthenticated("grant is missing"))
    }

    /// A request that is made on behalf of this call, for [`crate::client::Authorized`].
    pub fn carry<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.extensions_mut().insert(self.clone());
        request
    }
}

impl Token {
    /// Takes a signed grant.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self(token.into())
    }

    /// The compact JWS.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

/// Lets a call through only with a valid grant, and hands the grant on.
pub async fn require(
    State(guard): State<Arc<Guard>>,
    mut request: Request,
    next: Next,
) -> Response {
    let verified = match guard.token(&request) {
        Ok((token, method)) => guard.verify(&token, &method).await,
        Err(refused) => Err(refused),
    };
    match verified {
        Ok(grant) => {
            name_span(&grant.method);
            request.headers_mut().remove(&VARCO_GRANT);
            request.extensions_mut().insert(grant);
            next.run(request).await
        }
        Err(refused) => refused.into_status(&guard.domain).into_http(),
    }
}

impl Guard {
    /// The grant's token and the method of a call, when it came from the gateway.
    fn token(&self, request: &Request) -> Result<(String, String), Problem> {
        let connection = request.extensions().get::<Connection>();
        let peer = connection.and_then(|connection| connection.peer.as_ref());
        if !peer.is_some_and(|peer| peer.uris.contains(&self.gateway)) {
            return Err(refusal("PEER_NOT_GATEWAY", "only the gateway may call"));
        }
        let token = request
            .headers()
            .get(&VARCO_GRANT)
            .and_then(|value| value.to_str().ok())
            .ok_or_else(|| refusal("GRANT_MISSING", "grant is missing"))?;
        let method = request.uri().path().trim_start_matches('/');
        Ok((token.to_owned(), method.to_owned()))
    }

    async fn verify(&self, token: &str, method: &str) -> Result<Grant, Problem> {
        let invalid = || refusal("GRANT_INVALID", "grant does not verify");
        let header = jose::header(token).map_err(|_| invalid())?;
        if header.typ.as_deref() != Some(TYP) {
            return Err(invalid());
        }
        let kid = header.kid.ok_or_else(invalid)?;
        let key = self.jwks.key(&kid).await.map_err(|_| keys_unavailable())?;
        let key = key.ok_or_else(invalid)?;
        let claims: Claims = key.verify(token).map_err(|_| invalid())?;
        let grant = self.accept(claims, method)?;
        Ok(Grant {
            token: Token::new(token),
            ..grant
        })
    }

    fn accept(&self, claims: Claims, method: &str) -> Result<Grant, Problem> {
        let now = self.clock.unix();
        if claims.iss != self.issuer || claims.aud != self.audience {
            return Err(refusal("GRANT_AUDIENCE", "grant is for another service"));
        }
        if claims.method != method {
            return Err(refusal("GRANT_METHOD", "grant is for another method"));
        }
        // What the gateway asks for itself it asks in its own name, and no client ever does.
        if (claims.sub == self.gateway) != audit_link::service::is_gateways(method) {
            return Err(refusal("GRANT_SUBJECT", "grant is for another caller"));
        }
        let live = claims.iat <= now + SKEW && now < claims.exp + SKEW;
        if !live || claims.exp - claims.iat > MAX_LIFE {
            return Err(refusal(
                "GRANT_EXPIRED",
                "grant is not valid now: compare the clocks",
            ));
        }
        Ok(Grant {
            audit_id: claims.txn,
            instance: claims.instance,
            client_id: claims.act.map_or(claims.sub, |actor| actor.sub),
            consumer_id: claims.consumer_id,
            purpose_id: claims.purpose_id,
            method: claims.method,
            token: Token::default(),
        })
    }
}

fn refusal(reason: &'static str, english: &str) -> Problem {
    Problem::new(
        Code::Unauthenticated,
        reason,
        english,
        "chiamata non autorizzata dal varco",
    )
}

fn keys_unavailable() -> Problem {
    Problem::unavailable(
        "GATEWAY_KEYS_UNAVAILABLE",
        "gateway's keys cannot be read: the grant cannot be verified now",
        "le chiavi del varco non sono raggiungibili",
    )
}

/// Longest life of a grant, seconds.
pub const MAX_LIFE: i64 = 30;
const SKEW: i64 = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::https::Https;

    fn guard() -> Guard {
        let roots = Arc::new(rustls::RootCertStore::empty());
        let https = Https::new(crate::tls::client(None, &roots, &[]).unwrap());
        Guard {
            jwks: Jwks::new(https, "https://localhost:1/jwks".to_owned()),
            issuer: "https://localhost:7444".to_owned(),
            audience: "https://anagrafe.example/v1".to_owned(),
            gateway: "spiffe://c/gateway".to_owned(),
            domain: "anagrafe.varco".to_owned(),
            clock: Clock::fixed("2026-11-22T10:00:00Z".parse().unwrap()),
        }
    }

    fn claims(guard: &Guard) -> Claims {
        Claims {
            iss: guard.issuer.clone(),
            aud: guard.audience.clone(),
            sub: "client".to_owned(),
            act: None,
            origin_purpose_id: None,
            consumer_id: "office".to_owned(),
            purpose_id: "purpose".to_owned(),
            method: "pkg.S/M".to_owned(),
            txn: Uuid::nil(),
            instance: "uno".to_owned(),
            iat: guard.clock.unix(),
            exp: guard.clock.unix() + MAX_LIFE,
            jti: Uuid::nil(),
        }
    }

    #[tokio::test]
    async fn unreadable_keys_are_no_fault_of_the_grant() {
        let guard = guard();
        let key = crate::pki::generate_key(crate::pki::KeyKind::EcP256).unwrap();
        let key = jose::PrivateKey::from_pem(&key).unwrap();
        let token = key.sign(TYP, &claims(&guard)).unwrap();

        for _ in 0..2 {
            let refused = guard.verify(&token, "pkg.S/M").await.unwrap_err();

            assert_eq!(refused.code(), Code::Unavailable);
            assert_eq!(refused.reason(), "GATEWAY_KEYS_UNAVAILABLE");
        }
    }

    #[test]
    fn client_of_a_chained_call_is_the_one_that_acts() {
        let guard = guard();
        let before = Actor {
            sub: "albo".to_owned(),
            act: None,
        };
        let chained = Claims {
            act: Some(Actor {
                sub: "protocollo".to_owned(),
                act: Some(Box::new(before)),
            }),
            ..claims(&guard)
        };
        let chain = chained.act.clone().unwrap();

        assert_eq!(chain.clients().collect::<Vec<_>>(), ["protocollo", "albo"]);
        let grant = guard.accept(chained, "pkg.S/M").unwrap();
        assert_eq!(grant.client_id, "protocollo");
    }

    #[test]
    fn links_are_told_to_nobody_but_the_gateway_itself() {
        let guard = guard();
        let method = "varco.audit.v1.LinkService/ListLinks";
        let of = |sub: &str, method: &str| Claims {
            sub: sub.to_owned(),
            method: method.to_owned(),
            ..claims(&guard)
        };
        let accept = |sub: &str, method: &str| guard.accept(of(sub, method), method);

        assert!(accept(&guard.gateway, method).is_ok());
        for (sub, method) in [
            ("client", method),
            ("spiffe://c/service/albo", method),
            (&guard.gateway, "pkg.S/M"),
        ] {
            let refused = accept(sub, method).unwrap_err();
            assert_eq!(refused.reason(), "GRANT_SUBJECT", "{sub} {method}");
        }
    }

    #[test]
    fn grant_serves_one_method_of_one_service_for_half_a_minute() {
        let guard = guard();
        let good = claims(&guard);
        let bent: [(fn(&mut Claims), &str); 5] = [
            (
                |c| "https://albo.example/v1".clone_into(&mut c.aud),
                "GRANT_AUDIENCE",
            ),
            (
                |c| "https://elsewhere".clone_into(&mut c.iss),
                "GRANT_AUDIENCE",
            ),
            (|c| "pkg.S/Other".clone_into(&mut c.method), "GRANT_METHOD"),
            (|c| c.exp = c.iat - 60, "GRANT_EXPIRED"),
            (|c| c.exp = c.iat + 3600, "GRANT_EXPIRED"),
        ];

        assert!(guard.accept(good.clone(), "pkg.S/M").is_ok());
        for (bend, reason) in bent {
            let mut bad = good.clone();
            bend(&mut bad);
            assert_eq!(guard.accept(bad, "pkg.S/M").unwrap_err().reason(), reason);
        }
    }
}
