//! Contracts as the data plane reads them: methods with their effect, fields with their class.
//!
//! A contract is compiled once from its descriptor set. A method without a declared effect is not
//! callable and a field without a class never passes, unless the registry file declares defaults
//! for a foreign contract.

use std::collections::HashMap;
use std::panic;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, MethodDescriptor, Value};
use tokio::runtime::{Handle, RuntimeFlavor};

use super::descriptor::ContractRef;

mod compiler;
mod given;
pub mod imports;
pub mod message;
pub mod presence;
mod size;
#[cfg(test)]
pub(crate) mod testing;
pub mod told;

use compiler::Compiler;
use given::Given;
use imports::with_imports;
use message::{Held, Message};
use told::Told;

/// Whether a method changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does not.
    Read,
    /// It does.
    Write,
}

/// A contract ready for the data plane.
#[derive(Debug)]
pub struct Contract {
    /// Methods by `pkg.Service/Method`.
    pub methods: HashMap<String, Method>,
    /// Messages, named by their place.
    pub messages: Vec<Message>,
    /// Places of the messages that an Any may hold.
    pub held: Held,
    /// Names of the data classes, named by their place; at most 64.
    pub classes: Vec<String>,
    /// What records say of its fields.
    pub told: Told,
    /// Whether a field names its class itself; else all have the one that is assumed, if any is.
    pub is_classed: bool,
    /// Methods that declare no effect, which nobody can register or call.
    pub without_effect: Vec<String>,
    /// The descriptors that it was compiled from.
    pub pool: DescriptorPool,
    /// Their files as they were given, by name.
    pub files: HashMap<String, Bytes>,
}

/// A callable method.
#[derive(Clone, Debug)]
pub struct Method {
    /// Whether it changes anything.
    pub effect: Effect,
    /// Whether the request is a stream.
    pub client_streaming: bool,
    /// Whether the response is a stream.
    pub server_streaming: bool,
    /// Place of the request message.
    pub input: usize,
    /// Place of the response message.
    pub output: usize,
}

impl Method {
    /// Whether its request or its answer is a stream.
    #[must_use]
    pub fn streams(&self) -> bool {
        self.client_streaming || self.server_streaming
    }
}

/// Contracts by what they were compiled from.
#[derive(Debug, Default)]
pub struct Contracts {
    compiled: Mutex<HashMap<ContractRef, Arc<Contract>>>,
}

impl Contract {
    /// The classes of a purpose as a mask over this contract's.
    #[must_use]
    pub fn mask(&self, allowed: &[String]) -> u64 {
        let bit = |(place, class): (usize, &String)| {
            if allowed.contains(class) {
                1_u64 << place
            } else {
                0
            }
        };
        self.classes
            .iter()
            .enumerate()
            .map(bit)
            .fold(0, |mask, bit| mask | bit)
    }

    /// Names of the classes in a mask.
    #[must_use]
    pub fn names(&self, mask: u64) -> Vec<String> {
        let held =
            |(place, class): (usize, &String)| (mask >> place & 1 == 1).then(|| class.clone());
        self.classes.iter().enumerate().filter_map(held).collect()
    }
}

impl Contracts {
    /// Compiles a contract, or gives the one that was compiled before.
    ///
    /// # Errors
    ///
    /// Every problem of the descriptor set.
    pub fn compile(&self, of: &ContractRef, set: &[u8]) -> Result<Arc<Contract>, Vec<String>> {
        if let Some(known) = self.known(of) {
            return Ok(known);
        }
        let compiled = Arc::new(compile(of, set)?);
        self.keep(of.clone(), Arc::clone(&compiled));
        Ok(compiled)
    }

    /// Keeps a contract that a descriptor of the registry rests on; others must not fill it.
    pub fn keep(&self, of: ContractRef, compiled: Arc<Contract>) {
        let mut held = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        // A snapshot that was read meanwhile may hold another compilation: calls compare them.
        held.entry(of).or_insert(compiled);
    }

    /// The contract, when it was compiled before.
    #[must_use]
    pub fn known(&self, of: &ContractRef) -> Option<Arc<Contract>> {
        self.compiled
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(of)
            .cloned()
    }
}

/// SHA-256 of a descriptor set in hexadecimal, by which it is stored.
#[must_use]
pub fn hash(set: &[u8]) -> String {
    hex::encode(digest(&SHA256, set))
}

/// The descriptor set of a package that the product brings: its files and what they import.
#[must_use]
pub fn builtin(package: &str) -> Option<Vec<u8>> {
    let pool = DescriptorPool::decode(varco_proto::DESCRIPTOR_SET).ok()?;
    let own = pool.files().filter(|file| file.package_name() == package);
    let mut files = Vec::new();
    own.for_each(|file| with_imports(&file, &mut files));
    if files.is_empty() {
        return None;
    }
    let mut set = Vec::new();
    for file in files {
        // Re-encoded as it was read: the options of our own extensions stay in it.
        let bytes = file.encode_to_vec();
        prost::encoding::encode_key(1, prost::encoding::WireType::LengthDelimited, &mut set);
        prost::encoding::encode_varint(bytes.len() as u64, &mut set);
        set.extend_from_slice(&bytes);
    }
    Some(set)
}

/// Compiles a contract.
///
/// # Errors
///
/// Every problem of the descriptor set.
pub fn compile(of: &ContractRef, set: &[u8]) -> Result<Contract, Vec<String>> {
    aside(|| {
        let given = Given::read(set)?;
        // The parser panics over some sets that no compiler wrote.
        panic::catch_unwind(|| compiled(of, given))
            .unwrap_or_else(|_| Err(vec![UNPARSED.to_owned()]))
    })
}

const UNPARSED: &str = "descriptor set does not parse: build it with protoc or buf";

/// Does what may take a while; calls that this thread would serve meanwhile go on elsewhere.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    let runtime = Handle::try_current();
    match runtime.map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

fn compiled(of: &ContractRef, given: Given) -> Result<Contract, Vec<String>> {
    let pool = given.parsed()?;
    let mut compiler = Compiler::new(of);
    for service in pool.services() {
        for method in service.methods() {
            compiler.method(&method);
        }
    }
    compiler.finish(pool, given.files())
}

/// The effect that a method declares, or that is assumed of it.
#[must_use]
pub fn effect(method: &MethodDescriptor, defaults: &ContractRef) -> Option<Effect> {
    use prost_types::method_options::IdempotencyLevel;
    let proto = method.method_descriptor_proto();
    let declared = proto
        .options
        .as_ref()
        .map(prost_types::MethodOptions::idempotency_level);
    match (declared, defaults.default_effect.as_deref()) {
        (Some(IdempotencyLevel::NoSideEffects), _) => Some(Effect::Read),
        (Some(IdempotencyLevel::Idempotent), _) | (_, Some("write")) => Some(Effect::Write),
        (_, Some("read")) => Some(Effect::Read),
        _ => None,
    }
}

/// The class that a field's own option names.
#[must_use]
pub fn data_class(field: &FieldDescriptor) -> Option<String> {
    class_in(field.parent_message().parent_pool(), &field.options())
}

/// The class that the options of a field or an extension name.
#[must_use]
pub fn class_in(pool: &DescriptorPool, options: &DynamicMessage) -> Option<String> {
    let option = pool.get_extension_by_name("varco.options.v1.data_class")?;
    if !options.has_extension(&option) {
        return None;
    }
    match options.get_extension(&option).as_ref() {
        Value::String(class) if !class.is_empty() => Some(class.clone()),
        _ => None,
    }
}

/// The kind of identifier of a data subject that a field or an extension with these options holds,
/// as the number of its option.
#[must_use]
pub fn subject_in(pool: &DescriptorPool, options: &DynamicMessage) -> Option<i32> {
    let option = pool.get_extension_by_name("varco.options.v1.subject")?;
    match options.get_extension(&option).as_ref() {
        Value::EnumNumber(kind) if options.has_extension(&option) && *kind != 0 => Some(*kind),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
