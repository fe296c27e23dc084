//! People who may be named nowhere, looked for in whatever text they could stand in.
//!
//! A codice fiscale is found wherever its sixteen characters stand, also within a longer word. A name is
//! found by its words, given name and surname in either order, and a surname alone where it is long
//! enough to be no ordinary word by chance.

use std::collections::{HashMap, HashSet};

use super::codici_fiscali;

/// People who are looked for.
#[derive(Clone, Debug, Default)]
pub struct People {
    codes: HashSet<String>,
    /// Words of a name, by its first word.
    names: HashMap<String, HashSet<Vec<String>>>,
}

impl People {
    /// Has somebody looked for.
    pub fn add(&mut self, codice_fiscale: &str, (nome, cognome): (&str, &str)) {
        self.codes.insert(codice_fiscale.to_ascii_uppercase());
        self.add_name(&format!("{nome} {cognome}"));
        self.add_name(&format!("{cognome} {nome}"));
        if cognome.chars().count() >= DISTINCT {
            self.add_name(cognome);
        }
    }

    fn add_name(&mut self, name: &str) {
        let words: Vec<String> = words(&name.to_lowercase()).map(str::to_owned).collect();
        if let Some(first) = words.first() {
            self.names.entry(first.clone()).or_default().insert(words);
        }
    }

    /// How many are looked for.
    #[must_use]
    pub fn count(&self) -> usize {
        self.codes.len()
    }

    /// Whoever stands in a text, and whatever else in it looks like a codice fiscale; each once.
    #[must_use]
    pub fn found_in(&self, text: &str) -> Vec<String> {
        let mut found = HashSet::new();
        // Much of it is said again and again.
        for line in text.lines().collect::<HashSet<_>>() {
            found.extend(codici_fiscali(line));
            found.extend(self.codes_in(line));
            found.extend(self.names_in(&line.to_lowercase()));
        }
        found.into_iter().collect()
    }

    fn codes_in(&self, text: &str) -> Vec<String> {
        let runs = text.as_bytes().split(|byte| !byte.is_ascii_alphanumeric());
        let windows = runs.flat_map(|run| run.windows(CODE));
        let shaped = windows.filter(|it| it[..6].iter().all(u8::is_ascii_alphabetic));
        let codes = shaped.map(|it| String::from_utf8_lossy(it).to_ascii_uppercase());
        codes.filter(|it| self.codes.contains(it)).collect()
    }

    fn names_in(&self, lower: &str) -> Vec<String> {
        let said: Vec<&str> = words(lower).collect();
        let mut found = Vec::new();
        for (at, word) in said.iter().enumerate() {
            let Some(names) = self.names.get(*word) else {
                continue;
            };
            // The longest name has few words, so few lengths are tried.
            let here = (1..=LONGEST).filter_map(|length| said.get(at..at + length));
            let here = here.map(|it| it.iter().map(ToString::to_string).collect::<Vec<_>>());
            found.extend(here.filter(|it| names.contains(it)).map(|it| it.join(" ")));
        }
        found
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| !word.is_empty())
}

/// Characters of a codice fiscale.
const CODE: usize = 16;
/// Letters of a surname that is looked for alone.
const DISTINCT: usize = 5;
/// Words of the longest name.
const LONGEST: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn people() -> People {
        let mut people = People::default();
        people.add("DNGNCL80A01H501U", ("Niccolò Maria", "D'Angelo"));
        people.add("RSSMRA80A01H501U", ("Mario", "Rossi"));
        people.add("LIOX0080A01H501U", ("Xi", "Li"));
        people
    }

    #[test]
    fn people_are_found_however_they_are_written() {
        for text in [
            "a DNGNCL80A01H501U b",
            "xxdngncl80a01h501uyy",
            "\"NICCOLÒ MARIA D'ANGELO\"",
            "d_angelo/niccolò.maria",
            "di Rossi",
            "XI, LI",
        ] {
            assert_ne!(people().found_in(text), [""; 0], "{text}");
        }
        let both = people().found_in("Rossi Mario, RSSMRA80A01H501U");
        assert_eq!(both.len(), 3, "{both:?}");
    }

    #[test]
    fn others_and_halves_of_names_are_not() {
        for text in [
            "Mario",
            "arossi",
            "xi",
            "li",
            "DNGNCL80A01H501",
            "Maria D'Angela",
        ] {
            assert_eq!(people().found_in(text), [""; 0], "{text}");
        }
    }
}
