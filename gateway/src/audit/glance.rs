//! A record at a glance: what the index and a verification need of it, borrowed from its leaf.
//!
//! Whoever verifies ten million leaves asks of each whether it is in canonical form (deterministic protobuf:
//! fields in order, none that is empty, no more bytes for a number than it needs), when it was made and what
//! it is found by. All of that stands on the wire, so nothing is copied. The rare records that hold messages
//! are for prost.

use prost::bytes::Bytes;
use varco_proto::audit::v1::{Record, Retention};

/// What is seen of a record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Glance<'a> {
    /// Version of the schema.
    pub schema: u32,
    /// Kind of record.
    pub kind: i32,
    /// The call.
    pub audit_id: &'a [u8],
    /// When it was made, nanoseconds since the Unix epoch.
    pub ts_unix_ns: i64,
    /// The journey.
    pub trace_id: &'a [u8],
    /// The call that this one serves.
    pub parent_audit_id: &'a [u8],
    /// The client.
    pub client_id: &'a str,
    /// The office of the caller.
    pub office_code: &'a str,
    /// The person who acts.
    pub actor_ref: &'a [u8],
    /// The method.
    pub method: &'a str,
    /// The purpose.
    pub purpose_id: &'a str,
    /// The voucher.
    pub voucher_jti: &'a str,
    /// Reason of the refusal.
    pub deny_reason: &'a str,
    /// Data subjects.
    pub subject_refs: Vec<&'a [u8]>,
    /// SHA-256 of the sealed details.
    pub sealed_sha256: &'a [u8],
    /// Length of the sealed details.
    pub sealed_len: u32,
    /// How long they are kept.
    pub retention_class: i32,
    /// What was destroyed; never read on the wire.
    pub destroyed: Option<&'a Retention>,
}

impl<'a> Glance<'a> {
    /// Reads a leaf; none where it is not in canonical form, or holds messages.
    #[must_use]
    pub fn read(leaf: &'a [u8]) -> Option<Self> {
        let mut seen = Self::default();
        let (mut rest, mut last) = (leaf, 0);
        while !rest.is_empty() {
            let key = varint(&mut rest)?;
            let field = usize::try_from(key >> 3).ok()?;
            let form = *FORMS.get(field)?;
            let in_order = field > last || (field == last && form.is_repeated());
            if !in_order || key & 7 != form.wire_type() {
                return None;
            }
            last = field;
            match form {
                Form::Bytes | Form::Texts | Form::Text | Form::Many => {
                    let value = delimited(&mut rest)?;
                    form.admits(value).then(|| seen.note(field, value))??;
                }
                Form::Never => return None,
                _ => {
                    let value = varint(&mut rest)?;
                    form.holds(value).then(|| seen.note_number(field, value))?;
                }
            }
        }
        Some(seen)
    }

    fn note(&mut self, field: usize, value: &'a [u8]) -> Option<()> {
        // What `admits` let through as text is UTF-8.
        let text = |to: &mut &'a str| {
            *to = std::str::from_utf8(value).ok()?;
            Some(())
        };
        match field {
            3 => self.audit_id = value,
            12 => self.trace_id = value,
            14 => self.parent_audit_id = value,
            16 => text(&mut self.client_id)?,
            19 => text(&mut self.office_code)?,
            21 => self.actor_ref = value,
            27 => text(&mut self.method)?,
            28 => text(&mut self.purpose_id)?,
            32 => text(&mut self.voucher_jti)?,
            37 => text(&mut self.deny_reason)?,
            41 => self.subject_refs.push(value),
            56 => self.sealed_sha256 = value,
            _ => {}
        }
        Some(())
    }

    fn note_number(&mut self, field: usize, value: u64) {
        let small = u32::try_from(value).unwrap_or_default();
        match field {
            1 => self.schema = small,
            2 => self.kind = small.cast_signed(),
            5 => self.ts_unix_ns = value.cast_signed(),
            57 => self.sealed_len = small,
            60 => self.retention_class = small.cast_signed(),
            _ => {}
        }
    }
}

impl<'a> From<&'a Record> for Glance<'a> {
    fn from(record: &'a Record) -> Self {
        Self {
            schema: record.schema,
            kind: record.kind,
            audit_id: &record.audit_id,
            ts_unix_ns: record.ts_unix_ns,
            trace_id: &record.trace_id,
            parent_audit_id: &record.parent_audit_id,
            client_id: &record.client_id,
            office_code: &record.office_code,
            actor_ref: &record.actor_ref,
            method: &record.method,
            purpose_id: &record.purpose_id,
            voucher_jti: &record.voucher_jti,
            deny_reason: &record.deny_reason,
            subject_refs: record.subject_refs.iter().map(Bytes::as_ref).collect(),
            sealed_sha256: &record.sealed_sha256,
            sealed_len: record.sealed_len,
            retention_class: record.retention_class,
            destroyed: record.destroyed.as_ref(),
        }
    }
}

/// What a field is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// No field, or one that is a message.
    Never,
    /// A number of 32 bits.
    Small,
    /// A number of 64 bits.
    Large,
    /// One of an enumeration: its numbers are not negative here.
    Choice,
    /// Bytes, not empty.
    Bytes,
    /// Text, not empty.
    Text,
    /// Any number of byte strings.
    Many,
    /// Any number of texts.
    Texts,
}

impl Form {
    fn is_repeated(self) -> bool {
        matches!(self, Self::Many | Self::Texts)
    }

    /// The wire type of protobuf: a varint, or what stands behind its length.
    fn wire_type(self) -> u64 {
        match self {
            Self::Small | Self::Large | Self::Choice => 0,
            _ => 2,
        }
    }

    /// Whether a number is one of this form that is written at all.
    fn holds(self, value: u64) -> bool {
        let most = match self {
            Self::Small => u64::from(u32::MAX),
            Self::Choice => u64::from(i32::MAX.unsigned_abs()),
            _ => u64::MAX,
        };
        (1..=most).contains(&value)
    }

    fn admits(self, value: &[u8]) -> bool {
        match self {
            Self::Bytes => !value.is_empty(),
            Self::Text => !value.is_empty() && std::str::from_utf8(value).is_ok(),
            Self::Texts => std::str::from_utf8(value).is_ok(),
            _ => true,
        }
    }
}

/// A number in as few bytes as it needs.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let (mut value, mut shift) = (0_u64, 0_u32);
    loop {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        // The tenth byte has one bit left.
        if shift == 63 && *byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return (*byte != 0 || shift == 0).then_some(value);
        }
        shift += 7;
        if shift > 63 {
            return None;
        }
    }
}

/// What stands behind its length.
fn delimited<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(varint(rest)?).ok()?;
    let (value, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(value)
}

/// The fields of a record by their numbers; a test compares them with the contract.
const FORMS: [Form; 67] = {
    use Form::{Bytes, Choice, Large, Many, Never, Small, Text, Texts};
    [
        Never, Small, Choice, Bytes, Bytes, Large, Large, Choice, Small, Bytes, // 0 to 9
        Text, Large, Bytes, Bytes, Bytes, Small, Text, Bytes, Text, Text, // 10 to 19
        Text, Bytes, Text, Small, Texts, Text, Text, Text, Text, Text, // 20 to 29
        Text, Text, Text, Text, Text, Large, Choice, Text, Text, Bytes, // 30 to 39
        Large, Many, Small, Large, Texts, Texts, Texts, Small, Small, Small, // 40 to 49
        Text, Large, Large, Large, Bytes, Bytes, Bytes, Small, Bytes, Small, // 50 to 59
        Choice, Text, Many, Never, Text, Never, Never, // 60 to 66
    ]
};

#[cfg(test)]
mod tests;
