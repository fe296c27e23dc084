//! Requests as JSON: where the text comes from, and which messages it holds.
//!
//! One message is one JSON object (protobuf's canonical JSON mapping). A stream of requests is an
//! array, or one object after another. Fields that the contract does not have are refused.

use std::io::Read as _;

use prost_reflect::DynamicMessage;
use serde_json::Value;

use super::contract::Method;
use crate::failure::Failure;

/// Reads the messages out of JSON, a file (`@FILE`) or standard input (`-`).
///
/// # Errors
///
/// When the text cannot be read or does not fit the method.
pub fn read(given: &str, method: &Method) -> Result<Vec<DynamicMessage>, Failure> {
    match (given, given.strip_prefix('@')) {
        ("-", _) => {
            let mut text = String::new();
            std::io::stdin().lock().read_to_string(&mut text)?;
            parse(&text, method)
        }
        (_, Some(file)) => {
            let text = std::fs::read_to_string(file)
                .map_err(|error| Failure::new(file, error, "check its name"))?;
            parse(&text, method)
        }
        _ => parse(given, method),
    }
}

/// Parses the messages of a request.
fn parse(text: &str, method: &Method) -> Result<Vec<DynamicMessage>, Failure> {
    let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text)
        .into_iter()
        .collect();
    let values = values.map_err(|error| unfit(&error))?;
    let values = match <[Value; 1]>::try_from(values) {
        Ok([Value::Array(items)]) if method.streams_in() => items,
        Ok(one) => one.into(),
        Err(many) => many,
    };
    if !method.streams_in() && values.len() != 1 {
        let why = format!(
            "the method takes one message, and these are {}",
            values.len()
        );
        return Err(unfit(&why));
    }
    let message = |value| DynamicMessage::deserialize(method.input(), value);
    let messages: Result<_, serde_json::Error> = values.into_iter().map(message).collect();
    messages.map_err(|error| unfit(&error))
}

fn unfit(why: &dyn std::fmt::Display) -> Failure {
    let remedy = "write it as the contract's messages say";
    Failure::new("the request does not fit the method", why, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_is_one_message_and_comes_back_as_json() {
        let method = method("anagrafe.v1.AnagrafeService/VerifyResidenza");
        let text = r#"{"codice_fiscale":"RSSMRA80A01H501U","indirizzo":{"numero":12}}"#;

        let messages = parse(text, &method).unwrap();

        let told = serde_json::to_value(&messages).unwrap();
        assert_eq!(told[0]["codiceFiscale"], "RSSMRA80A01H501U");
        assert_eq!(told[0]["indirizzo"]["numero"], 12);
    }

    #[test]
    fn stream_is_an_array_or_one_object_a_line() {
        let method = method("documenti.v1.DocumentiService/UploadDocumento");

        let array = parse(r#"[{"intestazione":{}},{"blocco":"AAE="}]"#, &method).unwrap();
        let lines = parse("{\"intestazione\":{}}\n{\"blocco\":\"AAE=\"}\n", &method).unwrap();

        assert_eq!(array, lines);
        assert_eq!(array.len(), 2);
    }

    #[test]
    fn unknown_field_is_refused_by_name() {
        let method = method("anagrafe.v1.AnagrafeService/VerifyResidenza");

        let refused = parse(r#"{"codice":"x"}"#, &method).unwrap_err().to_string();

        assert!(refused.contains("codice"), "{refused}");
    }

    #[test]
    fn two_messages_do_not_fit_a_method_that_takes_one() {
        let method = method("anagrafe.v1.AnagrafeService/VerifyResidenza");

        assert!(parse("{}{}", &method).is_err());
        assert!(parse("", &method).is_err());
    }

    fn method(name: &str) -> Method {
        Method::find(&format!("varco.{name}"), None).unwrap()
    }
}
