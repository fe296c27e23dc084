//! Vouchers as a client holds them: asked for, kept, renewed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::{ClientFile, Error};
use crate::clock::Clock;
use crate::grant::Grant;
use crate::https::Https;
use crate::jose::PrivateKey;

/// A voucher and how long it is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voucher {
    /// The signed token.
    pub token: String,
    /// When to renew it.
    renew: Instant,
    /// When it ends.
    end: Instant,
}

/// Where the vouchers of one client for one purpose come from.
#[derive(Clone)]
pub struct Source {
    inner: Arc<Inner>,
}

struct Inner {
    client: Arc<ClientFile>,
    purpose_id: String,
    key: PrivateKey,
    https: Https,
    clock: Clock,
    held: ArcSwap<Held>,
    /// Held by the one who asks.
    asking: Mutex<()>,
}

/// What is known without asking.
#[derive(Clone, Default)]
struct Held {
    voucher: Option<Voucher>,
    /// When the token endpoint last gave no answer.
    silent: Option<Instant>,
}

/// Claims of a client assertion (RFC 7523 §3, PDND).
#[derive(Debug, Serialize)]
struct Assertion<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: String,
    iat: i64,
    exp: i64,
    #[serde(rename = "purposeId")]
    purpose_id: &'a str,
}

/// Success answer of the token endpoint (RFC 6749 §5.1).
#[derive(Deserialize)]
struct Issued {
    access_token: String,
    expires_in: u64,
}

/// Error answer of the token endpoint (RFC 6749 §5.2, with our reason).
#[derive(Deserialize)]
struct Refused {
    error: String,
    #[serde(default)]
    error_description: String,
    reason: Option<String>,
}

impl Source {
    /// Makes a source that holds nothing yet.
    pub(super) fn new(
        client: &Arc<ClientFile>,
        purpose_id: String,
        key: PrivateKey,
        https: Https,
        clock: Clock,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                client: Arc::clone(client),
                purpose_id,
                key,
                https,
                clock,
                held: ArcSwap::default(),
                asking: Mutex::default(),
            }),
        }
    }

    /// A good voucher: the held one, or a new one.
    ///
    /// One caller asks at a time. The others wait for it only when they hold no good voucher.
    ///
    /// # Errors
    ///
    /// When there is none and the token endpoint refuses or is out of reach.
    pub async fn voucher(&self) -> Result<Voucher, Error> {
        let inner = &self.inner;
        if let Some(known) = inner.held.load().known(Instant::now()) {
            return known;
        }
        let old = inner.held.load().good(Instant::now());
        let _asking = match (inner.asking.try_lock(), old) {
            (Ok(asking), _) => asking,
            (Err(_), Some(old)) => return Ok(old),
            (Err(_), None) => inner.asking.lock().await,
        };
        if let Some(known) = inner.held.load().known(Instant::now()) {
            return known;
        }
        inner.renew().await
    }

    /// A voucher for one call on behalf of another, in exchange for its grant (RFC 8693).
    ///
    /// It is not kept: it says whose call is served.
    ///
    /// # Errors
    ///
    /// When the token endpoint refuses or is out of reach.
    pub async fn on_behalf(&self, grant: &Grant) -> Result<Voucher, Error> {
        let token = grant.token.as_str();
        let more = format!("&subject_token={token}&subject_token_type={JWT_TYPE}");
        self.inner.request(EXCHANGE, &more).await
    }

    /// Drops a voucher that the gateway no longer takes.
    pub fn forget(&self, voucher: &Voucher) {
        self.inner.held.rcu(|held| Held {
            voucher: held.voucher.clone().filter(|held| held != voucher),
            silent: held.silent,
        });
    }
}

impl Held {
    /// The answer that needs no asking: a voucher that is fresh, or what a recent silence leaves.
    fn known(&self, now: Instant) -> Option<Result<Voucher, Error>> {
        let fresh = self.voucher.as_ref().filter(|held| now < held.renew);
        if let Some(fresh) = fresh {
            return Some(Ok(fresh.clone()));
        }
        let silent = self.silent.filter(|silent| now < *silent + PAUSE);
        silent.map(|_| self.good(now).ok_or(Error::TokenUnavailable))
    }

    fn good(&self, now: Instant) -> Option<Voucher> {
        self.voucher.clone().filter(|held| now < held.end)
    }
}

impl Inner {
    async fn renew(&self) -> Result<Voucher, Error> {
        match self.ask().await {
            Ok(fresh) => {
                self.held.store(Arc::new(Held {
                    voucher: Some(fresh.clone()),
                    silent: None,
                }));
                Ok(fresh)
            }
            Err(Error::Https(error)) => {
                let now = Instant::now();
                self.held.rcu(|held| Held {
                    voucher: held.voucher.clone(),
                    silent: Some(now),
                });
                // The old voucher may still have some time.
                self.held.load().good(now).ok_or(Error::Https(error))
            }
            Err(error) => Err(error),
        }
    }

    async fn ask(&self) -> Result<Voucher, Error> {
        self.request("client_credentials", "").await
    }

    async fn request(&self, grant_type: &str, more: &str) -> Result<Voucher, Error> {
        let asked = Instant::now();
        let form = format!(
            "client_id={}&client_assertion={}&client_assertion_type={ASSERTION_TYPE}\
             &grant_type={grant_type}{more}",
            self.client.client_id,
            self.assertion()?,
        );
        let answer = self.https.post_form(&self.client.token_url, form).await?;
        if answer.status.is_success()
            && let Ok(issued) = serde_json::from_slice::<Issued>(&answer.body)
        {
            let life = Duration::from_secs(issued.expires_in);
            let (renew, end) = (asked + life.mul_f64(0.8), asked + life);
            return Ok(Voucher {
                token: issued.access_token,
                renew,
                end,
            });
        }
        Err(match serde_json::from_slice::<Refused>(&answer.body) {
            Ok(refused) => Error::VoucherRefused {
                reason: refused.reason.unwrap_or(refused.error),
                description: refused.error_description,
            },
            Err(_) => Error::VoucherRefused {
                reason: format!("HTTP_{}", answer.status.as_u16()),
                description: "the token endpoint answered something else".to_owned(),
            },
        })
    }

    fn assertion(&self) -> Result<String, Error> {
        let now = self.clock.unix();
        let claims = Assertion {
            iss: &self.client.client_id,
            sub: &self.client.client_id,
            aud: &self.client.assertion_audience,
            jti: self.clock.uuid().to_string(),
            iat: now,
            exp: now + ASSERTION_LIFE,
            purpose_id: &self.purpose_id,
        };
        Ok(self.key.sign("JWT", &claims)?)
    }
}

const ASSERTION_TYPE: &str = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
const ASSERTION_LIFE: i64 = 60;
const EXCHANGE: &str = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange";
const JWT_TYPE: &str = "urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt";
/// How long a token endpoint that gave no answer is not asked again.
const PAUSE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{KeyKind, generate_key};

    const MINUTE: Duration = Duration::from_mins(1);

    /// A source whose token endpoint nobody serves.
    fn source() -> Source {
        let client = ClientFile {
            client_id: "client".to_owned(),
            kid: String::new(),
            token_url: "https://127.0.0.1:1/token.oauth2".to_owned(),
            gateway: String::new(),
            assertion_audience: String::new(),
            purposes: std::collections::BTreeMap::new(),
        };
        let key = PrivateKey::from_pem(&generate_key(KeyKind::EcP256).unwrap()).unwrap();
        let roots = Arc::new(rustls::RootCertStore::empty());
        let https = Https::new(crate::tls::client(None, &roots, &[]).unwrap());
        Source::new(
            &Arc::new(client),
            String::new(),
            key,
            https,
            Clock::system(),
        )
    }

    /// A source with a voucher that is due for renewal and still good.
    fn source_with_old_voucher() -> (Source, Voucher) {
        let (source, now) = (source(), Instant::now());
        let old = Voucher {
            token: "old".to_owned(),
            renew: now,
            end: now + MINUTE,
        };
        source.inner.held.store(Arc::new(Held {
            voucher: Some(old.clone()),
            silent: None,
        }));
        (source, old)
    }

    #[tokio::test]
    async fn old_voucher_serves_while_the_token_endpoint_is_silent() {
        let (source, old) = source_with_old_voucher();

        let asked = source.voucher().await.unwrap();
        let unasked = source.voucher().await.unwrap();

        assert_eq!((&asked, &unasked), (&old, &old));
        assert!(source.inner.held.load().silent.is_some());
    }

    #[tokio::test]
    async fn holder_of_a_good_voucher_does_not_wait_for_the_one_who_asks() {
        let (source, old) = source_with_old_voucher();
        let _asking = source.inner.asking.lock().await;

        let served = source.voucher().await.unwrap();

        assert_eq!(served, old);
    }

    #[tokio::test]
    async fn silent_token_endpoint_is_not_asked_again_at_once() {
        let source = source();

        let first = source.voucher().await.unwrap_err();
        let second = source.voucher().await.unwrap_err();

        assert!(matches!(first, Error::Https(_)), "{first}");
        assert!(matches!(second, Error::TokenUnavailable), "{second}");
        let later = Instant::now() + PAUSE;
        assert!(source.inner.held.load().known(later).is_none());
    }

    #[tokio::test]
    async fn forgotten_voucher_is_not_served_again() {
        let (source, old) = source_with_old_voucher();

        source.forget(&old);

        assert!(source.voucher().await.is_err());
    }
}
