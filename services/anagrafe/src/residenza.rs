//! Where a person is registered as living, day by day, and the answer to a declared address.
//!
//! A residence holds over the days `[dal, al)`. During the checks that follow a declaration the
//! person is registered with reserve (DPR 223/1989, art. 18-bis): a mismatch is then no evidence
//! that the citizen lied, and the answer is that nothing can be verified. An unknown person and a
//! wrong address get the same answer, so that nobody can search the register by guessing.
//!
//! Addresses are structured after ANNCSU, never free text. The procedure itself is not kept here.

mod indirizzo;

use jiff::civil::Date;

pub use indirizzo::{Cap, CodiceToponimo, Indirizzo, InvalidCap};

use crate::persona::IdAnpr;

/// Period in which a person is registered at one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Residenza {
    /// Person who lives there.
    pub persona: IdAnpr,
    /// Place of habitual abode.
    pub indirizzo: Indirizzo,
    /// First day; legal effects run from the declaration (DPR 223/1989, art. 18).
    pub dal: Date,
    /// First day that no longer counts; absent while the residence lasts.
    pub al: Option<Date>,
    /// Whether the checks are over.
    pub stato: StatoResidenza,
    /// Procedure that opened the residence, when one is recorded.
    pub procedimento: Option<String>,
}

/// Certainty of a residence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatoResidenza {
    /// Registered while the checks are still running (DPR 223/1989, art. 18-bis).
    ConRiserva,
    /// Confirmed, by the checks or by the silence of 45 days.
    Definitiva,
}

/// Answer to a declared fact, the only thing that a verifying office learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Esito {
    /// The register agrees.
    Confermato,
    /// The register does not agree, or does not know the person.
    NonConfermato,
    /// The data are under procedure: neither yes nor no would be true.
    NonVerificabile,
}

/// Returns the residence in force on a day, out of one person's history.
#[must_use]
pub fn at(storia: &[Residenza], day: Date) -> Option<&Residenza> {
    storia.iter().find(|residenza| residenza.covers(day))
}

/// Compares a declared address with the registered one.
#[must_use]
pub fn verify(declared: &Indirizzo, registered: Option<&Residenza>) -> Esito {
    match registered {
        Some(residenza) if declared.agrees_with(&residenza.indirizzo) => Esito::Confermato,
        Some(residenza) if residenza.stato == StatoResidenza::ConRiserva => Esito::NonVerificabile,
        _ => Esito::NonConfermato,
    }
}

impl Residenza {
    /// Tells whether the residence is in force on a day.
    #[must_use]
    pub fn covers(&self, day: Date) -> bool {
        self.dal <= day && self.al.is_none_or(|al| day < al)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn residence_covers_its_first_day_and_not_its_last() {
        let storia = [residenza(StatoResidenza::Definitiva)];

        assert!(at(&storia, date(2020, 3, 1)).is_some());
        assert!(at(&storia, date(2020, 2, 29)).is_none());
        assert!(at(&storia, date(2024, 9, 30)).is_some());
        assert!(at(&storia, date(2024, 10, 1)).is_none());
    }

    #[test]
    fn day_before_first_registration_has_no_residence() {
        let storia = [Residenza {
            al: None,
            ..residenza(StatoResidenza::Definitiva)
        }];

        assert_eq!(at(&storia, date(2019, 12, 31)), None);
    }

    #[test]
    fn declared_address_of_the_register_is_confirmed() {
        let registered = residenza(StatoResidenza::Definitiva);

        let esito = verify(&registered.indirizzo, Some(&registered));

        assert_eq!(esito, Esito::Confermato);
    }

    #[test]
    fn match_under_procedure_is_confirmed() {
        let registered = residenza(StatoResidenza::ConRiserva);

        let esito = verify(&registered.indirizzo, Some(&registered));

        assert_eq!(esito, Esito::Confermato);
    }

    #[test]
    fn mismatch_under_procedure_cannot_be_verified() {
        let registered = residenza(StatoResidenza::ConRiserva);

        assert_eq!(
            verify(&elsewhere(), Some(&registered)),
            Esito::NonVerificabile
        );
    }

    #[test]
    fn unknown_person_and_wrong_address_get_the_same_answer() {
        let registered = residenza(StatoResidenza::Definitiva);

        let wrong = verify(&elsewhere(), Some(&registered));
        let unknown = verify(&elsewhere(), None);

        assert_eq!(
            (wrong, unknown),
            (Esito::NonConfermato, Esito::NonConfermato)
        );
    }

    proptest! {
        #[test]
        fn consecutive_residences_leave_no_gap_and_no_overlap(day in 0_i64..4_000) {
            let day = date(2019, 1, 1).saturating_add(jiff::Span::new().days(day));
            let first = residenza(StatoResidenza::Definitiva);
            let second = Residenza { dal: date(2024, 10, 1), al: None, ..first.clone() };

            let in_force = [&first, &second].into_iter().filter(|r| r.covers(day)).count();

            prop_assert_eq!(in_force, usize::from(day >= first.dal));
        }
    }

    fn residenza(stato: StatoResidenza) -> Residenza {
        Residenza {
            persona: "UK79569LF".parse().unwrap(),
            indirizzo: Indirizzo {
                specie: "via".into(),
                denominazione: "Niccolò Machiavelli".into(),
                codice_toponimo: None,
                civico: Some(12),
                esponente: None,
                interno: None,
                cap: None,
            },
            dal: date(2020, 3, 1),
            al: Some(date(2024, 10, 1)),
            stato,
            procedimento: None,
        }
    }

    fn elsewhere() -> Indirizzo {
        Indirizzo {
            civico: Some(13),
            ..residenza(StatoResidenza::Definitiva).indirizzo
        }
    }
}
