//! The contracts of the registered e-services, for tools that ask for them (grpc.reflection.v1).
//!
//! It shows what is exposed to whoever may call the gateway at all, so it is off unless it is
//! switched on.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use prost_reflect::{DescriptorPool, FileDescriptor};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{
    ErrorResponse, FileDescriptorResponse, ListServiceResponse, ServerReflectionRequest,
    ServerReflectionResponse, ServiceResponse, server_reflection_server,
};

use crate::gate::Gate;
use crate::registry::contract::Contract;
use crate::registry::contract::imports::with_imports;
use crate::registry::snapshot::Snapshot;

/// Answers questions about contracts.
pub struct Reflection(Arc<Gate>);

impl Reflection {
    /// Over what is registered.
    pub fn new(gate: &Arc<Gate>) -> Self {
        Self(Arc::clone(gate))
    }
}

#[tonic::async_trait]
impl server_reflection_server::ServerReflection for Reflection {
    type ServerReflectionInfoStream =
        stream::BoxStream<'static, Result<ServerReflectionResponse, Status>>;

    async fn server_reflection_info(
        &self,
        request: Request<Streaming<ServerReflectionRequest>>,
    ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
        let gate = Arc::clone(&self.0);
        let answers = request.into_inner().map(move |asked| {
            let asked = asked?;
            let answer = answer(&gate.registry.snapshot(), asked.message_request.as_ref());
            Ok(ServerReflectionResponse {
                valid_host: asked.host.clone(),
                original_request: Some(asked),
                message_response: Some(answer),
            })
        });
        Ok(Response::new(answers.boxed()))
    }
}

fn answer(snapshot: &Snapshot, asked: Option<&MessageRequest>) -> MessageResponse {
    match asked {
        Some(MessageRequest::ListServices(_)) => services(snapshot),
        Some(MessageRequest::FileByFilename(name)) => {
            files(snapshot, |pool| pool.get_file_by_name(name))
        }
        Some(MessageRequest::FileContainingSymbol(symbol)) => {
            files(snapshot, |pool| declaring(pool, symbol))
        }
        Some(MessageRequest::FileContainingExtension(asked)) => {
            let (of, number) = (&asked.containing_type, asked.extension_number);
            files(snapshot, |pool| extending(pool, of, number))
        }
        Some(MessageRequest::AllExtensionNumbersOfType(_)) => {
            error(Code::Unimplemented, "extension numbers are not listed")
        }
        None => error(Code::InvalidArgument, "message_request: nothing is asked"),
    }
}

/// The services of the methods that serve.
fn services(snapshot: &Snapshot) -> MessageResponse {
    let serving = snapshot.descriptors.values().filter(|it| it.state.serves());
    let names: BTreeSet<&str> = serving
        .flat_map(|it| &it.body.methods)
        .filter_map(|method| method.split('/').next())
        .collect();
    let service = names.into_iter().map(|name| ServiceResponse {
        name: name.to_owned(),
    });
    MessageResponse::ListServicesResponse(ListServiceResponse {
        service: service.collect(),
    })
}

/// The contracts that serve.
fn contracts(snapshot: &Snapshot) -> impl Iterator<Item = &Contract> {
    let serving = snapshot.descriptors.values().filter(|it| it.state.serves());
    serving.filter_map(|it| Some(snapshot.descriptor(it.id)?.contract.as_ref()))
}

/// The file that declares a service, a method, a message, a field, an enum or an extension.
fn declaring(pool: &DescriptorPool, symbol: &str) -> Option<FileDescriptor> {
    let named = |name: &str| {
        let service = pool.get_service_by_name(name).map(|it| it.parent_file());
        let message = || pool.get_message_by_name(name).map(|it| it.parent_file());
        let enumeration = || pool.get_enum_by_name(name).map(|it| it.parent_file());
        let extension = || pool.get_extension_by_name(name).map(|it| it.parent_file());
        service
            .or_else(message)
            .or_else(enumeration)
            .or_else(extension)
    };
    let parent = || {
        symbol
            .rsplit_once('.')
            .and_then(|(parent, _)| named(parent))
    };
    named(symbol).or_else(parent)
}

fn extending(pool: &DescriptorPool, message: &str, number: i32) -> Option<FileDescriptor> {
    let message = pool.get_message_by_name(message)?;
    let extension = message.get_extension(u32::try_from(number).ok()?)?;
    Some(extension.parent_file())
}

/// The file that is found in a contract after all that it imports, each as it was given.
fn files(
    snapshot: &Snapshot,
    find: impl Fn(&DescriptorPool) -> Option<FileDescriptor>,
) -> MessageResponse {
    let mut found = contracts(snapshot).filter_map(|it| Some((it, find(&it.pool)?)));
    let Some((contract, file)) = found.next() else {
        return error(Code::NotFound, "no registered contract holds it");
    };
    let mut files = Vec::new();
    with_imports(&file, &mut files);
    let given = files.iter().filter_map(|it| contract.files.get(it.name()));
    MessageResponse::FileDescriptorResponse(FileDescriptorResponse {
        file_descriptor_proto: given.map(|file| file.to_vec()).collect(),
    })
}

fn error(code: Code, message: &str) -> MessageResponse {
    MessageResponse::ErrorResponse(ErrorResponse {
        error_code: code.into(),
        error_message: message.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use prost_types::method_options::IdempotencyLevel::NoSideEffects;
    use prost_types::{FileDescriptorProto, FileDescriptorSet};
    use varco_proto::registry::v1::{self as proto, Document};

    use super::*;
    use crate::registry::contract::testing::{file, only};
    use crate::registry::testing::{Town, descriptor, foreign, town};

    /// The files of a contract that imports publicly what others import publicly.
    fn given() -> Vec<FileDescriptorProto> {
        let set = foreign(&[("Echo", Some(NoSideEffects))], &[]);
        let service = FileDescriptorSet::decode(&*set).unwrap().file.remove(0);
        let importing = FileDescriptorProto {
            dependency: vec!["b".to_owned()],
            ..service
        };
        vec![
            file("d", &[], &[]),
            file("c", &["d"], &[0]),
            file("b", &["c"], &[0]),
            importing,
        ]
    }

    #[test]
    fn files_are_shown_as_they_were_given() {
        let mut document = Document {
            agreements: Vec::new(),
            purposes: Vec::new(),
            ..town()
        };
        document.eservices[0].descriptors = vec![proto::Descriptor {
            builtin: String::new(),
            descriptor_set: only(given()).into(),
            methods: vec!["eco.v1.EcoService/*".into()],
            ..descriptor(1)
        }];
        let town = Town::holding(&document);
        let asked = MessageRequest::FileByFilename("eco.proto".to_owned());

        let shown = answer(&town.snapshot, Some(&asked));

        let MessageResponse::FileDescriptorResponse(shown) = shown else {
            panic!("no files: {shown:?}");
        };
        let given = given();
        let given: Vec<Vec<u8>> = given
            .iter()
            .map(FileDescriptorProto::encode_to_vec)
            .collect();
        assert_eq!(shown.file_descriptor_proto, given);
    }
}
