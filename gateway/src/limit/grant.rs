//! How many calls the database gives a gateway that asks: pure functions.
//!
//! A block is about a thousandth of what remains, so that a gateway that dies takes no more than
//! that with it, and shrinks to one near the end. Where more callers wait than that, each gets his.

/// What a gateway asks for, and what it has used of the lease that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Calls a day.
    pub limit: u64,
    /// The lease that it knows of.
    pub life: u64,
    /// Calls that it has used of that lease.
    pub used: u64,
    /// A lease that it never had, should there be none.
    pub next: u64,
    /// Callers that wait.
    pub wanted: u64,
}

/// What stands in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stands {
    /// Calls given to all gateways that have not come back.
    pub total: u64,
    /// This gateway's lease and its calls; none when it has no lease, or none any more.
    pub lease: Option<(u64, u64)>,
}

/// What shall stand there, and be told to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Calls given to all gateways that have not come back.
    pub total: u64,
    /// This gateway's lease.
    pub life: u64,
    /// Its calls; the gateway may use all of them.
    pub granted: u64,
}

/// Decides on what stands there.
///
/// A lease that is gone was settled when it went: what was used of it counts already. One that the
/// gateway does not know is an answer that was lost: nothing of it is used. What is held beyond a
/// limit that was lowered comes back.
#[must_use]
pub fn decide(asked: Asked, stands: Stands) -> Granted {
    let (life, granted) = stands.lease.unwrap_or((asked.next, 0));
    let known = life == asked.life;
    let used = if known { asked.used.min(granted) } else { 0 };
    let held = granted - used;
    let back = stands.total.saturating_sub(asked.limit).min(held);
    let total = stands.total.saturating_sub(back);
    let missing = asked.wanted.saturating_sub(held - back);
    let more = match missing {
        0 => 0,
        _ => block(asked.limit.saturating_sub(total), missing),
    };
    Granted {
        total: total + more,
        life,
        granted: granted - back + more,
    }
}

/// How many calls to lease at once of what remains, for callers that wait.
#[must_use]
pub fn block(remaining: u64, waiting: u64) -> u64 {
    (remaining / SHARE)
        .clamp(1, LARGEST)
        .max(waiting.min(MOST_WAITING))
        .min(remaining)
}

/// How many calls a gateway may use until it reports again: what it would need for a few such
/// whiles, and a little of what it has, but not all of a block that nobody uses.
#[must_use]
pub fn window(used_lately: u64, left: u64) -> u64 {
    used_lately.saturating_mul(4).max(left / 8).max(1).min(left)
}

/// Whether so much is given that people should know.
#[must_use]
pub fn is_nearly_used(limit: u64, total: u64) -> bool {
    limit > 0 && u128::from(total) * 100 >= u128::from(limit) * WARN_PERCENT
}

/// One lease is at most this part of what remains.
const SHARE: u64 = 1000;
const LARGEST: u64 = 10_000;
const MOST_WAITING: u64 = 256;
/// Of a limit, from which on people are told.
pub const WARN_PERCENT: u128 = 80;

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(limit: u64, used: u64) -> Asked {
        Asked {
            limit,
            life: 1,
            used,
            next: 2,
            wanted: 1,
        }
    }

    #[test]
    fn blocks_shrink_to_one_and_never_exceed_what_remains() {
        assert_eq!(block(1_000_000_000, 1), 10_000);
        assert_eq!(block(100_000, 1), 100);
        assert_eq!(block(100, 1), 1);
        assert_eq!(block(1, 1), 1);
        assert_eq!(block(0, 1), 0);
    }

    #[test]
    fn callers_that_wait_get_one_each_while_there_are_some() {
        assert_eq!(block(100, 30), 30);
        assert_eq!(block(10, 30), 10);
        assert_eq!(block(1_000_000, u64::MAX), 1000);
        assert_eq!(block(10_000, u64::MAX), 256);
    }

    #[test]
    fn lease_grows_by_a_block_when_it_is_used_up() {
        let stands = Stands {
            total: 300,
            lease: Some((1, 100)),
        };

        let granted = decide(asked(100_000, 100), stands);

        assert_eq!((granted.total, granted.granted), (399, 199));
    }

    #[test]
    fn what_an_answer_that_was_lost_gave_is_found_again() {
        let stands = Stands {
            total: 300,
            lease: Some((1, 100)),
        };

        let granted = decide(asked(100_000, 0), stands);

        assert_eq!((granted.total, granted.granted), (300, 100));
    }

    #[test]
    fn nothing_is_used_of_a_lease_that_the_gateway_never_heard_of() {
        let stands = Stands {
            total: 300,
            lease: Some((9, 100)),
        };

        let granted = decide(asked(100_000, 70), stands);

        assert_eq!(
            (granted.total, granted.life, granted.granted),
            (300, 9, 100)
        );
    }

    #[test]
    fn lease_that_is_gone_is_begun_anew() {
        let stands = Stands {
            total: 60,
            lease: None,
        };

        let granted = decide(asked(100, 50), stands);

        assert_eq!(
            granted,
            Granted {
                total: 61,
                life: 2,
                granted: 1
            }
        );
    }

    #[test]
    fn lowered_limit_takes_back_what_is_held_beyond_it_and_no_more() {
        let stands = Stands {
            total: 300,
            lease: Some((1, 100)),
        };

        let a_part = decide(asked(250, 20), stands);
        let all = decide(asked(100, 20), stands);

        assert_eq!((a_part.total, a_part.granted), (250, 50));
        assert_eq!((all.total, all.granted), (220, 20));
    }

    #[test]
    fn window_follows_use_and_never_exceeds_the_lease() {
        assert_eq!(window(0, 800), 100);
        assert_eq!(window(100, 800), 400);
        assert_eq!(window(300, 800), 800);
        assert_eq!(window(0, 3), 1);
        assert_eq!(window(9, 0), 0);
    }

    #[test]
    fn four_fifths_are_nearly_all() {
        assert!(!is_nearly_used(5, 3));
        assert!(is_nearly_used(5, 4));
        assert!(is_nearly_used(1, 1));
        assert!(!is_nearly_used(0, 0));
        assert!(!is_nearly_used(1_000_000, 799_999));
    }
}
