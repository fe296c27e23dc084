//! Vouchers as a client holds them: asked for, kept, renewed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::{ClientFile, Error};
use crate::clock::Clock;
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
    held: Mutex<Option<Voucher>>,
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
        let (client, held) = (Arc::clone(client), Mutex::new(None));
        Self {
            inner: Arc::new(Inner {
                client,
                purpose_id,
                key,
                https,
                clock,
                held,
            }),
        }
    }

    /// A good voucher: the held one, or a new one.
    ///
    /// # Errors
    ///
    /// When there is none and the token endpoint refuses or is out of reach.
    pub async fn voucher(&self) -> Result<Voucher, Error> {
        let mut held = self.inner.held.lock().await;
        let now = Instant::now();
        if let Some(voucher) = held.as_ref().filter(|voucher| now < voucher.renew) {
            return Ok(voucher.clone());
        }
        match (self.inner.ask().await, held.as_ref()) {
            (Ok(fresh), _) => {
                *held = Some(fresh.clone());
                Ok(fresh)
            }
            // The token endpoint is out of reach, but the old voucher still has some time.
            (Err(Error::Https(_)), Some(old)) if now < old.end => Ok(old.clone()),
            (Err(error), _) => Err(error),
        }
    }

    /// Drops a voucher that the gateway no longer takes.
    pub async fn forget(&self, voucher: &Voucher) {
        let mut held = self.inner.held.lock().await;
        if held.as_ref() == Some(voucher) {
            *held = None;
        }
    }
}

impl Inner {
    async fn ask(&self) -> Result<Voucher, Error> {
        let asked = Instant::now();
        let form = format!(
            "client_id={}&client_assertion={}&client_assertion_type={ASSERTION_TYPE}\
             &grant_type=client_credentials",
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
