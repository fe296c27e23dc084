//! Whether the register can speak of a person on a day.
//!
//! A day before the person's first registration is not answered with later data: the register
//! knows nothing of it. On the day of death a person was still resident; from the next, no more.

use jiff::civil::Date;

use crate::persona::Persona;
use crate::residenza::{self, Residenza};

/// Why the register has no residence of a person on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Assenza {
    /// The person was first registered here later.
    #[error("person was not registered at that date")]
    NotRegistered,
    /// The person had left, or had died.
    #[error("person was not resident at that date")]
    NotResident,
}

/// Checks that the register can speak of a person on a day.
///
/// # Errors
///
/// When the day comes before the first registration, or after death.
pub fn check(persona: &Persona, day: Date) -> Result<(), Assenza> {
    if day < persona.iscritta_dal {
        return Err(Assenza::NotRegistered);
    }
    if persona.decesso.is_some_and(|decesso| decesso < day) {
        return Err(Assenza::NotResident);
    }
    Ok(())
}

/// Returns the residence of a person on a day, out of the person's history.
///
/// # Errors
///
/// When there is none, and why.
pub fn residenza_at<'a>(
    persona: &Persona,
    storia: &'a [Residenza],
    day: Date,
) -> Result<&'a Residenza, Assenza> {
    check(persona, day)?;
    residenza::at(storia, day).ok_or(Assenza::NotResident)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::esempio;

    #[test]
    fn day_before_the_first_registration_is_not_answered() {
        let persona = esempio::persona(1);

        assert_eq!(
            check(&persona, date(2009, 12, 31)),
            Err(Assenza::NotRegistered)
        );
        assert_eq!(check(&persona, date(2010, 1, 1)), Ok(()));
    }

    #[test]
    fn the_dead_were_resident_on_their_last_day_and_are_no_more() {
        let mut persona = esempio::persona(1);
        persona.decesso = Some(date(2020, 5, 4));
        let storia = [esempio::residenza(1, date(2010, 1, 1), None)];

        assert!(residenza_at(&persona, &storia, date(2020, 5, 4)).is_ok());
        let after = residenza_at(&persona, &storia, date(2020, 5, 5));
        assert_eq!(after, Err(Assenza::NotResident));
    }

    #[test]
    fn who_left_has_no_residence() {
        let persona = esempio::persona(1);
        let storia = [esempio::residenza(
            1,
            date(2010, 1, 1),
            Some(date(2015, 1, 1)),
        )];

        let found = residenza_at(&persona, &storia, date(2016, 1, 1));

        assert_eq!(found, Err(Assenza::NotResident));
    }
}
