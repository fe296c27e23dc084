//! The texts within an encoded message, whatever its type: what a search of its raw bytes would cut wrongly.

use std::fmt::Write as _;

/// Every text of a message and of the messages within it, one a line.
#[must_use]
pub fn texts(message: &[u8]) -> String {
    let mut found = String::new();
    collect(message, DEEPEST, &mut found);
    found
}

/// Reads bytes as a message; what is none is a text at most.
fn collect(message: &[u8], depth: u32, found: &mut String) {
    let mut rest = message;
    while let Some((field, tail)) = next(rest) {
        rest = tail;
        let Some(field) = field else {
            continue;
        };
        if let Ok(text) = std::str::from_utf8(field) {
            let _ = writeln!(found, "{text}");
        }
        if depth > 0 {
            collect(field, depth - 1, found);
        }
    }
}

/// The first field, where it has bytes, and what follows; none where no field begins.
fn next(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (tag, rest) = varint(bytes)?;
    match tag & 7 {
        0 => varint(rest).map(|(_, rest)| (None, rest)),
        1 => rest.get(8..).map(|rest| (None, rest)),
        2 => {
            let (length, rest) = varint(rest)?;
            let (field, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            Some((Some(field), rest))
        }
        5 => rest.get(4..).map(|rest| (None, rest)),
        _ => None,
    }
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (place, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f).checked_shl(7 * u32::try_from(place).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((value, &bytes[place + 1..]));
        }
    }
    None
}

/// Messages within messages that are looked into.
const DEEPEST: u32 = 8;

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use varco_proto::anagrafe::v1::{Indirizzo, VerifyResidenzaRequest};

    use super::*;

    #[test]
    fn texts_of_inner_messages_are_found_whole() {
        // A length that is a letter would stick to a text in the raw bytes.
        let long = "x".repeat(usize::from(b'P') - 6);
        let message = VerifyResidenzaRequest {
            codice_fiscale: Some("RSSMRA80A01H501U".to_owned()),
            indirizzo: Some(Indirizzo {
                numero: Some(300),
                denominazione: Some(format!("Rossi {long}")),
                ..Indirizzo::default()
            }),
            data: None,
        };

        let found = texts(&message.encode_to_vec());

        let lines: Vec<&str> = found.lines().collect();
        assert!(lines.contains(&"RSSMRA80A01H501U"), "{found}");
        assert!(lines.iter().any(|it| it.starts_with("Rossi xx")), "{found}");
    }

    #[test]
    fn bytes_that_are_no_message_have_no_texts() {
        for bytes in [[0xff; 40].as_slice(), &[], &[0x0a, 0x7f, b'x'], &[0x0b]] {
            assert_eq!(texts(bytes), "");
        }
    }
}
