//! A descriptor set as it is given: its files, byte for byte.
//!
//! They are looked at before they are parsed, for the parser does not survive every set. What it
//! parses differs in one thing from what was given, and what is shown does not: a file also imports
//! what it sees through public imports, of which the parser follows only the first.

use std::collections::HashMap;

use bytes::Bytes;
use prost::Message as _;
use prost_reflect::DescriptorPool;
use prost_types::FileDescriptorProto;

use super::{imports, size};

/// The files of a descriptor set.
pub(super) struct Given {
    files: Vec<(FileDescriptorProto, Bytes)>,
    /// What each sees beside its imports.
    seen: HashMap<String, Vec<String>>,
}

/// A `google.protobuf.FileDescriptorSet` whose files are not read.
#[derive(Clone, PartialEq, prost::Message)]
struct Set {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    file: Vec<Bytes>,
}

impl Given {
    /// Reads a set.
    ///
    /// # Errors
    ///
    /// Every problem for which it is not parsed.
    pub(super) fn read(set: &[u8]) -> Result<Self, Vec<String>> {
        let bytes = Set::decode(set).map_err(|error| unparsed(&error))?.file;
        size::check(&bytes)?;
        let read = bytes
            .iter()
            .map(|file| FileDescriptorProto::decode(&**file));
        let read: Result<Vec<_>, _> = read.collect();
        let read = read.map_err(|error| unparsed(&error))?;
        readable(&read)?;
        let seen = imports::check(&read)?;
        let files = read.into_iter().zip(bytes).collect();
        Ok(Self { files, seen })
    }

    /// Parses the descriptors.
    ///
    /// # Errors
    ///
    /// The first problem that is found.
    pub(super) fn parsed(&self) -> Result<DescriptorPool, Vec<String>> {
        let file = self.files.iter().map(|(file, given)| {
            let mut bytes = given.to_vec();
            let seen = self.seen.get(file.name()).map_or(&[][..], Vec::as_slice);
            prost::encoding::string::encode_repeated(IMPORT, seen, &mut bytes);
            bytes.into()
        });
        let set = Set {
            file: file.collect(),
        };
        DescriptorPool::decode(&*set.encode_to_vec()).map_err(|error| unparsed(&error))
    }

    /// The files as they are given, by name.
    pub(super) fn files(self) -> HashMap<String, Bytes> {
        let files = self.files.into_iter();
        files
            .map(|(file, given)| (file.name().to_owned(), given))
            .collect()
    }
}

/// The parser knows two syntaxes, and panics over files in any other.
fn readable(files: &[FileDescriptorProto]) -> Result<(), Vec<String>> {
    let known = |syntax: Option<&str>| matches!(syntax, None | Some("proto2" | "proto3"));
    let unknown = files.iter().filter(|file| !known(file.syntax.as_deref()));
    let told = unknown.take(MOST_TOLD).map(|file| {
        let name = file.name();
        format!("{name} is not written in proto2 or proto3: editions are not read yet")
    });
    match told.collect::<Vec<_>>() {
        told if told.is_empty() => Ok(()),
        told => Err(told),
    }
}

fn unparsed(error: &dyn std::error::Error) -> Vec<String> {
    vec![format!("descriptor set does not parse: {error}")]
}

/// Number of `FileDescriptorProto.dependency`.
const IMPORT: u32 = 3;
/// Files that are told; of a set that has more the rest is told when these are mended.
const MOST_TOLD: usize = 100;

#[cfg(test)]
mod tests;
