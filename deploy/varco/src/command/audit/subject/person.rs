//! Who is asked about, and the references under which records know them, year by year.
//!
//! Only references leave this process towards the register. Neither `Debug` nor an error shows an
//! identifier. Anagrafe is asked in `resolution`.

use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::path::{Path, PathBuf};

use prost::bytes::Bytes;
use varco_anagrafe::codice_fiscale::CodiceFiscale;
use varco_gateway::audit::subject::Identifier;
use varco_gateway::keys::ratchet::YearKey;
use varco_proto::options::v1::SubjectKind;
use varco_runtime::config::Config;
use varco_runtime::secret::dpo::DpoKey;

use super::Args;
use super::searched::{Kind, Searched, Source};
use crate::data_folder::dpo;
use crate::failure::Failure;
use crate::output;

/// A person, by every identifier that is known here.
#[derive(Debug)]
pub struct Person {
    identifiers: Vec<Searched>,
}

/// The references of a person in each year of which there is a key.
#[derive(Clone, Debug)]
pub struct References {
    by_year: BTreeMap<i16, Vec<Bytes>>,
}

/// The files of the DPO's that open the references.
#[derive(Debug)]
pub struct KeyFiles {
    dpo: PathBuf,
    subject: PathBuf,
}

impl Person {
    /// Reads what was given; `-` for the codice fiscale reads a line of standard input.
    ///
    /// One that cannot exist is only remarked on: somebody may have been looked for with it.
    ///
    /// # Errors
    ///
    /// When one is blank, or there are more than 50.
    pub fn read(cf: &str, ids_anpr: &[String]) -> Result<Self, Failure> {
        let cf = match cf {
            "-" => line_of(std::io::stdin().lock())?,
            given => given.to_owned(),
        };
        if let Err(why) = CodiceFiscale::parse(&cf) {
            output::note(format!(
                "this is no codice fiscale that can exist ({why}); whoever was looked for with it is found all the same"
            ));
        }
        Self::of(&cf, ids_anpr)
    }

    /// A person of these identifiers.
    ///
    /// # Errors
    ///
    /// When one is blank, or there are more than 50.
    pub fn of(cf: &str, ids_anpr: &[String]) -> Result<Self, Failure> {
        if ids_anpr.len() > GIVEN {
            let why = format!("they are more than {GIVEN}");
            return Err(Failure::new("--id-anpr", why, "search in several steps"));
        }
        let given = |option: &str, (subject, kind), text: &str| {
            let identifier = Identifier::of(subject, "", text);
            let blank = || Failure::new(option, "it is blank", "give an identifier");
            Ok::<_, Failure>(Searched {
                identifier: identifier.ok_or_else(blank)?,
                kind,
                source: Source::Given,
            })
        };
        let code = (SubjectKind::CodiceFiscale, Kind::CodiceFiscale);
        let mut identifiers = vec![given("--cf", code, cf)?];
        for id in ids_anpr {
            let national = (SubjectKind::IdAnpr, Kind::IdAnpr);
            identifiers.push(given("--id-anpr", national, id)?);
        }
        Ok(Self { identifiers })
    }

    /// Adds an identifier that anagrafe tells; one that is there already stays as it is.
    ///
    /// # Errors
    ///
    /// When it is blank, or they become more than one search may name.
    pub fn add(&mut self, subject: SubjectKind, text: &str, kind: Kind) -> Result<(), Failure> {
        let told = Identifier::of(subject, "", text).ok_or_else(|| {
            Failure::new(
                "an identifier is blank",
                "anagrafe tells it so",
                "ask its office",
            )
        })?;
        if self.identifiers.iter().any(|it| it.identifier == told) {
            return Ok(());
        }
        if self.identifiers.len() >= MOST {
            let what = format!("they are more than {MOST} identifiers");
            let remedy = "give fewer in --id-anpr";
            return Err(Failure::new(what, "a search names no more", remedy));
        }
        self.identifiers.push(Searched {
            identifier: told,
            kind,
            source: Source::Anagrafe,
        });
        Ok(())
    }

    /// Checks that no other id ANPR was given than the one under which anagrafe knows the person.
    ///
    /// # Errors
    ///
    /// When one was: the answer would tell of somebody else.
    pub fn require_id(&self, id: &str) -> Result<(), Failure> {
        let mut ids = self.identifiers.iter().filter(|it| it.kind == Kind::IdAnpr);
        if ids.all(|it| it.identifier.text() == id) {
            return Ok(());
        }
        let why = "anagrafe knows the person of this codice fiscale by another id";
        Err(Failure::new("--id-anpr", why, "leave it out"))
    }

    /// All identifiers, those that were given first.
    #[must_use]
    pub fn searched(&self) -> &[Searched] {
        &self.identifiers
    }

    /// The references from the year of a key to another one, both included.
    ///
    /// # Errors
    ///
    /// When the library refuses, which it has no reason to.
    pub fn references(&self, key: &YearKey, last: i16) -> Result<References, Failure> {
        let mut by_year = BTreeMap::new();
        let mut key = key.clone();
        while key.year() <= last {
            let hashes = key.hashes()?;
            let of = |it: &Searched| Bytes::copy_from_slice(&hashes.subject(&it.identifier).0);
            by_year.insert(key.year(), self.identifiers.iter().map(of).collect());
            match key.at(key.year() + 1)? {
                Some(next) => key = next,
                None => break,
            }
        }
        Ok(References { by_year })
    }
}

impl References {
    /// What to look for in a log, by its name; none where it is older than the key.
    ///
    /// A call may begin in one year and end in the next, so the neighbours of the log's year count
    /// too.
    #[must_use]
    pub fn for_log(&self, origin: &str) -> Option<Vec<Bytes>> {
        let (first, last) = (
            self.by_year.first_key_value()?,
            self.by_year.last_key_value()?,
        );
        let (from, to) = match year(origin) {
            Some(year) if year < *first.0 => return None,
            Some(year) => (year - 1, year + 1),
            None => (*first.0, *last.0),
        };
        let years = self.by_year.range(from..=to);
        Some(years.flat_map(|(_, all)| all).cloned().collect())
    }
}

impl KeyFiles {
    /// The files that were named, or those of the data folder.
    ///
    /// The oldest key is taken, because later ones follow from it and earlier ones do not.
    ///
    /// # Errors
    ///
    /// When none was named and none lies there.
    pub fn choose(args: &Args, config: &Config) -> Result<Self, Failure> {
        let private = dpo::private_half(config);
        let subject = match &args.subject_key {
            Some(file) => file.clone(),
            None => oldest(private.parent().unwrap_or(Path::new("")))?,
        };
        Ok(Self {
            dpo: args.dpo_key.clone().unwrap_or(private),
            subject,
        })
    }

    /// The DPO's private key.
    ///
    /// # Errors
    ///
    /// When it is missing, or the file holds none.
    pub fn dpo(&self) -> Result<DpoKey, Failure> {
        let remedy = "name the file of the DPO's private key with --dpo-key";
        DpoKey::read(&self.dpo).map_err(|error| Failure::from(error).remedy(remedy))
    }

    /// The key for data subjects.
    ///
    /// # Errors
    ///
    /// When it is missing, was sealed to another key, or holds something else.
    pub fn year_key(&self, dpo: &DpoKey) -> Result<YearKey, Failure> {
        let file = self.subject.display();
        let sealed = std::fs::read(&self.subject).map_err(|error| {
            Failure::new(
                &file,
                error,
                "name the sealed key for data subjects with --subject-key",
            )
        })?;
        let text = dpo.open(&sealed).ok_or_else(|| {
            let what = format!("{file} does not open with {}", self.dpo.display());
            let why = "it was sealed to another key, or is damaged";
            Failure::new(what, why, "name the DPO's key with --dpo-key")
        })?;
        YearKey::parse(&text).ok_or_else(|| {
            let why = "it holds no key for data subjects";
            Failure::new(&file, why, "name subject-<year>.age with --subject-key")
        })
    }
}

/// The year at the end of a log's name, `<ipa>.audit/<instance>/<year>[-e<epoch>]`.
fn year(origin: &str) -> Option<i16> {
    let (_, last) = origin.rsplit_once('/')?;
    last.split('-').next()?.parse().ok()
}

fn oldest(folder: &Path) -> Result<PathBuf, Failure> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let year = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        let year = name.strip_prefix("subject-")?.strip_suffix(".age")?;
        year.parse::<i16>().ok()
    };
    let keys = entries.filter_map(|it| Some((year(&it.path())?, it.path())));
    let oldest = keys.min_by_key(|(year, _)| *year);
    oldest.map(|(_, path)| path).ok_or_else(|| {
        let what = format!("{} holds no subject-<year>.age", folder.display());
        let why = "the key for data subjects is kept by the DPO";
        Failure::new(what, why, "name its file with --subject-key")
    })
}

fn line_of(from: impl std::io::BufRead) -> Result<String, Failure> {
    let mut line = String::new();
    let read = from.take(LINE).read_line(&mut line);
    let remedy = "write the codice fiscale as one line to standard input";
    read.map_err(|error| Failure::new("--cf -", error, remedy))?;
    Ok(line)
}

/// Most ids ANPR that may be given.
const GIVEN: usize = 50;
/// Most identifiers; of three years they are within the 200 that a search may name.
const MOST: usize = 66;
/// Longest line of standard input in bytes.
const LINE: u64 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> YearKey {
        YearKey::parse(&format!("varco/subject/2026 {}\n", "07".repeat(32))).unwrap()
    }

    #[test]
    fn references_reach_from_the_key_to_the_last_year_and_are_those_of_the_gateway() {
        let person = Person::of("rssmra80a01h501u", &["ab1".to_owned()]).unwrap();

        let references = person.references(&key(), 2028).unwrap();

        let years: Vec<i16> = references.by_year.keys().copied().collect();
        assert_eq!(years, [2026, 2027, 2028]);
        let hashes = key().at(2027).unwrap().unwrap().hashes().unwrap();
        let cf = Identifier::of(SubjectKind::CodiceFiscale, "", "RSSMRA80A01H501U").unwrap();
        let id = Identifier::of(SubjectKind::IdAnpr, "", "AB1").unwrap();
        let expected = [cf, id].map(|it| Bytes::copy_from_slice(&hashes.subject(&it).0));
        assert_eq!(references.by_year[&2027], expected);
    }

    #[test]
    fn log_is_asked_by_its_year_and_its_neighbours() {
        let person = Person::of("RSSMRA80A01H501U", &[]).unwrap();
        let references = person.references(&key(), 2029).unwrap();
        let count = |origin: &str| references.for_log(origin).map(|all| all.len());

        assert_eq!(count("c_z999.audit/gw1/2026"), Some(2));
        assert_eq!(count("c_z999.audit/gw1/2028-e2"), Some(3));
        assert_eq!(count("c_z999.audit/gw1/2025"), None);
        assert_eq!(count("altro"), Some(4));
    }

    #[test]
    fn blank_and_many_identifiers_are_refused() {
        assert!(Person::of(" ", &[]).is_err());
        assert!(Person::of("RSSMRA80A01H501U", &[String::new()]).is_err());
        assert!(Person::of("RSSMRA80A01H501U", &vec!["1".to_owned(); 51]).is_err());
    }

    #[test]
    fn identifiers_that_anagrafe_adds_are_each_once_and_bounded() {
        let mut person = Person::of("rssmra80a01h501u", &[]).unwrap();
        let cf = SubjectKind::CodiceFiscale;

        let again = person.add(cf, "RSSMRA80A01H501U", Kind::CodiceFiscalePrecedente);
        let count = person.searched().len();
        let added: Vec<_> = (0..66)
            .map(|n| person.add(cf, &format!("X{n}"), Kind::CodiceFiscalePrecedente))
            .collect();

        assert!(again.is_ok() && count == 1);
        assert!(added[..65].iter().all(Result::is_ok) && added[65].is_err());
        let references = person.references(&key(), 2028).unwrap();
        let named = references.for_log("c_z999.audit/gw1/2027").unwrap();
        assert!(named.len() <= 200, "{}", named.len());
    }

    #[test]
    fn line_of_standard_input_is_bounded() {
        let line = line_of("x".repeat(1000).as_bytes()).unwrap();

        assert_eq!(line.len(), 256);
    }

    #[test]
    fn debug_shows_nobody() {
        let person = Person::of("RSSMRA80A01H501U", &[]).unwrap();

        assert!(!format!("{person:?}").contains("RSS"));
    }
}
