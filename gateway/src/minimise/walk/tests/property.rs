//! The walk against the reference, over random contracts, messages and masks.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

use super::random::{Choices, Filler, Schema, schema};
use super::reference::Reference;
use super::*;
use crate::registry::contract::testing::compiled;

/// Messages of each contract, which takes longer to make.
const MESSAGES: usize = 6;

/// What one run is about.
struct Case {
    contract: Arc<Contract>,
    service: DescriptorPool,
    allowed: BTreeSet<String>,
    choices: Choices,
    schema: Schema,
}

impl Case {
    fn of(bytes: Vec<u8>) -> Self {
        let mut choices = Choices::new(bytes);
        let schema = schema(&mut choices);
        Self {
            contract: compiled(&schema.contract),
            service: DescriptorPool::decode(schema.service.as_slice()).unwrap(),
            allowed: BTreeSet::new(),
            choices,
            schema,
        }
    }

    /// A message as the service writes it, for a purpose of other classes.
    fn message(&mut self) -> Vec<u8> {
        let mask = self.choices.below(16);
        let allowed = (0..4).filter(|class| mask >> class & 1 == 1);
        self.allowed = allowed.map(|class| format!("c{class}")).collect();
        let of = self.service.get_message_by_name("t.M0").unwrap();
        let mut filler = Filler::new(&mut self.choices, &self.service, self.schema.messages);
        filler.message(&of).encode_to_vec()
    }

    fn known(&self) -> MessageDescriptor {
        self.contract.pool.get_message_by_name("t.M0").unwrap()
    }

    fn walk<'m>(&self, outside: Outside, bytes: &'m [u8]) -> Result<Passed<'m>, Obstacle> {
        let allowed: Vec<String> = self.allowed.iter().cloned().collect();
        let mask = self.contract.mask(&allowed);
        let place = self.contract.methods["t.S/Do"].output;
        walk(&self.contract, place, mask, outside, bytes)
    }

    fn reduce(&self, bytes: &[u8]) -> (DynamicMessage, Reference<'_>) {
        let decoded = DynamicMessage::decode(self.known(), bytes).unwrap();
        let mut reference = Reference::new(&self.contract.pool, &self.allowed);
        (reference.message(&decoded, None), reference)
    }

    fn names(&self, mask: u64) -> BTreeSet<String> {
        self.contract.names(mask).into_iter().collect()
    }
}

fn entropy() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..3000)
}

/// Shows a property of several messages of one contract.
fn each(
    bytes: Vec<u8>,
    holds: impl Fn(&Case, &[u8]) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let mut case = Case::of(bytes);
    for _ in 0..MESSAGES {
        let message = case.message();
        holds(&case, &message)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 8))]

    #[test]
    fn walking_the_wire_is_clearing_fields_of_what_it_decodes_to(bytes in entropy()) {
        each(bytes, |case, message| {
            let passed = case.walk(Outside::Drop, message).unwrap();

            let (expected, reference) = case.reduce(message);
            let walked = passed.reduced.as_deref().unwrap_or(message);
            let (left, after) = case.reduce(walked);
            // Not as text: descriptors that hold themselves have none.
            prop_assert!(left == expected, "{message:02x?} became {walked:02x?}");
            prop_assert!(!after.has_removed);
            prop_assert_eq!(case.names(passed.delivered), reference.delivered);
            prop_assert_eq!(case.names(passed.withheld), reference.withheld);
            prop_assert_eq!(passed.reduced.is_some(), reference.has_removed);
            prop_assert!(passed.reduced.is_none_or(|left| left.len() < message.len()));
            Ok(())
        })?;
    }

    #[test]
    fn what_was_walked_passes_as_it_is(bytes in entropy()) {
        each(bytes, |case, message| {
            let passed = case.walk(Outside::Drop, message).unwrap();
            let walked = passed.reduced.as_deref().unwrap_or(message);

            let again = case.walk(Outside::Drop, walked);
            let asked = case.walk(Outside::Refuse, walked);

            let whole = Passed { reduced: None, withheld: 0, ..passed.clone() };
            prop_assert_eq!(again.as_ref(), Ok(&whole));
            prop_assert_eq!(asked, again);
            Ok(())
        })?;
    }

    #[test]
    fn request_is_refused_for_what_an_answer_would_lose(bytes in entropy()) {
        each(bytes, |case, message| {
            let asked = case.walk(Outside::Refuse, message);

            let (_, reference) = case.reduce(message);
            prop_assert_eq!(matches!(asked, Err(Obstacle::Field(_))), reference.has_removed);
            prop_assert_eq!(asked.is_ok(), !reference.has_removed);
            Ok(())
        })?;
    }

    #[test]
    fn what_two_messages_make_together_holds_nothing_more(bytes in entropy()) {
        let mut case = Case::of(bytes);
        let parts = [case.message(), case.message()];
        let passed = |message: &[u8]| {
            let passed = case.walk(Outside::Drop, message).unwrap();
            passed.reduced.unwrap_or_else(|| message.to_vec())
        };

        let together = passed(&parts.concat());

        // Whoever reads it merges what comes twice.
        let (_, reference) = case.reduce(&together);
        prop_assert!(!reference.has_removed, "{:02x?} became {together:02x?}", parts);
        // Where no halves of an Any can meet, every field is judged by itself.
        if case.contract.held.is_empty() {
            prop_assert_eq!(together, parts.map(|part| passed(&part)).concat());
        }
    }
}

#[test]
fn random_contracts_have_all_that_a_contract_can() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut text, mut reduced, mut whole) = (String::new(), 0, 0);
    for _ in 0..60 {
        let bytes = entropy().new_tree(&mut runner).unwrap().current();
        let mut case = Case::of(bytes);
        for _ in 0..MESSAGES {
            let message = case.message();
            match case.walk(Outside::Drop, &message).unwrap().reduced {
                Some(left) if !left.is_empty() => reduced += 1,
                None if !message.is_empty() => whole += 1,
                _ => {}
            }
        }
        text.extend(case.contract.messages.iter().map(|it| format!("{it:?}")));
    }

    for kind in ["Group(", "Message(", "Numbers(", "any: Some("] {
        assert!(text.contains(kind), "{kind}");
    }
    assert!(
        reduced > 30 && whole > 10,
        "{reduced} reduced, {whole} whole"
    );
}
