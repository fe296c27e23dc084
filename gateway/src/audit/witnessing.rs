//! Having witnesses cosign what is new, and believing them when they know more.
//!
//! A witness remembers the last head that it cosigned and signs only what continues it (C2SP
//! tlog-witness). So an older copy of a log, or one that was written anew, is noticed by whoever runs
//! the witness and by the gateway itself: before it serves, and every ten seconds after. A witness that
//! does not answer blocks nothing for four hours; one that knows another log closes the register at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;
use varco_runtime::problem::chain;
use varco_runtime::tls;
use varco_tlog::note;
use varco_tlog::proof;
use varco_witness::client::{Error as Answer, WitnessClient};

use super::committer::Register;
use super::guard::Trouble;
use super::reading::Reading;
use super::{Error, record};

/// A checkpoint with the cosignatures of witnesses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// Size of the log that it covers.
    pub size: u64,
    /// Its log.
    pub origin: String,
    /// The note, cosignatures included.
    pub note: Arc<str>,
}

/// Asks the witnesses of a register.
#[derive(Debug)]
pub struct Witnessing {
    register: Register,
    clock: Clock,
    witnesses: Vec<Known>,
    /// The size that was cosigned last.
    done: u64,
    /// When the last witness answered.
    answered: Instant,
    warned: bool,
}

/// A witness, and what it cosigned last.
#[derive(Debug)]
struct Known {
    client: WitnessClient,
    origin: String,
    size: u64,
}

impl Witnessing {
    /// Knows the witnesses of a configuration; there may be none.
    ///
    /// # Errors
    ///
    /// When an address, a key or an authority cannot be used.
    pub fn open(register: &Register, clock: &Clock, config: &Config) -> Result<Self, Error> {
        let mut witnesses = Vec::new();
        for known in &config.gateway.witnesses {
            let authority = known.ca.as_ref().unwrap_or(&config.comune.ca);
            let roots = tls::roots(&config.path(authority)).map_err(Answer::from)?;
            let key = known.vkey.parse().map_err(Answer::from)?;
            witnesses.push(Known {
                client: WitnessClient::new(&known.address, key, Some(&roots))?,
                origin: String::new(),
                size: 0,
            });
        }
        Ok(Self {
            register: register.clone(),
            clock: clock.clone(),
            witnesses,
            done: 0,
            answered: Instant::now(),
            warned: false,
        })
    }

    /// Asks once, before anything is written.
    ///
    /// # Errors
    ///
    /// [`Error::RolledBack`] or [`Error::Forked`] when a witness knows another log. One that does not answer
    /// is asked again later.
    pub async fn first_look(&mut self) -> Result<(), Error> {
        match self.round().await {
            Err(error) if is_another_log(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Asks every ten seconds, and once more when the process stops.
    pub async fn watch(mut self, stopping: CancellationToken) {
        if self.witnesses.is_empty() {
            return;
        }
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.look().await,
                () = stopping.cancelled() => return self.look().await,
            }
        }
    }

    async fn look(&mut self) {
        let trouble = match self.round().await {
            Ok(()) => None,
            Err(error) if is_another_log(&error) => Some(Trouble::Witness(error.to_string())),
            Err(error) => {
                tracing::warn!(cause = chain(&error), "no witness cosigned");
                None
            }
        };
        let late = self.answered.elapsed();
        self.warn(late).await;
        let late = (late > LATEST).then_some(Trouble::Unwitnessed(late.as_secs() / 3600));
        self.register.believe_witness(trouble.or(late));
    }

    /// Asks each witness about what is new.
    async fn round(&mut self) -> Result<(), Error> {
        let reading = self.register.reading();
        let Some(head) = reading.head().await? else {
            return Ok(());
        };
        if head.size == self.done
            && self
                .witnesses
                .iter()
                .all(|it| it.origin == reading.log.origin)
        {
            self.answered = Instant::now();
            return Ok(());
        }
        let mut cosigned = head.note.clone();
        let (mut count, mut failed) = (0, None);
        for known in &mut self.witnesses {
            match known.ask(&reading, &head.note, head.size).await {
                Ok(line) => {
                    cosigned = note::with_lines(&cosigned, &line)?;
                    count += 1;
                }
                Err(error) if is_another_log(&error) => return Err(error),
                Err(error) => failed = Some(error),
            }
        }
        if count > 0 {
            self.done = head.size;
            self.answered = Instant::now();
            self.register.keep_cosigned(Cosigned {
                size: head.size,
                origin: reading.log.origin.clone(),
                note: cosigned.into(),
            });
        }
        failed.map_or(Ok(()), Err)
    }

    /// Says once that witnesses are late, and once that they are not any more.
    async fn warn(&mut self, late: Duration) {
        let is_late = late > EARLIEST;
        if is_late == self.warned {
            return;
        }
        self.warned = is_late;
        let said = if is_late {
            format!("no witness has cosigned for {} s", late.as_secs())
        } else {
            "witnesses cosign again".to_owned()
        };
        tracing::warn!("{said}");
        let degraded = record::degraded(self.clock.uuid(), said);
        if self.register.commit_in_trouble(degraded).await.is_err() {
            tracing::error!("that witnesses are late could not be recorded");
        }
    }
}

impl Known {
    /// Asks for a cosignature; gives its line.
    async fn ask(&mut self, reading: &Reading, note: &str, size: u64) -> Result<String, Error> {
        if self.origin != reading.log.origin {
            self.origin.clone_from(&reading.log.origin);
            self.size = 0;
        }
        for _ in 0..TURNS {
            let proof = match self.size {
                0 => Vec::new(),
                old => {
                    let proven =
                        reading.over_tiles(|read| proof::prove_consistency(old, size, read));
                    proven.await?
                }
            };
            match self.client.add_checkpoint(self.size, &proof, note).await {
                Ok(cosignature) => {
                    self.size = size;
                    return Ok(cosignature.line);
                }
                Err(Answer::Conflict(known)) if known > size => {
                    return Err(Error::RolledBack {
                        stored: size,
                        known,
                    });
                }
                Err(Answer::Conflict(known)) => self.size = known,
                Err(Answer::Refused(status, _)) if status == FORKED => {
                    return Err(Error::Forked(self.size));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Witness(Answer::Conflict(self.size)))
    }
}

fn is_another_log(error: &Error) -> bool {
    matches!(error, Error::RolledBack { .. } | Error::Forked(_))
}

/// When somebody is told that witnesses are late.
const EARLIEST: Duration = Duration::from_mins(1);
const EVERY: Duration = Duration::from_secs(10);
/// What a witness answers to a proof that does not hold (C2SP tlog-witness).
const FORKED: http::StatusCode = http::StatusCode::UNPROCESSABLE_ENTITY;
/// When the register closes, as X-Road's message log does by default.
const LATEST: Duration = Duration::from_hours(4);
/// Times that a witness may say that it knows another size.
const TURNS: u32 = 3;
