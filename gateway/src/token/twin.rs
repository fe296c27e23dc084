//! The gRPC twin of the endpoint: other messages, the same path through the code.

use axum::http::HeaderMap;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status};
use varco_proto::token::v1::token_service_server::{TokenService, TokenServiceServer};
use varco_proto::token::v1::{
    ExchangeGrantRequest, ExchangeGrantResponse, RequestVoucherRequest, RequestVoucherResponse,
};
use varco_runtime::problem::Problem;
use varco_runtime::server::Connection;

use super::answer::{Answered, Issued, Refusal};
use super::asked::Asked;
use super::form::Wanted;
use super::{Endpoint, MAX_FORM};
use crate::proof;

/// The twin of an endpoint.
pub(super) fn service(endpoint: Endpoint) -> TokenServiceServer<Twin> {
    TokenServiceServer::new(Twin { endpoint }).max_decoding_message_size(MAX_FORM)
}

/// Vouchers over gRPC.
#[derive(Clone, Debug)]
pub(super) struct Twin {
    endpoint: Endpoint,
}

impl Twin {
    async fn ask<T>(
        &self,
        request: &Request<T>,
        wanted: Result<Wanted, Refusal>,
        method: &str,
    ) -> Result<Response<Issued>, Status> {
        let connection = request.extensions().get::<Connection>();
        let asked = Asked::new(connection, &self.endpoint.gate.clock);
        let htu = format!("{}{SERVICE}{method}", self.endpoint.rules.issuer);
        let headers = request.metadata().clone().into_headers();
        let proofs = proof::of(&headers);
        let answered = self.endpoint.answer(asked, wanted, proofs, &htu).await;
        let mut headers = HeaderMap::new();
        answered.describe(&mut headers);
        match outcome(answered) {
            Ok(issued) => {
                let mut response = Response::new(issued);
                *response.metadata_mut() = MetadataMap::from_headers(headers);
                Ok(response)
            }
            Err(mut status) => {
                status.metadata_mut().as_mut().extend(headers);
                Err(status)
            }
        }
    }
}

#[tonic::async_trait]
impl TokenService for Twin {
    async fn request_voucher(
        &self,
        request: Request<RequestVoucherRequest>,
    ) -> Result<Response<RequestVoucherResponse>, Status> {
        let message = request.get_ref();
        let wanted = wanted(&message.client_assertion, &message.client_id);
        let issued = self.ask(&request, wanted, "RequestVoucher").await?;
        Ok(issued.map(|issued| RequestVoucherResponse {
            access_token: issued.access_token,
            token_type: issued.token_type.to_owned(),
            expires_in: issued.expires_in,
        }))
    }

    async fn exchange_grant(
        &self,
        request: Request<ExchangeGrantRequest>,
    ) -> Result<Response<ExchangeGrantResponse>, Status> {
        let message = request.get_ref();
        let wanted = wanted(&message.client_assertion, &message.client_id);
        let wanted = wanted.and_then(|wanted| {
            let grant = present("subject_token", &message.subject_token)?;
            Ok(Wanted {
                grant: Some(grant),
                ..wanted
            })
        });
        let issued = self.ask(&request, wanted, "ExchangeGrant").await?;
        Ok(issued.map(|issued| ExchangeGrantResponse {
            access_token: issued.access_token,
            token_type: issued.token_type.to_owned(),
            expires_in: issued.expires_in,
            issued_token_type: issued.issued_token_type.unwrap_or_default().to_owned(),
        }))
    }
}

fn wanted(assertion: &str, client_id: &str) -> Result<Wanted, Refusal> {
    Ok(Wanted {
        assertion: present("client_assertion", assertion)?,
        client_id: Some(client_id.to_owned()).filter(|id| !id.is_empty()),
        grant: None,
    })
}

fn present(field: &str, value: &str) -> Result<String, Refusal> {
    if value.is_empty() {
        return Err(Refusal::request(
            format!("{field} is missing"),
            format!("manca il campo {field}"),
        ));
    }
    Ok(value.to_owned())
}

fn outcome(answered: Answered) -> Result<Issued, Status> {
    answered.outcome.map_err(|refusal| {
        let (english, italian) = refusal.texts();
        let mut problem = Problem::new(code(&refusal), refusal.told, english, italian)
            .with("audit_id", answered.id.to_string());
        if let Some(wait) = refusal.retry {
            problem = problem.retry_after(wait);
        }
        problem.into_status("varco")
    })
}

/// The gRPC code of a refusal, by its error of RFC 6749.
fn code(refusal: &Refusal) -> Code {
    match refusal.error {
        "invalid_request" | "unsupported_grant_type" => Code::InvalidArgument,
        "invalid_client" | "invalid_dpop_proof" => Code::Unauthenticated,
        "unauthorized_client" => Code::PermissionDenied,
        "temporarily_unavailable" if refusal.is_ours() => Code::Unavailable,
        "temporarily_unavailable" => Code::ResourceExhausted,
        _ => Code::Internal,
    }
}

/// Where the twin is routed.
pub(super) const PATH: &str = "/varco.token.v1.TokenService/{method}";
const SERVICE: &str = "/varco.token.v1.TokenService/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_code() {
        let standing = crate::token::rate::Standing {
            limit: 1,
            remaining: 0,
            wait: std::time::Duration::from_millis(5),
        };
        for (refusal, expected) in [
            (Refusal::request("a", "b"), Code::InvalidArgument),
            (
                Refusal::unauthenticated("KEY_UNKNOWN"),
                Code::Unauthenticated,
            ),
            (Refusal::client("JTI_REUSED"), Code::Unauthenticated),
            (Refusal::proof("PROOF_INVALID"), Code::Unauthenticated),
            (
                Refusal::unauthorized("PURPOSE_SUSPENDED"),
                Code::PermissionDenied,
            ),
            (Refusal::grant("GRANT_EXPIRED"), Code::InvalidArgument),
            (Refusal::too_many(standing), Code::ResourceExhausted),
            (Refusal::unavailable("SNAPSHOT_STALE"), Code::Unavailable),
            (Refusal::internal(), Code::Internal),
        ] {
            assert_eq!(code(&refusal), expected, "{}", refusal.precise);
        }
    }
}
