//! Secrets sealed with age: what a stolen disk or backup shows is no key.
//!
//! One identity opens every sealed file. It lies in the folder of the keys, itself sealed with the
//! passphrase by scrypt (C2SP age, scrypt recipient), so that the slow step is paid once for each
//! start and fresh keys are sealed to the identity's recipient without asking for the passphrase
//! again. The files are plain age: whoever has the passphrase opens them with any tool of that
//! format.

use std::io::Read as _;
use std::iter;
use std::path::Path;

use age::secrecy::{ExposeSecret as _, SecretString};
use age::{Decryptor, scrypt, x25519};
use zeroize::Zeroizing;

use super::{Error, read, write};

/// What opens and closes the sealed files of one installation.
pub(super) struct Sealed {
    identity: x25519::Identity,
}

impl Sealed {
    /// Makes a fresh identity in a file, sealed with a passphrase.
    ///
    /// # Errors
    ///
    /// When one stands there already, or the folder refuses.
    pub(super) fn create(file: &Path, passphrase: &Path) -> Result<Self, Error> {
        if file.exists() {
            return Err(Error::IdentityExists(file.to_owned()));
        }
        let mut recipient = scrypt::Recipient::new(words(passphrase)?);
        recipient.set_work_factor(WORK);
        let identity = x25519::Identity::generate();
        let sealed = age::encrypt(&recipient, identity.to_string().expose_secret().as_bytes())
            .map_err(|_| Error::Seal(file.to_owned()))?;
        write(file, &sealed)?;
        Ok(Self { identity })
    }

    /// Opens the identity of a file with its passphrase.
    ///
    /// # Errors
    ///
    /// When it is missing, damaged, or the passphrase is another's.
    pub(super) fn open(file: &Path, passphrase: &Path) -> Result<Self, Error> {
        if !file.exists() {
            return Err(Error::IdentityMissing(file.to_owned()));
        }
        let mut words = scrypt::Identity::new(words(passphrase)?);
        words.set_max_work_factor(MOST_WORK);
        let wrong = || Error::PassphraseWrong(passphrase.to_owned(), file.to_owned());
        let opened = unseal(&bytes(file)?, &words).ok_or_else(wrong)?;
        let identity = opened.trim().parse().map_err(|_| wrong())?;
        Ok(Self { identity })
    }

    /// Reads a sealed text.
    ///
    /// # Errors
    ///
    /// [`Error::Plain`] for a file that is not sealed.
    pub(super) fn read(&self, path: &Path) -> Result<Zeroizing<String>, Error> {
        let content = bytes(path)?;
        if !is_sealed(&content) {
            return Err(Error::Plain(path.to_owned()));
        }
        unseal(&content, &self.identity).ok_or_else(|| Error::Damaged(path.to_owned()))
    }

    /// Writes a sealed file, whole or not at all.
    ///
    /// # Errors
    ///
    /// When the folder or the disk refuses.
    pub(super) fn write(&self, path: &Path, content: &[u8]) -> Result<(), Error> {
        let sealed = age::encrypt(&self.identity.to_public(), content)
            .map_err(|_| Error::Seal(path.to_owned()))?;
        write(path, &sealed)
    }
}

/// Whether bytes are an age file.
pub(super) fn is_sealed(content: &[u8]) -> bool {
    content.starts_with(MAGIC)
}

/// The passphrase of a file, without the end of its line.
fn words(file: &Path) -> Result<SecretString, Error> {
    let text = read(file)?;
    let words = text.trim_end_matches(['\r', '\n']);
    if words.chars().count() < SHORTEST {
        return Err(Error::PassphraseShort(file.to_owned()));
    }
    Ok(SecretString::from(words.to_owned()))
}

fn bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    std::fs::read(path)
        .map(Zeroizing::new)
        .map_err(|error| Error::Read(path.to_owned(), error))
}

/// Opens a sealed text with an identity; none where it does not fit.
pub(super) fn unseal(content: &[u8], identity: &dyn age::Identity) -> Option<Zeroizing<String>> {
    let decryptor = Decryptor::new_buffered(content).ok()?;
    // With room for all of it, no copy is left behind by a buffer that grows.
    let mut plain = Zeroizing::new(String::with_capacity(content.len()));
    let mut opened = decryptor.decrypt(iter::once(identity)).ok()?;
    opened.read_to_string(&mut plain).ok()?;
    Some(plain)
}

const MAGIC: &[u8] = b"age-encryption.org/v1\n";
/// Shortest passphrase, in characters.
const SHORTEST: usize = 12;
/// Work of scrypt as log2 of N, with r 8 and p 1: some 0.3 s and 128 MiB.
const WORK: u8 = 17;
/// Most work that a file may ask for, so that a forged one cannot exhaust the machine.
const MOST_WORK: u8 = 20;
