//! Words: what a record is found by.
//!
//! A word is known by 64 bits of hash (FNV-1a). That two words may share one costs a look at a
//! record that is not meant, and nothing else: whoever finds a record compares it.

use varco_proto::audit::v1::RecordKind;

use crate::audit::glance::Glance;

/// Something that a record is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word<'a> {
    /// The person who acts.
    Actor(&'a [u8]),
    /// The call.
    Call(&'a [u8]),
    /// The client.
    Client(&'a str),
    /// The kind of record.
    Kind(i32),
    /// The method.
    Method(&'a str),
    /// The office of the caller.
    Office(&'a str),
    /// The call that this one serves.
    Parent(&'a [u8]),
    /// The purpose.
    Purpose(&'a str),
    /// The reason of a refusal.
    Reason(&'a str),
    /// A data subject.
    Subject(&'a [u8]),
    /// The journey.
    Trace(&'a [u8]),
    /// The voucher.
    Voucher(&'a str),
}

impl Word<'_> {
    /// Its hash.
    #[must_use]
    pub fn hash(self) -> u64 {
        let kind;
        let (tag, bytes) = match self {
            Self::Actor(bytes) => (1, bytes),
            Self::Call(bytes) => (2, bytes),
            Self::Client(text) => (3, text.as_bytes()),
            Self::Kind(number) => {
                kind = number.to_le_bytes();
                (4, kind.as_slice())
            }
            Self::Method(text) => (5, text.as_bytes()),
            Self::Office(text) => (6, text.as_bytes()),
            Self::Parent(bytes) => (7, bytes),
            Self::Purpose(text) => (8, text.as_bytes()),
            Self::Reason(text) => (9, text.as_bytes()),
            Self::Subject(bytes) => (10, bytes),
            Self::Trace(bytes) => (11, bytes),
            Self::Voucher(text) => (12, text.as_bytes()),
        };
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
        bytes.iter().fold(step(OFFSET, &tag), step)
    }
}

/// The words of a record; what it leaves empty is none.
pub fn words<'a>(seen: &'a Glance<'_>) -> impl Iterator<Item = Word<'a>> {
    let bytes = [
        (!seen.audit_id.is_empty()).then_some(Word::Call(seen.audit_id)),
        (!seen.trace_id.is_empty()).then_some(Word::Trace(seen.trace_id)),
        (!seen.actor_ref.is_empty()).then_some(Word::Actor(seen.actor_ref)),
        (!seen.parent_audit_id.is_empty()).then_some(Word::Parent(seen.parent_audit_id)),
    ];
    let text = [
        (!seen.client_id.is_empty()).then_some(Word::Client(seen.client_id)),
        (!seen.purpose_id.is_empty()).then_some(Word::Purpose(seen.purpose_id)),
        (!seen.method.is_empty()).then_some(Word::Method(seen.method)),
        (!seen.office_code.is_empty()).then_some(Word::Office(seen.office_code)),
        (!seen.deny_reason.is_empty()).then_some(Word::Reason(seen.deny_reason)),
        (!seen.voucher_jti.is_empty()).then_some(Word::Voucher(seen.voucher_jti)),
    ];
    let subjects = seen.subject_refs.iter().map(|it| Word::Subject(it));
    let words = bytes.into_iter().chain(text).flatten();
    words.chain([Word::Kind(seen.kind)]).chain(subjects)
}

/// What a record opens or ends: a call between its INTENT and its OUTCOME.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// An INTENT of the call.
    Opens([u8; 16]),
    /// An OUTCOME of the call.
    Ends([u8; 16]),
}

impl Turn {
    /// What the record does.
    #[must_use]
    pub fn of(seen: &Glance<'_>) -> Option<Self> {
        let id = seen.audit_id.first_chunk().copied()?;
        match RecordKind::try_from(seen.kind) {
            Ok(RecordKind::Intent) => Some(Self::Opens(id)),
            Ok(RecordKind::Outcome) => Some(Self::Ends(id)),
            _ => None,
        }
    }
}

/// The constants of FNV-1a for 64 bits.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_is_fnv_over_the_kind_of_word_and_its_bytes() {
        // FNV-1a of "\x02a", by hand.
        let by_hand = ((OFFSET ^ 2).wrapping_mul(PRIME) ^ u64::from(b'a')).wrapping_mul(PRIME);

        assert_eq!(Word::Call(b"a").hash(), by_hand);
        assert_ne!(Word::Call(b"a").hash(), Word::Trace(b"a").hash());
    }

    #[test]
    fn what_a_record_leaves_empty_is_no_word() {
        let seen = Glance {
            client_id: "c",
            subject_refs: vec![&[1; 16], &[2; 16]],
            ..Glance::default()
        };

        let found: Vec<Word<'_>> = words(&seen).collect();

        let subjects = [Word::Subject(&[1; 16]), Word::Subject(&[2; 16])];
        assert_eq!(
            found,
            [Word::Client("c"), Word::Kind(0), subjects[0], subjects[1]]
        );
    }
}
