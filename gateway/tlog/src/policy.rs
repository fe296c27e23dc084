//! Trust policies: which logs are believed, and how many of which witnesses (C2SP tlog-policy).
//!
//! A policy is a short text that a person can read and sign off. A checkpoint holds when one of
//! its logs has signed it and those who have cosigned it make the quorum. Bytes of names beyond
//! ASCII must be UTF-8 here, as the specification recommends; times of cosignatures are reported,
//! not judged.

mod text;

use std::collections::BTreeSet;

use crate::checkpoint::Checkpoint;
use crate::cosignature::CosignerKey;
use crate::error::{Error, PolicyFault};
use crate::note::{Note, Verifier};

/// Which logs are believed, and who must have cosigned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    /// A witness or a group; nobody has to cosign without it.
    quorum: Option<String>,
}

/// What a policy found to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// The head of the log.
    pub checkpoint: Checkpoint,
    /// The known witnesses that have cosigned it, by their names in the policy, with the newest
    /// time of each in seconds since the Unix epoch.
    pub cosigned: Vec<(String, u64)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Log {
    key: Verifier,
    url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Witness {
    name: String,
    key: CosignerKey,
    url: Option<String>,
}

/// Members of which so many must have cosigned; they are defined before it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    name: String,
    threshold: usize,
    members: Vec<String>,
}

impl Policy {
    /// A policy that believes nobody yet and asks no witness.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Believes a log; its key's name is its origin.
    ///
    /// # Errors
    ///
    /// `DuplicateKey`: one key may not speak for two logs. `Syntax` for an address that the text
    /// of a policy cannot carry, `TooLarge` beyond 128 logs.
    pub fn add_log(&mut self, key: Verifier, url: Option<&str>) -> Result<(), PolicyFault> {
        if self.logs.iter().any(|log| log.key.public() == key.public()) {
            return Err(PolicyFault::DuplicateKey);
        }
        room(self.logs.len())?;
        let url = url.map(word).transpose()?;
        self.logs.push(Log { key, url });
        Ok(())
    }

    /// Knows a witness, under a name of the policy's own.
    ///
    /// # Errors
    ///
    /// `DuplicateKey` or `DuplicateName` for what is known already, `Syntax` for a name or an
    /// address that the text of a policy cannot carry, `TooLarge` beyond 128 witnesses.
    pub fn add_witness(
        &mut self,
        name: &str,
        key: CosignerKey,
        url: Option<&str>,
    ) -> Result<(), PolicyFault> {
        let name = self.fresh(name)?;
        let same = |known: &Witness| known.key.public() == key.public();
        if self.witnesses.iter().any(same) {
            return Err(PolicyFault::DuplicateKey);
        }
        room(self.witnesses.len())?;
        let url = url.map(word).transpose()?;
        self.witnesses.push(Witness { name, key, url });
        Ok(())
    }

    /// Names a group that has cosigned when `threshold` of its members have.
    ///
    /// # Errors
    ///
    /// `DuplicateName`, `UnknownName` for a member that is not defined yet, `Member` for one that
    /// stands in a group already, `Threshold` unless it is between one and their number,
    /// `TooLarge` beyond 128 groups.
    pub fn add_group(
        &mut self,
        name: &str,
        threshold: usize,
        members: &[&str],
    ) -> Result<(), PolicyFault> {
        let name = self.fresh(name)?;
        let mut taken: BTreeSet<&str> = self.members().collect();
        for member in members {
            self.known(member)?;
            if !taken.insert(member) {
                return Err(PolicyFault::Member);
            }
        }
        if !(1..=members.len()).contains(&threshold) {
            return Err(PolicyFault::Threshold);
        }
        room(self.groups.len())?;
        let members = members.iter().map(|member| (*member).to_owned()).collect();
        self.groups.push(Group {
            name,
            threshold,
            members,
        });
        Ok(())
    }

    /// Demands the cosignature of a witness, or of a group.
    ///
    /// # Errors
    ///
    /// `UnknownName` unless it is defined.
    pub fn set_quorum(&mut self, name: &str) -> Result<(), PolicyFault> {
        self.known(name)?;
        self.quorum = Some(name.to_owned());
        Ok(())
    }

    /// Checks the checkpoint in a note against the policy.
    ///
    /// # Errors
    ///
    /// `MalformedNote`, `MalformedCheckpoint` or `MalformedName` for what is no checkpoint,
    /// `BadSignature` when a known key's signature does not verify, `Unsigned` without one of a
    /// listed log of that origin, `QuorumMissing` when too few witnesses have cosigned.
    pub fn check(&self, note: &str) -> Result<Trusted, Error> {
        let note = Note::parse(note)?;
        let checkpoint: Checkpoint = note.text().parse()?;
        let mut signed = false;
        for log in &self.logs {
            let lines = note.lines_of(&log.key)?;
            signed |= !lines.is_empty() && log.key.name() == checkpoint.origin;
        }
        if !signed {
            return Err(Error::Unsigned);
        }
        let mut cosigned = Vec::new();
        for witness in &self.witnesses {
            let newest = witness.key.newest_on(&note)?;
            cosigned.extend(newest.map(|it| (witness.name.clone(), it.time)));
        }
        if !self.is_quorum(cosigned.iter().map(|(name, _)| name.as_str())) {
            return Err(Error::QuorumMissing);
        }
        Ok(Trusted {
            checkpoint,
            cosigned,
        })
    }

    /// Whether these witnesses together are enough.
    pub fn is_quorum<'a>(&'a self, cosigned: impl IntoIterator<Item = &'a str>) -> bool {
        let Some(quorum) = &self.quorum else {
            return true;
        };
        let witnesses: BTreeSet<&str> = self.witnesses.iter().map(|it| it.name.as_str()).collect();
        let cosigned = cosigned.into_iter();
        let mut holding: BTreeSet<&str> =
            cosigned.filter(|name| witnesses.contains(name)).collect();
        // Members are defined before their group, so one pass is enough.
        for group in &self.groups {
            let holds = |member: &&String| holding.contains(member.as_str());
            if group.members.iter().filter(holds).count() >= group.threshold {
                holding.insert(&group.name);
            }
        }
        holding.contains(quorum.as_str())
    }

    fn members(&self) -> impl Iterator<Item = &str> {
        let members = self.groups.iter().flat_map(|group| &group.members);
        members.map(String::as_str)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let witnesses = self.witnesses.iter().map(|witness| witness.name.as_str());
        witnesses.chain(self.groups.iter().map(|group| group.name.as_str()))
    }

    fn known(&self, name: &str) -> Result<(), PolicyFault> {
        if self.names().any(|known| known == name) {
            Ok(())
        } else {
            Err(PolicyFault::UnknownName)
        }
    }

    fn fresh(&self, name: &str) -> Result<String, PolicyFault> {
        if name == NONE || self.names().any(|known| known == name) {
            return Err(PolicyFault::DuplicateName);
        }
        word(name)
    }
}

/// A word that can stand in the text of a policy.
fn word(text: &str) -> Result<String, PolicyFault> {
    let breaks = |character: char| character == ' ' || character.is_ascii_control();
    if text.is_empty() || text.contains(breaks) {
        return Err(PolicyFault::Syntax);
    }
    Ok(text.to_owned())
}

fn room(taken: usize) -> Result<(), PolicyFault> {
    if taken < MAX_OF_A_KIND {
        Ok(())
    } else {
        Err(PolicyFault::TooLarge)
    }
}

/// The quorum of a policy that asks no witness.
const NONE: &str = "none";

/// The most logs, witnesses and groups each; the format recommends at least 32.
const MAX_OF_A_KIND: usize = 128;

#[cfg(test)]
mod tests;
