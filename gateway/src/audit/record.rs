//! Records of operators, auditors and the gateway itself; those of calls stand in `call`.

use uuid::Uuid;
use varco_proto::audit::v1::{Record, RecordKind};

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

fn own(kind: RecordKind, id: Uuid, epoch: u64, detail: String) -> Record {
    Record {
        kind: kind.into(),
        audit_id: id.as_bytes().to_vec().into(),
        policy_epoch: epoch,
        detail,
        ..Default::default()
    }
}
