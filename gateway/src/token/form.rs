//! What a request asks for: the form of the endpoint, or the messages of its gRPC twin.

use std::collections::HashMap;

use super::answer::Refusal;

/// A request for a voucher, whichever way it came.
#[derive(Clone, Default)]
pub struct Wanted {
    /// The client, where the request names it beside the assertion.
    pub client_id: Option<String>,
    /// The client assertion.
    pub assertion: String,
    /// The grant of the call that is served, in an exchange.
    pub grant: Option<String>,
}

impl Wanted {
    /// Parses a form (RFC 6749 §4.4, RFC 7523 §2.2, RFC 8693 §2.1); a field that is given twice is
    /// refused.
    ///
    /// # Errors
    ///
    /// Says which field is missing or wrong.
    pub fn parse(form: &[u8]) -> Result<Self, Refusal> {
        let mut fields = fields(form)?;
        let mut take = |name: &str| fields.remove(name).filter(|value| !value.is_empty());
        let grant_type = take("grant_type").ok_or_else(|| missing("grant_type"))?;
        if grant_type != CLIENT_CREDENTIALS && grant_type != TOKEN_EXCHANGE {
            return Err(Refusal::grant_type());
        }
        let kind = take("client_assertion_type").ok_or_else(|| missing("client_assertion_type"))?;
        if kind != ASSERTION_TYPE {
            return Err(wrong("client_assertion_type", ASSERTION_TYPE));
        }
        let assertion = take("client_assertion").ok_or_else(|| missing("client_assertion"))?;
        let client_id = take("client_id");
        let grant = match grant_type.as_str() {
            TOKEN_EXCHANGE => Some(exchange(&mut take)?),
            _ => None,
        };
        Ok(Self {
            client_id,
            assertion,
            grant,
        })
    }
}

/// The grant of an exchange. The client assertion says who acts, so an actor token is refused.
fn exchange(take: &mut impl FnMut(&str) -> Option<String>) -> Result<String, Refusal> {
    let grant = take("subject_token").ok_or_else(|| missing("subject_token"))?;
    let kind = take("subject_token_type").ok_or_else(|| missing("subject_token_type"))?;
    if kind != JWT_TYPE {
        return Err(wrong("subject_token_type", JWT_TYPE));
    }
    if take("actor_token").is_some() || take("actor_token_type").is_some() {
        return Err(Refusal::request(
            "actor_token is not taken: the client assertion says who acts",
            "actor_token non è accettato: chi agisce lo dice la client assertion",
        ));
    }
    match take("requested_token_type").as_deref() {
        None | Some(ACCESS_TOKEN_TYPE | JWT_TYPE) => Ok(grant),
        Some(_) => Err(wrong("requested_token_type", ACCESS_TOKEN_TYPE)),
    }
}

fn fields(form: &[u8]) -> Result<HashMap<String, String>, Refusal> {
    let mut fields = HashMap::new();
    for (name, value) in form_urlencoded::parse(form) {
        if fields
            .insert(name.into_owned(), value.into_owned())
            .is_some()
        {
            return Err(Refusal::request(
                "a field is given twice",
                "un campo è dato due volte",
            ));
        }
    }
    Ok(fields)
}

fn missing(field: &str) -> Refusal {
    Refusal::request(
        format!("{field} is missing"),
        format!("manca il campo {field}"),
    )
}

fn wrong(field: &str, value: &str) -> Refusal {
    Refusal::request(
        format!("{field} must be {value}"),
        format!("{field} deve essere {value}"),
    )
}

/// Type of an access token (RFC 8693 §3).
pub const ACCESS_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The grant of RFC 6749 §4.4.
pub const CLIENT_CREDENTIALS: &str = "client_credentials";
const JWT_TYPE: &str = "urn:ietf:params:oauth:token-type:jwt";
/// The grant of RFC 8693.
pub const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

impl std::fmt::Debug for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wanted")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(change: &[(&str, Option<&str>)]) -> String {
        let mut fields = vec![
            ("grant_type", CLIENT_CREDENTIALS),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", "a.b.c"),
        ];
        for (name, value) in change {
            fields.retain(|(known, _)| known != name);
            fields.extend(value.map(|value| (*name, value)));
        }
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish()
    }

    fn refused(change: &[(&str, Option<&str>)]) -> String {
        let refusal = Wanted::parse(form(change).as_bytes()).unwrap_err();
        format!("{}: {}", refusal.error, refusal.texts().0)
    }

    #[test]
    fn form_says_what_is_wanted() {
        let wanted = Wanted::parse(form(&[("client_id", Some("x"))]).as_bytes()).unwrap();
        assert_eq!(wanted.assertion, "a.b.c");
        assert_eq!(
            (wanted.client_id.as_deref(), wanted.grant),
            (Some("x"), None)
        );

        let exchange = form(&[
            ("grant_type", Some(TOKEN_EXCHANGE)),
            ("subject_token", Some("d.e.f")),
            ("subject_token_type", Some(JWT_TYPE)),
        ]);
        let wanted = Wanted::parse(exchange.as_bytes()).unwrap();
        assert_eq!(wanted.grant.as_deref(), Some("d.e.f"));
    }

    #[test]
    fn malformed_form_is_told_which_field() {
        let cases: [(&[(&str, Option<&str>)], &str); 9] = [
            (
                &[("grant_type", None)],
                "invalid_request: grant_type is missing",
            ),
            (
                &[("grant_type", Some("password"))],
                "unsupported_grant_type: grant_type must be",
            ),
            (
                &[("client_assertion_type", Some("saml"))],
                "invalid_request: client_assertion_type must be urn",
            ),
            (
                &[("client_assertion", Some(""))],
                "invalid_request: client_assertion is missing",
            ),
            (
                &[("grant_type", Some(TOKEN_EXCHANGE))],
                "invalid_request: subject_token is missing",
            ),
            (
                &[
                    ("grant_type", Some(TOKEN_EXCHANGE)),
                    ("subject_token", Some("x")),
                ],
                "invalid_request: subject_token_type is missing",
            ),
            (
                &[
                    ("grant_type", Some(TOKEN_EXCHANGE)),
                    ("subject_token", Some("x")),
                    ("subject_token_type", Some("saml2")),
                ],
                "invalid_request: subject_token_type must be",
            ),
            (
                &[
                    ("grant_type", Some(TOKEN_EXCHANGE)),
                    ("subject_token", Some("x")),
                    ("subject_token_type", Some(JWT_TYPE)),
                    ("actor_token", Some("y")),
                ],
                "invalid_request: actor_token is not taken",
            ),
            (
                &[
                    ("grant_type", Some(TOKEN_EXCHANGE)),
                    ("subject_token", Some("x")),
                    ("subject_token_type", Some(JWT_TYPE)),
                    ("requested_token_type", Some("saml2")),
                ],
                "invalid_request: requested_token_type must be",
            ),
        ];
        for (change, told) in cases {
            assert!(refused(change).starts_with(told), "{}", refused(change));
        }
        let twice = format!("{}&client_id=a&client_id=b", form(&[]));
        assert_eq!(
            Wanted::parse(twice.as_bytes()).unwrap_err().error,
            "invalid_request"
        );
    }
}
