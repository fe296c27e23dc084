//! How much room the disk has.

use std::path::Path;

/// Room on a disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) used: u64,
    pub(super) free: u64,
}

/// The room where a folder stands; none when the system does not say.
pub(super) fn room(folder: &Path) -> Option<Room> {
    let told = rustix::fs::statvfs(folder).ok()?;
    Some(Room {
        used: told.f_blocks.saturating_sub(told.f_bfree) * told.f_frsize,
        free: told.f_bavail * told.f_frsize,
    })
}

impl Room {
    /// How full it is, in per cent, as `df` counts: what only root may use counts for nobody.
    pub(super) fn percent(self) -> u64 {
        let all = (self.used + self.free).max(1);
        self.used.saturating_mul(100) / all
    }

    /// Whether nothing more may be begun: 95 %, unless the rest is still much.
    pub(super) fn is_full(self) -> bool {
        self.free < LAST || (self.percent() >= 95 && self.free < MUCH)
    }

    /// Whether one that was full has room again.
    pub(super) fn has_room_again(self) -> bool {
        self.free >= 2 * LAST && (self.percent() < 94 || self.free >= 2 * MUCH)
    }

    /// Whether somebody must make room soon: 80 %, unless the rest is still plenty.
    pub(super) fn is_scarce(self) -> bool {
        self.percent() >= 80 && self.free < PLENTY
    }

    pub(super) fn all(self) -> u64 {
        self.used + self.free
    }
}

/// Less than this is never enough.
const LAST: u64 = 2 << 20;
/// As much as a year of a small comune.
const MUCH: u64 = 2 << 30;
const PLENTY: u64 = 5 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn of(used: u64, free: u64) -> Room {
        Room { used, free }
    }

    #[test]
    fn full_is_ninety_five_per_cent_unless_much_is_left() {
        assert!(of(95 * GIB / 10, GIB / 2).is_full());
        assert!(!of(94 * GIB / 10, 6 * GIB / 10).is_full());
        assert!(!of(990 * GIB, 10 * GIB).is_full());
        assert!(of(0, 1 << 20).is_full());
    }

    #[test]
    fn full_disk_is_not_opened_again_by_a_few_bytes() {
        let barely = of(94 * GIB / 10 + 50, 6 * GIB / 10 - 50);

        assert!(!barely.is_full());
        assert!(!barely.has_room_again());
        assert!(of(9 * GIB, GIB).has_room_again());
    }

    #[test]
    fn scarce_is_eighty_per_cent_unless_plenty_is_left() {
        assert!(of(17 * GIB, 4 * GIB).is_scarce());
        assert!(!of(15 * GIB, 4 * GIB).is_scarce());
        assert!(!of(800 * GIB, 200 * GIB).is_scarce());
    }
}
