//! Places of birth known by name: chief towns of the provinces and foreign states.
//!
//! The table travels inside the program, so a place has a name even without the national archive
//! (`data/luoghi.csv`, sources in its first lines). It is read once.
//!
//! This is not the whole archive of comuni: an unknown code is still a valid place of birth,
//! only one without a name.

use std::sync::LazyLock;

use crate::codice_fiscale::Belfiore;

/// Comune or foreign state in which a person may be born.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Luogo {
    /// Code that enters the codice fiscale.
    pub belfiore: Belfiore,
    /// ISTAT code of the comune; absent for states.
    pub istat: Option<&'static str>,
    /// Name as the archive writes it, in capitals.
    pub nome: &'static str,
    /// Two letters of the province; absent for states.
    pub provincia: Option<&'static str>,
}

/// Returns every known place: the comuni first, then the states, each by code.
#[must_use]
pub fn luoghi() -> &'static [Luogo] {
    static LUOGHI: LazyLock<Vec<Luogo>> = LazyLock::new(|| rows().filter_map(parse).collect());
    &LUOGHI
}

/// Returns the place that has this code, if it is known.
#[must_use]
pub fn luogo(belfiore: &Belfiore) -> Option<&'static Luogo> {
    luoghi().iter().find(|luogo| luogo.belfiore == *belfiore)
}

fn rows() -> impl Iterator<Item = &'static str> {
    CSV.lines().filter(|line| !line.starts_with('#')).skip(1)
}

/// Reads one row; the tests below hold that no row of the table is refused.
fn parse(row: &'static str) -> Option<Luogo> {
    let mut fields = row.split(',');
    let belfiore = fields.next()?.parse().ok()?;
    let istat = fields
        .next()
        .map(|text| (!text.is_empty()).then_some(text))?;
    let nome = fields.next()?;
    let provincia = fields
        .next()
        .map(|text| (!text.is_empty()).then_some(text))?;
    Some(Luogo {
        belfiore,
        istat,
        nome,
        provincia,
    })
}

const CSV: &str = include_str!("../data/luoghi.csv");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_is_read() {
        assert_eq!(luoghi().len(), rows().count());
    }

    #[test]
    fn no_code_appears_twice() {
        let codes: BTreeSet<_> = luoghi().iter().map(|luogo| luogo.belfiore).collect();

        assert_eq!(codes.len(), luoghi().len());
    }

    #[test]
    fn every_province_has_its_chief_town() {
        let provinces: BTreeSet<_> = luoghi()
            .iter()
            .filter_map(|luogo| luogo.provincia)
            .collect();

        assert!(provinces.len() >= 107, "{}", provinces.len());
        assert!(provinces.iter().all(|sigla| sigla.len() == 2));
    }

    #[test]
    fn states_are_at_least_sixty_and_only_they_lack_a_province() {
        let (states, comuni): (Vec<&Luogo>, Vec<&Luogo>) = luoghi()
            .iter()
            .partition(|luogo| luogo.belfiore.is_foreign());

        assert!(states.len() >= 60, "{}", states.len());
        assert!(
            states
                .iter()
                .all(|stato| stato.istat.is_none() && stato.provincia.is_none())
        );
        assert!(comuni.iter().all(|comune| comune.provincia.is_some()));
    }

    #[test]
    fn istat_codes_are_six_digits() {
        let six_digits = |text: &str| text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit());

        assert!(
            luoghi()
                .iter()
                .filter_map(|luogo| luogo.istat)
                .all(six_digits)
        );
    }

    #[test]
    fn a_place_is_found_by_its_code() {
        let named = |code: &str| luogo(&code.parse().unwrap()).map(|luogo| luogo.nome);

        assert_eq!(named("H501"), Some("ROMA"));
        assert_eq!(named("Z129"), Some("ROMANIA"));
        assert_eq!(named("A999"), None);
    }
}
