//! Contracts made for a test: files of descriptors as JSON, which holds our options too.

use std::sync::{Arc, LazyLock};

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};
use prost_types::{FileDescriptorProto, FileDescriptorSet};
use serde_json::Value;

use super::{Contract, compile};
use crate::registry::descriptor::ContractRef;

/// Files that a file of a test imports.
pub const IMPORTS: [&str; 5] = [
    "google/protobuf/any.proto",
    "google/protobuf/struct.proto",
    "google/protobuf/timestamp.proto",
    "google/protobuf/wrappers.proto",
    "varco/options/v1/options.proto",
];

/// A descriptor set of [`IMPORTS`] and files as `google.protobuf.FileDescriptorProto` has them in
/// JSON.
pub fn set(files: &[Value]) -> Vec<u8> {
    let mut set = BASE.encode_to_vec();
    let file = BASE.get_message_by_name("google.protobuf.FileDescriptorProto");
    for json in files {
        let file = DynamicMessage::deserialize(file.clone().unwrap(), json).unwrap();
        prost::encoding::bytes::encode(1, &file.encode_to_vec(), &mut set);
    }
    set
}

/// Compiles a set that assumes nothing.
pub fn compiled(set: &[u8]) -> Arc<Contract> {
    Arc::new(compile(&assuming(set, None), set).unwrap())
}

/// Every problem of a set that assumes nothing.
pub fn told(set: &[u8]) -> Vec<String> {
    compile(&assuming(set, None), set).map(drop).unwrap_err()
}

/// What a set stands for, with the class of its fields where they have none.
pub fn assuming(set: &[u8], class: Option<&str>) -> ContractRef {
    ContractRef {
        set: super::hash(set),
        builtin: None,
        default_effect: None,
        default_class: class.map(str::to_owned),
    }
}

/// A file that imports others, some of them publicly, by their places.
pub fn file(name: &str, imports: &[&str], public: &[i32]) -> FileDescriptorProto {
    FileDescriptorProto {
        name: Some(name.to_owned()),
        dependency: imports.iter().map(|it| (*it).to_owned()).collect(),
        public_dependency: public.to_vec(),
        ..Default::default()
    }
}

/// A descriptor set of these files and nothing else.
pub fn only(file: Vec<FileDescriptorProto>) -> Vec<u8> {
    FileDescriptorSet { file }.encode_to_vec()
}

static BASE: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let own = DescriptorPool::decode(varco_proto::DESCRIPTOR_SET).unwrap();
    let known = DescriptorPool::global();
    let mut pool = DescriptorPool::new();
    for name in ["google/protobuf/descriptor.proto"]
        .into_iter()
        .chain(IMPORTS)
    {
        let file = own.get_file_by_name(name);
        let file = file.or_else(|| known.get_file_by_name(name)).unwrap();
        let file = file.encode_to_vec();
        pool.decode_file_descriptor_proto(file.as_slice()).unwrap();
    }
    pool
});
