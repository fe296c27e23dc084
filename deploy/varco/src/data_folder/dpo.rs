//! The key ceremony of the DPO: to whom details are sealed, and who keeps what opens them.
//!
//! The installation keeps the public half of the DPO's key. The private half belongs to the DPO
//! alone: in a real comune it never lies in the data folder; in a sample it does, so that everything
//! can be tried. The first key for data subjects is sealed to the DPO at once, for a safe: whoever
//! has it derives every later one.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use varco_gateway::keys::subjects;
use varco_runtime::config::Config;
use varco_runtime::secret::dpo::{DpoKey, Recipients};
use varco_runtime::secret::{self, Vault};

use crate::failure::Failure;

/// How the DPO of a new comune comes to a key.
#[derive(Clone, Debug)]
pub enum Ceremony {
    /// The DPO made it, and gives its public half.
    Brought(Recipients),
    /// It is made here, and its private half written to this file, once.
    MadeInto(PathBuf),
}

/// Names the DPO of a new comune; whatever goes wrong later, [`take_back`] must follow.
///
/// # Errors
///
/// When the file of the private half stands already, or lies in the data folder.
pub fn appoint(ceremony: &Ceremony, folder: &Path) -> Result<Recipients, Failure> {
    match ceremony {
        Ceremony::Brought(recipients) => Ok(recipients.clone()),
        Ceremony::MadeInto(file) => {
            require_outside(file, folder)?;
            let key = DpoKey::generate();
            write_once(file, key.text().as_bytes()).map_err(|error| not_written(file, &error))?;
            Ok(key.recipients())
        }
    }
}

/// Removes the private half of a comune that did not come to be: nothing was sealed to it.
pub fn take_back(ceremony: &Ceremony) {
    if let Ceremony::MadeInto(file) = ceremony {
        let _ = fs::remove_file(file);
    }
}

/// Leaves the recipients, and the first key for data subjects: for the gateway in its vault, for the
/// DPO as a sealed copy.
///
/// # Errors
///
/// When the folder cannot be written to.
pub fn install(
    config: &Config,
    vault: &Vault,
    recipients: &Recipients,
    year: i16,
) -> Result<(), Failure> {
    let file = config.path(&config.gateway.dpo);
    secret::write_public(&file, recipients.text().as_bytes())?;
    let key = subjects::create(vault, &config.path(&config.gateway.keys), year)?;
    let copy = safe_copy(config, year);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(config.path(Path::new(FOLDER)))?;
    let sealed = recipients.seal(key.text().as_bytes());
    let sealed = sealed.ok_or_else(|| secret::Error::Seal(copy.clone()))?;
    Ok(secret::write(&copy, &sealed)?)
}

/// Plays the ceremony in a sample, whose DPO's key lies in the folder with a warning beside it.
///
/// # Errors
///
/// When the folder cannot be written to.
pub fn install_sample(config: &Config, year: i16) -> Result<(), Failure> {
    let key = DpoKey::generate();
    install(config, &Vault::default(), &key.recipients(), year)?;
    secret::write(&private_half(config), key.text().as_bytes())?;
    let warning = config.path(Path::new(FOLDER)).join("LEGGIMI");
    Ok(secret::write_public(&warning, WARNING.as_bytes())?)
}

/// Where a sample keeps its DPO's private key, and a real comune none.
#[must_use]
pub fn private_half(config: &Config) -> PathBuf {
    config.path(Path::new(FOLDER)).join("dpo.key")
}

/// The first key for data subjects, sealed to the DPO.
#[must_use]
pub fn safe_copy(config: &Config, year: i16) -> PathBuf {
    let folder = config.path(Path::new(FOLDER));
    folder.join(format!("subject-{year}.age"))
}

fn require_outside(file: &Path, folder: &Path) -> Result<(), Failure> {
    let parent = match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let parent = parent.canonicalize();
    let parent = parent.map_err(|error| not_written(file, &error))?;
    if parent.starts_with(folder.canonicalize()?) {
        let why = "it lies in the data folder, whose thief would read every sealed detail with it";
        let remedy = "name a file elsewhere, such as on a stick for the DPO";
        return Err(Failure::new(file.display(), why, remedy));
    }
    Ok(())
}

fn not_written(file: &Path, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::AlreadyExists {
        let why = "it stands there already, and a key is never overwritten";
        return Failure::new(file.display(), why, "name another file");
    }
    let remedy = "name a file in a folder that this user may write to";
    Failure::new(file.display(), error, remedy)
}

fn write_once(file: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut made = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    made.write_all(content)?;
    made.sync_all()
}

/// Where the data folder keeps what is the DPO's.
const FOLDER: &str = "dpo";
const WARNING: &str = "\
ATTENZIONE: in questa cartella c'è la chiave privata del DPO (dpo.key) di un comune d'esempio.

Chi la possiede legge tutti i dettagli sigillati del registro degli accessi: nomi, codici fiscali,
richieste. In un comune vero sta soltanto presso il DPO: `varco init` la scrive una volta sola, fuori
da questa cartella, o non la vede mai.

subject-<anno>.age è la prima chiave con cui il registro indica le persone, sigillata per il DPO: da
essa si ricavano quelle di tutti gli anni seguenti. Il DPO la conserva in cassaforte.
";
