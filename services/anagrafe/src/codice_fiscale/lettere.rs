//! Reduction of names to plain capital letters, so that two spellings of one name compare equal.
//!
//! The register keeps names as the citizen writes them, with accents. The codice fiscale and the
//! comparison of street names want `A` to `Z`: accents fall, ligatures open, signs disappear.
//! Scripts other than the Latin one pass unchanged: dropping them would make strangers equal.

/// Yields capitals without accents and digits; spaces, apostrophes and signs are left out.
pub(crate) fn folded(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars()
        .flat_map(char::to_uppercase)
        .filter(|c| c.is_alphanumeric())
        .flat_map(|c| {
            let (first, second) = plain(c);
            std::iter::once(first).chain(second)
        })
}

/// Letter without its accent, or the two letters that a ligature stands for.
fn plain(c: char) -> (char, Option<char>) {
    match c {
        'Æ' => ('A', Some('E')),
        'Œ' => ('O', Some('E')),
        'Þ' => ('T', Some('H')),
        'À'..='Å' | 'Ā' | 'Ă' | 'Ą' | 'Ǎ' | 'Ạ'..='Ặ' => ('A', None),
        'Ç' | 'Ć' | 'Ĉ' | 'Ċ' | 'Č' => ('C', None),
        'Ð' | 'Ď' | 'Đ' => ('D', None),
        'È'..='Ë' | 'Ē' | 'Ĕ' | 'Ė' | 'Ę' | 'Ě' | 'Ẹ'..='Ệ' => ('E', None),
        'Ĝ' | 'Ğ' | 'Ġ' | 'Ģ' | 'Ǧ' => ('G', None),
        'Ĥ' | 'Ħ' => ('H', None),
        'Ì'..='Ï' | 'Ĩ' | 'Ī' | 'Ĭ' | 'Į' | 'İ' | 'Ǐ' | 'Ỉ' | 'Ị' => ('I', None),
        'Ĵ' => ('J', None),
        'Ķ' => ('K', None),
        'Ĺ' | 'Ļ' | 'Ľ' | 'Ŀ' | 'Ł' => ('L', None),
        'Ñ' | 'Ń' | 'Ņ' | 'Ň' => ('N', None),
        'Ò'..='Ö' | 'Ø' | 'Ō' | 'Ŏ' | 'Ő' | 'Ơ' | 'Ǒ' | 'Ọ'..='Ợ' => ('O', None),
        'Ŕ' | 'Ŗ' | 'Ř' => ('R', None),
        'Ś' | 'Ŝ' | 'Ş' | 'Š' | 'Ș' => ('S', None),
        'Ţ' | 'Ť' | 'Ŧ' | 'Ț' => ('T', None),
        'Ù'..='Ü' | 'Ũ' | 'Ū' | 'Ŭ' | 'Ů' | 'Ű' | 'Ų' | 'Ư' | 'Ǔ' | 'Ụ'..='Ự' => {
            ('U', None)
        }
        'Ŵ' => ('W', None),
        'Ý' | 'Ŷ' | 'Ÿ' | 'Ỳ'..='Ỹ' => ('Y', None),
        'Ź' | 'Ż' | 'Ž' => ('Z', None),
        other => (other, None),
    }
}

#[cfg(test)]
mod tests {
    use super::folded;

    #[test]
    fn accents_fall_and_ligatures_open() {
        let names = [
            "Šorić", "Straße", "Æbelø", "Łukasz", "Đorđe", "Nguyễn", "Niccolò",
        ];

        let plain = names.map(|name| folded(name).collect::<String>());

        assert_eq!(
            plain,
            [
                "SORIC", "STRASSE", "AEBELO", "LUKASZ", "DORDE", "NGUYEN", "NICCOLO"
            ]
        );
    }

    #[test]
    fn a_combining_accent_is_dropped_like_a_composed_one() {
        assert_eq!(folded("Niccolo\u{300}").collect::<String>(), "NICCOLO");
    }

    #[test]
    fn spaces_and_apostrophes_disappear_and_digits_stay() {
        assert_eq!(
            folded("Dell'Orto  25-bis").collect::<String>(),
            "DELLORTO25BIS"
        );
    }
}
