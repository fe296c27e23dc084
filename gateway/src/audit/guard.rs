//! The guard: once a second it looks whether records can still be kept as they must be.
//!
//! It looks at the files of the log (somebody may have deleted or replaced them while they were open,
//! and what is written then is lost), at the disk, and at the clock. What it finds closes the register:
//! calls are refused with the reason until it is over. Whether a time service keeps the clock right closes
//! nothing: each record says it. It looks at paths only: opening a file of SQLite's a
//! second time and closing it would drop the locks of the first.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use varco_proto::audit::v1::Record;
use varco_runtime::clock::Clock;
use varco_runtime::clock::standing::Standing;
use varco_runtime::problem::chain;

use super::committer::Register;
use super::mark::Mark;
use super::record;
use crate::points::{self, Point};

mod ballast;
mod disk;
mod files;
mod standing;
mod time;

use ballast::Ballast;
use disk::Room;
use files::Files;
use standing::Told;
use time::Steady;

/// Why the register is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The clock went back, by seconds.
    ClockBack(i64),
    /// The disk is full, to so many per cent.
    DiskFull(u64),
    /// A file of the log is not the one that was opened.
    Replaced(PathBuf),
    /// No witness has cosigned for hours.
    Unwitnessed(u64),
    /// A witness knows another log.
    Witness(String),
}

impl Trouble {
    /// All names.
    pub const NAMES: [&'static str; 5] = [
        "CLOCK_BACK",
        "DISK_FULL",
        "LOG_REPLACED",
        "WITNESS_MISSING",
        "WITNESS_DISAGREES",
    ];

    /// Its name for those who are refused.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ClockBack(_) => "CLOCK_BACK",
            Self::DiskFull(_) => "DISK_FULL",
            Self::Replaced(_) => "LOG_REPLACED",
            Self::Unwitnessed(_) => "WITNESS_MISSING",
            Self::Witness(_) => "WITNESS_DISAGREES",
        }
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ClockBack(seconds) => write!(
                out,
                "the clock went back by {seconds} s: set it right, or end the gateway, set it, and start again"
            ),
            Self::DiskFull(percent) => write!(
                out,
                "the disk of the register of accesses is {percent} % full: make room, it goes on by itself"
            ),
            Self::Replaced(path) => write!(
                out,
                "{} was deleted or replaced while it was open: keep what stands there, end the gateway, put the \
                 file back from a backup and run `varco audit recover`",
                path.display()
            ),
            Self::Unwitnessed(hours) => write!(
                out,
                "no witness has cosigned the register of accesses for {hours} hours: see that one can be reached, it \
                 goes on by itself"
            ),
            Self::Witness(said) => write!(out, "a witness disagrees: {said}"),
        }
    }
}

/// What the guard looks at.
#[derive(Debug)]
pub struct Guard {
    register: Register,
    clock: Clock,
    mark: Mark,
    ballast: Ballast,
    files: Files,
    steady: Steady,
    told: Told,
    folder: PathBuf,
    /// Since when there is trouble.
    since: Option<Instant>,
    warned: bool,
    ahead: bool,
    marked: u64,
    turn: u64,
}

impl Guard {
    /// Sets a guard over a register whose files stand in a folder.
    #[must_use]
    pub fn over(register: &Register, clock: &Clock, (folder, instance): (PathBuf, &str)) -> Self {
        Self {
            files: Files::of(register.db()),
            mark: Mark::of(&folder, instance),
            ballast: Ballast::of(&folder, instance),
            steady: Steady::new(clock),
            told: Told::default(),
            register: register.clone(),
            clock: clock.clone(),
            folder,
            since: None,
            warned: false,
            ahead: false,
            marked: 0,
            turn: 0,
        }
    }

    /// Looks once a second, until the process stops.
    pub async fn watch(mut self) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.look().await;
        }
    }

    /// Looks at everything, and closes or opens the register as it finds it.
    pub async fn look(&mut self) {
        let standing = self.clock.standing();
        self.register.note_standing(standing);
        let room = disk::room(&self.folder);
        let found = self.trouble(room);
        let before = self.register.trouble();
        match (&before, &found) {
            (None, Some(trouble)) => self.close(trouble.clone()).await,
            (Some(_), None) => self.open().await,
            (Some(before), Some(trouble)) if **before != *trouble => {
                self.make_room(trouble);
                self.register.close(Some(trouble.clone()));
            }
            _ => {}
        }
        if found.is_none() {
            self.warn(room).await;
            self.ballast.keep(room);
            self.note_clock().await;
            self.note_standing(standing).await;
            self.set_mark().await;
        }
    }

    fn trouble(&self, room: Option<Room>) -> Option<Trouble> {
        if let Some(path) = self.files.replaced() {
            return Some(Trouble::Replaced(path));
        }
        if let Some(seconds) = self.steady.back(&self.clock) {
            return Some(Trouble::ClockBack(seconds));
        }
        if let Some(trouble) = self.register.witness_says() {
            return Some(trouble);
        }
        let was_full = matches!(
            self.register.trouble().as_deref(),
            Some(Trouble::DiskFull(_))
        );
        let full = room.filter(|room| room.is_full() || (was_full && !room.has_room_again()));
        full.map(|room| Trouble::DiskFull(room.percent()))
    }

    async fn close(&mut self, trouble: Trouble) {
        tracing::error!("no record can be kept, and no call is answered: {trouble}");
        self.since = Some(Instant::now());
        self.make_room(&trouble);
        let said = trouble.to_string();
        let replaced = matches!(trouble, Trouble::Replaced(_));
        self.register.close(Some(trouble));
        // What would be written into a file that is gone is lost.
        if !replaced {
            self.leave(record::stopped(self.clock.uuid(), said)).await;
        }
    }

    /// Gives the ballast up for the last records of a full disk.
    fn make_room(&self, trouble: &Trouble) {
        if matches!(trouble, Trouble::DiskFull(_)) {
            self.ballast.drop_it();
        }
    }

    async fn open(&mut self) {
        let lasted = self
            .since
            .take()
            .map_or(0, |since| since.elapsed().as_secs());
        tracing::warn!(lasted, "records can be kept again");
        self.register.close(None);
        let said = format!("records are kept again after {lasted} s");
        self.leave(record::resumed(self.clock.uuid(), said)).await;
    }

    async fn warn(&mut self, room: Option<Room>) {
        let scarce = room.is_some_and(Room::is_scarce);
        if scarce && !self.warned {
            let percent = room.map_or(0, Room::percent);
            tracing::warn!(percent, "the disk of the register of accesses fills up");
            let said = format!("the disk is {percent} % full");
            self.leave(record::degraded(self.clock.uuid(), said)).await;
        }
        self.warned = scarce;
    }

    /// A clock that was set forward is noted, and nothing more: vouchers end too early, not too late.
    async fn note_clock(&mut self) {
        let ahead = self.steady.ahead(&self.clock);
        if let Some(seconds) = ahead
            && !self.ahead
        {
            tracing::warn!(seconds, "the clock was set forward");
            let said = format!("the clock was set forward by {seconds} s");
            self.leave(record::degraded(self.clock.uuid(), said)).await;
        }
        self.ahead = ahead.is_some();
    }

    /// Says once that a time service keeps the clock right, or that none does any more.
    async fn note_standing(&mut self, standing: Standing) {
        let is_first = !self.told.is_begun();
        let Some(said) = self.told.change(standing) else {
            return;
        };
        if is_first {
            // The record of the start says so, and so does `varco doctor`: on many a machine it is always so.
            tracing::info!("{said}");
            return;
        }
        tracing::warn!("{said}");
        self.leave(record::degraded(self.clock.uuid(), said)).await;
    }

    async fn set_mark(&mut self) {
        self.turn += 1;
        if !self.turn.is_multiple_of(MARK_EVERY) {
            return;
        }
        let Ok(Some(head)) = self.register.reading().head().await else {
            return;
        };
        if head.size == self.marked {
            return;
        }
        points::pass(Point::MarkBefore);
        let set = self.mark.set(&head.note);
        points::pass(Point::MarkAfter);
        match set {
            Ok(()) => self.marked = head.size,
            Err(error) => tracing::warn!(cause = chain(&error), "the mark was not set"),
        }
    }

    async fn leave(&self, record: Record) {
        if self.register.commit_in_trouble(record).await.is_err() {
            tracing::error!("what the guard found could not be recorded");
        }
    }
}

/// Sets the mark of a register that ends.
///
/// # Errors
///
/// When the head cannot be read or the file cannot be written.
pub async fn set_last_mark(register: &Register, mark: &Mark) -> Result<(), super::Error> {
    match register.reading().head().await? {
        Some(head) => mark.set(&head.note),
        None => Ok(()),
    }
}

/// Bytes used and free on the disk of a folder; none when the system does not say.
#[must_use]
pub fn disk(folder: &Path) -> Option<(u64, u64)> {
    disk::room(folder).map(|room| (room.used, room.free))
}

/// What closes the register, shared with those who ask.
pub(super) type Closed = arc_swap::ArcSwapOption<Trouble>;

const EVERY: Duration = Duration::from_secs(1);
/// Looks between two marks.
const MARK_EVERY: u64 = 5;
