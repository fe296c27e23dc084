//! The lock of a data folder: one town at a time.

use std::fs::{File, OpenOptions};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::failure::Failure;

/// Held while a town runs on a folder; the system lets go of it when the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Name of the lock's file.
pub const FILE: &str = "LOCK";

impl Lock {
    /// Takes the lock of a folder that exists.
    ///
    /// # Errors
    ///
    /// When another process holds it, or the folder cannot be written to.
    pub fn take(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(FILE);
        let opened = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let file = opened.map_err(|error| {
            Failure::new(
                path.display(),
                error,
                "check that this user may write to the folder",
            )
        })?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(Errno::WOULDBLOCK) => Err(Failure::new(
                folder.display(),
                "a town is already running on this folder",
                "stop it first, or choose another folder with --data",
            )),
            Err(error) => Err(Failure::new(
                path.display(),
                error,
                "keep the folder on a file system that has locks",
            )),
        }
    }
}
