//! The text of a policy, read and written.
//!
//! Reading goes line by line through the same methods that build a policy in code, so a text can
//! say nothing that code could not. Comments and spacing are not kept.

use std::fmt;
use std::str::FromStr;

use super::{NONE, Policy};
use crate::error::{Error, PolicyFault};

impl fmt::Display for Policy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for log in &self.logs {
            writeln!(out, "log {}{}", log.key, Url(log.url.as_deref()))?;
        }
        for witness in &self.witnesses {
            let url = Url(witness.url.as_deref());
            writeln!(out, "witness {} {}{url}", witness.name, witness.key)?;
        }
        for group in &self.groups {
            let members = group.members.join(" ");
            writeln!(out, "group {} {} {members}", group.name, group.threshold)?;
        }
        writeln!(out, "quorum {}", self.quorum.as_deref().unwrap_or(NONE))
    }
}

impl FromStr for Policy {
    type Err = Error;

    /// Reads the text of a policy.
    ///
    /// # Errors
    ///
    /// `MalformedPolicy` with the line and what is wrong there.
    fn from_str(text: &str) -> Result<Self, Error> {
        let at = |line: usize| move |fault| Error::MalformedPolicy { line, fault };
        if text.len() > MAX_BYTES {
            return Err(at(1)(PolicyFault::TooLarge));
        }
        let mut reading = Reading::default();
        let mut last = 1;
        for (line, number) in text.split('\n').zip(1..) {
            reading.line(line).map_err(at(number))?;
            last = number;
        }
        match reading.quorum {
            Quorum::Given => Ok(reading.policy),
            Quorum::Missing => Err(at(last)(PolicyFault::Quorum)),
        }
    }
}

/// A policy of which some lines have been read.
#[derive(Default)]
struct Reading {
    policy: Policy,
    quorum: Quorum,
}

#[derive(Default, PartialEq, Eq)]
enum Quorum {
    Given,
    #[default]
    Missing,
}

impl Reading {
    fn line(&mut self, line: &str) -> Result<(), PolicyFault> {
        if line.contains(|character: char| character.is_ascii_control() && character != '\t') {
            return Err(PolicyFault::Syntax);
        }
        let words = line.split([' ', '\t']).filter(|word| !word.is_empty());
        let words: Vec<&str> = words.collect();
        match words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with('#') => Ok(()),
            ["log", vkey] => self.log(vkey, None),
            ["log", vkey, url] => self.log(vkey, Some(url)),
            ["witness", name, vkey] => self.witness(name, vkey, None),
            ["witness", name, vkey, url] => self.witness(name, vkey, Some(url)),
            ["group", name, threshold, members @ ..] => self.group(name, threshold, members),
            ["quorum", name] => self.quorum(name),
            _ => Err(PolicyFault::Syntax),
        }
    }

    fn log(&mut self, vkey: &str, url: Option<&str>) -> Result<(), PolicyFault> {
        let key = vkey.parse().map_err(|_| PolicyFault::Key)?;
        self.policy.add_log(key, url)
    }

    fn witness(&mut self, name: &str, vkey: &str, url: Option<&str>) -> Result<(), PolicyFault> {
        let key = vkey.parse().map_err(|_| PolicyFault::Key)?;
        self.policy.add_witness(name, key, url)
    }

    fn group(&mut self, name: &str, least: &str, members: &[&str]) -> Result<(), PolicyFault> {
        let threshold = match least {
            "all" => members.len(),
            "any" => 1,
            number => number
                .parse()
                .ok()
                .filter(|parsed: &usize| parsed.to_string() == number)
                .ok_or(PolicyFault::Threshold)?,
        };
        self.policy.add_group(name, threshold, members)
    }

    fn quorum(&mut self, name: &str) -> Result<(), PolicyFault> {
        if self.quorum == Quorum::Given {
            return Err(PolicyFault::Quorum);
        }
        self.quorum = Quorum::Given;
        if name == NONE {
            return Ok(());
        }
        self.policy.set_quorum(name)
    }
}

/// An address behind a space, if there is one.
struct Url<'a>(Option<&'a str>);

impl fmt::Display for Url<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |url| write!(out, " {url}"))
    }
}

/// The longest policy that is read.
const MAX_BYTES: usize = 256 * 1024;
