//! Whether the system's clock can be believed: what the kernel knows of it.
//!
//! Whatever keeps the clock right (ntpd, chrony, systemd-timesyncd) tells the kernel, so the kernel is
//! asked and not the time service: `adjtimex(2)` with nothing to set. Of its two errors the maximum is
//! taken. It is a bound, and it grows by 500 ppm for as long as the time service is silent; the estimated
//! error is what the time service last said, and systemd-timesyncd says zero. At 16 seconds the kernel
//! holds the clock for unsynchronised. The flag `STA_UNSYNC` is not asked for: chrony also sets it to keep
//! the kernel from writing the hardware clock, and `timedatectl` passes over it for that reason too.

use clock_steering::unix::{EMPTY_TIMEX, UnixClock};

/// What the kernel knows of its clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// It does not say: another system than Linux, or a sandbox that forbids the question.
    #[default]
    Unknown,
    /// A time service keeps it right, to within so many milliseconds.
    Synchronised(u32),
    /// None does, or none has been heard for hours.
    Unsynchronised,
}

impl Standing {
    /// Asks the kernel.
    #[must_use]
    pub fn ask() -> Self {
        if !cfg!(target_os = "linux") {
            return Self::Unknown;
        }
        let mut told = EMPTY_TIMEX;
        match UnixClock::CLOCK_REALTIME.adjtime(&mut told) {
            Ok(()) => {
                let error = u64::try_from(told.maxerror);
                Self::of(told.status, error.unwrap_or(u64::MAX))
            }
            Err(_) => Self::Unknown,
        }
    }

    /// Reads the flags and the maximum error, in microseconds, of `struct timex`.
    fn of(flags: i32, error: u64) -> Self {
        match u32::try_from(error.div_ceil(1000)) {
            Ok(error) if error <= PHASE_LIMIT && flags & CLOCK_ERROR == 0 => {
                Self::Synchronised(error)
            }
            _ => Self::Unsynchronised,
        }
    }
}

/// `STA_CLOCKERR`: the hardware fails.
const CLOCK_ERROR: i32 = 0x1000;
/// Milliseconds below `NTP_PHASE_LIMIT` of the kernel, beyond which its error does not grow.
const PHASE_LIMIT: u32 = 15_999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_is_the_kernels_bound_in_whole_milliseconds() {
        assert_eq!(Standing::of(0, 0), Standing::Synchronised(0));
        assert_eq!(Standing::of(0x2001, 1_001), Standing::Synchronised(2));
        assert_eq!(Standing::of(0, 15_998_500), Standing::Synchronised(15_999));
    }

    #[test]
    fn clock_that_nobody_keeps_right_is_unsynchronised() {
        // As a kernel begins: `STA_UNSYNC`, and an error at its limit.
        assert_eq!(Standing::of(0x40, 16_000_000), Standing::Unsynchronised);
        assert_eq!(Standing::of(0, u64::MAX), Standing::Unsynchronised);
        assert_eq!(Standing::of(CLOCK_ERROR, 10), Standing::Unsynchronised);
    }

    #[test]
    fn flag_that_only_spares_the_hardware_clock_is_passed_over() {
        assert_eq!(Standing::of(0x40, 900), Standing::Synchronised(1));
    }
}
