//! Personal data where none may be: what looks like a codice fiscale in a text.

pub mod people;
pub mod texts;

/// Everything in a text that has the form of a codice fiscale (DM 23/12/1976), omocodia included.
#[must_use]
pub fn codici_fiscali(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words
        .filter(|word| is_codice_fiscale(&word.to_ascii_uppercase()))
        .map(str::to_owned)
        .collect()
}

fn is_codice_fiscale(word: &str) -> bool {
    // In omocodia a letter stands for a digit.
    let digit = |c: char| c.is_ascii_digit() || "LMNPQRSTUV".contains(c);
    let fits = |(form, c): (char, char)| match form {
        'A' => c.is_ascii_uppercase(),
        'M' => "ABCDEHLMPRST".contains(c),
        _ => digit(c),
    };
    word.len() == FORM.len() && FORM.chars().zip(word.chars()).all(fits)
}

/// Letters, digits and the letter of the month.
const FORM: &str = "AAAAAA00M00A000A";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codice_fiscale_is_found_in_a_text() {
        let text = "cf=rssmra80a01h501u, omocodia RSSMRA8LA01H50MU; 01a202e4-4e2f-753e";

        assert_eq!(
            codici_fiscali(text),
            ["rssmra80a01h501u", "RSSMRA8LA01H50MU"]
        );
    }
}
