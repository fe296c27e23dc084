//! One call of each kind, and what its caller got to see of it.

use std::fmt;

use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;
use varco_proto::anagrafe::v1::anagrafe_service_client::AnagrafeServiceClient;
use varco_tests::calls::{audit_index, heading, question, send_upload, upload};
use varco_tests::eco::v1::ConverseRequest;
use varco_tests::eco::v1::eco_service_client::EcoServiceClient;

use super::lane::Lane;

/// What a call does at the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It has no effect: no INTENT.
    Read,
    /// It changes something.
    Write,
    /// Its answer is a stream.
    Stream,
    /// It is refused.
    Deny,
}

pub const KINDS: [Kind; 4] = [Kind::Read, Kind::Write, Kind::Stream, Kind::Deny];

/// What a caller knows of a call.
#[derive(Debug, Default)]
pub struct Seen {
    /// Its id, once anything of the answer came.
    pub id: Option<Uuid>,
    /// Where the receipt says that its last record stands.
    pub index: Option<u64>,
    /// How it ended, as far as the caller knows.
    pub code: u32,
    /// How many messages came.
    pub messages: u64,
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self:?}")
    }
}

impl Kind {
    /// Makes the call.
    pub async fn call(self, lane: &Lane) -> Seen {
        match self {
            Self::Read => unary(verify(lane, "verifica-residenza").await),
            Self::Deny => unary(verify(lane, "accertamento-famiglia").await),
            Self::Write => {
                let content = lane.clock.uuid().into_bytes();
                let messages = upload(heading(&content), &content, 16);
                let key = Uuid::from_bytes(content).to_string();
                unary(send_upload(&lane.desk, messages, &key).await)
            }
            Self::Stream => stream(lane).await,
        }
    }
}

async fn verify(lane: &Lane, purpose: &str) -> Result<Response<impl Sized>, Status> {
    let channel = lane.tax_office.purpose(purpose).unwrap();
    let mut client = AnagrafeServiceClient::new(channel);
    client.verify_residenza(question()).await
}

fn unary<T>(answer: Result<Response<T>, Status>) -> Seen {
    match answer {
        Ok(answer) => Seen {
            messages: 1,
            ..ended(answer.metadata(), Code::Ok)
        },
        Err(status) => ended(status.metadata(), status.code()),
    }
}

/// What the metadata of an end say.
fn ended(metadata: &MetadataMap, code: Code) -> Seen {
    let id = metadata.get("varco-audit-id");
    Seen {
        id: id.map(|id| id.to_str().unwrap().parse().unwrap()),
        index: audit_index(metadata),
        code: i32::from(code).unsigned_abs(),
        messages: 0,
    }
}

/// Says something three times, and waits each time for its echo.
async fn stream(lane: &Lane) -> Seen {
    let (say, said) = tokio::sync::mpsc::channel(1);
    let mut request = Request::new(ReceiverStream::new(said));
    let bearer = format!("Bearer {}", lane.voucher);
    let bearer = bearer.parse().unwrap();
    request.metadata_mut().insert("authorization", bearer);
    let mut client = EcoServiceClient::new(lane.tax_office.bare());
    let answer = match client.converse(request).await {
        Ok(answer) => answer,
        Err(status) => return ended(status.metadata(), status.code()),
    };
    let mut seen = ended(answer.metadata(), Code::Unknown);
    let mut answers = answer.into_inner();
    for turn in 0..3 {
        let text = format!("turno {turn}");
        let _ = say.send(ConverseRequest { text }).await;
        match answers.message().await {
            Ok(Some(_)) => seen.messages += 1,
            Ok(None) | Err(_) => return seen,
        }
    }
    drop(say);
    if let Ok(Some(trailers)) = answers.trailers().await {
        let last = ended(&trailers, Code::Ok);
        (seen.index, seen.code) = (last.index, last.code);
    }
    seen
}
