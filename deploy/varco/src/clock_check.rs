//! Whether the machine's clock can be right.
//!
//! Numbers of register, terms of publication and vouchers all rest on it, so a town does not start
//! under a clock that shows a time before what was already done. The register of accesses makes
//! the same check against its last record.

use jiff::Timestamp;
use varco_runtime::clock;
use varco_runtime::config::Config;

use crate::certificate;
use crate::failure::Failure;

/// Refuses a clock that shows a time before the certificates of the installation.
///
/// # Errors
///
/// Says what the clock shows and what contradicts it; or that a certificate cannot be read.
pub fn check_against(config: &Config, now: Timestamp) -> Result<(), Failure> {
    check(now)?;
    for path in [&config.comune.ca, &config.gateway.certificate] {
        let path = config.path(path);
        if path.exists() && now < certificate::validity(&path)?.from {
            return Err(refused(
                now,
                &format!("that is before {} was made", path.display()),
            ));
        }
    }
    Ok(())
}

/// Refuses a clock that shows a time before this program existed.
///
/// # Errors
///
/// Says what the clock shows.
pub fn check(now: Timestamp) -> Result<(), Failure> {
    if clock::day(now).year() < FIRST_YEAR {
        return Err(refused(now, "that is before Varco was made"));
    }
    Ok(())
}

fn refused(now: Timestamp, why: &str) -> Failure {
    let shown = clock::rome(now).strftime("%Y-%m-%d %H:%M");
    Failure::new(
        format!("the clock shows {shown}"),
        why,
        "set it (timedatectl) and start again",
    )
}

const FIRST_YEAR: i16 = 2026;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_of_the_last_century_is_refused_with_what_it_shows() {
        let refused = check("1999-12-31T23:30:00Z".parse().unwrap())
            .unwrap_err()
            .to_string();

        assert!(
            refused.starts_with("the clock shows 2000-01-01 00:30"),
            "{refused}"
        );
    }
}
