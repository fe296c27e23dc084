//! Keeps the year's key of a gateway, `subject-<year>.key`, and turns it at New Year in Europe/Rome.
//!
//! All gateways of a comune begin with the same key, as a copy of its file, and derive the same ones
//! from it. The key of the new year is durable before anything is hashed under it. The old one stays
//! for an hour, the longest that a call takes, and then goes for good: a clock that jumps ahead and
//! comes back within the hour has cost nothing.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use varco_proto::audit::v1::Record;
use varco_runtime::clock::Clock;
use varco_runtime::problem;
use varco_runtime::secret::{self, Vault};

use super::ratchet::{Hashes, YearKey};
use crate::Error;
use crate::audit::committer::Register;
use crate::audit::record;
use crate::registry::Registry;

/// The year's key of one gateway.
#[derive(Debug)]
pub struct Subjects {
    vault: Vault,
    folder: PathBuf,
    instance: String,
    clock: Clock,
    held: Mutex<Held>,
    hashes: ArcSwap<Hashes>,
}

#[derive(Debug)]
struct Held {
    key: YearKey,
    /// The oldest key whose file may still stand.
    oldest: YearKey,
    /// Since when the key is this one.
    since: Instant,
}

/// What turning the key did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// The keys before that of this year were deleted.
    Deleted(i16),
    /// The key of this year is in use.
    Used(i16),
}

/// Makes the first key of a comune, in the folder of its keys.
///
/// # Errors
///
/// When one stands there already, or the folder is not writable.
pub fn create(vault: &Vault, folder: &Path, year: i16) -> Result<YearKey, Error> {
    if let Some((_, path)) = files(folder)?.pop() {
        return Err(Error::KeyExists(path));
    }
    let key = YearKey::generate(year)?;
    vault.write(&file(folder, year), key.text().as_bytes())?;
    Ok(key)
}

/// The file of a year's key.
#[must_use]
pub fn file(folder: &Path, year: i16) -> PathBuf {
    folder.join(format!("{PREFIX}{year}{SUFFIX}"))
}

/// The keys of a folder, oldest first.
///
/// # Errors
///
/// When the folder cannot be read.
pub fn files(folder: &Path) -> Result<Vec<(i16, PathBuf)>, secret::Error> {
    let unreadable = |error| secret::Error::Read(folder.to_owned(), error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let year = name.and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX));
        if let Some(year) = year.and_then(|year| year.parse().ok()) {
            found.push((year, path));
        }
    }
    found.sort();
    Ok(found)
}

impl Subjects {
    /// Reads the newest key that is not of a year to come; [`Self::turn`] brings it to this one.
    ///
    /// # Errors
    ///
    /// When there is none, or its file is damaged.
    pub fn open(vault: Vault, folder: &Path, instance: &str, clock: Clock) -> Result<Self, Error> {
        let year = clock.today().year();
        let files = files(folder)?;
        let come = files.iter().filter(|(of, _)| *of <= year);
        let read = |(year, path): &(i16, PathBuf)| read(&vault, *year, path);
        let Some(key) = come.clone().next_back() else {
            return Err(match files.into_iter().next() {
                Some((_, ahead)) => Error::SubjectKeyAhead(year, ahead),
                None => Error::SubjectKeyMissing(file(folder, year)),
            });
        };
        let key = read(key)?;
        let oldest = come.clone().next().map(read).transpose()?;
        Ok(Self {
            hashes: ArcSwap::from_pointee(key.hashes()?),
            held: Mutex::new(Held {
                oldest: oldest.unwrap_or_else(|| key.clone()),
                key,
                since: Instant::now(),
            }),
            vault,
            folder: folder.to_owned(),
            instance: instance.to_owned(),
            clock,
        })
    }

    /// What hashes now. A call keeps what it began with, so that it names everybody once.
    #[must_use]
    pub fn hashes(&self) -> Arc<Hashes> {
        self.hashes.load_full()
    }

    /// Does what is due: takes the key of the year into use, and deletes those before it when it
    /// has been in use for an hour. Says what it did.
    ///
    /// # Errors
    ///
    /// When the disk refuses; the key before stays in use then.
    pub fn turn(&self, now: Instant) -> Result<Option<Turned>, Error> {
        let year = self.clock.today().year();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if year != held.key.year() {
            // Before the oldest there is no key: a clock that is so wrong changes nothing.
            let Some(key) = held.oldest.at(year)? else {
                return Ok(None);
            };
            self.keep(&key)?;
            self.hashes.store(Arc::new(key.hashes()?));
            held.key = key;
            held.since = now;
            return Ok(Some(Turned::Used(year)));
        }
        if held.oldest.year() == year || now.saturating_duration_since(held.since) < OVERLAP {
            return Ok(None);
        }
        self.delete_before(year)?;
        held.oldest = held.key.clone();
        Ok(Some(Turned::Deleted(year)))
    }

    /// Does what is due at the start, and records it.
    ///
    /// # Errors
    ///
    /// When the disk refuses, or the record cannot be made durable.
    pub async fn begin(&self, register: &Register, epoch: u64) -> Result<(), Error> {
        if let Some(turned) = self.turn(Instant::now())? {
            register.commit(self.told(turned, epoch)).await?;
        }
        Ok(())
    }

    /// Does what is due for as long as the process runs, and records it.
    pub async fn follow(self: Arc<Self>, register: Register, registry: Registry) {
        loop {
            tokio::time::sleep(POLL).await;
            let keys = Arc::clone(&self);
            let turned = tokio::task::spawn_blocking(move || keys.turn(Instant::now())).await;
            match turned {
                Ok(Ok(Some(turned))) => {
                    let epoch = registry.snapshot().epoch;
                    register.leave(self.told(turned, epoch));
                }
                Ok(Ok(None)) | Err(_) => {}
                Ok(Err(error)) => {
                    let cause = problem::chain(&error);
                    tracing::error!(cause, "the key of the year cannot be turned");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn told(&self, turned: Turned, epoch: u64) -> Record {
        let detail = match turned {
            Turned::Deleted(year) => format!("subject keys before {year} deleted"),
            Turned::Used(year) => format!("subject key of {year} in use"),
        };
        Record {
            outcome: "OK".to_owned(),
            ..record::key_change(self.clock.uuid(), epoch, detail)
        }
    }

    /// Makes the file of a key durable. Another gateway on the same folder may do so at this very
    /// moment, so it is written under a name of this one's own.
    fn keep(&self, key: &YearKey) -> Result<(), Error> {
        let path = file(&self.folder, key.year());
        if !path.exists() {
            let own = self
                .folder
                .join(format!("{PREFIX}{}.{}", key.year(), self.instance));
            self.vault.write(&own, key.text().as_bytes())?;
            let moved = fs::rename(&own, &path).and_then(|()| self.sync());
            moved.map_err(|error| secret::Error::Write(path.clone(), error))?;
        }
        if read(&self.vault, key.year(), &path)? == *key {
            Ok(())
        } else {
            Err(Error::SubjectKeyFile(path))
        }
    }

    fn delete_before(&self, year: i16) -> Result<(), Error> {
        for (_, path) in files(&self.folder)?
            .into_iter()
            .filter(|(of, _)| *of < year)
        {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(secret::Error::Write(path, error).into());
                }
                _ => {}
            }
        }
        let failed = |error| secret::Error::Write(self.folder.clone(), error);
        Ok(self.sync().map_err(failed)?)
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}

fn read(vault: &Vault, year: i16, path: &Path) -> Result<YearKey, Error> {
    let key = YearKey::parse(&vault.read(path)?);
    let key = key.filter(|key| key.year() == year);
    key.ok_or_else(|| Error::SubjectKeyFile(path.to_owned()))
}

/// How long the key before is kept: no call lasts longer.
const OVERLAP: Duration = Duration::from_hours(1);
/// How long to wait when the key could not be turned.
const PAUSE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(250);
const PREFIX: &str = "subject-";
const SUFFIX: &str = ".key";

#[cfg(test)]
mod tests;
