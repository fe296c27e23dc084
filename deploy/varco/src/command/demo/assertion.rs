//! A voucher for a purpose that the client's file does not name, because it was just declared.
//!
//! A client that learns a new purpose asks like this: an assertion signed with its own key
//! (RFC 7523), posted to the token endpoint with its own certificate.

use std::path::Path;

use serde::Deserialize;
use serde_json::json;
use tonic::Status;
use varco_runtime::client::{self, ClientFile, read_client_file};
use varco_runtime::https::Https;
use varco_runtime::jose::PrivateKey;
use varco_runtime::{secret, tls};

use super::town::Town;

/// Answer of the token endpoint, good or bad.
#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    reason: Option<String>,
    error: Option<String>,
}

/// Asks for a voucher in the name of a client.
///
/// # Errors
///
/// When the token endpoint refuses or is out of reach.
pub async fn voucher(purpose_id: &str, client: &str, town: &Town) -> Result<String, Status> {
    let folder = town.config.folder.join("clients").join(client);
    let asked = ask(purpose_id, &folder, town).await;
    asked.map_err(|error| error.to_status())
}

async fn ask(purpose_id: &str, folder: &Path, town: &Town) -> Result<String, client::Error> {
    let file = read_client_file(folder)?;
    let assertion = assertion(purpose_id, &file, folder, town)?;
    let form = format!(
        "client_id={}&client_assertion={assertion}&client_assertion_type={ASSERTION_TYPE}\
         &grant_type=client_credentials",
        file.client_id,
    );
    let answer = https(folder, town)?
        .post_form(&file.token_url, form)
        .await?;
    let answer: Answer = serde_json::from_slice(&answer.body)
        .map_err(|error| client::Error::File(file.token_url.clone(), error))?;
    answer
        .access_token
        .ok_or_else(|| client::Error::VoucherRefused {
            reason: answer.reason.or(answer.error).unwrap_or_default(),
            description: "for the purpose of this run".to_owned(),
        })
}

fn assertion(
    purpose_id: &str,
    file: &ClientFile,
    folder: &Path,
    town: &Town,
) -> Result<String, client::Error> {
    let key = PrivateKey::from_pem(&secret::read(&folder.join("assertion.key"))?)?;
    let now = town.clock.unix();
    let claims = json!({
        "iss": file.client_id,
        "sub": file.client_id,
        "aud": file.assertion_audience,
        "jti": town.clock.uuid().to_string(),
        "iat": now,
        "exp": now + LIFE,
        "purposeId": purpose_id,
    });
    Ok(key.sign("JWT", &claims)?)
}

fn https(folder: &Path, town: &Town) -> Result<Https, client::Error> {
    let identity = tls::Identity::load(&folder.join("tls.pem"), &folder.join("tls.key"))?;
    let roots = tls::roots(&town.config.path(&town.config.comune.ca))?;
    Ok(Https::new(tls::client(Some(&identity), &roots, &[])?))
}

const ASSERTION_TYPE: &str = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
const LIFE: i64 = 60;
