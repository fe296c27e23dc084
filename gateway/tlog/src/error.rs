//! The ways in which log material can be wrong.
//!
//! Everything that comes from outside (tiles, proofs, notes, keys) is hostile until checked, so
//! each refusal has its own variant and none of them repeats the input.

use thiserror::Error as Failure;

use crate::tile::TileId;

/// Why log material was refused.
#[derive(Clone, Debug, Failure, PartialEq, Eq)]
pub enum Error {
    /// A known key's signature does not verify: the note was altered or forged.
    #[error("signature does not verify")]
    BadSignature,
    /// An entry bundle would hold more than 256 entries.
    #[error("bundle holds more than 256 entries")]
    BundleTooWide,
    /// An entry is longer than its 16-bit length prefix can say.
    #[error("entry of {0} bytes is longer than 65535")]
    EntryTooLarge(usize),
    /// The cryptographic library refused a private key or an operation on it.
    #[error("signing key was refused")]
    KeyRejected,
    /// A checkpoint body is not exactly origin, size and root.
    #[error("checkpoint is malformed")]
    MalformedCheckpoint,
    /// An entry bundle ends inside an entry.
    #[error("entry bundle is malformed")]
    MalformedEntries,
    /// A hash is not 32 bytes long.
    #[error("hash is not 32 bytes long")]
    MalformedHash,
    /// A verifier key is not `name+id+base64`, or its id is not its own.
    #[error("verifier key is malformed")]
    MalformedKey,
    /// A key name or origin is empty or holds a space, a `+` or a control character.
    #[error("key name is malformed")]
    MalformedName,
    /// A note breaks the signed-note format, or is larger than this crate reads.
    #[error("note is malformed")]
    MalformedNote,
    /// A path does not name a tile in its one canonical spelling.
    #[error("tile path is malformed")]
    MalformedTilePath,
    /// The checkpoint speaks for a log other than the key's.
    #[error("checkpoint origin is not the name of the key")]
    OriginMismatch,
    /// An index or an older size lies outside the tree.
    #[error("position {position} is outside a tree of size {size}")]
    OutOfRange {
        /// The index or older size that was asked for.
        position: u64,
        /// The size of the tree.
        size: u64,
    },
    /// A proof has a number of hashes that no proof of these sizes can have.
    #[error("proof has the wrong length")]
    ProofLength,
    /// The proof leads to a root other than the one claimed.
    #[error("proof does not lead to the root")]
    RootMismatch,
    /// A stored tile has fewer hashes than its width.
    #[error("{} holds fewer hashes than its width", .0.path())]
    ShortTile(TileId),
    /// No signature of the known key is on the note.
    #[error("note is not signed by the known key")]
    Unsigned,
}

/// Why something could not be rebuilt from stored tiles.
#[derive(Debug, Failure, PartialEq, Eq)]
pub enum LoadError<E> {
    /// The request or the tiles contradict the size of the tree.
    #[error("log is malformed")]
    Malformed(#[source] Error),
    /// The caller's reader failed.
    #[error("tile could not be read")]
    Read(#[source] E),
}
