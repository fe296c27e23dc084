//! How a data folder comes to be: built aside, then moved into place, never half there.
//!
//! The new folder grows in `.new-<id>` inside the chosen one, so that it also works for a mount
//! point. When it is whole it becomes `.ready` in one step, and from then on whoever comes next
//! finishes the move. The configuration moves last: a folder that has it is whole.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::lock;
use crate::configuration;
use crate::failure::Failure;
use crate::sample;

/// What a folder holds, seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing, or leftovers of a creation that was interrupted.
    Empty,
    /// Somebody's files.
    Foreign,
    /// A folder that is whole.
    Whole,
}

/// What is being built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Making {
    /// A real comune.
    Comune,
    /// A sample municipality.
    Sample,
}

/// A folder that is being built.
#[derive(Debug)]
pub struct Staging {
    target: PathBuf,
    path: PathBuf,
}

impl Staging {
    /// Begins to build in `target`, which exists and is ours or empty.
    ///
    /// # Errors
    ///
    /// When the folder cannot be written to.
    pub fn begin(target: &Path, id: Uuid, what: Making) -> io::Result<Self> {
        let path = target.join(format!("{UNFINISHED}{id}"));
        let (marker, text) = match what {
            Making::Comune => (MARKER, MARKER_TEXT),
            Making::Sample => (sample::MARKER, sample::MARKER_TEXT),
        };
        DirBuilder::new().mode(0o700).create(&path)?;
        fs::write(path.join(marker), text)?;
        Ok(Self {
            target: target.to_owned(),
            path,
        })
    }

    /// Where to build.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes what was built; what cannot be removed now is removed by the next start.
    pub fn discard(&self) {
        let _ = fs::remove_dir_all(&self.path);
    }

    /// Moves the finished folder into place.
    ///
    /// # Errors
    ///
    /// When the system refuses; the next start goes on from there.
    pub fn settle(self) -> io::Result<()> {
        fs::File::open(&self.path)?.sync_all()?;
        fs::rename(&self.path, self.target.join(READY))?;
        finish(&self.target)
    }
}

/// Tells what a folder holds.
///
/// # Errors
///
/// When the folder cannot be read, or is none.
pub fn content(folder: &Path) -> io::Result<Content> {
    if folder.join(configuration::FILE).exists() {
        return Ok(Content::Whole);
    }
    if folder.join(READY).exists() {
        return Ok(Content::Empty);
    }
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Content::Empty),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name() != lock::FILE && !is_unfinished(&entry.path()) {
            return Ok(Content::Foreign);
        }
    }
    Ok(Content::Empty)
}

/// Finishes a move that was interrupted and removes what was never finished.
///
/// # Errors
///
/// When the system refuses.
pub fn recover(folder: &Path) -> io::Result<()> {
    if folder.join(READY).exists() {
        finish(folder)?;
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if is_unfinished(&path) {
            fs::remove_dir_all(&path)?;
        }
    }
    Ok(())
}

/// Says that a folder is none of ours, or has lost its configuration.
#[must_use]
pub fn foreign(folder: &Path) -> Failure {
    if is_marked(folder) {
        return Failure::new(
            folder.join(configuration::FILE).display(),
            "the file is missing",
            "restore it from a backup, or move the data folder aside and start anew",
        );
    }
    Failure::new(
        folder.display(),
        "it is not a Varco data folder",
        "choose an empty or new folder with --data",
    )
}

fn finish(target: &Path) -> io::Result<()> {
    let ready = target.join(READY);
    let mut last = None;
    for entry in fs::read_dir(&ready)? {
        let entry = entry?;
        if entry.file_name() == configuration::FILE {
            last = Some(entry.path());
        } else {
            fs::rename(entry.path(), target.join(entry.file_name()))?;
        }
    }
    fs::File::open(target)?.sync_all()?;
    if let Some(configuration) = last {
        fs::rename(configuration, target.join(configuration::FILE))?;
    }
    fs::remove_dir(&ready)?;
    fs::File::open(target)?.sync_all()
}

/// Ours by its name and by the marker in it; the marker is the first thing in it.
fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let empty = || fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    name.starts_with(UNFINISHED) && (is_marked(path) || empty())
}

fn is_marked(path: &Path) -> bool {
    let markers = [MARKER, sample::MARKER];
    markers.iter().any(|marker| path.join(marker).exists())
}

/// Name of the file that marks a folder as a real comune's.
const MARKER: &str = "COMUNE";
/// What that mark says.
const MARKER_TEXT: &str = "\
Questa cartella appartiene a un comune reale: l'ha preparata `varco init`.
Le chiavi (keys, ca.key) sono cifrate con la frase d'accesso che la configurazione indica.
";
const UNFINISHED: &str = ".new-";
const READY: &str = ".ready";

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn a_folder_with_other_files_is_foreign() {
        let folder = folder();
        fs::write(folder.path().join("tesi.odt"), "x").unwrap();

        assert_eq!(content(folder.path()).unwrap(), Content::Foreign);
    }

    #[test]
    fn a_missing_folder_and_a_lock_alone_are_empty() {
        let folder = folder();
        fs::write(folder.path().join(lock::FILE), "").unwrap();

        assert_eq!(content(folder.path()).unwrap(), Content::Empty);
        assert_eq!(
            content(&folder.path().join("missing")).unwrap(),
            Content::Empty
        );
    }

    #[test]
    fn an_unfinished_folder_is_removed() {
        let folder = folder();
        let staging = Staging::begin(folder.path(), Uuid::nil(), Making::Sample).unwrap();
        fs::write(staging.path().join("ca.pem"), "half").unwrap();

        assert_eq!(content(folder.path()).unwrap(), Content::Empty);
        recover(folder.path()).unwrap();

        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_unfinished_comune_is_removed_too() {
        let folder = folder();
        let staging = Staging::begin(folder.path(), Uuid::nil(), Making::Comune).unwrap();
        fs::write(staging.path().join("ca.key"), "half").unwrap();

        assert_eq!(content(folder.path()).unwrap(), Content::Empty);
        recover(folder.path()).unwrap();

        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_stranger_with_our_prefix_is_kept() {
        let folder = folder();
        fs::create_dir(folder.path().join(".new-photos")).unwrap();
        fs::write(folder.path().join(".new-photos/one.jpg"), "x").unwrap();

        assert_eq!(content(folder.path()).unwrap(), Content::Foreign);
        recover(folder.path()).unwrap();

        assert!(folder.path().join(".new-photos").exists());
    }

    #[test]
    fn an_interrupted_move_is_finished() {
        let folder = folder();
        let staging = Staging::begin(folder.path(), Uuid::nil(), Making::Sample).unwrap();
        fs::write(staging.path().join("ca.pem"), "whole").unwrap();
        fs::write(staging.path().join(configuration::FILE), "").unwrap();
        fs::rename(staging.path(), folder.path().join(READY)).unwrap();
        fs::rename(
            folder.path().join(READY).join("ca.pem"),
            folder.path().join("ca.pem"),
        )
        .unwrap();

        assert_eq!(content(folder.path()).unwrap(), Content::Empty);
        recover(folder.path()).unwrap();

        assert_eq!(content(folder.path()).unwrap(), Content::Whole);
        assert!(folder.path().join("ca.pem").exists());
        assert!(!folder.path().join(READY).exists());
    }
}
