//! What the messages of a call have shown so far: of whom, in which fields, and which bytes.
//!
//! Every message that passes is noted, and the records of the call tell of it. Each identifier
//! stands in one record; it waits here until then. Of more than ten thousand different ones the
//! oldest are forgotten, so that one that comes again is told again and counted twice.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};

use crate::audit::subject::{Identifier, Reference};
use crate::keys::ratchet::Hashes;
use crate::minimise::walk::Passed;
use crate::minimise::walked::Direction;
use crate::registry::contract::Contract;
use crate::registry::contract::told::Fields;

/// What the messages of a call have shown. Its `Debug` shows nothing.
#[derive(Default)]
pub struct Noted(Mutex<Held>);

/// A message that passed.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Which way.
    pub way: Direction,
    /// Whether others may follow it.
    pub streamed: bool,
    /// What the walk met in it.
    pub passed: &'a Passed<'a>,
    /// Its bytes as they go on, without a frame.
    pub bytes: &'a [u8],
    /// Its contract.
    pub contract: &'a Contract,
}

/// Digests of what passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Their key.
    pub salt: [u8; SALT],
    /// Of the request; empty where none passed.
    pub request: Vec<u8>,
    /// Of the answer; empty where none passed.
    pub answer: Vec<u8>,
}

/// More identifiers wait for a record than may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

#[derive(Default)]
struct Held {
    asked: Vec<(Reference, Identifier)>,
    answered: Vec<(Reference, Identifier)>,
    seen: HashSet<Reference>,
    count: u64,
    fields: Fields,
    request: Vec<u8>,
    digesting: Option<Digesting>,
}

struct Digesting {
    salt: [u8; SALT],
    request: Context,
    answer: Context,
    has_request: bool,
    has_answer: bool,
}

impl Noted {
    /// Notes a message that passed.
    ///
    /// # Errors
    ///
    /// [`Full`] when the call names people faster than its records are written.
    pub fn note(&self, message: &Message<'_>, hashes: &Hashes) -> Result<(), Full> {
        let mut held = self.held();
        held.digest(message);
        if message.way == Direction::Answer {
            held.fields.extend(&message.passed.fields);
        } else if !message.streamed && message.bytes.len() <= SHORT {
            held.request = message.bytes.to_vec();
        }
        let named = message.passed.named.iter();
        for identifier in named.flat_map(|it| it.identifiers(message.contract)) {
            held.name(message.way, hashes.subject(&identifier), identifier)?;
        }
        Ok(())
    }

    /// Takes identifiers that no record has told of, at most a thousand.
    pub fn take(&self) -> Vec<(Reference, Identifier)> {
        let mut held = self.held();
        let asked = held.asked.len().min(MOST);
        let mut taken: Vec<_> = held.asked.drain(..asked).collect();
        let answered = held.answered.len().min(MOST - asked);
        taken.extend(held.answered.drain(..answered));
        taken
    }

    /// Whether more identifiers wait than one record has room for.
    #[must_use]
    pub fn overflows(&self) -> bool {
        let held = self.held();
        held.asked.len() + held.answered.len() > MOST
    }

    /// How many different identifiers have come so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.held().count
    }

    /// Fields that left.
    #[must_use]
    pub fn fields(&self) -> Fields {
        self.held().fields.clone()
    }

    /// The one message of the request, where it is short; else nothing.
    #[must_use]
    pub fn request(&self) -> Vec<u8> {
        self.held().request.clone()
    }

    /// Digests of what has passed; none when nothing has.
    #[must_use]
    pub fn digests(&self) -> Option<Digests> {
        let held = self.held();
        let digesting = held.digesting.as_ref()?;
        let sum = |has: bool, of: &Context| {
            let sum = has.then(|| of.clone().sign().as_ref().to_vec());
            sum.unwrap_or_default()
        };
        Some(Digests {
            salt: digesting.salt,
            request: sum(digesting.has_request, &digesting.request),
            answer: sum(digesting.has_answer, &digesting.answer),
        })
    }

    /// Forgets what an answer showed that does not leave.
    pub fn withdraw_answer(&self) {
        let mut held = self.held();
        let withdrawn = std::mem::take(&mut held.answered);
        held.count = held.count.saturating_sub(withdrawn.len() as u64);
        held.fields = Fields::default();
        if let Some(digesting) = &mut held.digesting {
            digesting.has_answer = false;
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn name(
        &mut self,
        way: Direction,
        reference: Reference,
        identifier: Identifier,
    ) -> Result<(), Full> {
        if self.seen.contains(&reference) {
            return Ok(());
        }
        if self.asked.len() + self.answered.len() >= MOST_WAITING {
            return Err(Full);
        }
        if self.seen.len() >= REMEMBERED {
            self.seen.clear();
        }
        self.seen.insert(reference);
        self.count += 1;
        match way {
            Direction::Answer => self.answered.push((reference, identifier)),
            Direction::Request => self.asked.push((reference, identifier)),
        }
        Ok(())
    }

    fn digest(&mut self, message: &Message<'_>) {
        if self.digesting.is_none() {
            self.digesting = Digesting::start();
        }
        // Without randomness there are no digests.
        let Some(digesting) = &mut self.digesting else {
            return;
        };
        let context = match message.way {
            Direction::Answer => {
                digesting.has_answer = true;
                &mut digesting.answer
            }
            Direction::Request => {
                digesting.has_request = true;
                &mut digesting.request
            }
        };
        if message.streamed {
            let length = u32::try_from(message.bytes.len()).unwrap_or(u32::MAX);
            context.update(&[0]);
            context.update(&length.to_be_bytes());
        }
        context.update(message.bytes);
    }
}

impl Digesting {
    fn start() -> Option<Self> {
        let mut salt = [0; SALT];
        aws_lc_rs::rand::fill(&mut salt).ok()?;
        let context = Context::with_key(&Key::new(HMAC_SHA256, &salt));
        Some(Self {
            salt,
            request: context.clone(),
            answer: context,
            has_request: false,
            has_answer: false,
        })
    }
}

impl fmt::Debug for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Noted")
    }
}

/// Identifiers in one record.
const MOST: usize = 1000;
/// Identifiers that may wait for a record: more than an answer of the default size can hold.
const MOST_WAITING: usize = 300_000;
/// Identifiers that are remembered so that none is told twice.
const REMEMBERED: usize = 10_000;
/// Bytes of the salt.
const SALT: usize = 16;
/// Longest request that is kept, bytes.
const SHORT: usize = 1024;

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use prost::Message as _;
    use varco_proto::anagrafe::v1::{Componente, GetFamigliaRequest, GetFamigliaResponse};

    use super::*;
    use crate::keys::ratchet::YearKey;
    use crate::minimise::walk::{Outside, walk};
    use crate::registry::contract::testing;

    static CONTRACT: LazyLock<std::sync::Arc<Contract>> =
        LazyLock::new(|| testing::compiled(varco_proto::DESCRIPTOR_SET));

    fn hashes() -> Hashes {
        YearKey::generate(2026).unwrap().hashes().unwrap()
    }

    fn place(way: Direction) -> usize {
        let method = &CONTRACT.methods["varco.anagrafe.v1.AnagrafeService/GetFamiglia"];
        match way {
            Direction::Answer => method.output,
            Direction::Request => method.input,
        }
    }

    fn family(people: std::ops::Range<u32>) -> Vec<u8> {
        let member = |n: u32| Componente {
            codice_fiscale: Some(format!("RSSMRA80A01H{n:04}")),
            ..Default::default()
        };
        let componenti = people.map(member).collect();
        let family = GetFamigliaResponse {
            componenti,
            ..Default::default()
        };
        family.encode_to_vec()
    }

    fn question(person: u32) -> Vec<u8> {
        let request = GetFamigliaRequest {
            codice_fiscale: Some(format!("RSSMRA80A01H{person:04}")),
            ..Default::default()
        };
        request.encode_to_vec()
    }

    fn note(noted: &Noted, way: Direction, streamed: bool, bytes: &[u8]) -> Result<(), Full> {
        let passed = walk(&CONTRACT, place(way), u64::MAX, Outside::Drop, bytes).unwrap();
        let message = Message {
            way,
            streamed,
            passed: &passed,
            bytes,
            contract: &CONTRACT,
        };
        noted.note(&message, &hashes())
    }

    #[test]
    fn each_identifier_is_told_once_and_counted_once() {
        let (noted, hashes) = (Noted::default(), hashes());
        let pass = |way, bytes: &[u8]| {
            let passed = walk(&CONTRACT, place(way), u64::MAX, Outside::Drop, bytes).unwrap();
            let message = Message {
                way,
                streamed: true,
                passed: &passed,
                bytes,
                contract: &CONTRACT,
            };
            noted.note(&message, &hashes).unwrap();
        };

        pass(Direction::Request, &question(1));
        pass(Direction::Answer, &family(0..3));
        let first = noted.take();
        pass(Direction::Answer, &family(2..5));
        let second = noted.take();

        let texts = |taken: &[(Reference, Identifier)]| -> Vec<String> {
            taken
                .iter()
                .map(|(_, it)| it.text()[12..].to_owned())
                .collect()
        };
        assert_eq!(texts(&first), ["0001", "0000", "0002"]);
        assert_eq!(texts(&second), ["0003", "0004"]);
        assert_eq!(noted.count(), 5);
    }

    #[test]
    fn record_takes_a_thousand_and_the_rest_waits() {
        let noted = Noted::default();

        note(&noted, Direction::Answer, false, &family(0..1500)).unwrap();

        assert!(noted.overflows());
        assert_eq!(noted.take().len(), 1000);
        assert!(!noted.overflows());
        assert_eq!((noted.take().len(), noted.count()), (500, 1500));
    }

    #[test]
    fn answer_that_does_not_leave_names_nobody() {
        let noted = Noted::default();
        note(&noted, Direction::Request, false, &question(7)).unwrap();
        note(&noted, Direction::Answer, false, &family(0..3)).unwrap();

        noted.withdraw_answer();

        assert_eq!(noted.count(), 1);
        assert_eq!(noted.take().len(), 1);
        assert_eq!(noted.fields(), Fields::default());
        let digests = noted.digests().unwrap();
        assert_eq!((digests.request.len(), digests.answer.len()), (32, 0));
    }

    #[test]
    fn digests_are_keyed_by_the_salt_and_of_streams_framed() {
        let (one, stream) = (Noted::default(), Noted::default());
        let answer = family(0..1);

        note(&one, Direction::Answer, false, &answer).unwrap();
        note(&stream, Direction::Answer, true, &answer).unwrap();
        note(&stream, Direction::Answer, true, &answer).unwrap();

        let check = |noted: &Noted, message: &[u8]| {
            let digests = noted.digests().unwrap();
            let key = Key::new(HMAC_SHA256, &digests.salt);
            aws_lc_rs::hmac::verify(&key, message, &digests.answer).is_ok()
        };
        let frame = crate::minimise::frames::frame(&answer);
        assert!(check(&one, &answer));
        assert!(check(&stream, &[frame.clone(), frame].concat()));
        assert_ne!(one.digests().unwrap().salt, stream.digests().unwrap().salt);
    }

    #[test]
    fn only_a_short_request_of_one_message_is_kept() {
        let [short, long, stream] = [(); 3].map(|()| Noted::default());
        let question = question(7);
        let padded = [&question[..], &family(0..60)].concat();

        note(&short, Direction::Request, false, &question).unwrap();
        note(&stream, Direction::Request, true, &question).unwrap();
        let _ = note(&long, Direction::Request, false, &padded);

        assert_eq!(short.request(), question);
        assert!(long.request().is_empty() && stream.request().is_empty());
    }
}
