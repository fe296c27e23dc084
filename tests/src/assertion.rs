//! Client assertions, good and bad, and what the token endpoint answers to them.

use std::path::Path;

use http::StatusCode;
use serde_json::{Value, json};
use varco_runtime::client::{ClientFile, read_client_file};
use varco_runtime::clock::Clock;
use varco_runtime::https::Https;
use varco_runtime::jose::PrivateKey;
use varco_runtime::pki::{KeyKind, generate_key, public_key};
use varco_runtime::{secret, tls};

/// A client that asks for vouchers.
#[derive(Clone)]
pub struct Asker {
    /// What it knows of itself.
    pub file: ClientFile,
    /// The key that signs its assertions.
    pub key: PrivateKey,
    https: Https,
    clock: Clock,
}

/// What the token endpoint answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// The JSON object.
    pub body: Value,
}

impl Asker {
    /// A client by its folder, with the certificate of a folder that should be the same.
    ///
    /// # Panics
    ///
    /// When the folder is not whole.
    #[must_use]
    pub fn open(folder: &Path, certificate: Option<&Path>, ca: &Path) -> Self {
        let identity = certificate.map(|folder| {
            tls::Identity::load(&folder.join("tls.pem"), &folder.join("tls.key")).expect("identity")
        });
        let roots = tls::roots(ca).expect("an authority");
        let pem = secret::read(&folder.join("assertion.key")).expect("assertion.key");
        Self {
            file: read_client_file(folder).expect("client.json"),
            key: PrivateKey::from_pem(&pem).expect("a key"),
            https: Https::new(tls::client(identity.as_ref(), &roots, &[]).expect("a connector")),
            clock: Clock::system(),
        }
    }

    /// Goes by another clock.
    #[must_use]
    pub fn at(self, clock: &Clock) -> Self {
        let clock = clock.clone();
        Self { clock, ..self }
    }

    /// The claims of a good assertion for a purpose.
    #[must_use]
    pub fn claims(&self, purpose_id: &str) -> Value {
        let now = self.clock.unix();
        json!({
            "iss": self.file.client_id,
            "sub": self.file.client_id,
            "aud": self.file.assertion_audience,
            "jti": self.clock.uuid().to_string(),
            "iat": now,
            "exp": now + 60,
            "purposeId": purpose_id,
        })
    }

    /// Signs claims with the client's own key.
    ///
    /// # Panics
    ///
    /// When the key refuses.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> String {
        self.key.sign("JWT", claims).expect("a signature")
    }

    /// The form of a good request.
    #[must_use]
    pub fn form(&self, assertion: &str) -> String {
        format!(
            "client_id={}&client_assertion={assertion}&client_assertion_type={ASSERTION_TYPE}\
             &grant_type=client_credentials",
            self.file.client_id
        )
    }

    /// Posts a form to the token endpoint.
    ///
    /// # Panics
    ///
    /// When the answer is no JSON.
    pub async fn post(&self, form: &str) -> Answer {
        let answer = self
            .https
            .post_form(&self.file.token_url, form.to_owned())
            .await;
        let answer = answer.expect("an answer");
        let body = serde_json::from_slice(&answer.body).expect("a JSON object");
        Answer {
            status: answer.status,
            body,
        }
    }

    /// Asks for a voucher with some claims.
    pub async fn ask(&self, claims: &Value) -> Answer {
        self.post(&self.form(&self.sign(claims))).await
    }

    /// A page of the token endpoint's server, as JSON.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub async fn page(&self, path: &str) -> Value {
        let origin = self.file.token_url.rsplit_once('/').expect("an origin").0;
        let answer = self
            .https
            .fetch(&format!("{origin}{path}"))
            .await
            .expect("an answer");
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        serde_json::from_slice(&answer.body).expect("a JSON object")
    }
}

impl Answer {
    /// A text of the answer.
    #[must_use]
    pub fn text(&self, field: &str) -> &str {
        self.body[field].as_str().unwrap_or_default()
    }

    /// The voucher.
    ///
    /// # Panics
    ///
    /// When none was issued.
    #[must_use]
    pub fn voucher(&self) -> String {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        self.text("access_token").to_owned()
    }
}

/// A fresh EC key: the private half, and the public one in PEM.
///
/// # Panics
///
/// When the system gives no randomness.
#[must_use]
pub fn key_pair() -> (PrivateKey, String) {
    let pem = generate_key(KeyKind::EcP256).expect("a key");
    let public = public_key(&pem).expect("a public key");
    (PrivateKey::from_pem(&pem).expect("a key"), public)
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
