//! What an evidence pack is: records that a third party checks without the comune, in one ZIP file.
//!
//! Every log has a folder of its own, because a head, a key and a policy are those of one log. What stands in it
//! are public formats, so that nothing but public tools is needed. `export::pack` writes packs and `verify::pack`
//! checks them; the names and the bounds that both keep to stand here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use varco_proto::audit::v1::Anchor;
use varco_tlog::hash::Hash;

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
    /// The checkpoint that the ANCHOR record at an index says to stand elsewhere.
    Note(u64),
    /// That the head goes on from that checkpoint (RFC 6962 §2.1.2): hashes in base64, one a line.
    Consistency(u64),
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
            Self::Note(index) => format!("anchors/{index}.note"),
            Self::Consistency(index) => format!("anchors/{index}.consistency"),
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
            ("anchors", "note") => Self::Note(index),
            ("anchors", "consistency") => Self::Consistency(index),
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

/// The files that an ANCHOR record itself is: the checkpoint, and the token where it holds one.
#[must_use]
pub fn anchored(index: u64, anchor: &Anchor) -> Vec<(Part, &[u8])> {
    let files = [
        (Part::Note(index), anchor.checkpoint.as_bytes()),
        (Part::Token(index), &*anchor.evidence),
    ];
    let files = files.into_iter();
    files.filter(|(_, content)| !content.is_empty()).collect()
}

/// Hashes as a file of the pack holds them.
#[must_use]
pub fn hashes(hashes: &[Hash]) -> String {
    let line = |hash: &Hash| STANDARD.encode(hash.as_bytes()) + "\n";
    hashes.iter().map(line).collect()
}

/// The hashes of a file, at most as many as a tree has levels; none where it is no such file.
#[must_use]
pub fn read_hashes(text: &str) -> Option<Vec<Hash>> {
    let read = |line: &str| Hash::try_from(STANDARD.decode(line).ok()?.as_slice()).ok();
    let lines = text.split_terminator('\n').take(MOST_HASHES + 1);
    let found: Option<Vec<Hash>> = lines.map(read).collect();
    found.filter(|found| hashes(found) == text)
}

/// Hashes of a proof at most (C2SP tlog-proof).
const MOST_HASHES: usize = 64;
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

    #[test]
    fn hashes_are_read_as_they_are_written_and_in_no_other_way() {
        let two = [Hash::leaf(b"a"), Hash::leaf(b"b")];
        let text = hashes(&two);

        assert_eq!(read_hashes(&text), Some(two.to_vec()));
        assert_eq!(read_hashes(""), Some(Vec::new()));
        assert_eq!(read_hashes(text.trim_end()), None);
        assert_eq!(read_hashes(&text.replace('=', "")), None);
        assert_eq!(read_hashes(&text.repeat(40)), None);
    }

    proptest! {
        #[test]
        fn part_is_found_by_its_name(index in any::<u64>()) {
            for part in [
                Part::Proof(index),
                Part::AnchorProof(index),
                Part::Token(index),
                Part::Note(index),
                Part::Consistency(index),
                Part::Leaves,
            ] {
                let name = format!("f/{}", part.name());
                prop_assert_eq!(place(&name), Some(("f", part)));
            }
        }
    }
}
