//! Streams: whole, recorded piece by piece, and ended when the permission ends.

use tokio_stream::wrappers::ReceiverStream;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;
use varco_proto::audit::v1::{Record, RecordKind};
use varco_proto::documenti::v1::DownloadDocumentoRequest;
use varco_proto::documenti::v1::documenti_service_client::DocumentiServiceClient;
use varco_proto::documenti::v1::download_documento_response::Parte;
use varco_proto::registry::v1::{Document, Kind, Purpose};
use varco_tests::calls::{heading, send_upload, sha256, upload};
use varco_tests::comune::Comune;
use varco_tests::eco::v1::eco_service_client::EcoServiceClient;
use varco_tests::eco::v1::{ConverseRequest, RefuseRequest};
use varco_tests::eco::{DETAILS, Eco};

mod age;
mod budget;
mod ending;
mod extending;
mod waiting;

/// Adds a voucher to every call.
#[derive(Clone)]
pub struct Bearer(String);

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request
            .metadata_mut()
            .insert("authorization", self.0.parse().unwrap());
        Ok(request)
    }
}

/// A channel of a client that acts for a purpose which its own file does not name.
pub async fn channel(
    comune: &Comune,
    client: &str,
    purpose: &str,
) -> InterceptedService<Channel, Bearer> {
    let purpose = comune.id(Kind::Purpose, purpose).await;
    let voucher = comune.voucher(client, &purpose).await;
    InterceptedService::new(
        comune.client(client).bare(),
        Bearer(format!("Bearer {voucher}")),
    )
}

fn audit_id<T>(response: &Response<T>) -> Uuid {
    response
        .metadata()
        .get("varco-audit-id")
        .unwrap()
        .to_str()
        .unwrap()
        .parse()
        .unwrap()
}

fn kinds(records: &[Record]) -> Vec<RecordKind> {
    let mut kinds: Vec<_> = records.iter().map(Record::kind).collect();
    kinds.dedup();
    kinds
}

#[tokio::test(flavor = "multi_thread")]
async fn three_mebibytes_come_back_as_they_went_and_every_piece_is_recorded() {
    let comune = Comune::start().await;
    comune.apply(reading()).await;
    let content: Vec<u8> = (0..3_u32 << 20)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    let messages = upload(heading(&content), &content, 1 << 20);

    let stored = send_upload(&comune.client("sportello"), messages, "k1")
        .await
        .unwrap();
    let records = comune.records(audit_id(&stored).as_bytes()).await;
    assert_eq!(kinds(&records), [RecordKind::Intent, RecordKind::Outcome]);
    assert_eq!(
        (records[1].outcome.as_str(), records[1].records_count),
        ("OK", 1)
    );
    assert_eq!(records[0].audit_id, records[1].ref_audit_id);

    let documento = stored.into_inner().documento;
    let channel = channel(&comune, "sportello", "sportello/rilettura").await;
    let request = DownloadDocumentoRequest { documento };
    let download = DocumentiServiceClient::new(channel)
        .download_documento(request)
        .await
        .unwrap();
    let id = audit_id(&download);
    let mut messages = download.into_inner();
    let (mut bytes, mut count) = (Vec::new(), 0);
    while let Some(message) = messages.message().await.unwrap() {
        count += 1;
        match message.parte.unwrap() {
            Parte::Intestazione(heading) => assert_eq!(heading.sha256, Some(sha256(&content))),
            Parte::Blocco(block) => bytes.extend_from_slice(&block),
        }
    }
    assert!(bytes == content, "{} bytes came back", bytes.len());
    let trailers = messages.trailers().await.unwrap().unwrap();
    assert!(trailers.get("varco-audit-index").is_some(), "{trailers:?}");

    let records = comune.records(id.as_bytes()).await;
    let expected = [
        RecordKind::Intent,
        RecordKind::Progress,
        RecordKind::Outcome,
    ];
    assert_eq!(kinds(&records), expected);
    assert!(records.is_sorted_by_key(|record| (record.records_count, record.bytes_out)));
    let last = records.last().unwrap();
    assert_eq!((last.outcome.as_str(), last.records_count), ("OK", count));
    assert!(
        (3 << 20..4 << 20).contains(&last.bytes_out),
        "{}",
        last.bytes_out
    );
    let classes = [
        "documento.contenuto",
        "documento.impronta",
        "documento.metadati",
    ];
    let mut delivered = last.data_classes_delivered.clone();
    delivered.sort();
    assert_eq!(delivered, classes);
    comune.stop().await;
}

/// A purpose of the desk that may read documents again.
fn reading() -> Document {
    let classes = [
        "documento.contenuto",
        "documento.impronta",
        "documento.metadati",
        "tecnico",
    ];
    Document {
        purposes: vec![Purpose {
            name: "rilettura".to_owned(),
            consumer: "sportello".to_owned(),
            eservice: "documenti".to_owned(),
            legal_basis: "collaudo".to_owned(),
            methods: vec!["varco.documenti.v1.DocumentiService/DownloadDocumento".to_owned()],
            data_classes: classes.map(str::to_owned).to_vec(),
            daily_calls: 100,
            clients: vec!["sportello".to_owned()],
            chained: false,
            ..Default::default()
        }],
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn conversation_and_refusals_of_a_foreign_service_pass_unchanged() {
    let comune = Comune::start().await;
    let eco = Eco::start();
    comune.apply(eco.document("write")).await;
    let mut client = EcoServiceClient::new(channel(&comune, "tributi", "tributi/prova").await);

    let (say, said) = tokio::sync::mpsc::channel(1);
    let converse = client.converse(ReceiverStream::new(said)).await.unwrap();
    let id = audit_id(&converse);
    let mut answers = converse.into_inner();
    for turn in 0..10 {
        let text = format!("turno {turn}");
        say.send(ConverseRequest { text: text.clone() })
            .await
            .unwrap();
        assert_eq!(answers.message().await.unwrap().unwrap().text, text);
    }
    say.send(ConverseRequest {
        text: "basta".to_owned(),
    })
    .await
    .unwrap();
    let refused = answers.message().await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.details()),
        (Code::Aborted, DETAILS)
    );
    assert_eq!(refused.metadata().get("x-eco").unwrap(), "rifiuto");
    assert_eq!(
        refused.metadata().get("varco-withheld"),
        None,
        "a service speaks as the gateway"
    );
    let records = comune.records(id.as_bytes()).await;
    let expected = [
        RecordKind::Intent,
        RecordKind::Progress,
        RecordKind::Outcome,
    ];
    assert_eq!(kinds(&records), expected);
    assert_eq!(records.last().unwrap().records_count, 10);

    let (say, said) = tokio::sync::mpsc::channel(1);
    say.send(ConverseRequest {
        text: "ciao".to_owned(),
    })
    .await
    .unwrap();
    drop(say);
    let mut answers = client
        .converse(ReceiverStream::new(said))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answers.message().await.unwrap().unwrap().text, "ciao");
    assert!(answers.message().await.unwrap().is_none());

    let refused = client.refuse(RefuseRequest {}).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.message()),
        (Code::Aborted, "non oggi: è chiuso")
    );
    assert_eq!(refused.details(), DETAILS);
    assert_eq!(refused.metadata().get("x-eco").unwrap(), "rifiuto");
    let id = refused
        .metadata()
        .get("varco-audit-id")
        .unwrap()
        .to_str()
        .unwrap();
    let records = comune.records(id.parse::<Uuid>().unwrap().as_bytes()).await;
    let last = records.last().unwrap();
    assert_eq!((last.outcome.as_str(), last.grpc_status), ("ERROR", 10));
    assert_eq!(last.deny_reason, "");
    comune.stop().await;
}
