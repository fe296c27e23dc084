//! To whom details are sealed that only the DPO may read: age recipients, one a line.
//!
//! Of the DPO's key an installation knows the public half alone (`age1…`), so that neither a thief
//! of the whole machine nor the gateway itself reads back what it has sealed. A second line names a
//! deputy, who then reads all that is sealed from that moment on, too.

use std::io::Write as _;
use std::path::Path;

use age::secrecy::ExposeSecret as _;
use age::{Encryptor, x25519};
use zeroize::Zeroizing;

use super::sealed::unseal;
use super::{Error, read};

/// Those to whom details are sealed: 1 to 8.
#[derive(Clone)]
pub struct Recipients {
    all: Vec<x25519::Recipient>,
}

/// Ways that recipients are malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// There is none.
    #[error("it names nobody")]
    Empty,
    /// A line is no recipient.
    #[error("line {0} is no age recipient of 62 characters (age1…)")]
    Line(usize),
    /// There are too many.
    #[error("it names more than 8")]
    Many,
    /// A line is a private key.
    #[error("line {0} is a private key, which must never lie here: take its public half (age1…)")]
    Private(usize),
}

/// A private key of the DPO's, which opens what was sealed to its recipient.
pub struct DpoKey {
    identity: x25519::Identity,
}

impl Recipients {
    /// Reads recipients, one a line; blank lines and those that begin with `#` say nothing.
    ///
    /// # Errors
    ///
    /// What is wrong, and in which line.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut all = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.to_ascii_uppercase().starts_with(PRIVATE) {
                return Err(Malformed::Private(number));
            }
            all.push(line.parse().map_err(|_| Malformed::Line(number))?);
        }
        match all.len() {
            0 => Err(Malformed::Empty),
            1..=MOST => Ok(Self { all }),
            _ => Err(Malformed::Many),
        }
    }

    /// Reads the file of an installation's recipients.
    ///
    /// # Errors
    ///
    /// When it is missing or malformed; says what to write into it.
    pub fn read(file: &Path) -> Result<Self, Error> {
        if !file.exists() {
            return Err(Error::DpoMissing(file.to_owned()));
        }
        let malformed = |why| Error::DpoMalformed(file.to_owned(), why);
        Self::parse(&read(file)?).map_err(malformed)
    }

    /// The recipients as age knows them.
    pub fn iter(&self) -> impl Iterator<Item = &x25519::Recipient> {
        self.all.iter()
    }

    /// The content of a file of recipients.
    #[must_use]
    pub fn text(&self) -> String {
        let lines: Vec<String> = self.all.iter().map(ToString::to_string).collect();
        format!("{}\n", lines.join("\n"))
    }

    /// Seals bytes as an age file that each of them opens alone; none when the system gives no
    /// randomness.
    #[must_use]
    pub fn seal(&self, content: &[u8]) -> Option<Vec<u8>> {
        let all = self.all.iter().map(|it| it as &dyn age::Recipient);
        let mut sealed = Vec::with_capacity(content.len() + OVERHEAD);
        let writer = Encryptor::with_recipients(all).ok()?;
        let mut writer = writer.wrap_output(&mut sealed).ok()?;
        writer.write_all(content).ok()?;
        writer.finish().ok()?;
        Some(sealed)
    }
}

impl DpoKey {
    /// Makes a fresh key.
    #[must_use]
    pub fn generate() -> Self {
        let identity = x25519::Identity::generate();
        Self { identity }
    }

    /// Reads the file of a key, as any age tool writes it.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or holds no key.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let text = read(file)?;
        let mut lines = text.lines().map(str::trim);
        let line = lines.find(|line| line.starts_with(PRIVATE));
        let identity = line.and_then(|line| line.parse().ok());
        let identity = identity.ok_or_else(|| Error::DpoKey(file.to_owned()))?;
        Ok(Self { identity })
    }

    /// The file of the key, as any age tool reads it.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        let secret = self.identity.to_string();
        let public = self.identity.to_public();
        Zeroizing::new(format!(
            "# public key: {public}\n{}\n",
            secret.expose_secret()
        ))
    }

    /// Those to whom is sealed what this key opens.
    #[must_use]
    pub fn recipients(&self) -> Recipients {
        Recipients {
            all: vec![self.identity.to_public()],
        }
    }

    /// Opens a sealed text; none where it was not sealed to this key, or is damaged.
    #[must_use]
    pub fn open(&self, sealed: &[u8]) -> Option<Zeroizing<String>> {
        unseal(sealed, &self.identity)
    }
}

impl std::fmt::Debug for Recipients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recipients({})", self.all.len())
    }
}

impl std::fmt::Debug for DpoKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DpoKey")
    }
}

const MOST: usize = 8;
/// What sealing adds for one recipient, about.
const OVERHEAD: usize = 256;
const PRIVATE: &str = "AGE-SECRET-KEY-";

#[cfg(test)]
mod tests {
    use super::*;

    fn text(keys: &[&DpoKey]) -> String {
        keys.iter().map(|key| key.recipients().text()).collect()
    }

    #[test]
    fn dpo_and_deputy_each_open_what_is_sealed_and_nobody_else_does() {
        let [dpo, deputy, stranger] = [(); 3].map(|()| DpoKey::generate());
        let recipients = Recipients::parse(&text(&[&dpo, &deputy])).unwrap();

        let sealed = recipients.seal(b"RSSMRA80A01H501U").unwrap();

        for key in [dpo, deputy] {
            assert_eq!(key.open(&sealed).unwrap().as_str(), "RSSMRA80A01H501U");
        }
        assert!(stranger.open(&sealed).is_none());
        assert!(!sealed.windows(6).any(|part| part == b"RSSMRA"));
    }

    #[test]
    fn file_names_one_recipient_a_line() {
        let key = DpoKey::generate();
        let one = text(&[&key]);

        let read = Recipients::parse(&format!("# the DPO\n\n  {one}\r\n")).unwrap();

        assert_eq!(read.text(), one);
        let refused = |text: &str| Recipients::parse(text).unwrap_err();
        assert_eq!(refused("# nobody\n"), Malformed::Empty);
        assert_eq!(refused(&one.repeat(9)), Malformed::Many);
        assert_eq!(
            refused(&format!("{one}{}x", one.trim())),
            Malformed::Line(2)
        );
        assert_eq!(refused("ssh-ed25519 AAAA"), Malformed::Line(1));
        let private = key.text();
        assert_eq!(refused(&private), Malformed::Private(2));
        assert_eq!(refused(&private.to_lowercase()), Malformed::Private(2));
    }

    #[test]
    fn missing_file_says_what_belongs_into_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("dpo.recipient");

        let missing = Recipients::read(&file).unwrap_err().to_string();
        std::fs::write(&file, "nobody").unwrap();
        let malformed = Recipients::read(&file).unwrap_err().to_string();

        assert!(missing.contains("dpo.recipient is missing: "), "{missing}");
        assert!(missing.contains("age1…"), "{missing}");
        assert!(
            malformed.contains("line 1 is no age recipient"),
            "{malformed}"
        );
    }

    #[test]
    fn key_is_read_again_as_any_tool_writes_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("dpo.key");
        let key = DpoKey::generate();
        std::fs::write(&file, key.text().as_bytes()).unwrap();

        let again = DpoKey::read(&file).unwrap();
        std::fs::write(&file, "nothing").unwrap();
        let refused = DpoKey::read(&file).unwrap_err();

        assert_eq!(again.recipients().text(), key.recipients().text());
        assert!(matches!(refused, Error::DpoKey(_)), "{refused}");
    }

    #[test]
    fn debug_shows_no_key() {
        let key = DpoKey::generate();

        assert_eq!(
            format!("{key:?} {:?}", key.recipients()),
            "DpoKey Recipients(1)"
        );
    }
}
