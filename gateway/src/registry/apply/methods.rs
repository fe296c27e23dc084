//! Methods as a document names them: one by one, or all of a service.

use varco_proto::registry::v1 as proto;

use super::{Named, Planner};
use crate::registry::contract::Contract;

impl Planner<'_, '_> {
    /// The methods that a version exposes; one without effect is named, not left out.
    pub(super) fn exposed(
        &mut self,
        name: &Named,
        declared: &proto::Descriptor,
        contract: &Contract,
    ) -> Vec<String> {
        let own = |method: &str| {
            declared.builtin.is_empty() || method.starts_with(&format!("{}.", declared.builtin))
        };
        let callable = contract.methods.keys();
        let known: Vec<String> = callable
            .chain(&contract.without_effect)
            .filter(|method| own(method))
            .cloned()
            .collect();
        let mut methods = self.methods(name, &declared.methods, &known);
        for method in &methods {
            let fit = !contract.without_effect.contains(method);
            let rule = format!("holds {method}, which declares no effect (idempotency_level)");
            self.require(name, "methods", fit, &rule);
        }
        methods.retain(|method| contract.methods.contains_key(method));
        methods
    }

    /// Expands `pkg.Service/*` over known methods and checks each; sorted, without doubles.
    pub(super) fn methods(
        &mut self,
        name: &Named,
        declared: &[String],
        known: &[String],
    ) -> Vec<String> {
        self.require(name, "methods", !declared.is_empty(), "is required");
        let (methods, nameless) = expanded(declared, known);
        for pattern in nameless {
            let what = format!("names no callable method: {pattern}");
            self.problem(name, "methods", &what);
        }
        methods
    }
}

/// The methods that patterns name, sorted and without doubles; and the patterns that name none.
pub(super) fn expanded<'a>(
    patterns: &'a [String],
    known: &[String],
) -> (Vec<String>, Vec<&'a str>) {
    let (mut methods, mut nameless) = (Vec::new(), Vec::new());
    for pattern in patterns {
        let before = methods.len();
        let prefix = pattern
            .strip_suffix('*')
            .filter(|prefix| prefix.ends_with('/'));
        let fits = |method: &&String| match prefix {
            Some(prefix) => method.starts_with(prefix),
            None => *method == pattern,
        };
        methods.extend(known.iter().filter(fits).cloned());
        if methods.len() == before {
            nameless.push(pattern.as_str());
        }
    }
    methods.sort();
    methods.dedup();
    (methods, nameless)
}
