//! What the files of a descriptor set import.

use std::collections::{BTreeSet, HashSet};

use prost::Message as _;
use prost_reflect::FileDescriptor;
use prost_types::{FileDescriptorProto, FileDescriptorSet};

/// Every import that a set names and does not hold; what does not parse at all is told elsewhere.
pub(super) fn missing(set: &[u8]) -> Vec<String> {
    let Ok(set) = FileDescriptorSet::decode(set) else {
        return Vec::new();
    };
    let held: HashSet<&str> = set.file.iter().map(FileDescriptorProto::name).collect();
    let imports = set.file.iter().flat_map(|file| &file.dependency);
    let missing: BTreeSet<&str> = imports
        .map(String::as_str)
        .filter(|import| !held.contains(import))
        .collect();
    let told = |import: &&str| {
        format!("lacks {import}, which it imports: build it with --include_imports")
    };
    missing.iter().take(MOST_TOLD).map(told).collect()
}

/// A file after those that it imports, each once.
pub fn with_imports(file: &FileDescriptor, files: &mut Vec<FileDescriptor>) {
    if files.iter().any(|known| known.name() == file.name()) {
        return;
    }
    for import in file.dependencies() {
        with_imports(&import, files);
    }
    files.push(file.clone());
}

/// Missing imports that are told; a set that lacks more is told again.
const MOST_TOLD: usize = 100;
