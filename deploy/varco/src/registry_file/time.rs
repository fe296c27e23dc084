//! Moments in a registry file: a day of Europe/Rome, or an instant.
//!
//! A day counts whole: what is valid from it begins at 00:00, and what is valid until it ends at
//! 24:00. Dates of TOML and texts are read alike, so that editors may write either.

use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, tz::TimeZone};
use varco_runtime::clock;

/// Which end of a day is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Its beginning.
    From,
    /// Its end.
    Until,
}

/// Reads a date, a local time in Europe/Rome or an RFC 3339 instant, into Unix seconds.
#[must_use]
pub fn parse(text: &str, edge: Edge) -> Option<i64> {
    let instant = match (text.parse::<Timestamp>(), text.parse::<Date>()) {
        (Ok(instant), _) => instant,
        (_, Ok(day)) if text.len() == DAY => match edge {
            Edge::From => clock::midnight(day),
            Edge::Until => clock::midnight(day.tomorrow().ok()?),
        },
        _ => {
            let local: DateTime = text.parse().ok()?;
            let zone = TimeZone::get("Europe/Rome").ok()?;
            local.to_zoned(zone).ok()?.timestamp()
        }
    };
    let whole = instant.subsec_nanosecond() == 0 && instant.as_second() > 0;
    whole.then(|| instant.as_second())
}

/// Writes Unix seconds as a date where they are the edge of a day, else as an instant.
#[must_use]
pub fn written(seconds: i64, edge: Edge) -> Option<String> {
    let instant = Timestamp::from_second(seconds).ok()?;
    let day = match edge {
        Edge::From => clock::day(instant),
        Edge::Until => clock::day(instant).yesterday().ok()?,
    };
    let day = day.to_string();
    if parse(&day, edge) == Some(seconds) {
        return Some(day);
    }
    Some(instant.to_string())
}

/// Length of a date, `2027-01-01`.
const DAY: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_whole_days_of_rome() {
        let from = parse("2027-07-01", Edge::From);
        let until = parse("2027-07-01", Edge::Until);

        assert_eq!(from, parse("2027-06-30T22:00:00Z", Edge::From));
        assert_eq!(until, parse("2027-07-01T22:00:00Z", Edge::From));
    }

    #[test]
    fn time_without_an_offset_is_of_rome() {
        let winter = parse("2027-01-01T12:00:00", Edge::From);

        assert_eq!(winter, parse("2027-01-01T12:00:00+01:00", Edge::From));
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["2027-01-01", "2027-03-28T01:30:00Z", "2100-12-31"] {
            for edge in [Edge::From, Edge::Until] {
                let seconds = parse(text, edge).unwrap();

                assert_eq!(written(seconds, edge).as_deref(), Some(text));
            }
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in ["", "domani", "12:00:00", "2027-02-30", "1960-01-01"] {
            assert_eq!(parse(text, Edge::Until), None, "{text}");
        }
        assert_eq!(parse("2027-01-01T00:00:00.5Z", Edge::From), None);
    }
}
