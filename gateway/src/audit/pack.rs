//! What an evidence pack is: records that a third party checks without the comune, in one ZIP file.
//!
//! Every log has a folder of its own, because a head, a key and a policy are those of one log. What stands in it
//! are public formats, so that nothing but public tools is needed. `export::pack` writes packs and `verify::pack`
//! checks them; the names and the bounds that both keep to stand here.

use varco_proto::audit::v1::Record;

/// The format of a pack, as its file `format` says it.
pub const FORMAT_1: &str = "varco-pack/1\n";

/// Records that a pack holds at most: with a proof for each, a ZIP file without its 64-bit form has room for them.
pub const MOST_RECORDS: usize = 50_000;

/// Anchors of a log that a pack holds at most.
pub const MOST_ANCHORS: usize = 1000;

/// Logs that a pack holds at most.
pub const MOST_LOGS: usize = 64;

/// Bytes of all files of a pack, as they are before they are compressed.
pub const MOST_BYTES: u64 = 512 << 20;

/// Bytes of a pack.
pub const MOST_PACKED: u64 = 256 << 20;

/// How a person reads the pack.
pub const READ_ME: &str = "LEGGIMI.txt";
/// Which format it is.
pub const FORMAT: &str = "format";
/// The digest of every other file, as `sha256sum` writes it; the last file of a pack.
pub const SUMS: &str = "SHA256SUMS";

/// A file in the folder of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The signed head that every proof leads to, cosigned where there are witnesses.
    Checkpoint,
    /// The log's key.
    Vkey,
    /// Who has to have signed (C2SP tlog-policy).
    Policy,
    /// The records, a JSON line each.
    Lines,
    /// The leaves, each behind its length, as in an entry bundle of C2SP tlog-tiles.
    Leaves,
    /// That the record at an index is in the log (C2SP tlog-proof).
    Proof(u64),
    /// The ANCHOR records, a JSON line each.
    AnchorLines,
    /// That the ANCHOR record at an index is in the log.
    AnchorProof(u64),
    /// The RFC 3161 token that the ANCHOR record at an index holds.
    Token(u64),
    /// What else the ANCHOR record at an index holds as evidence.
    Evidence(u64),
}

impl Part {
    /// Its name in the folder of its log.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Checkpoint => "checkpoint".to_owned(),
            Self::Vkey => "vkey".to_owned(),
            Self::Policy => "policy".to_owned(),
            Self::Lines => "records.ndjson".to_owned(),
            Self::Leaves => "records.bin".to_owned(),
            Self::Proof(index) => format!("proofs/{index}.tlog-proof"),
            Self::AnchorLines => "anchors.ndjson".to_owned(),
            Self::AnchorProof(index) => format!("anchors/{index}.tlog-proof"),
            Self::Token(index) => format!("anchors/{index}.tsr"),
            Self::Evidence(index) => format!("anchors/{index}.note"),
        }
    }

    /// The file of a name; none for a name that no pack has.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let part = match name {
            "checkpoint" => Self::Checkpoint,
            "vkey" => Self::Vkey,
            "policy" => Self::Policy,
            "records.ndjson" => Self::Lines,
            "records.bin" => Self::Leaves,
            "anchors.ndjson" => Self::AnchorLines,
            _ => Self::numbered(name)?,
        };
        // An index has one spelling.
        (part.name() == name).then_some(part)
    }

    fn numbered(name: &str) -> Option<Self> {
        let (folder, file) = name.split_once('/')?;
        let (index, kind) = file.split_once('.')?;
        let index = index.parse().ok()?;
        Some(match (folder, kind) {
            ("proofs", "tlog-proof") => Self::Proof(index),
            ("anchors", "tlog-proof") => Self::AnchorProof(index),
            ("anchors", "tsr") => Self::Token(index),
            ("anchors", "note") => Self::Evidence(index),
            _ => return None,
        })
    }
}

/// The folder of a log: its origin, with a hyphen for whatever a file system may not like.
#[must_use]
pub fn folder(origin: &str) -> String {
    let plain = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => c,
        _ => '-',
    };
    origin.chars().map(plain).collect()
}

/// The folder and the part that a name in a pack stands for; none for one that no pack has.
#[must_use]
pub fn place(name: &str) -> Option<(&str, Part)> {
    let (folder_name, part) = name.split_once('/')?;
    let is_plain = folder(folder_name) == folder_name && !folder_name.starts_with('.');
    let is_short = (1..=MOST_NAME).contains(&folder_name.len());
    let part = Part::of(part)?;
    (is_plain && is_short).then_some((folder_name, part))
}

/// The file that the evidence of an ANCHOR record is; none where it holds none.
#[must_use]
pub fn evidence(index: u64, record: &Record) -> Option<(Part, &[u8])> {
    let anchor = record.anchor.as_ref()?;
    let part = match anchor.place.as_str() {
        "tsa" => Part::Token(index),
        _ => Part::Evidence(index),
    };
    (!anchor.evidence.is_empty()).then_some((part, &*anchor.evidence))
}

/// Longest name of a folder.
const MOST_NAME: usize = 200;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn folder_is_named_by_its_log() {
        assert_eq!(folder("c_z999.audit/gw1/2026"), "c_z999.audit-gw1-2026");
    }

    #[test]
    fn names_that_no_pack_has_are_no_places() {
        for name in [
            "../checkpoint",
            "/checkpoint",
            "a/../checkpoint",
            "a/b/checkpoint",
            "./checkpoint",
            "a\\checkpoint",
            "a/proofs/07.tlog-proof",
            "a/proofs/+7.tlog-proof",
            "a/proofs/7.tlog-proof/",
            "a/proofs/7.tsr",
            "a/anchors/7.exe",
            "checkpoint",
            "",
        ] {
            assert_eq!(place(name), None, "{name}");
        }
        assert_eq!(place("a/checkpoint"), Some(("a", Part::Checkpoint)));
    }

    proptest! {
        #[test]
        fn part_is_found_by_its_name(index in any::<u64>()) {
            for part in [
                Part::Proof(index),
                Part::AnchorProof(index),
                Part::Token(index),
                Part::Evidence(index),
                Part::Leaves,
            ] {
                let name = format!("f/{}", part.name());
                prop_assert_eq!(place(&name), Some(("f", part)));
            }
        }
    }
}
