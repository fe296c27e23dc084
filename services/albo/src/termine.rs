//! How long an act stays on the board, by both counts that the law's readers defend.
//!
//! Courts count the first day (Cass. 2563/2009, TAR Veneto 678/2020), the AgID draft counts whole
//! days from the day after. The board attests both last days and keeps the act online through the
//! later one, which satisfies either reading. Days are consecutive civil dates, holidays included:
//! a day of 23 or 25 hours is still one day.
//!
//! The minimum days of each kind of act are in `tipo_atto`.

use jiff::ToSpan;
use jiff::civil::Date;

/// Number of days on the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Giorni(u16);

/// The days are none, or more than a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be from 1 to 365")]
pub struct InvalidGiorni;

/// The period of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Termine {
    /// First day on the board.
    pub dal: Date,
    /// Last day on the board, inclusive.
    pub al: Date,
    /// Last day by the count that includes the first day.
    pub giorno_iniziale_incluso: Date,
    /// Last day by the count of whole days, from the day after the first.
    pub giorni_interi: Date,
}

impl Giorni {
    /// Takes a number of days from 1 to 365.
    ///
    /// # Errors
    ///
    /// When there are none, or more than a year.
    pub const fn new(days: u16) -> Result<Self, InvalidGiorni> {
        if days == 0 || days > 365 {
            return Err(InvalidGiorni);
        }
        Ok(Self(days))
    }

    /// Reads a number of days as a request carries it.
    ///
    /// # Errors
    ///
    /// When there are none, or more than a year.
    pub fn parse(days: u32) -> Result<Self, InvalidGiorni> {
        u16::try_from(days)
            .map_err(|_| InvalidGiorni)
            .and_then(Self::new)
    }
}

impl From<Giorni> for i32 {
    fn from(giorni: Giorni) -> Self {
        giorni.0.into()
    }
}

impl Termine {
    /// Computes the period of an act that goes on the board on a day.
    #[must_use]
    pub fn starting(dal: Date, giorni: Giorni) -> Self {
        let days = i32::from(giorni);
        let giorni_interi = dal.saturating_add(days.days());
        Self {
            dal,
            al: giorni_interi,
            giorno_iniziale_incluso: dal.saturating_add((days - 1).days()),
            giorni_interi,
        }
    }

    /// Tells whether the act is on the board on a day.
    #[must_use]
    pub fn covers(&self, day: Date) -> bool {
        self.dal <= day && day <= self.al
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;
    use varco_runtime::clock::{day, midnight};

    use super::*;

    #[test]
    fn fifteen_days_end_on_both_counts() {
        let termine = starting(date(2026, 3, 2), 15);

        assert_eq!(termine.giorno_iniziale_incluso, date(2026, 3, 16));
        assert_eq!(termine.giorni_interi, date(2026, 3, 17));
        assert_eq!(termine.al, date(2026, 3, 17));
    }

    #[test]
    fn term_across_the_change_of_hour_counts_civil_days() {
        let spring = starting(date(2026, 3, 20), 15);
        let autumn = starting(date(2026, 10, 20), 15);

        assert_eq!(spring.al, date(2026, 4, 4));
        assert_eq!(autumn.al, date(2026, 11, 4));
    }

    #[test]
    fn last_minute_before_the_removal_is_on_the_board_whatever_the_hour_of_summer() {
        let termine = starting(date(2026, 10, 10), 15);
        let removal = midnight(date(2026, 10, 26));

        assert!(termine.covers(day(removal - 1.second())));
        assert!(!termine.covers(day(removal)));
    }

    #[test]
    fn term_crosses_the_year_and_the_leap_day() {
        assert_eq!(starting(date(2026, 12, 24), 15).al, date(2027, 1, 8));
        assert_eq!(starting(date(2028, 2, 20), 15).al, date(2028, 3, 6));
        assert_eq!(starting(date(2027, 2, 20), 15).al, date(2027, 3, 7));
    }

    #[test]
    fn days_are_from_one_to_a_year() {
        assert_eq!(Giorni::parse(0), Err(InvalidGiorni));
        assert_eq!(Giorni::parse(366), Err(InvalidGiorni));
        assert_eq!(Giorni::parse(u32::MAX), Err(InvalidGiorni));
        assert!(Giorni::parse(365).is_ok());
    }

    proptest! {
        #[test]
        fn act_is_on_the_board_for_its_days_and_one_more(
            start in 0_i32..20_000,
            days in 1_u16..=365,
        ) {
            let dal = date(2000, 1, 1).saturating_add(start.days());
            let termine = starting(dal, days);

            let online = (-2..370).filter(|n: &i32| termine.covers(dal.saturating_add(n.days())));

            prop_assert_eq!(online.count(), usize::from(days) + 1);
        }
    }

    fn starting(dal: Date, days: u16) -> Termine {
        Termine::starting(dal, Giorni::new(days).unwrap())
    }
}
