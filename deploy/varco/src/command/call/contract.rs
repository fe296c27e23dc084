//! The method that is called: found in a descriptor set by its name, with its codec.

use std::path::Path;

use http::uri::PathAndQuery;
use prost::Message as _;
use prost_reflect::prost_types::method_options::IdempotencyLevel;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use crate::failure::Failure;

/// A method of a known contract.
#[derive(Clone, Debug)]
pub struct Method(MethodDescriptor);

/// Encodes any message, and decodes the answers of one method.
#[derive(Clone, Debug)]
pub struct AnyMessage {
    answer: MessageDescriptor,
}

impl Method {
    /// Finds `pkg.Service/Method` in a file of descriptors, or among those compiled in.
    ///
    /// # Errors
    ///
    /// When the file is no descriptor set, or there is no such method in it.
    pub fn find(name: &str, file: Option<&Path>) -> Result<Self, Failure> {
        let pool = match file {
            None => DescriptorPool::decode(varco_proto::DESCRIPTOR_SET)?,
            Some(file) => {
                let unreadable = |why: &dyn std::fmt::Display| {
                    let what = format!("{} is no descriptor set", file.display());
                    Failure::new(what, why, "make it with `protoc --include_imports -o`")
                };
                let bytes = std::fs::read(file).map_err(|error| unreadable(&error))?;
                DescriptorPool::decode(&*bytes).map_err(|error| unreadable(&error))?
            }
        };
        let parts = name.trim_start_matches('/').split_once('/');
        let found = parts.and_then(|(service, method)| {
            let service = pool.get_service_by_name(service)?;
            service.methods().find(|known| known.name() == method)
        });
        found.map(Self).ok_or_else(|| unknown(name, &pool))
    }

    /// The path of the request.
    ///
    /// # Errors
    ///
    /// When the contract has names that no path can carry.
    pub fn path(&self) -> Result<PathAndQuery, Failure> {
        let service = self.0.parent_service().full_name();
        Ok(PathAndQuery::try_from(format!(
            "/{service}/{}",
            self.0.name()
        ))?)
    }

    /// What a request consists of.
    #[must_use]
    pub fn input(&self) -> MessageDescriptor {
        self.0.input()
    }

    /// Whether the caller sends a stream.
    #[must_use]
    pub fn streams_in(&self) -> bool {
        self.0.is_client_streaming()
    }

    /// Whether the service answers with a stream.
    #[must_use]
    pub fn streams_out(&self) -> bool {
        self.0.is_server_streaming()
    }

    /// Whether repetitions are told apart by `idempotency-key`.
    #[must_use]
    pub fn is_deduplicated(&self) -> bool {
        let options = self.0.method_descriptor_proto().options.as_ref();
        options.is_some_and(|it| it.idempotency_level() == IdempotencyLevel::Idempotent)
    }

    /// The codec of its messages.
    #[must_use]
    pub fn codec(&self) -> AnyMessage {
        AnyMessage {
            answer: self.0.output(),
        }
    }
}

fn unknown(name: &str, pool: &DescriptorPool) -> Failure {
    let services: Vec<String> = pool
        .services()
        .map(|it| it.full_name().to_owned())
        .collect();
    Failure::new(
        format!("{name} is no known method"),
        format!("the services are {}", services.join(", ")),
        "write pkg.Service/Method, or give the contract with --descriptor-set",
    )
}

impl Codec for AnyMessage {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        self.clone()
    }

    fn decoder(&mut self) -> Self {
        self.clone()
    }
}

impl Encoder for AnyMessage {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, message: DynamicMessage, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        let failed = |error: prost::EncodeError| Status::internal(error.to_string());
        message.encode(out).map_err(failed)
    }
}

impl Decoder for AnyMessage {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let failed = |error: prost::DecodeError| Status::internal(error.to_string());
        let message = DynamicMessage::decode(self.answer.clone(), bytes).map_err(failed)?;
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn method_is_found_with_its_streams_and_its_effect() {
        let upload = "varco.documenti.v1.DocumentiService/UploadDocumento";

        let method = Method::find(upload, None).unwrap();

        assert!(method.streams_in() && !method.streams_out() && method.is_deduplicated());
        assert_eq!(method.path().unwrap().as_str(), format!("/{upload}"));
    }

    #[test]
    fn reading_methods_are_not_deduplicated() {
        let name = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza";

        assert!(!Method::find(name, None).unwrap().is_deduplicated());
    }

    #[test]
    fn unknown_method_is_told_with_the_services_there_are() {
        let refused = Method::find("varco.x.v1.XService/Y", None).unwrap_err();

        let told = refused.to_string();
        assert!(told.contains("varco.anagrafe.v1.AnagrafeService"), "{told}");
    }
}
