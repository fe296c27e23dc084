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
            let found = pools(snapshot).find_map(|pool| pool.get_file_by_name(name));
            files(found)
        }
        Some(MessageRequest::FileContainingSymbol(symbol)) => {
            files(pools(snapshot).find_map(|pool| declaring(pool, symbol)))
        }
        Some(MessageRequest::FileContainingExtension(asked)) => {
            let (of, number) = (&asked.containing_type, asked.extension_number);
            files(pools(snapshot).find_map(|pool| extending(pool, of, number)))
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
fn pools(snapshot: &Snapshot) -> impl Iterator<Item = &DescriptorPool> {
    let serving = snapshot.descriptors.values().filter(|it| it.state.serves());
    serving.filter_map(|it| Some(&snapshot.descriptor(it.id)?.contract.pool))
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

/// A file after all that it imports.
fn files(found: Option<FileDescriptor>) -> MessageResponse {
    let Some(file) = found else {
        return error(Code::NotFound, "no registered contract holds it");
    };
    let mut files = Vec::new();
    with_imports(&file, &mut files);
    let encoded = files.iter().map(FileDescriptor::encode_to_vec);
    MessageResponse::FileDescriptorResponse(FileDescriptorResponse {
        file_descriptor_proto: encoded.collect(),
    })
}

fn error(code: Code, message: &str) -> MessageResponse {
    MessageResponse::ErrorResponse(ErrorResponse {
        error_code: code.into(),
        error_message: message.to_owned(),
    })
}
