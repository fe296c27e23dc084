//! Ballast: room that is kept for the last records of a full disk.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};

use super::disk::Room;

/// A file of nothing, which is deleted when its room is needed.
#[derive(Debug)]
pub(super) struct Ballast {
    file: PathBuf,
}

impl Ballast {
    pub(super) fn of(folder: &Path, instance: &str) -> Self {
        Self {
            file: folder.join(format!("{instance}.ballast")),
        }
    }

    /// Makes the ballast where it is not there and the disk has room for it.
    pub(super) fn keep(&self, room: Option<Room>) {
        let Some(room) = room.filter(|room| !room.is_scarce() || room.free > 4 * MOST) else {
            return;
        };
        if self.file.exists() {
            return;
        }
        let bytes = (room.all() / PART).min(MOST);
        if let Err(error) = make(&self.file, bytes) {
            tracing::warn!(%error, "no ballast could be made");
            self.drop_it();
        }
    }

    /// Gives its room back.
    pub(super) fn drop_it(&self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

fn make(path: &Path, bytes: u64) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    // Where the file system cannot reserve, writing does.
    if fallocate(&file, FallocateFlags::empty(), 0, bytes).is_err() {
        let zeros = vec![0; 1 << 16];
        for _ in 0..bytes.div_ceil(1 << 16) {
            file.write_all(&zeros)?;
        }
    }
    file.sync_all()
}

const MOST: u64 = 64 << 20;
/// It is at most so small a part of the disk.
const PART: u64 = 50;
