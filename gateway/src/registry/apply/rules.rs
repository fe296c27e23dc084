//! Planning what a version asks of the calls of its methods.

use std::collections::{BTreeSet, HashSet};

use varco_proto::registry::v1 as proto;

use super::methods::expanded;
use super::{Named, Planner};
use crate::registry::contract::Contract;
use crate::registry::rule::{Evidence, MethodRule, Rule};

impl Planner<'_, '_> {
    /// The rules of a version, over the methods that it exposes.
    pub(super) fn rules(
        &mut self,
        name: &Named,
        declared: &[proto::MethodRule],
        (exposed, contract): (&[String], &Contract),
    ) -> Vec<MethodRule> {
        let mut taken = HashSet::new();
        let mut rules = Vec::new();
        for (place, declared) in declared.iter().enumerate() {
            let mut rule = self.named_by(name, place, declared, exposed);
            rule.rule.evidence = self.evidence(name, place, &declared.evidence);
            // What an earlier rule names is not this one's to judge.
            let mut own: Vec<&String> = rule.methods.iter().collect();
            own.retain(|method| taken.insert((*method).clone()));
            let reached = !own.is_empty() || rule.methods.is_empty();
            let field = field(place, "methods");
            let what = "names no method that a rule before it does not name";
            self.require(name, &field, reached, what);
            for method in own {
                self.fits(name, place, (method, &rule.rule), contract);
            }
            rules.push(rule);
        }
        rules
    }

    /// A rule with its methods and limits.
    fn named_by(
        &mut self,
        name: &Named,
        place: usize,
        declared: &proto::MethodRule,
        exposed: &[String],
    ) -> MethodRule {
        let (methods, nameless) = expanded(&declared.methods, exposed);
        let field = field(place, "methods");
        self.require(name, &field, !declared.methods.is_empty(), "is required");
        for pattern in nameless {
            let what = format!("names no method of this version: {pattern}");
            self.problem(name, &field, &what);
        }
        let rule = Rule {
            seconds: (declared.seconds > 0).then_some(declared.seconds),
            message_bytes: (declared.message_bytes > 0).then_some(declared.message_bytes),
            ..Rule::default()
        };
        MethodRule { methods, rule }
    }

    fn evidence(&mut self, name: &Named, place: usize, words: &[String]) -> BTreeSet<Evidence> {
        for word in words {
            let known = Evidence::named(word).is_some();
            let rule = "must be tracking or signature";
            self.require(name, &field(place, "evidence"), known, rule);
        }
        let kinds = words.iter().filter_map(|word| Evidence::named(word));
        kinds.collect()
    }

    /// Whether a method can be held to its rule.
    fn fits(
        &mut self,
        name: &Named,
        place: usize,
        (path, rule): (&str, &Rule),
        contract: &Contract,
    ) {
        let Some(method) = contract.methods.get(path) else {
            return;
        };
        let caps = self.draft.setting.caps;
        let streams = method.client_streaming || method.server_streaming;
        let longest = if streams {
            caps.stream_seconds
        } else {
            caps.unary_seconds
        };
        let within = rule.seconds.is_none_or(|it| u64::from(it) <= longest);
        let what = format!("may be at most {longest} for {path}, the gateway's own limit");
        self.require(name, &field(place, "seconds"), within, &what);
        let largest = caps.message_bytes;
        let within = rule.message_bytes.is_none_or(|it| it <= largest);
        let what = format!("may be at most {largest}, the gateway's own limit");
        self.require(name, &field(place, "message_bytes"), within, &what);
        // The digest of a stream would have to be known before its messages.
        let signable = !(method.client_streaming && rule.asks(Evidence::Signature));
        let what = format!("cannot ask for the signature of {path}, whose request is a stream");
        self.require(name, &field(place, "evidence"), signable, &what);
    }
}

/// A field of a rule, counted from 1 as a reader of the file does.
fn field(place: usize, field: &str) -> String {
    format!("rule[{}].{field}", place + 1)
}
