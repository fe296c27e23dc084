//! The logs that a witness knows, and which key speaks for which origin.
//!
//! A gateway's log begins anew each year under one key: `<ipa>.audit/<instance>/<year>`, or
//! `<year>-e<n>` for an epoch after a restored backup. To the witness each of these is a log of its
//! own, whose key was given for another year; that one year continues the other is not its word,
//! but the log's own LINK record.

use varco_runtime::config::witness::{WitnessedLog, Years};
use varco_tlog::note::Verifier;

/// The logs that a witness knows.
#[derive(Clone, Debug)]
pub struct Known(Vec<Log>);

/// A log, or all the years of one.
#[derive(Clone, Debug)]
enum Log {
    /// Under this origin alone.
    One(Verifier),
    /// Under every year after this beginning of the origin, slash included.
    Yearly(String, [u8; 32]),
}

/// Ways that the list of logs is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A verifier key cannot be read.
    #[error(
        "witness.logs: entry {0} is no Ed25519 verifier key: copy the whole line, origin+id+key"
    )]
    Key(usize),
    /// Nothing would ever be cosigned.
    #[error("witness.logs is empty: add the verifier key of each log to witness")]
    None,
    /// An origin has no year that others could stand in for.
    #[error(
        "witness.logs: the origin of entry {0} does not end with /<year>: leave years = \"all\" out"
    )]
    Year(usize),
}

impl Known {
    /// Reads the list of a configuration.
    ///
    /// # Errors
    ///
    /// When it is empty or an entry makes no sense, which is told by its number from one on.
    pub fn read(logs: &[WitnessedLog]) -> Result<Self, Error> {
        if logs.is_empty() {
            return Err(Error::None);
        }
        let known = logs
            .iter()
            .zip(1..)
            .map(|(log, entry)| Log::read(log, entry));
        known.collect::<Result<_, _>>().map(Self)
    }

    /// The keys that speak for an origin; none when the log is unknown.
    #[must_use]
    pub fn keys(&self, origin: &str) -> Vec<Verifier> {
        self.0.iter().filter_map(|log| log.key(origin)).collect()
    }
}

impl Log {
    fn read(log: &WitnessedLog, entry: usize) -> Result<Self, Error> {
        let key: Verifier = log.vkey.parse().map_err(|_| Error::Key(entry))?;
        if log.years == Years::One {
            return Ok(Self::One(key));
        }
        let beginning = before_year(key.name()).ok_or(Error::Year(entry))?;
        Ok(Self::Yearly(beginning.to_owned(), key.public()))
    }

    fn key(&self, origin: &str) -> Option<Verifier> {
        match self {
            Self::One(key) => (key.name() == origin).then(|| key.clone()),
            Self::Yearly(beginning, public) => {
                let found = before_year(origin)?;
                (found == beginning).then(|| Verifier::new(origin, *public).ok())?
            }
        }
    }
}

/// An origin without its last part, if that is a year with or without an epoch.
fn before_year(origin: &str) -> Option<&str> {
    let (beginning, last) = origin.split_at_checked(origin.rfind('/')? + 1)?;
    let (year, epoch) = match last.split_once("-e") {
        Some((year, epoch)) => (year, Some(epoch)),
        None => (last, None),
    };
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_year = year.len() == 4 && is_number(year);
    let is_epoch =
        |epoch: &str| (1..=3).contains(&epoch.len()) && is_number(epoch) && !epoch.starts_with('0');
    (is_year && epoch.is_none_or(is_epoch)).then_some(beginning)
}

#[cfg(test)]
mod tests {
    use varco_tlog::note::Signer;

    use super::*;

    fn log(origin: &str, years: Years) -> WitnessedLog {
        let vkey = Signer::from_seed(origin, &[1; 32]).unwrap().vkey();
        WitnessedLog { vkey, years }
    }

    #[test]
    fn log_is_known_by_its_origin_alone() {
        let known = Known::read(&[log("c_z999.audit/gw1/2026", Years::One)]).unwrap();

        assert_eq!(known.keys("c_z999.audit/gw1/2026").len(), 1);
        for other in [
            "c_z999.audit/gw1/2027",
            "c_z999.audit/gw1",
            "c_z999.audit/gw2/2026",
            "",
        ] {
            assert_eq!(known.keys(other), [], "{other}");
        }
    }

    #[test]
    fn all_years_of_an_instance_have_its_key_under_their_own_names() {
        let known = Known::read(&[log("c_z999.audit/gw1/2026", Years::All)]).unwrap();

        for origin in [
            "c_z999.audit/gw1/2026",
            "c_z999.audit/gw1/2027",
            "c_z999.audit/gw1/2027-e2",
            "c_z999.audit/gw1/2031-e119",
        ] {
            let expected = log(origin, Years::One).vkey;
            let found: Vec<String> = known.keys(origin).iter().map(ToString::to_string).collect();
            assert_eq!(found, [expected]);
        }
    }

    #[test]
    fn nothing_but_years_stands_in_for_a_year() {
        let known = Known::read(&[log("c_z999.audit/gw1/2026", Years::All)]).unwrap();

        for origin in [
            "c_z999.audit/gw1/",
            "c_z999.audit/gw1/27",
            "c_z999.audit/gw1/20270",
            "c_z999.audit/gw1/2027-e",
            "c_z999.audit/gw1/2027-e0",
            "c_z999.audit/gw1/2027-e01",
            "c_z999.audit/gw1/2027-e1000",
            "c_z999.audit/gw1/2027-f1",
            "c_z999.audit/gw1/x/2027",
            "c_z999.audit/gw10/2027",
            "c_z999.audit/gw1/٢٠٢٧",
            "2027",
            "/2027",
        ] {
            assert_eq!(known.keys(origin), [], "{origin}");
        }
    }

    #[test]
    fn key_of_a_log_can_change_while_both_are_listed() {
        let next = Signer::from_seed("log.example", &[2; 32]).unwrap().vkey();
        let both = [
            log("log.example", Years::One),
            WitnessedLog {
                vkey: next,
                years: Years::One,
            },
        ];

        assert_eq!(Known::read(&both).unwrap().keys("log.example").len(), 2);
    }

    #[test]
    fn mistakes_are_told_by_the_number_of_the_entry() {
        let good = log("log.example", Years::One);
        let torn = WitnessedLog {
            vkey: good.vkey[1..].to_owned(),
            years: Years::One,
        };
        let yearless = log("log.example", Years::All);

        assert_eq!(Known::read(&[]).unwrap_err(), Error::None);
        assert_eq!(
            Known::read(&[good.clone(), torn]).unwrap_err(),
            Error::Key(2)
        );
        assert_eq!(Known::read(&[good, yearless]).unwrap_err(), Error::Year(2));
    }
}
