//! The files of a log, known by what the system calls them.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use varco_runtime::store::Db;

/// The files that were opened: path, device, inode.
#[derive(Debug, Default)]
pub(super) struct Files(Vec<(PathBuf, u64, u64)>);

impl Files {
    /// The files of a database that is open; those of a server are its own affair.
    pub(super) fn of(db: &Db) -> Self {
        let Db::Sqlite { write, .. } = db else {
            return Self::default();
        };
        let database = write.connect_options().get_filename().to_owned();
        let mut log = database.clone().into_os_string();
        log.push("-wal");
        let known = [database, PathBuf::from(log)].into_iter();
        let known = known.filter_map(|path| identity(&path).map(|(a, b)| (path, a, b)));
        Self(known.collect())
    }

    /// The first that is not at its path any more.
    pub(super) fn replaced(&self) -> Option<PathBuf> {
        let gone = |(path, device, inode): &&(PathBuf, u64, u64)| {
            identity(path) != Some((*device, *inode))
        };
        self.0.iter().find(gone).map(|(path, ..)| path.clone())
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let told = std::fs::metadata(path).ok()?;
    Some((told.dev(), told.ino()))
}
