//! What records say of the fields of a contract: their names, the special categories that they may
//! hold, and which of them identify a data subject.
//!
//! Every field of the contract's own messages has a number, so that the walk only sets a bit. What
//! stands inside protobuf's own messages and the entries of maps is told of as the field that holds
//! it: `Registrazione.registrata_il` says more than `Timestamp.seconds`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use prost_reflect::{DescriptorPool, DynamicMessage, Value};
use varco_proto::options::v1::{SpecialCategory, SubjectKind};

use super::message::Content;
use super::subject_in;

/// What is told of the fields of a contract.
#[derive(Debug, Default)]
pub struct Told {
    /// Names of fields by their number; none of those that only hold others.
    names: Vec<Option<String>>,
    /// Bits of the special category, as `special_classes` of a record has them.
    special: Vec<u32>,
    /// Fields that identify data subjects.
    pub subjects: Vec<Subject>,
}

/// A field that identifies a data subject.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Which kind of identifier.
    pub kind: SubjectKind,
    /// Full name of the field.
    pub scope: Arc<str>,
    /// What the field holds.
    pub content: Content,
}

/// A field while it is compiled.
#[derive(Debug)]
pub struct Declared {
    /// Full name of its message.
    pub message: String,
    /// Name of its message within the package.
    pub short: String,
    /// Its own name.
    pub name: String,
    /// Whether its value is a message whose own fields are told of.
    pub only_holds: bool,
    /// The category that its option names.
    pub special: SpecialCategory,
}

/// Numbers of fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    low: [u64; LOW],
    /// Of the few contracts that have more fields.
    high: Vec<u64>,
}

impl Told {
    /// Takes in the fields that were compiled, in the order of their numbers from 1.
    pub(super) fn of(fields: &[Declared], subjects: Vec<Subject>) -> Self {
        let mut owners: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for field in fields {
            owners
                .entry(&field.short)
                .or_default()
                .insert(&field.message);
        }
        let name = |field: &Declared| {
            let alone = owners
                .get(field.short.as_str())
                .is_none_or(|it| it.len() < 2);
            let of = if alone { &field.short } else { &field.message };
            (!field.only_holds).then(|| format!("{of}.{}", field.name))
        };
        let unnumbered = [None].into_iter();
        Self {
            names: unnumbered.chain(fields.iter().map(name)).collect(),
            special: [0].into_iter().chain(fields.iter().map(bit)).collect(),
            subjects,
        }
    }

    /// Names of fields in their order; of more than 64 the first, and `…`.
    #[must_use]
    pub fn names(&self, fields: &Fields) -> Vec<String> {
        let numbers = fields.numbers().filter_map(|number| self.names.get(number));
        let mut names: Vec<&String> = numbers.flatten().collect();
        names.sort_unstable();
        let more = names.len() > MOST_NAMES;
        names.truncate(MOST_NAMES);
        let more = more.then(|| "…".to_owned());
        names.into_iter().cloned().chain(more).collect()
    }

    /// Bits of the special categories that fields may hold.
    #[must_use]
    pub fn special(&self, fields: &Fields) -> u32 {
        let bits = fields
            .numbers()
            .filter_map(|number| self.special.get(number));
        bits.fold(0, |all, bit| all | bit)
    }
}

impl Fields {
    /// Adds a number.
    #[inline]
    pub fn insert(&mut self, number: u32) {
        let (word, bit) = (number as usize / 64, 1_u64 << (number % 64));
        match self.low.get_mut(word) {
            Some(low) => *low |= bit,
            None => self.insert_high(word - LOW, bit),
        }
    }

    fn insert_high(&mut self, word: usize, bit: u64) {
        if self.high.len() <= word {
            self.high.resize(word + 1, 0);
        }
        if let Some(high) = self.high.get_mut(word) {
            *high |= bit;
        }
    }

    /// Adds all numbers of another set.
    pub fn extend(&mut self, other: &Self) {
        for (own, more) in self.low.iter_mut().zip(other.low) {
            *own |= more;
        }
        for (word, bits) in other.high.iter().enumerate() {
            self.insert_high(word, *bits);
        }
    }

    fn numbers(&self) -> impl Iterator<Item = usize> {
        let words = self.low.iter().chain(&self.high).enumerate();
        words.flat_map(|(word, bits)| {
            let set = (0..64).filter(move |bit| bits >> bit & 1 == 1);
            set.map(move |bit| word * 64 + bit)
        })
    }
}

/// The kind of identifier that a field with these options holds. A kind that is not known here is
/// taken for a number of the field's own.
pub(super) fn kind(pool: &DescriptorPool, options: &DynamicMessage) -> Option<SubjectKind> {
    let kind = subject_in(pool, options)?;
    Some(SubjectKind::try_from(kind).unwrap_or(SubjectKind::RecordNumber))
}

/// The special category that the options of a field name.
pub(super) fn special(pool: &DescriptorPool, options: &DynamicMessage) -> SpecialCategory {
    let none = SpecialCategory::Unspecified;
    let Some(option) = pool.get_extension_by_name("varco.options.v1.special") else {
        return none;
    };
    match options.get_extension(&option).as_ref() {
        Value::EnumNumber(named) => SpecialCategory::try_from(*named).unwrap_or(none),
        _ => none,
    }
}

fn bit(field: &Declared) -> u32 {
    match field.special {
        SpecialCategory::Unspecified => 0,
        SpecialCategory::Art9 => 2,
        SpecialCategory::Art10 => 4,
        SpecialCategory::Minors => 8,
        SpecialCategory::Protected => 16,
    }
}

/// Names that a record holds.
const MOST_NAMES: usize = 64;
/// Words of fields that most contracts do with.
const LOW: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn field(message: &str, name: &str) -> Declared {
        Declared {
            message: message.to_owned(),
            short: message.rsplit('.').next().unwrap().to_owned(),
            name: name.to_owned(),
            only_holds: false,
            special: SpecialCategory::Unspecified,
        }
    }

    fn of(numbers: &[u32]) -> Fields {
        let mut fields = Fields::default();
        for number in numbers {
            fields.insert(*number);
        }
        fields
    }

    #[test]
    fn name_is_short_where_no_other_message_has_it() {
        let fields = vec![
            field("a.v1.Indirizzo", "cap"),
            field("a.v1.Esito", "codice"),
            field("b.v1.Esito", "codice"),
            Declared {
                only_holds: true,
                ..field("a.v1.Indirizzo", "via")
            },
        ];

        let told = Told::of(&fields, Vec::new());

        let expected = ["Indirizzo.cap", "a.v1.Esito.codice", "b.v1.Esito.codice"];
        assert_eq!(told.names(&of(&[0, 4, 3, 2, 1])), expected);
    }

    #[test]
    fn more_names_than_a_record_holds_end_with_a_sign() {
        let fields: Vec<Declared> = (0..500)
            .map(|n| field("a.M", &format!("f{n:03}")))
            .collect();
        let told = Told::of(&fields, Vec::new());
        let numbers: Vec<u32> = (1..=500).collect();

        let exact = told.names(&of(&numbers[400..464]));
        let more = told.names(&of(&numbers[400..465]));

        assert_eq!(exact.len(), 64);
        assert_eq!(more[..64], exact);
        assert_eq!(more[64], "…");
    }

    #[test]
    fn categories_of_all_fields_are_told_together() {
        let special = |special, name| Declared {
            special,
            ..field("a.M", name)
        };
        let fields = vec![
            special(SpecialCategory::Art9, "salute"),
            special(SpecialCategory::Minors, "figlio"),
            field("a.M", "cap"),
        ];
        let told = Told::of(&fields, Vec::new());

        assert_eq!(told.special(&of(&[1, 2, 3])), 2 | 8);
        assert_eq!(told.special(&of(&[3])), 0);
    }

    #[test]
    fn sets_of_fields_join_however_many_there_are() {
        let mut fields = of(&[1, 300]);

        fields.extend(&of(&[2, 64, 7000]));

        assert_eq!(fields, of(&[7000, 300, 64, 2, 1]));
        assert_eq!(fields.numbers().collect::<Vec<_>>(), [1, 2, 64, 300, 7000]);
    }
}
