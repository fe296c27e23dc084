//! Helvetica as every PDF reader has it: how wide a text is, where its lines break, its bytes.

/// The bytes of `WinAnsiEncoding`; what it does not have is a question mark.
#[must_use]
pub fn encode(text: &str) -> Vec<u8> {
    let byte = |letter: char| match letter {
        '…' => 0x85,
        '‘' => 0x91,
        '’' => 0x92,
        '–' => 0x96,
        '—' => 0x97,
        '€' => 0x80,
        '\u{80}'..='\u{9f}' => b'?',
        _ if letter.is_control() => b' ',
        _ => u8::try_from(letter).unwrap_or(b'?'),
    };
    text.chars().map(byte).collect()
}

/// Breaks a text into lines that are at most so many points wide; never none.
///
/// It breaks at spaces, and within a word only where the word alone is too wide.
#[must_use]
pub fn wrap(text: &str, size: f32, width: f32) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let mut word = word.to_owned();
        if !line.is_empty() {
            if points(&format!("{line} {word}"), size) <= width {
                line.push(' ');
                line.push_str(&word);
                continue;
            }
            lines.push(std::mem::take(&mut line));
        }
        while points(&word, size) > width {
            let rest = word.split_off(fitting(&word, size, width));
            lines.push(std::mem::replace(&mut word, rest));
        }
        line = word;
    }
    lines.push(line);
    lines
}

/// How wide a text is in points.
#[must_use]
pub fn points(text: &str, size: f32) -> f32 {
    let thousandths: u16 = text
        .chars()
        .fold(0, |sum, letter| sum.saturating_add(width(letter)));
    f32::from(thousandths) * size / 1000.0
}

/// How many bytes of a word fit; at least its first letter.
fn fitting(word: &str, size: f32, width: f32) -> usize {
    let mut fits = 0;
    for (at, letter) in word.char_indices() {
        let end = at + letter.len_utf8();
        let part = word.get(..end).unwrap_or(word);
        if fits > 0 && points(part, size) > width {
            break;
        }
        fits = end;
    }
    fits
}

/// Thousandths of the size: Adobe's metrics for ASCII, the widest of the rest for others.
fn width(letter: char) -> u16 {
    let place = (letter as usize).checked_sub(0x20);
    place.and_then(|it| WIDTHS.get(it)).copied().unwrap_or(722)
}

/// Widths of Helvetica from the space to the tilde (Adobe core 14 AFM).
const WIDTHS: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
    611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
    667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500,
    222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_are_one_byte_and_other_scripts_a_question_mark() {
        assert_eq!(encode("è’Ж\n"), [0xe8, 0x92, b'?', b' ']);
    }

    #[test]
    fn lines_break_at_spaces_and_lose_nothing() {
        let text = "La consultazione della famiglia anagrafica per la finalità TARI";

        let lines = wrap(text, 9.0, 100.0);

        assert!(lines.len() > 1);
        assert!(lines.iter().all(|line| points(line, 9.0) <= 100.0));
        assert_eq!(lines.join(" "), text);
    }

    #[test]
    fn word_that_is_too_wide_breaks_within() {
        let word = "è".repeat(500);

        let lines = wrap(&word, 9.0, 100.0);

        assert!(lines.iter().all(|line| points(line, 9.0) <= 100.0));
        assert_eq!(lines.concat(), word);
    }

    #[test]
    fn blank_text_is_one_blank_line() {
        assert_eq!(wrap(" ", 9.0, 100.0), [""]);
    }
}
