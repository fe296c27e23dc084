//! What an anchoring has begun, in a file beside the mark: it outlives the process.

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use varco_runtime::secret;

/// The anchoring of a day.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Begun {
    /// The day in Europe/Rome, YYYY-MM-DD.
    pub(super) day: String,
    /// The log's verifier key.
    pub(super) vkey: String,
    /// The signed note.
    pub(super) note: String,
    /// Its name in documenti, once it is stored.
    pub(super) documento: Option<String>,
    /// Its registration, once there is one.
    pub(super) registrazione: Option<Registrazione>,
}

/// A registration in protocollo, as the albo asks for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Registrazione {
    pub(super) aoo: String,
    pub(super) registro: String,
    pub(super) anno: u32,
    pub(super) numero: u64,
    /// Segnatura in one line.
    pub(super) segnatura: String,
}

impl Begun {
    pub(super) fn day(&self) -> Option<Date> {
        self.day.parse().ok()
    }
}

/// The file of a gateway instance.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    file: PathBuf,
}

impl Kept {
    pub(super) fn of(folder: &Path, instance: &str) -> Self {
        Self {
            file: folder.join(format!("{instance}.anchor.json")),
        }
    }

    /// What was begun last. A file that does not parse is as good as none: a new note says all that it said.
    pub(super) fn read(&self) -> Result<Option<Begun>, secret::Error> {
        if !self.file.exists() {
            return Ok(None);
        }
        Ok(serde_json::from_str(&secret::read(&self.file)?).ok())
    }

    pub(super) fn write(&self, begun: &Begun) -> Result<(), secret::Error> {
        let text = serde_json::to_vec_pretty(begun).unwrap_or_default();
        secret::write_public(&self.file, &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_is_found_again_and_a_broken_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::of(folder.path(), "gw1");
        let begun = Begun {
            day: "2026-11-29".to_owned(),
            vkey: "c_z999.audit/gw1/2026+00000000+AQ".to_owned(),
            note: "note\n".to_owned(),
            documento: Some("documenti/1".to_owned()),
            registrazione: None,
        };

        assert!(kept.read().unwrap().is_none());
        kept.write(&begun).unwrap();
        let again = kept.read().unwrap().unwrap();
        std::fs::write(&kept.file, "{").unwrap();

        assert_eq!(again.day(), Some(Date::constant(2026, 11, 29)));
        assert_eq!(again.documento, begun.documento);
        assert!(kept.read().unwrap().is_none());
    }
}
