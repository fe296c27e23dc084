//! No answer without a record: while the register of accesses cannot be written, nothing leaves.

use bytes::Bytes;
use http::StatusCode;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use varco_proto::protocollo::v1::GetRegistrazioneRequest;
use varco_proto::protocollo::v1::protocollo_service_client::ProtocolloServiceClient;
use varco_proto::registry::v1::Kind;
use varco_runtime::store::{Db, Migrations};
use varco_tests::calls::{audit_index, question, reason, register, store};
use varco_tests::comune::Comune;
use varco_tests::eco::Eco;
use varco_tests::eco::v1::eco_service_client::EcoServiceClient;
use varco_tests::eco::v1::{ConverseRequest, WaitRequest};
use varco_tests::wire::frame;

const VERIFY: &str = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza";
const WAIT: &str = "eco.v1.EcoService/Wait";

/// Keeps everybody else from writing the register of accesses, until it is dropped.
pub(crate) async fn hold(comune: &Comune) -> varco_runtime::store::Tx {
    let none = Migrations {
        sqlite: varco_gateway::audit::MIGRATIONS.sqlite,
        postgres: &[],
    };
    let folder = comune.path().join("audit");
    let db = Db::open("sqlite:audit.db", &folder, none).await.unwrap();
    db.begin().await.unwrap()
}

fn assert_unavailable(refused: &Status) {
    assert_eq!(
        (refused.code(), reason(refused).as_str()),
        (Code::Unavailable, "AUDIT_UNAVAILABLE")
    );
    assert!(refused.get_details_retry_info().is_some(), "{refused:?}");
    assert!(
        refused.metadata().get("varco-audit-index").is_none(),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_while_the_register_of_accesses_cannot_be_written() {
    let comune = Comune::start().await;
    let eco = Eco::start();
    comune.apply(eco.document("write")).await;
    let desk = comune.client("sportello");
    let documento = store(&desk, b"istanza", "k0").await.unwrap();
    let first = register(&desk, &documento, b"istanza", "k1").await.unwrap();
    let before = audit_index(first.metadata()).unwrap();
    let asker = comune.asker("tributi");
    let purpose = comune.purpose_id("tributi", "verifica-residenza");
    let verify = format!("Bearer {}", comune.voucher("tributi", &purpose).await);
    let wait = comune.id(Kind::Purpose, "tributi/prova").await;
    let wait = comune.voucher("tributi", &wait).await;
    let mut tributi = comune.wire("tributi").await;
    let mut waiting = comune.wire("tributi").await;
    let waiting = waiting.call(WAIT, &wait, &WaitRequest {});
    tokio::pin!(waiting);
    tokio::select! {
        status = waiting.as_mut() => panic!("{status:?}"),
        () = eco.open(1) => {}
    }

    let bearer = format!("Bearer {wait}").parse().unwrap();
    let (say, said) = tokio::sync::mpsc::channel(1);
    let mut request = Request::new(ReceiverStream::new(said));
    request.metadata_mut().insert("authorization", bearer);
    let mut client = EcoServiceClient::new(comune.client("tributi").bare());
    let mut open = client.converse(request).await.unwrap().into_inner();

    let held = hold(&comune).await;
    eco.release();
    say.send(ConverseRequest {
        text: "eco".to_owned(),
    })
    .await
    .unwrap();
    let authorization = [("authorization", verify.as_str())];
    let (read, written, issued, begun, open) = tokio::join!(
        tributi.send(VERIFY, &authorization, frame(&question())),
        register(&desk, &documento, b"istanza", "k2"),
        async { asker.ask(&asker.claims(&purpose)).await },
        waiting,
        open.message(),
    );

    let read = read.unwrap();
    assert_eq!(read.body, Bytes::new());
    assert_unavailable(&read.status());
    assert_unavailable(&written.unwrap_err());
    assert_eq!(issued.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(issued.text("reason"), "AUDIT_UNAVAILABLE");
    assert_eq!(issued.body.get("access_token"), None);
    // The service had been asked before: nobody may say that nothing was done.
    for begun in [begun, open.unwrap_err()] {
        assert_eq!(
            (begun.code(), reason(&begun).as_str()),
            (Code::Unknown, "OUTCOME_UNKNOWN")
        );
    }

    drop(held);

    let second = register(&desk, &documento, b"istanza", "k3").await.unwrap();
    let after = audit_index(second.metadata()).unwrap();
    let number =
        |answer: tonic::Response<varco_proto::protocollo::v1::RegisterInEntrataResponse>| {
            answer
                .into_inner()
                .registrazione
                .unwrap()
                .identificatore
                .unwrap()
        };
    let (first, second) = (number(first), number(second));
    assert_eq!(
        (first.numero, second.numero),
        (Some(1), Some(2)),
        "a refused write took a number"
    );
    let known = GetRegistrazioneRequest {
        identificatore: Some(second),
    };
    let channel = desk.purpose("istanze-protocollo").unwrap();
    ProtocolloServiceClient::new(channel)
        .get_registrazione(known)
        .await
        .unwrap();
    let status = tributi
        .send(VERIFY, &authorization, frame(&question()))
        .await
        .unwrap()
        .status();
    assert_eq!(status.code(), Code::Ok);
    assert_eq!(
        asker.ask(&asker.claims(&purpose)).await.status,
        StatusCode::OK
    );
    let report = varco_gateway::audit::verify::verify(comune.config(), None)
        .await
        .unwrap();
    assert!(
        before < after && after < report.size,
        "{before} {after} {}",
        report.size
    );
    comune.stop().await;
}
