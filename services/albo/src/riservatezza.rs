//! What must not reach the board in a subject line: codici fiscali and bank coordinates.
//!
//! A published text is copied within minutes and cannot be taken back, so a suspicious subject
//! stops for a person to read it (GDPR art. 5(1)(c); Garante, provv. 243 of 15 May 2014). Letters
//! of omocodia count as digits. Text split by spaces is read as one word too, but only where
//! enough true digits make it a code and not Italian.
//!
//! The document itself is not read here.

/// What was found in a text; where and what it was is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rischio {
    /// Something of the shape of a codice fiscale.
    #[error("a codice fiscale")]
    CodiceFiscale,
    /// Something of the shape of an IBAN.
    #[error("an IBAN")]
    Iban,
}

/// Looks for data that must not be public.
///
/// # Errors
///
/// Names the kind of what was found first.
pub fn check(text: &str) -> Result<(), Rischio> {
    let words: Vec<Vec<u8>> = text
        .to_uppercase()
        .split(|c: char| !c.is_ascii_alphanumeric())
        .map(|word| word.as_bytes().to_vec())
        .collect();
    let joined = words.concat();
    let cf_in_a_word = words
        .iter()
        .any(|word| word.windows(16).any(is_codice_fiscale));
    let cf_in_pieces = joined
        .windows(16)
        .any(|w| is_codice_fiscale(w) && true_digits(w) >= 4);
    if cf_in_a_word || cf_in_pieces {
        return Err(Rischio::CodiceFiscale);
    }
    let foreign = words.iter().any(|word| is_iban(word));
    if foreign || joined.windows(27).any(is_italian_iban) {
        return Err(Rischio::Iban);
    }
    Ok(())
}

fn is_codice_fiscale(window: &[u8]) -> bool {
    window.len() == CODICE_FISCALE.len()
        && window
            .iter()
            .zip(CODICE_FISCALE)
            .all(|(byte, kind)| admits(*kind, *byte))
}

fn admits(kind: u8, byte: u8) -> bool {
    match kind {
        b'A' => byte.is_ascii_uppercase(),
        b'M' => b"ABCDEHLMPRST".contains(&byte),
        _ => byte.is_ascii_digit() || b"LMNPQRSTUV".contains(&byte),
    }
}

fn true_digits(window: &[u8]) -> usize {
    window.iter().filter(|byte| byte.is_ascii_digit()).count()
}

/// Two letters of Italy or San Marino, two digits, a letter, ten digits, twelve of an account.
fn is_italian_iban(window: &[u8]) -> bool {
    let (country, rest) = window.split_at(2);
    let (check, rest) = rest.split_at(2);
    let (cin, rest) = rest.split_at(1);
    let (bank, account) = rest.split_at(10);
    matches!(country, b"IT" | b"SM")
        && check.iter().chain(bank).all(u8::is_ascii_digit)
        && cin.iter().all(u8::is_ascii_uppercase)
        && account.iter().all(u8::is_ascii_alphanumeric)
}

/// Any country's IBAN, told from other codes by its check digits (ISO 13616, ISO 7064 MOD 97-10).
fn is_iban(word: &[u8]) -> bool {
    if !(15..=34).contains(&word.len()) {
        return false;
    }
    let (head, account) = word.split_at(4);
    let (country, check) = head.split_at(2);
    let shaped = country.iter().all(u8::is_ascii_uppercase) && check.iter().all(u8::is_ascii_digit);
    shaped
        && account
            .iter()
            .chain(head)
            .fold(0, |rest, byte| mod_97(rest, *byte))
            == 1
}

fn mod_97(rest: u32, byte: u8) -> u32 {
    if byte.is_ascii_digit() {
        (rest * 10 + u32::from(byte - b'0')) % 97
    } else {
        (rest * 100 + u32::from(byte.wrapping_sub(b'A')) + 10) % 97
    }
}

/// `A` a letter, `M` a letter of a month, `0` a digit or its letter of omocodia.
const CODICE_FISCALE: &[u8; 16] = b"AAAAAA00M00A000A";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codice_fiscale_is_found_in_any_writing() {
        for text in [
            "Contributo a RSSMRA80A01H501U",
            "contributo a rssmra80a01h501u.",
            "C.F.:RSSMRA80A01H501U",
            "CFRSSMRA80A01H501U",
            "RSS MRA 80A01 H501U",
            "RSS-MRA-80A01-H501-U",
        ] {
            assert_eq!(check(text), Err(Rischio::CodiceFiscale), "{text}");
        }
    }

    #[test]
    fn omocodia_is_found() {
        for text in ["a RSSMRA80A01H50MM", "a RSSMRAULALMHRLMD"] {
            assert_eq!(check(text), Err(Rischio::CodiceFiscale), "{text}");
        }
    }

    #[test]
    fn iban_is_found_in_any_writing() {
        for text in [
            "Bonifico su IT60X0542811101000000123456",
            "IT60 X054 2811 1010 0000 0123 456",
            "Konto DE89370400440532013000",
        ] {
            assert_eq!(check(text), Err(Rischio::Iban), "{text}");
        }
    }

    #[test]
    fn ordinary_subjects_pass() {
        for text in [
            "Approvazione del bilancio di previsione 2026-2028 e dei relativi allegati",
            "Determinazione n. 145 del 12/03/2026 CIG Z1A2B3C4D5 CUP J31B21000010006",
            "Ordinanza di modifica temporanea della viabilità in via Niccolò Machiavelli, 12/A",
            "Affidamento fornitura DE12345678901234 per gli uffici",
            "",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_check_fail_otherwise(text in "\\PC{0,200}") {
            let _ = check(&text);
        }
    }
}
