//! What is said when a time service begins or ceases to keep the clock right.

use std::mem::discriminant;

use varco_runtime::clock::standing::Standing;

/// How the clock stood when that was last said; none before the first look.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told(Option<Standing>);

impl Told {
    /// Whether the first look is over.
    pub(super) fn is_begun(self) -> bool {
        self.0.is_some()
    }

    /// What is to be said now, if anything: at first only what is wrong, then every change.
    pub(super) fn change(&mut self, standing: Standing) -> Option<String> {
        let is_same = match self.0.replace(standing) {
            Some(before) => discriminant(&before) == discriminant(&standing),
            None => standing != Standing::Unsynchronised,
        };
        (!is_same).then(|| sentence(standing))
    }
}

fn sentence(standing: Standing) -> String {
    match standing {
        Standing::Unknown => {
            "the system does not say any more whether the clock is synchronised".to_owned()
        }
        Standing::Synchronised(error) => format!("the clock is synchronised, to within {error} ms"),
        Standing::Unsynchronised => {
            "the clock is not synchronised, and records say so: see that the machine's time service \
             (NTP) runs and reaches its servers, `timedatectl` tells"
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn change_is_told_once() {
        let mut told = Told::default();

        assert_eq!(told.change(Standing::Synchronised(3)), None);
        assert_eq!(told.change(Standing::Synchronised(90)), None);
        let lost = told.change(Standing::Unsynchronised).unwrap();
        assert!(lost.contains("not synchronised"), "{lost}");
        assert_eq!(told.change(Standing::Unsynchronised), None);
        let found = told.change(Standing::Synchronised(4)).unwrap();
        assert_eq!(found, "the clock is synchronised, to within 4 ms");
    }

    #[test]
    fn clock_that_is_wrong_from_the_start_is_told() {
        assert!(Told::default().change(Standing::Unsynchronised).is_some());
        assert!(Told::default().change(Standing::Unknown).is_none());
    }
}
