//! Anchoring: the day's checkpoint stands where this gateway cannot reach it.
//!
//! Registered in the comune's own protocollo its date holds against third parties (DPR 445/2000 art. 53;
//! DPCM 22/2/2013 art. 41 c. 4 lett. a); published at the albo anybody may keep a copy; stamped by an
//! authority (RFC 3161) it bears a time that the comune has not made. What is anchored is the signed note
//! itself, byte for byte, so that whoever has it can ask the register for a proof that it goes on from there.
//!
//! A day has one note. It is kept in a file before anything is asked, and every request bears a key that
//! follows from it: a process that dies in between goes on, and nothing is registered twice.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::civil::Date;
use prost::Message as _;
use tokio::sync::Mutex;
use varco_proto::audit::v1::{Anchor, Record, RecordKind, SearchRecordsRequest};
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;
use varco_runtime::problem::{Problem, ToStatus, chain};
use varco_runtime::{client, secret};
use varco_tlog::checkpoint::Checkpoint;

use super::committer::{Register, Unavailable};
use super::{record, search};

mod begun;
pub mod nightly;
mod offices;
mod tsa;

use begun::{Begun, Kept};
use offices::Offices;
use tsa::Authority;

/// Anchors the register of accesses.
#[derive(Debug)]
pub struct Anchoring {
    register: Register,
    clock: Clock,
    config: Config,
    kept: Kept,
    /// One at a time.
    turn: Mutex<()>,
}

/// A checkpoint, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Anchored {
    /// The day in Europe/Rome.
    pub day: Date,
    /// The signed note.
    pub note: String,
    /// Where it stands.
    pub anchors: Vec<Anchor>,
}

/// Where a checkpoint can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Protocollo,
    Albo,
    Tsa,
}

/// Ways that anchoring fails; what has been anchored until then stands.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The register of accesses cannot be read.
    #[error(transparent)]
    Audit(#[from] super::Error),
    /// The client that anchors cannot be used.
    #[error("the client that anchors cannot be used: {0}")]
    Client(#[from] client::Error),
    /// What was begun cannot be kept.
    #[error(transparent)]
    Kept(#[from] secret::Error),
    /// An office refuses, or does not answer.
    #[error("{office} did not take the checkpoint: {reason}")]
    Office {
        /// Which office.
        office: &'static str,
        /// Its reason, or that of the gateway.
        reason: String,
    },
    /// The register of accesses cannot be written.
    #[error(transparent)]
    Record(#[from] Unavailable),
    /// The authority gives no time stamp.
    #[error("the authority gives no time stamp: {0}")]
    Tsa(#[from] tsa::Error),
}

/// A checkpoint that is to be anchored.
#[derive(Clone, Debug)]
struct Paper {
    day: Date,
    note: String,
    checkpoint: Checkpoint,
    sha256: [u8; 32],
}

/// What an anchoring needs of one place: how the checkpoint is known there, and the proof it gave.
struct Said {
    reference: String,
    evidence: Vec<u8>,
}

impl Anchoring {
    /// Anchors as a configuration says; none where it names no place.
    #[must_use]
    pub fn of(register: &Register, clock: &Clock, config: &Config) -> Option<Self> {
        if config.gateway.anchors.is_empty() {
            return None;
        }
        Some(Self {
            register: register.clone(),
            clock: clock.clone(),
            kept: Kept::of(&config.audit_folder(), &config.gateway.instance),
            config: config.clone(),
            turn: Mutex::default(),
        })
    }

    /// Anchors the checkpoint of today at every place where it does not stand yet.
    ///
    /// # Errors
    ///
    /// The first that a place gave; the others have been asked all the same.
    pub async fn run(&self) -> Result<Anchored, Error> {
        let _turn = self.turn.lock().await;
        let mut begun = self.begun().await?;
        let paper = self.paper(&begun)?;
        let mut anchors = self.anchors(&paper).await?;
        let mut failed = None;
        for place in self.places() {
            if anchors.iter().any(|it| it.place == place.name()) {
                continue;
            }
            match self.anchor_at(place, &paper, &mut begun).await {
                Ok(anchor) => anchors.push(anchor),
                // Without its registration nothing can be published; what else there is can be done.
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(Anchored {
                day: paper.day,
                note: paper.note,
                anchors,
            }),
        }
    }

    /// The day on which something was anchored last, or begun to be.
    pub(super) fn last_day(&self) -> Option<Date> {
        self.kept.read().ok().flatten()?.day()
    }

    /// What was begun today, or what begins now.
    async fn begun(&self) -> Result<Begun, Error> {
        let today = self.clock.today();
        if let Some(begun) = self.kept.read()?.filter(|begun| begun.day() == Some(today)) {
            return Ok(begun);
        }
        let reading = self.register.reading();
        let head = reading.head().await?;
        let head = head.ok_or_else(|| super::Error::NoLog(reading.log.origin.clone()))?;
        // What witnesses have cosigned is a few seconds old, and says more.
        let cosigned = self.register.cosigned();
        let cosigned = cosigned.filter(|it| it.origin == reading.log.origin);
        let begun = Begun {
            day: today.to_string(),
            vkey: reading.log.vkey,
            note: cosigned.map_or(head.note, |it| it.note.to_string()),
            documento: None,
            registrazione: None,
        };
        self.kept.write(&begun)?;
        Ok(begun)
    }

    fn paper(&self, begun: &Begun) -> Result<Paper, Error> {
        let key = begun.vkey.parse().map_err(super::Error::from)?;
        let checkpoint = Checkpoint::open(&begun.note, &key).map_err(super::Error::from)?;
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest(&SHA256, begun.note.as_bytes()).as_ref());
        Ok(Paper {
            day: begun.day().unwrap_or_else(|| self.clock.today()),
            note: begun.note.clone(),
            checkpoint,
            sha256,
        })
    }

    fn places(&self) -> Vec<Place> {
        let anchors = &self.config.gateway.anchors;
        let albo = anchors.offices.as_ref().and_then(|it| it.albo.as_ref());
        let places = [
            anchors.offices.as_ref().map(|_| Place::Protocollo),
            albo.map(|_| Place::Albo),
            anchors.tsa.as_ref().map(|_| Place::Tsa),
        ];
        places.into_iter().flatten().collect()
    }

    /// Where the register says that the checkpoint stands.
    async fn anchors(&self, paper: &Paper) -> Result<Vec<Anchor>, Error> {
        let reading = self.register.reading();
        let is_own = paper.checkpoint.origin == reading.log.origin;
        let asked = SearchRecordsRequest {
            kinds: vec![RecordKind::Anchor.into()],
            from_index: if is_own { paper.checkpoint.size } else { 0 },
            page_size: 1000,
            ..SearchRecordsRequest::default()
        };
        let found = search::search(&reading, &asked).await?;
        let anchor = |leaf: &[u8]| Record::decode(leaf).ok()?.anchor;
        let anchors = found.entries.iter().filter_map(|it| anchor(&it.leaf));
        Ok(anchors
            .filter(|it| it.checkpoint_sha256 == paper.sha256.as_slice())
            .collect())
    }

    async fn anchor_at(
        &self,
        place: Place,
        paper: &Paper,
        begun: &mut Begun,
    ) -> Result<Anchor, Error> {
        let said = match place {
            Place::Protocollo => self.register_in_protocollo(paper, begun).await?,
            Place::Albo => self.publish_at_albo(paper, begun).await?,
            Place::Tsa => self.stamp(paper).await?,
        };
        let anchor = Anchor {
            size: paper.checkpoint.size,
            checkpoint_sha256: paper.sha256.to_vec().into(),
            place: place.name().to_owned(),
            reference: said.reference,
            evidence: said.evidence.into(),
            checkpoint: paper.note.clone(),
        };
        let told = record::anchor(self.clock.uuid(), anchor.clone());
        self.register.commit(told).await?;
        tracing::info!(place = place.name(), "the register of accesses is anchored");
        Ok(anchor)
    }

    async fn register_in_protocollo(
        &self,
        paper: &Paper,
        begun: &mut Begun,
    ) -> Result<Said, Error> {
        let offices = self.offices().await?;
        let documento = match &begun.documento {
            Some(documento) => documento.clone(),
            None => offices.store(paper).await?,
        };
        begun.documento = Some(documento.clone());
        self.kept.write(begun)?;
        let registrazione = offices.register(paper, &documento).await?;
        let reference = registrazione.segnatura.clone();
        begun.registrazione = Some(registrazione);
        self.kept.write(begun)?;
        Ok(Said {
            reference,
            evidence: Vec::new(),
        })
    }

    async fn publish_at_albo(&self, paper: &Paper, begun: &Begun) -> Result<Said, Error> {
        let (Some(documento), Some(registrazione)) = (&begun.documento, &begun.registrazione)
        else {
            return Err(Error::Office {
                office: "albo",
                reason: "it has no registration yet".to_owned(),
            });
        };
        let offices = self.offices().await?;
        Ok(Said {
            reference: offices.publish(paper, (documento, registrazione)).await?,
            evidence: Vec::new(),
        })
    }

    async fn stamp(&self, paper: &Paper) -> Result<Said, Error> {
        let authority = Authority::of(&self.config)?;
        let nonce = *self.clock.uuid().as_bytes();
        let stamp = authority.stamp(&paper.sha256, nonce).await?;
        Ok(Said {
            reference: stamp.reference,
            evidence: stamp.answer.to_vec(),
        })
    }

    async fn offices(&self) -> Result<Offices, Error> {
        let offices = Offices::open(&self.config, &self.clock)?;
        if let Err(error) = offices.renew_when_due().await {
            let cause = chain(&error);
            tracing::warn!(
                cause,
                "the certificate of the client that anchors ends soon"
            );
        }
        Ok(offices)
    }
}

impl Place {
    /// Its name in records.
    fn name(self) -> &'static str {
        match self {
            Self::Protocollo => "protocollo",
            Self::Albo => "albo",
            Self::Tsa => "tsa",
        }
    }
}

impl Paper {
    /// A key by which a repeated request is known: of this note, for one step.
    fn key(&self, step: &str) -> String {
        let both = [self.sha256.as_slice(), step.as_bytes()].concat();
        hex::encode(digest(&SHA256, &both))
    }

    /// What it is about, for the registers of the offices.
    fn oggetto(&self) -> String {
        let Checkpoint { origin, size, .. } = &self.checkpoint;
        format!("Registro degli accessi {origin}: checkpoint a {size} registrazioni")
    }

    /// File name of the note.
    fn file_name(&self) -> String {
        let origin = self.checkpoint.origin.replace('/', "-");
        format!("checkpoint-{origin}-{}.txt", self.checkpoint.size)
    }
}

impl ToStatus for Error {
    fn to_problem(&self) -> Problem {
        match self {
            Self::Audit(error) => error.to_problem(),
            Self::Record(_) => Problem::unavailable(
                "AUDIT_UNAVAILABLE",
                "the register of accesses cannot be written",
                "il registro degli accessi non è scrivibile",
            ),
            Self::Kept(error) => Problem::internal(error),
            Self::Client(error) => self.failed(format!(
                "il client che ancora il registro degli accessi non è utilizzabile: {error}"
            )),
            Self::Office { office, reason } => {
                self.failed(format!("{office} non ha preso il checkpoint: {reason}"))
            }
            Self::Tsa(error) => self.failed(format!(
                "l'autorità non ha dato la marca temporale: {}",
                chain(error)
            )),
        }
    }
}

impl Error {
    fn failed(&self, italian: String) -> Problem {
        Problem::unavailable("ANCHOR_FAILED", self.to_string(), italian)
    }
}

/// Anchors that nobody configured.
#[must_use]
pub fn not_configured() -> Problem {
    Problem::precondition(
        "ANCHORS_NOT_CONFIGURED",
        "no place to anchor the register of accesses is configured: see [gateway.anchors]",
        "non è configurato alcun luogo in cui ancorare il registro degli accessi: vedere [gateway.anchors]",
    )
}

/// Anchors at its hours, for ever.
pub async fn follow(anchoring: Arc<Anchoring>) {
    nightly::follow(&anchoring).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paper(note: &str) -> Paper {
        let checkpoint = Checkpoint {
            origin: "c_z999.audit/gw1/2026".to_owned(),
            size: 12,
            root: varco_tlog::hash::Hash::leaf(b""),
        };
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest(&SHA256, note.as_bytes()).as_ref());
        Paper {
            day: Date::constant(2026, 11, 29),
            note: note.to_owned(),
            checkpoint,
            sha256,
        }
    }

    #[test]
    fn repeated_request_bears_the_same_key_and_no_other_does() {
        let (one, other) = (paper("one"), paper("other"));

        assert_eq!(one.key("protocollo"), paper("one").key("protocollo"));
        assert_ne!(one.key("protocollo"), one.key("albo"));
        assert_ne!(one.key("protocollo"), other.key("protocollo"));
    }

    #[test]
    fn file_of_a_note_has_no_folders_in_its_name() {
        assert_eq!(
            paper("one").file_name(),
            "checkpoint-c_z999.audit-gw1-2026-12.txt"
        );
    }
}
