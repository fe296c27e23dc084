//! Who lives with whom, day by day: memberships of the famiglia anagrafica.
//!
//! A famiglia is people bound by marriage, kinship or affection who share an abode in the comune
//! (DPR 223/1989, art. 4); one person may be a famiglia. A membership holds over the days
//! `[dal, al)`. On every day a person is in at most one famiglia and a famiglia has exactly one
//! intestatario, to whom all the other relationships refer.
//!
//! The address is in `residenza`: members share it by law, not by sharing a record.

mod parentela;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use uuid::Uuid;

pub use parentela::Parentela;

use crate::persona::IdAnpr;

/// Identifier of a famiglia.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdFamiglia(Uuid);

/// Period in which a person belongs to a famiglia in one relationship.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Componente {
    /// Famiglia joined.
    pub famiglia: IdFamiglia,
    /// Person who belongs.
    pub persona: IdAnpr,
    /// Relationship to the intestatario of those days.
    pub parentela: Parentela,
    /// First day.
    pub dal: Date,
    /// First day that no longer counts; absent while the membership lasts.
    pub al: Option<Date>,
}

/// Rules that memberships break on a day; the messages name nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFamiglia {
    /// A famiglia has members and no intestatario.
    #[error("famiglia {0} has no intestatario")]
    NoIntestatario(IdFamiglia),
    /// A person is a member twice on the same day.
    #[error("a person is in two famiglie on the same day")]
    SeveralFamiglie(IdAnpr),
    /// A famiglia has more than one intestatario.
    #[error("famiglia {0} has several intestatari")]
    SeveralIntestatari(IdFamiglia),
}

/// The text is not a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an identifier of famiglia is a UUID")]
pub struct InvalidIdFamiglia;

/// Yields the memberships in force on a day.
pub fn at(componenti: &[Componente], day: Date) -> impl Iterator<Item = &Componente> {
    componenti
        .iter()
        .filter(move |componente| componente.covers(day))
}

/// Checks the memberships in force on a day.
///
/// # Errors
///
/// Names the first famiglia without exactly one intestatario, or the first person in two.
pub fn check(componenti: &[Componente], day: Date) -> Result<(), InvalidFamiglia> {
    let mut intestatari = BTreeMap::new();
    let mut memberships = BTreeMap::new();
    for componente in at(componenti, day) {
        *memberships.entry(componente.persona).or_insert(0_u32) += 1;
        *intestatari.entry(componente.famiglia).or_insert(0_u32) +=
            u32::from(componente.parentela == Parentela::Intestatario);
    }
    if let Some((persona, _)) = memberships.iter().find(|(_, count)| **count > 1) {
        return Err(InvalidFamiglia::SeveralFamiglie(*persona));
    }
    match intestatari.iter().find(|(_, count)| **count != 1) {
        None => Ok(()),
        Some((famiglia, 0)) => Err(InvalidFamiglia::NoIntestatario(*famiglia)),
        Some((famiglia, _)) => Err(InvalidFamiglia::SeveralIntestatari(*famiglia)),
    }
}

impl Componente {
    /// Tells whether the membership is in force on a day.
    #[must_use]
    pub fn covers(&self, day: Date) -> bool {
        self.dal <= day && self.al.is_none_or(|al| day < al)
    }
}

impl From<Uuid> for IdFamiglia {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl fmt::Display for IdFamiglia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for IdFamiglia {
    type Err = InvalidIdFamiglia;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text)
            .map(Self)
            .map_err(|_| InvalidIdFamiglia)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn couple_with_one_intestatario_is_sound() {
        let componenti = [
            member(1, "AA00001AA", Parentela::Intestatario),
            member(1, "AA00002AA", Parentela::Coniuge),
        ];

        assert_eq!(check(&componenti, date(2020, 1, 1)), Ok(()));
    }

    #[test]
    fn famiglia_without_intestatario_is_refused() {
        let componenti = [member(1, "AA00002AA", Parentela::Figlio)];

        let refused = check(&componenti, date(2020, 1, 1));

        assert_eq!(refused, Err(InvalidFamiglia::NoIntestatario(famiglia(1))));
    }

    #[test]
    fn famiglia_with_two_intestatari_is_refused() {
        let componenti = [
            member(1, "AA00001AA", Parentela::Intestatario),
            member(1, "AA00002AA", Parentela::Intestatario),
        ];

        let refused = check(&componenti, date(2020, 1, 1));

        assert_eq!(
            refused,
            Err(InvalidFamiglia::SeveralIntestatari(famiglia(1)))
        );
    }

    #[test]
    fn person_in_two_famiglie_is_refused_and_not_named() {
        let componenti = [
            member(1, "AA00001AA", Parentela::Intestatario),
            member(2, "AA00001AA", Parentela::Intestatario),
        ];

        let refused = check(&componenti, date(2020, 1, 1)).unwrap_err();

        assert_eq!(
            refused,
            InvalidFamiglia::SeveralFamiglie("AA00001AA".parse().unwrap())
        );
        assert!(!refused.to_string().contains("AA00001AA"));
    }

    #[test]
    fn leaving_and_joining_on_the_same_day_is_sound() {
        let day = date(2020, 6, 1);
        let before = member(1, "AA00001AA", Parentela::Intestatario);
        let after = Componente {
            dal: day,
            ..member(2, "AA00001AA", Parentela::Intestatario)
        };
        let componenti = [
            Componente {
                al: Some(day),
                ..before
            },
            after,
        ];

        assert_eq!(check(&componenti, day), Ok(()));
        assert_eq!(at(&componenti, day).count(), 1);
    }

    #[test]
    fn members_outside_the_day_are_not_checked() {
        let componenti = [member(1, "AA00002AA", Parentela::Figlio)];

        assert_eq!(check(&componenti, date(2009, 12, 31)), Ok(()));
    }

    #[test]
    fn identifier_reads_back_as_written() {
        assert_eq!(famiglia(7).to_string().parse(), Ok(famiglia(7)));
        assert_eq!("settima".parse::<IdFamiglia>(), Err(InvalidIdFamiglia));
    }

    fn famiglia(number: u128) -> IdFamiglia {
        Uuid::from_u128(number).into()
    }

    fn member(number: u128, persona: &str, parentela: Parentela) -> Componente {
        Componente {
            famiglia: famiglia(number),
            persona: persona.parse().unwrap(),
            parentela,
            dal: date(2010, 1, 1),
            al: None,
        }
    }
}
