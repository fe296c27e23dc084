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
    /// A policy cannot be read at a line, counted from one.
    #[error("policy is malformed at line {line}: {fault}")]
    MalformedPolicy {
        /// Where it went wrong.
        line: usize,
        /// What is wrong there.
        fault: PolicyFault,
    },
    /// A proof file breaks the format of tlog-proof.
    #[error("proof file is malformed")]
    MalformedProofFile,
    /// A request to a witness breaks the format of tlog-witness.
    #[error("witness request is malformed")]
    MalformedRequest,
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
    /// Too few of the policy's witnesses have cosigned.
    #[error("cosignatures do not make the policy's quorum")]
    QuorumMissing,
    /// A stored tile has fewer hashes than its width.
    #[error("{} holds fewer hashes than its width", .0.path())]
    ShortTile(TileId),
    /// A time is beyond what a cosignature can say.
    #[error("time is out of range")]
    TimeOutOfRange,
    /// No signature of the known key is on the note.
    #[error("note is not signed by the known key")]
    Unsigned,
}

/// What is wrong with a part of a policy.
#[derive(Clone, Copy, Debug, Failure, PartialEq, Eq)]
pub enum PolicyFault {
    /// A key is listed under two names, or twice under one.
    #[error("key is listed already")]
    DuplicateKey,
    /// A name is taken by a witness or a group, or is `none`.
    #[error("name is taken already")]
    DuplicateName,
    /// The key is no verifier key of the kind that is needed there.
    #[error("key is malformed or of another kind than Ed25519")]
    Key,
    /// A member stands in a group already, and may count in one way only.
    #[error("member stands in a group already")]
    Member,
    /// There is no quorum line, or a second one.
    #[error("there must be exactly one quorum line")]
    Quorum,
    /// A word is none that the format knows, or words are missing.
    #[error("line is not one of a policy")]
    Syntax,
    /// A group asks for none or for more than its members.
    #[error("threshold must lie between one and the number of members")]
    Threshold,
    /// There are more logs, witnesses, groups or bytes than this crate reads.
    #[error("policy is too large")]
    TooLarge,
    /// A name was not defined on a line before.
    #[error("name was not defined before")]
    UnknownName,
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
