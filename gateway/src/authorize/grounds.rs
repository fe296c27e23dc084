//! What a decision rests on: the entries of the registry, each in one version.
//!
//! Records hold its digest, so that whoever has the registry's history can tell whether a decision
//! would be the same today: SHA-256 over a line `<kind> <id> <version>` for the purpose, the
//! agreement, the descriptor and the client, in this order.

use std::fmt::Write as _;
use std::sync::OnceLock;

use aws_lc_rs::digest::{SHA256, digest};
use uuid::Uuid;

use super::Eligible;
use crate::registry::entry::Kind;
use crate::registry::snapshot::Snapshot;

/// What a decision rests on.
#[derive(Clone, Debug)]
pub struct Grounds {
    entries: [(Kind, Uuid, u64); 4],
    digest: OnceLock<[u8; 32]>,
}

impl Grounds {
    /// The versions of entries in a snapshot.
    #[must_use]
    pub fn of(found: &Eligible<'_>, snapshot: &Snapshot) -> Self {
        let entries = [
            (Kind::Purpose, found.purpose.id),
            (Kind::Agreement, found.agreement.id),
            (Kind::Descriptor, found.descriptor.entry.id),
            (Kind::Client, found.client.id),
        ];
        let version = |id| snapshot.row(id).map_or(0, |row| row.version);
        Self {
            entries: entries.map(|(kind, id)| (kind, id, version(id))),
            digest: OnceLock::new(),
        }
    }

    /// Their digest, made when it is first asked for.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        *self.digest.get_or_init(|| {
            let mut text = String::new();
            for (kind, id, version) in &self.entries {
                let _ = writeln!(text, "{} {id} {version}", kind.name());
            }
            let mut sum = [0; 32];
            sum.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
            sum
        })
    }
}
