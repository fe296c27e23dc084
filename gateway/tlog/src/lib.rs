//! The pure core of a tamper-evident log: hashes, tiles, proofs, checkpoints, witnesses.
//!
//! Every format is public (RFC 6962 and C2SP's signed-note, tlog-checkpoint, tlog-tiles,
//! tlog-cosignature, tlog-proof, tlog-policy, tlog-witness), so that an auditor can check the log
//! with tools that this project did not write.
//! Nothing here reads a file, a clock or a database: tiles come in through closures, and the
//! caller decides when a head is durable enough to be signed.

pub mod checkpoint;
pub mod cosignature;
mod decimal;
pub mod error;
pub mod hash;
mod hash_lines;
pub mod note;
pub mod policy;
pub mod proof;
pub mod proof_file;
mod reader;
pub mod tile;
pub mod tree;
pub mod witness;

#[cfg(test)]
mod testing;
