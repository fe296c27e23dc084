//! Four eyes: nobody gives alone what he asked for, and nobody makes himself the only one who could.
//!
//! Whose eyes they are says the setting: the person who answers for the change, who is behind a
//! system that acts in his name, too.

use super::body::Body as _;
use super::draft::Draft;
use super::entry::{Entry, Row};
use super::error::Error;
use super::operator::Operator;

/// Who asked for access must not be who gives it, where the installation wants four eyes; `field`
/// of the entry holds who asked.
///
/// # Errors
///
/// [`Error::FourEyes`] when it is the same person.
pub fn are_two(draft: &Draft<'_>, row: &Row, field: &str) -> Result<(), Error> {
    let own = row.field(field) == Some(draft.setting.operator);
    if draft.setting.four_eyes && own {
        Err(Error::FourEyes(row.name.clone()))
    } else {
        Ok(())
    }
}

/// Whether a certificate that lets its holder act as `person` counts only once somebody else has
/// approved it: four eyes are asked for, and whoever issues it is another person. The first one of
/// the only other administrator counts at once; `acted` says whether he has had one before.
#[must_use]
pub fn certificate_waits(draft: &Draft<'_>, person: &str, acted: bool) -> bool {
    let others = Operator::of(draft.seen).values();
    let mut others = others.filter(|it| is_another(draft, it));
    let could = others.any(|it| it.name != person || acted);
    draft.setting.four_eyes && person != draft.setting.operator && could
}

/// Whether there was somebody else who administers the whole installation before this change began.
/// One who is suspended counts: suspending the others must not make one's own word enough.
#[must_use]
pub fn another_could(draft: &Draft<'_>) -> bool {
    let seen = Operator::of(draft.seen).values();
    seen.into_iter().any(|it| is_another(draft, it))
}

/// Whether this change takes away the last other administrator that there was.
///
/// # Errors
///
/// When an operator does not parse.
pub fn last_other_goes(draft: &Draft<'_>) -> Result<bool, Error> {
    if !draft.setting.four_eyes || !another_could(draft) {
        return Ok(false);
    }
    let after = draft.entries::<Operator>()?;
    Ok(!after.iter().any(|it| is_another(draft, it)))
}

fn is_another(draft: &Draft<'_>, operator: &Entry<Operator>) -> bool {
    operator.body.administers(operator.state) && operator.name != draft.setting.operator
}

/// What to do about it, for whoever took the last other administrator away.
pub const LAST_OTHER: &str =
    "is the only administrator beside you: with four eyes appoint another one first";
