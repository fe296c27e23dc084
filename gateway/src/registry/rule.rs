//! Rules of methods: what a version asks of a call beyond what its purpose allows.
//!
//! A rule only narrows: a limit lies within the gateway's own, and evidence is asked for on top of
//! the voucher. Of the rules that name a method the first applies, so that an exception stands
//! before the rule that it is excepted from.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What a version asks of the calls of some of its methods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodRule {
    /// Methods, `pkg.Service/Method`.
    pub methods: Vec<String>,
    /// What it asks.
    #[serde(flatten)]
    pub rule: Rule,
}

/// What is asked of one call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Longest call, seconds; the gateway's own when none.
    pub seconds: Option<u32>,
    /// Largest message, bytes; the gateway's own when none.
    pub message_bytes: Option<u64>,
    /// What ModI asks of the caller.
    pub evidence: BTreeSet<Evidence>,
}

/// Evidence that a caller gives with a call (ModI).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    /// The message is signed (`INTEGRITY_REST_02`).
    Signature,
    /// Who acts, and where (`AUDIT_REST_01` and `AUDIT_REST_02`).
    Tracking,
}

/// The longest and the largest that a gateway lets pass; no rule may ask for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Longest call of one message and one answer, seconds.
    pub unary_seconds: u64,
    /// Longest stream, seconds.
    pub stream_seconds: u64,
    /// Largest message, bytes.
    pub message_bytes: u64,
}

impl Evidence {
    /// All kinds, in the order in which they are judged.
    pub const ALL: [Self; 2] = [Self::Tracking, Self::Signature];

    /// The word in registry files and refusals.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Tracking => "tracking",
        }
    }

    /// The kind of that word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == word)
    }
}

impl Rule {
    /// Whether this evidence must come with a call.
    #[must_use]
    pub fn asks(&self, evidence: Evidence) -> bool {
        self.evidence.contains(&evidence)
    }
}

impl Default for Caps {
    /// Nothing is too long or too large.
    fn default() -> Self {
        Self {
            unary_seconds: u64::MAX,
            stream_seconds: u64::MAX,
            message_bytes: u64::MAX,
        }
    }
}

/// The rule of a method: the first that names it, or one that asks nothing.
#[must_use]
pub fn of(rules: &[MethodRule], method: &str) -> Rule {
    let first = place(rules, method).and_then(|place| rules.get(place));
    first.map(|found| found.rule.clone()).unwrap_or_default()
}

/// The place of the first rule that names a method.
#[must_use]
pub fn place(rules: &[MethodRule], method: &str) -> Option<usize> {
    let names = |rule: &MethodRule| rule.methods.iter().any(|known| known == method);
    rules.iter().position(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_rule_that_names_a_method_applies_whole() {
        let named = |methods: &[&str], seconds| MethodRule {
            methods: methods.iter().map(|it| (*it).to_owned()).collect(),
            rule: Rule {
                seconds,
                ..Rule::default()
            },
        };
        let rules = [
            named(&["a.S/A"], None),
            named(&["a.S/A", "a.S/B"], Some(9)),
            named(&["a.S/B"], Some(5)),
        ];

        assert_eq!(of(&rules, "a.S/A").seconds, None);
        assert_eq!(of(&rules, "a.S/B").seconds, Some(9));
        assert_eq!(of(&rules, "a.S/C"), Rule::default());
    }
}
