//! What the gateway answers itself: its health and that of its services, and their contracts.

use prost::Message as _;
use prost_reflect::prost_types::FileDescriptorProto;
use tokio_stream::StreamExt as _;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use varco_runtime::clock::Clock;
use varco_runtime::config::Reflection;
use varco_tests::comune::Comune;
use varco_tests::eco::{self, Eco};

#[tokio::test(flavor = "multi_thread")]
async fn health_is_the_gateways_own_and_that_of_the_services_behind_it() {
    let comune = Comune::start().await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    comune
        .apply(eco::document(socket.local_addr().unwrap(), "read"))
        .await;
    let mut client = HealthClient::new(comune.client("tributi").bare());
    let asked = |service: &str| HealthCheckRequest {
        service: service.to_owned(),
    };

    for (service, expected) in [
        ("", ServingStatus::Serving),
        ("varco.gateway.v1.StreamService", ServingStatus::Serving),
        ("varco.anagrafe.v1.AnagrafeService", ServingStatus::Serving),
        ("eco.v1.EcoService", ServingStatus::NotServing),
    ] {
        let said = client.check(asked(service)).await.unwrap().into_inner();
        assert_eq!(said.status(), expected, "{service}");
    }
    let unknown = client.check(asked("eco.v1.Other")).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);

    let watched = client.watch(asked("eco.v1.EcoService")).await.unwrap();
    let mut watched = watched.into_inner();
    let first = watched.next().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::NotServing);
    drop(socket);
    let eco = Eco::start();
    comune.apply(eco.document("read")).await;
    let then = tokio::time::timeout(varco_tests::PATIENCE, watched.next()).await;
    let then = then.unwrap().unwrap().unwrap();
    assert_eq!(then.status(), ServingStatus::Serving);
    drop(watched);
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contracts_are_shown_only_where_that_is_switched_on() {
    let listed = MessageRequest::ListServices(String::new());
    let hidden = Comune::start().await;
    let refused = reflected(&hidden, listed.clone()).await.unwrap_err();
    hidden
        .assert_refused(&refused, Code::Unauthenticated, "VOUCHER_MISSING")
        .await;
    hidden.stop().await;

    let shown = Comune::start_with(Clock::system(), |config| {
        config.gateway.reflection = Reflection::On;
    });
    let shown = shown.await;
    let MessageResponse::ListServicesResponse(services) = reflected(&shown, listed).await.unwrap()
    else {
        panic!("no list");
    };
    let names: Vec<&str> = services.service.iter().map(|it| it.name.as_str()).collect();
    assert!(names.contains(&"varco.albo.v1.AlboService"), "{names:?}");

    let method = "varco.albo.v1.AlboService.PublishAtto".to_owned();
    let asked = MessageRequest::FileContainingSymbol(method);
    let MessageResponse::FileDescriptorResponse(files) = reflected(&shown, asked).await.unwrap()
    else {
        panic!("no file");
    };
    let files: Vec<FileDescriptorProto> = files
        .file_descriptor_proto
        .iter()
        .map(|file| FileDescriptorProto::decode(file.as_slice()).unwrap())
        .collect();
    let last = files.last().unwrap();
    assert_eq!(last.package(), "varco.albo.v1");
    let held: Vec<&str> = files.iter().map(FileDescriptorProto::name).collect();
    assert!(last.dependency.iter().all(|it| held.contains(&it.as_str())));

    let asked = MessageRequest::FileByFilename("nowhere.proto".to_owned());
    let MessageResponse::ErrorResponse(error) = reflected(&shown, asked).await.unwrap() else {
        panic!("no error");
    };
    assert_eq!(error.error_code, i32::from(Code::NotFound));
    shown.stop().await;
}

async fn reflected(
    comune: &Comune,
    asked: MessageRequest,
) -> Result<MessageResponse, tonic::Status> {
    let mut client = ServerReflectionClient::new(comune.client("tributi").bare());
    let asked = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(asked),
    };
    let asked = Request::new(tokio_stream::iter([asked]));
    let mut answers = client.server_reflection_info(asked).await?.into_inner();
    let answer = answers.message().await?.unwrap();
    Ok(answer.message_response.unwrap())
}
