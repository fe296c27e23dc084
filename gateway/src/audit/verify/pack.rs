//! Verifying an evidence pack: no database, no gateway, no network.
//!
//! The pack is hostile until it is checked. What it proves rests on the key of the log alone: who says which key that
//! is, says it outside of the pack; its own `vkey` and `policy` show no more than that the pack agrees with itself.
//! All of it is checked before anything is said, so that a pack of which a part was altered still tells which of its
//! records hold.

use varco_tlog::policy::Policy;

use crate::audit::pack::{FORMAT, FORMAT_1};
use archive::Archive;

mod archive;
mod log;
#[cfg(test)]
mod tests;

/// A log of a pack that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its name.
    pub origin: String,
    /// The key that the pack names.
    pub vkey: String,
    /// Size of the log under the head that the proofs lead to.
    pub size: u64,
    /// Root of that head, in hexadecimal.
    pub root: String,
    /// Names of the witnesses that have cosigned it, as the policy in use names them.
    pub witnesses: Vec<String>,
    /// Records that the pack holds.
    pub records: usize,
    /// Index of the first.
    pub first: u64,
    /// Index of the last.
    pub last: u64,
    /// Indices between them of which the pack holds no record.
    pub absent: u64,
    /// ANCHOR records that the pack holds.
    pub anchors: usize,
}

/// Why a pack is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is no pack.
    #[error("it is no evidence pack, or was cut off: {0}; nothing of it can be trusted")]
    Alien(&'static str),
    /// A file of no weight was altered.
    #[error(
        "its file {name} is not the one that was packed; every record holds by its proof all the same: {held}"
    )]
    File {
        /// The file.
        name: String,
        /// What holds.
        held: String,
    },
    /// A log does not hold.
    #[error("{wrong}; {held}")]
    Log {
        /// What is wrong, and where.
        wrong: String,
        /// What holds.
        held: String,
    },
}

/// Verifies a pack: under the policy of whoever asks, or under its own, which proves nothing of its keys.
///
/// # Errors
///
/// [`Error`] with the first record that is wrong, and what may still be trusted.
pub fn verify(pack: &[u8], trusted: Option<&Policy>) -> Result<Vec<Held>, Error> {
    let archive = Archive::open(pack).map_err(Error::Alien)?;
    if archive.read(FORMAT).as_deref() != Some(FORMAT_1.as_bytes()) {
        return Err(Error::Alien(
            "its format is not one that this program knows",
        ));
    }
    let folders = archive.folders().map_err(Error::Alien)?;
    if folders.is_empty() {
        return Err(Error::Alien("it holds no records"));
    }
    let checked: Vec<_> = folders
        .iter()
        .map(|folder| log::check(&archive, folder, trusted))
        .collect();
    let held: Vec<String> = checked.iter().map(told).collect();
    let held = held.join(", ");
    let logs: Result<Vec<Held>, log::Wrong> = checked.into_iter().collect();
    let logs = logs.map_err(|wrong| Error::Log {
        wrong: wrong.to_string(),
        held: held.clone(),
    })?;
    match archive.first_altered() {
        None => Ok(logs),
        Some(name) => Err(Error::File {
            name: name.to_owned(),
            held,
        }),
    }
}

/// What of a log may be trusted.
fn told(checked: &Result<Held, log::Wrong>) -> String {
    match checked {
        Ok(held) => format!("all {} records of {} hold", held.records, held.origin),
        Err(wrong) if wrong.good == 0 => format!("nothing of {} can be trusted", wrong.of),
        Err(wrong) => format!(
            "of {} {} records hold by their own proofs, the others cannot be trusted",
            wrong.of, wrong.good
        ),
    }
}
