//! Asks documenti, through the gateway, whether a document has the hash that a caller declares.
//!
//! It happens before the transaction of the register: no number waits for another office. A
//! document never changes, so the answer still holds when the number is taken.

use std::time::Duration;

use tonic::{Code, Request, Status};
use varco_proto::documenti::v1::documenti_service_client::DocumentiServiceClient;
use varco_proto::documenti::v1::{GetImprontaRequest, GetImprontaResponse};
use varco_runtime::client::{Gateway, retrying, why};
use varco_runtime::grant::Grant;

use crate::documento::Documento;
use crate::error::Error;

/// The way to documenti.
#[derive(Clone, Debug)]
pub struct Documenti {
    gateway: Gateway,
    purpose: String,
}

impl Documenti {
    /// Asks through the gateway, for one purpose of this service's own client.
    #[must_use]
    pub fn new(gateway: Gateway, purpose: String) -> Self {
        Self { gateway, purpose }
    }

    /// Checks a document of a request, on behalf of its caller; `field` is its path there.
    ///
    /// # Errors
    ///
    /// [`Error::DocumentUnknown`], [`Error::HashMismatch`]; [`Error::DocumentiRefused`] and
    /// [`Error::DocumentiUnavailable`] when there is no answer.
    pub async fn check(
        &self,
        documento: &Documento,
        field: String,
        grant: &Grant,
    ) -> Result<(), Error> {
        let channel = self
            .gateway
            .purpose(&self.purpose)
            .map_err(|_| Error::DocumentiRefused("PURPOSE_UNKNOWN".to_owned()))?;
        let client = DocumentiServiceClient::new(channel);
        let asked = retrying(|| {
            let (mut client, request) = (client.clone(), question(documento, grant));
            async move { client.get_impronta(request).await }
        });
        let answer = tokio::time::timeout(PATIENCE, asked)
            .await
            .unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")))
            .map(tonic::Response::into_inner);
        judge(documento, field, answer)
    }
}

fn question(documento: &Documento, grant: &Grant) -> Request<GetImprontaRequest> {
    let mut request = grant.carry(GetImprontaRequest {
        documento: Some(documento.nome.to_string()),
    });
    request.set_timeout(PATIENCE);
    request
}

/// What an answer of documenti means for the request.
fn judge(
    documento: &Documento,
    field: String,
    answer: Result<GetImprontaResponse, Status>,
) -> Result<(), Error> {
    let nome = documento.nome;
    match answer {
        Ok(GetImprontaResponse {
            sha256: Some(hash), ..
        }) => {
            if hash == documento.impronta.as_bytes() {
                return Ok(());
            }
            Err(Error::HashMismatch { field, nome })
        }
        // The gateway withholds what the purpose does not cover.
        Ok(_) => Err(Error::DocumentiRefused("HASH_WITHHELD".to_owned())),
        Err(status) if why(&status) == "DOCUMENT_UNKNOWN" => {
            Err(Error::DocumentUnknown { field, nome })
        }
        Err(status) if is_final(&status) => Err(Error::DocumentiRefused(why(&status))),
        Err(status) => Err(Error::DocumentiUnavailable(why(&status))),
    }
}

/// Whether asking again cannot help until somebody acts.
fn is_final(status: &Status) -> bool {
    match status.code() {
        Code::Unauthenticated
        | Code::PermissionDenied
        | Code::Unimplemented
        | Code::NotFound
        | Code::InvalidArgument
        | Code::FailedPrecondition => true,
        Code::ResourceExhausted => why(status) == "QUOTA_DAILY",
        _ => false,
    }
}

const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use varco_runtime::problem::Problem;

    use super::*;
    use crate::documento::Impronta;

    fn documento() -> Documento {
        Documento {
            nome: "documenti/01980c2e-4b1f-7c3a-9d2e-5f6a7b8c9d0e"
                .parse()
                .unwrap(),
            impronta: Impronta::of(b"istanza"),
            descrizione: None,
        }
    }

    fn judged(answer: Result<GetImprontaResponse, Status>) -> Result<(), Error> {
        judge(&documento(), "documento_primario".to_owned(), answer)
    }

    fn answer(bytes: &[u8]) -> GetImprontaResponse {
        let sha256 = bytes::Bytes::copy_from_slice(Impronta::of(bytes).as_bytes());
        GetImprontaResponse {
            sha256: Some(sha256),
            ..Default::default()
        }
    }

    fn refusal(code: Code, reason: &'static str) -> Result<GetImprontaResponse, Status> {
        Err(Problem::new(code, reason, "no", "no").into_status("varco"))
    }

    #[test]
    fn hash_of_documenti_must_be_the_declared_one() {
        assert!(judged(Ok(answer(b"istanza"))).is_ok());
        assert!(matches!(
            judged(Ok(answer(b"altro"))),
            Err(Error::HashMismatch { .. })
        ));
    }

    #[test]
    fn document_that_documenti_does_not_know_is_named() {
        let unknown = judged(refusal(Code::NotFound, "DOCUMENT_UNKNOWN"));

        assert!(matches!(unknown, Err(Error::DocumentUnknown { .. })));
    }

    #[test]
    fn refusal_of_the_gateway_is_told_with_its_reason() {
        for (code, reason) in [
            (Code::PermissionDenied, "PURPOSE_SUSPENDED"),
            (Code::Unauthenticated, "CLIENT_UNKNOWN"),
            (Code::ResourceExhausted, "QUOTA_DAILY"),
            (Code::Unimplemented, "METHOD_UNKNOWN"),
        ] {
            let Err(Error::DocumentiRefused(told)) = judged(refusal(code, reason)) else {
                panic!("{reason} is no refusal");
            };

            assert_eq!(told, reason);
        }
    }

    #[test]
    fn reason_for_which_no_voucher_was_given_is_told() {
        let status = Problem::new(Code::PermissionDenied, "VOUCHER_REFUSED", "no", "no")
            .with("token_reason", "KEY_REVOKED")
            .into_status("varco");

        let refused = judged(Err(status));

        assert!(matches!(refused, Err(Error::DocumentiRefused(told)) if told == "KEY_REVOKED"));
    }

    #[test]
    fn withheld_hash_is_a_refusal() {
        let refused = judged(Ok(GetImprontaResponse::default()));

        assert!(matches!(refused, Err(Error::DocumentiRefused(told)) if told == "HASH_WITHHELD"));
    }

    #[test]
    fn silence_of_the_gateway_can_be_tried_again() {
        for answer in [
            refusal(Code::Unavailable, "UPSTREAM_UNAVAILABLE"),
            refusal(Code::ResourceExhausted, "OVERLOADED"),
            Err(Status::unavailable("connection refused")),
            Err(Status::deadline_exceeded("no answer in time")),
            Err(Status::unknown("transport error")),
        ] {
            assert!(matches!(
                judged(answer),
                Err(Error::DocumentiUnavailable(_))
            ));
        }
    }
}
