//! Vouchers over gRPC: the same answers, in other messages.

use tonic::{Code, Request, Status};
use varco_proto::token::v1::token_service_client::TokenServiceClient;
use varco_proto::token::v1::{ExchangeGrantRequest, RequestVoucherRequest};
use varco_tests::assertion::Asker;
use varco_tests::calls::{question, reason};
use varco_tests::comune::Comune;
use varco_tests::possession::Holder;

use super::PURPOSE;

const SERVICE: &str = "varco.token.v1.TokenService";

fn client(comune: &Comune, name: &str) -> TokenServiceClient<tonic::transport::Channel> {
    let folder = comune.client_folder(name);
    let address = comune.config().issuer();
    let channel = varco_runtime::client::channel(&address, &folder, &comune.ca());
    TokenServiceClient::new(channel.unwrap())
}

fn request(asker: &Asker, purpose: &str) -> RequestVoucherRequest {
    RequestVoucherRequest {
        client_assertion: asker.sign(&asker.claims(purpose)),
        client_id: asker.file.client_id.clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twin_issues_what_the_endpoint_issues() {
    let comune = Comune::start().await;
    let (mut twin, asker) = (client(&comune, "tributi"), comune.asker("tributi"));
    let purpose = comune.purpose_id("tributi", PURPOSE);
    let message = request(&asker, &purpose);

    let answer = twin.request_voucher(message.clone()).await.unwrap();

    let header = |name: &str| answer.metadata().get(name).unwrap().to_str().unwrap();
    assert_eq!(header("x-rate-limit-limit"), "500");
    assert_eq!(header("x-rate-limit-interval"), "1000");
    assert!(!header("x-correlation-id").is_empty());
    let issued = answer.into_inner();
    assert_eq!(
        (issued.token_type.as_str(), issued.expires_in),
        ("Bearer", 300)
    );
    let mut wire = comune.wire("tributi").await;
    let method = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza";
    let served = wire.call(method, &issued.access_token, &question()).await;
    assert_eq!(served.code(), Code::Ok, "{served:?}");

    let refused = twin.request_voucher(message).await.unwrap_err();
    assert_recorded(&comune, &refused, Code::Unauthenticated, "JTI_REUSED").await;
    refusals(&comune, &mut twin, &asker, &purpose).await;
    proofs(&mut twin, &asker, &purpose, &comune.config().issuer()).await;
    comune.stop().await;
}

async fn refusals(
    comune: &Comune,
    twin: &mut TokenServiceClient<tonic::transport::Channel>,
    asker: &Asker,
    purpose: &str,
) {
    let empty = RequestVoucherRequest::default();
    let refused = twin.request_voucher(empty).await.unwrap_err();
    assert_recorded(comune, &refused, Code::InvalidArgument, "REQUEST_MALFORMED").await;

    let forged = RequestVoucherRequest {
        client_assertion: "x.y.z".to_owned(),
        client_id: String::new(),
    };
    let refused = twin.request_voucher(forged).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert_eq!(reason(&refused), "CLIENT_AUTHENTICATION_FAILED");

    let others = comune.purpose_id("sportello", "istanze-protocollo");
    let refused = twin.request_voucher(request(asker, &others)).await;
    let refused = refused.unwrap_err();
    assert_recorded(
        comune,
        &refused,
        Code::PermissionDenied,
        "PURPOSE_SUSPENDED",
    )
    .await;

    let exchange = ExchangeGrantRequest {
        client_assertion: asker.sign(&asker.claims(purpose)),
        client_id: String::new(),
        subject_token: "x.y.z".to_owned(),
    };
    let refused = twin.exchange_grant(exchange).await.unwrap_err();
    assert_recorded(comune, &refused, Code::InvalidArgument, "GRANT_INVALID").await;
}

async fn proofs(
    twin: &mut TokenServiceClient<tonic::transport::Channel>,
    asker: &Asker,
    purpose: &str,
    issuer: &str,
) {
    let holder = Holder::new();
    let mut prove = async |htu: &str| {
        let mut message = Request::new(request(asker, purpose));
        let proof = holder.proof(htu, None).parse().unwrap();
        message.metadata_mut().insert("dpop", proof);
        twin.request_voucher(message).await
    };

    let bound = prove(&format!("{issuer}/{SERVICE}/RequestVoucher")).await;
    assert_eq!(bound.unwrap().into_inner().token_type, "DPoP");
    let refused = prove(&format!("{issuer}/token.oauth2")).await.unwrap_err();
    assert_eq!(reason(&refused), "PROOF_INVALID");
}

/// Asserts that a refusal has its code, its reason and its record.
async fn assert_recorded(comune: &Comune, status: &Status, code: Code, expected: &str) {
    use tonic_types::StatusExt as _;
    assert_eq!((status.code(), reason(status).as_str()), (code, expected));
    let details = status.get_error_details();
    assert_eq!(details.localized_message().unwrap().locale, "it");
    let id = &details.error_info().unwrap().metadata["audit_id"];
    let id: uuid::Uuid = id.parse().unwrap();
    let records = comune.records(id.as_bytes()).await;
    assert_eq!(records[0].deny_reason, expected);
}
