//! Records of operators, auditors and the gateway itself; those of calls stand in `call`.

use uuid::Uuid;
use varco_proto::audit::v1::{Anchor, LogLink, Record, RecordKind, Retention};

use super::retention;

use crate::traces::seal::Seal;

/// The gateway started.
#[must_use]
pub fn start(id: Uuid, epoch: u64) -> Record {
    own(RecordKind::Start, id, epoch, String::new())
}

/// The gateway stopped.
#[must_use]
pub fn stop(id: Uuid, epoch: u64) -> Record {
    own(RecordKind::Stop, id, epoch, String::new())
}

/// The gateway takes up another configuration.
#[must_use]
pub fn configured(id: Uuid, epoch: u64, detail: String) -> Record {
    Record {
        outcome: "OK".to_owned(),
        ..own(RecordKind::PolicyChange, id, epoch, detail)
    }
}

/// The gateway made, retired or removed a signing key.
#[must_use]
pub fn key_change(id: Uuid, epoch: u64, detail: String) -> Record {
    own(RecordKind::KeyChange, id, epoch, detail)
}

/// The gateway closed, and goes on running.
#[must_use]
pub fn stopped(id: Uuid, detail: String) -> Record {
    Record {
        outcome: "CLOSED".to_owned(),
        flags: DEGRADED,
        ..own(RecordKind::Stop, id, 0, detail)
    }
}

/// The gateway opened again.
#[must_use]
pub fn resumed(id: Uuid, detail: String) -> Record {
    Record {
        outcome: "OPEN".to_owned(),
        flags: DEGRADED,
        ..own(RecordKind::Start, id, 0, detail)
    }
}

/// A time in which the gateway could not do all that it promises began or ended.
#[must_use]
pub fn degraded(id: Uuid, detail: String) -> Record {
    own(RecordKind::Degraded, id, 0, detail)
}

/// The last record of a log that another continues.
#[must_use]
pub fn continued_by(id: Uuid, next: &str) -> Record {
    Record {
        next_origin: next.to_owned(),
        ..own(RecordKind::Link, id, 0, String::new())
    }
}

/// The first record of a log that continues another.
#[must_use]
pub fn continues(id: Uuid, previous: LogLink, detail: String) -> Record {
    Record {
        previous: Some(previous),
        ..own(RecordKind::Link, id, 0, detail)
    }
}

/// Most of a day's calls of a purpose, a consumer or an e-service are used.
#[must_use]
pub fn quota_warning(id: Uuid, detail: String) -> Record {
    own(RecordKind::QuotaWarning, id, 0, detail)
}

/// A batch of spans was stored, and this is what it was.
#[must_use]
pub fn trace_seal(id: Uuid, seal: &Seal) -> Record {
    own(RecordKind::TraceSeal, id, 0, seal.to_string())
}

/// What the register says was compared with what stands elsewhere; how it ended in one word.
#[must_use]
pub fn reconciliation(id: Uuid, outcome: &str, detail: String) -> Record {
    Record {
        outcome: outcome.to_owned(),
        ..own(RecordKind::Reconciliation, id, 0, detail)
    }
}

/// What has been kept long enough and will be destroyed now.
#[must_use]
pub fn destroyed(id: Uuid, what: Retention) -> Record {
    Record {
        destroyed: Some(what),
        ..own(RecordKind::Retention, id, 0, String::new())
    }
}

/// A checkpoint stands elsewhere too.
#[must_use]
pub fn anchor(id: Uuid, anchor: Anchor) -> Record {
    let detail = format!("{}: {}", anchor.place, anchor.reference);
    Record {
        outcome: "OK".to_owned(),
        anchor: Some(anchor),
        ..own(RecordKind::Anchor, id, 0, detail)
    }
}

/// An operator uses the control plane; the caller says what kind of use it is.
#[must_use]
pub fn operator(id: Uuid, method: &str, operator: &str, detail: String) -> Record {
    Record {
        method: method.to_owned(),
        client_id: operator.to_owned(),
        actor_role: "operator".to_owned(),
        outcome: "OK".to_owned(),
        ..own(RecordKind::AdminAccess, id, 0, detail)
    }
}

/// Whether a text holds what looks like a codice fiscale, omocodia included (DM 23/12/1976): such a
/// text may not enter a record.
#[must_use]
pub fn names_a_person(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .any(is_codice_fiscale)
}

fn is_codice_fiscale(word: &str) -> bool {
    let digit = |b: u8| b.is_ascii_digit() || b"LMNPQRSTUV".contains(&b.to_ascii_uppercase());
    let fits = |(place, b): (usize, u8)| match place {
        0..=5 | 8 | 11 | 15 => b.is_ascii_alphabetic(),
        _ => digit(b),
    };
    word.len() == 16 && word.bytes().enumerate().all(fits)
}

fn own(kind: RecordKind, id: Uuid, epoch: u64, detail: String) -> Record {
    Record {
        kind: kind.into(),
        audit_id: id.as_bytes().to_vec().into(),
        policy_epoch: epoch,
        detail,
        retention_class: retention::class(kind).into(),
        ..Default::default()
    }
}

/// `flags` of a record that tells of a time in which not all was as it should be.
pub const DEGRADED: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codice_fiscale_is_seen_in_any_text() {
        for text in [
            "RSSMRA80A01H501U",
            "sospesa per rssmra80a01h501u, vedi pratica",
            "omocodo:RSSMRAULALMHRLMD.",
        ] {
            assert!(names_a_person(text), "{text}");
        }
        for text in [
            "tributi/verifica-residenza",
            "fine del contratto 2026",
            "0123456789012345",
        ] {
            assert!(!names_a_person(text), "{text}");
        }
    }
}
