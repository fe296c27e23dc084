//! What stands around the three parts: too few, too many, other spellings of base64url, too large.

use serde_json::json;

use super::forge::{encode, parts};
use super::{Case, Cast};

/// Every hostile assertion of this family.
pub fn cases(cast: &Cast) -> Vec<Case> {
    [segments(cast), spellings(cast), sizes(cast)].concat()
}

fn segments(cast: &Cast) -> Vec<Case> {
    let good = cast.ec.with_header(&json!({}));
    let [header, claims, signature] = parts(&good);
    let tokens = [
        header.to_owned(),
        format!("{header}.{claims}"),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{signature}"),
        format!("{header}.{claims}.{signature}.{signature}.{signature}"),
        format!("{header}..{signature}.AAAA.AAAA"),
        "..".to_owned(),
        "...".to_owned(),
        "....".to_owned(),
        format!(".{claims}.{signature}"),
        format!("{header}~{claims}~{signature}"),
        // The JSON serialisation (RFC 7515 §7.2).
        json!({"protected": header, "payload": claims, "signature": signature}).to_string(),
        json!({"payload": claims, "signatures": [{"protected": header, "signature": signature}]})
            .to_string(),
        // An encrypted token (RFC 7516 §3.1): five parts.
        format!(
            "{}.AA.AA.{claims}.AA",
            encode(r#"{"alg":"RSA-OAEP","enc":"A128GCM"}"#)
        ),
        format!(
            "{}.AA.AA.{claims}.AA",
            encode(r#"{"alg":"dir","enc":"A128GCM","zip":"DEF"}"#)
        ),
    ];
    let mut cases: Vec<Case> = tokens
        .iter()
        .map(|token| Case::new(format!("parts: {token:.60}"), token, MALFORMED))
        .collect();
    let emptied = [format!("{header}..{signature}"), format!("{header}..")];
    cases.extend(emptied.map(|token| Case::new("no claims", &token, SIGNATURE)));
    cases
}

/// One token has one spelling; any other is another token.
fn spellings(cast: &Cast) -> Vec<Case> {
    let good = cast.ec.with_header(&json!({}));
    let [header, claims, signature] = parts(&good);
    let before = |sign: &str| format!("{sign}{good}");
    let malformed = [
        (
            "padding of the header",
            format!("{header}=.{claims}.{signature}"),
        ),
        (
            "two signs of padding",
            format!("{header}==.{claims}.{signature}"),
        ),
        ("space before", before(" ")),
        ("newline before", before("\n")),
        ("NUL before", before("\0")),
        ("byte order mark before", before("\u{feff}")),
        ("Bearer before", before("Bearer ")),
        (
            "space in the header",
            format!("{} {}.{claims}.{signature}", &header[..8], &header[8..]),
        ),
        (
            "line break in the header",
            format!("{}\r\n{}.{claims}.{signature}", &header[..8], &header[8..]),
        ),
        (
            "header in hexadecimal",
            format!("{}.{claims}.{signature}", hex::encode(header)),
        ),
        ("header of one character", format!("A.{claims}.{signature}")),
        ("no base64url", format!("{{}}.{claims}.{signature}")),
        ("percent", format!("%65%79.{claims}.{signature}")),
    ];
    let unsigned = [
        (
            "padding of the claims",
            format!("{header}.{claims}=.{signature}"),
        ),
        ("padding of the signature", format!("{good}=")),
        ("two signs of padding at the end", format!("{good}==")),
        ("space at the end", format!("{good} ")),
        ("newline at the end", format!("{good}\n")),
        ("NUL at the end", format!("{good}\0")),
        (
            "standard alphabet",
            format!("{header}.{claims}.{}", standard(signature)),
        ),
        (
            "bits to spare",
            format!("{header}.{claims}.{}", spared(signature)),
        ),
    ];
    let spelt =
        |reason| move |(what, token): (&'static str, String)| Case::new(what, &token, reason);
    let malformed = malformed.into_iter().map(spelt(MALFORMED));
    malformed
        .chain(unsigned.into_iter().map(spelt(SIGNATURE)))
        .collect()
}

fn sizes(cast: &Cast) -> Vec<Case> {
    let good = cast.ec.with_header(&json!({}));
    let long = |by: usize| cast.ec.with_claims(&json!({"jti": "x".repeat(by)}));
    let tokens = [
        ("a token over 8 KiB", long(8 * 1024), MALFORMED),
        (
            "a header over 8 KiB",
            cast.ec.with_header(&json!({"x": "x".repeat(8 * 1024)})),
            MALFORMED,
        ),
        (
            "nothing but letters, over 8 KiB",
            "x".repeat(9 * 1024),
            MALFORMED,
        ),
        (
            "a token of 8 KiB of points",
            ".".repeat(8 * 1024),
            MALFORMED,
        ),
        ("a token just under 8 KiB", long(5 * 1024), "JTI_MALFORMED"),
        ("a form over 16 KiB", long(16 * 1024), REQUEST),
        (
            "a form of 1 MiB",
            format!("{good}{}", "A".repeat(1 << 20)),
            REQUEST,
        ),
    ];
    tokens
        .into_iter()
        .map(|(what, token, reason)| Case::new(what, &token, reason))
        .collect()
}

/// A signature in the alphabet of RFC 4648 §4, with something that differs in it.
fn standard(signature: &str) -> String {
    let other = signature.replace('-', "+").replace('_', "/");
    if other == signature {
        format!("+{}", &other[1..])
    } else {
        other
    }
}

/// A signature whose last character carries bits that mean nothing (RFC 4648 §3.5).
///
/// 64 bytes end in a character of which four bits count for nothing: one of A, Q, g, w.
fn spared(signature: &str) -> String {
    let (rest, last) = signature.split_at(signature.len() - 1);
    let next = char::from(last.as_bytes()[0] + 1);
    format!("{rest}{next}")
}

const MALFORMED: &str = "ASSERTION_MALFORMED";
const REQUEST: &str = "REQUEST_MALFORMED";
const SIGNATURE: &str = "ASSERTION_SIGNATURE";
