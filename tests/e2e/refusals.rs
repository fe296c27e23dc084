//! Every reason for which the data plane refuses: its code, its words, its record.

use std::time::{Duration, Instant};

use bytes::Bytes;
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use varco_proto::anagrafe::v1::VerifyResidenzaRequest;
use varco_proto::registry::v1::{Document, Kind, Purpose};
use varco_tests::calls::{question, reason};
use varco_tests::comune::Comune;
use varco_tests::eco::{self, Eco};
use varco_tests::wire::frame;

mod voucher;

const VERIFY: &str = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza";

#[tokio::test(flavor = "multi_thread")]
async fn suspension_stops_issued_vouchers_and_lifting_it_lets_them_work_again() {
    let comune = Comune::start().await;
    let purpose = comune.purpose_id("tributi", "verifica-residenza");
    let voucher = comune.voucher("tributi", &purpose).await;
    let mut tributi = comune.wire("tributi").await;

    let cases = [
        (Kind::Client, "tributi", "CLIENT_SUSPENDED"),
        (Kind::Tenant, "tributi", "CLIENT_SUSPENDED"),
        (
            Kind::Purpose,
            "tributi/verifica-residenza",
            "PURPOSE_SUSPENDED",
        ),
        (Kind::Agreement, "tributi/anagrafe", "AGREEMENT_SUSPENDED"),
        (Kind::Eservice, "anagrafe", "ESERVICE_SUSPENDED"),
        (Kind::Descriptor, "anagrafe/1", "ESERVICE_SUSPENDED"),
    ];
    for (kind, entry, reason) in cases {
        assert_eq!(
            tributi.call(VERIFY, &voucher, &question()).await.code(),
            Code::Ok
        );
        comune.suspend(kind, entry).await;
        let suspended = Instant::now();
        let refused = refused_within(Duration::from_secs(1), suspended, || async {
            comune
                .wire("tributi")
                .await
                .call(VERIFY, &voucher, &question())
                .await
        });
        let refused = refused.await;
        comune
            .assert_refused(&refused, Code::PermissionDenied, reason)
            .await;
        comune.unsuspend(kind, entry).await.unwrap();
    }

    comune
        .archive(Kind::Purpose, "tributi/verifica-residenza")
        .await;

    let refused = tributi.call(VERIFY, &voucher, &question()).await;
    comune
        .assert_refused(&refused, Code::PermissionDenied, "PURPOSE_EXPIRED")
        .await;
    let lifted = comune
        .unsuspend(Kind::Purpose, "tributi/verifica-residenza")
        .await;
    assert_eq!(
        varco_tests::calls::reason(&lifted.unwrap_err()),
        "TRANSITION"
    );
    comune.stop().await;
}

/// The first refusal of a call that is repeated until it is refused.
async fn refused_within<F: Future<Output = Status>>(
    limit: Duration,
    since: Instant,
    call: impl Fn() -> F,
) -> Status {
    loop {
        let status = call().await;
        if status.code() != Code::Ok {
            return status;
        }
        assert!(since.elapsed() < limit, "still served after {limit:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_purpose_or_protocol_forbid_is_refused_with_its_reason() {
    let comune = Comune::start().await;

    outside_the_purpose(&comune).await;
    outside_the_protocol(&comune).await;

    comune.stop().await;
}

async fn outside_the_purpose(comune: &Comune) {
    let purposes = vec![narrow("senza-data", 100), narrow("una-volta", 1)];
    comune
        .apply(Document {
            purposes,
            ..Default::default()
        })
        .await;
    let verify = comune.purpose_id("tributi", "verifica-residenza");
    let verify = comune.voucher("tributi", &verify).await;
    let dateless = comune.id(Kind::Purpose, "tributi/senza-data").await;
    let dateless = comune.voucher("tributi", &dateless).await;
    let once = comune.id(Kind::Purpose, "tributi/una-volta").await;
    let once = comune.voucher("tributi", &once).await;
    let mut tributi = comune.wire("tributi").await;
    let dated = VerifyResidenzaRequest {
        data: Some("2020-01-01".to_owned()),
        ..question()
    };

    let invented = "varco.anagrafe.v1.AnagrafeService/Inventato";
    let refused = tributi.call(invented, &verify, &question()).await;
    comune
        .assert_refused(&refused, Code::Unimplemented, "METHOD_UNKNOWN")
        .await;

    let other = "varco.anagrafe.v1.AnagrafeService/GetResidenza";
    let refused = tributi.call(other, &verify, &question()).await;
    comune
        .assert_refused(&refused, Code::PermissionDenied, "METHOD_NOT_IN_PURPOSE")
        .await;

    let refused = tributi.call(VERIFY, &dateless, &dated).await;
    comune
        .assert_refused(&refused, Code::PermissionDenied, "FIELD_NOT_IN_PURPOSE")
        .await;
    let info = refused.get_details_error_info().unwrap();
    assert_eq!(info.metadata["field"], "data");

    // Field 99 stands in no contract.
    let bearer = format!("Bearer {verify}");
    let unknown = Bytes::from_static(&[0, 0, 0, 0, 3, 0x98, 0x06, 0x01]);
    let answer = tributi
        .send(VERIFY, &[("authorization", &bearer)], unknown.clone())
        .await
        .unwrap();
    comune
        .assert_refused(
            &answer.status(),
            Code::PermissionDenied,
            "FIELD_NOT_IN_PURPOSE",
        )
        .await;

    // A refused call costs nothing of the one that the day has.
    let bearer = format!("Bearer {once}");
    let answer = tributi
        .send(VERIFY, &[("authorization", &bearer)], unknown)
        .await
        .unwrap();
    assert_eq!(reason(&answer.status()), "FIELD_NOT_IN_PURPOSE");
    let served = tributi.call(VERIFY, &once, &question()).await;
    assert_eq!(served.code(), Code::Ok);
    assert_eq!(served.metadata().get("x-ratelimit-limit").unwrap(), "1");
    assert_eq!(served.metadata().get("x-ratelimit-remaining").unwrap(), "0");
    let refused = tributi.call(VERIFY, &once, &question()).await;
    comune
        .assert_refused(&refused, Code::ResourceExhausted, "QUOTA_DAILY")
        .await;
    let info = refused.get_details_error_info().unwrap();
    assert_eq!(info.metadata["quota"], "purpose");
    assert_eq!(refused.metadata().get("x-ratelimit-limit").unwrap(), "1");
    let retry = refused
        .get_details_retry_info()
        .unwrap()
        .retry_delay
        .unwrap();
    assert!(retry <= Duration::from_hours(25), "{retry:?}");
}

/// A purpose that may not set the day asked about.
fn narrow(name: &str, daily_calls: u64) -> Purpose {
    Purpose {
        name: name.to_owned(),
        consumer: "tributi".to_owned(),
        eservice: "anagrafe".to_owned(),
        legal_basis: "collaudo".to_owned(),
        methods: vec![VERIFY.to_owned()],
        data_classes: ["esito", "identificativi", "residenza"]
            .map(str::to_owned)
            .to_vec(),
        daily_calls,
        clients: vec!["tributi".to_owned()],
        chained: false,
        ..Default::default()
    }
}

async fn outside_the_protocol(comune: &Comune) {
    let purpose = comune.purpose_id("tributi", "verifica-residenza");
    let bearer = format!("Bearer {}", comune.voucher("tributi", &purpose).await);
    let authorization = ("authorization", bearer.as_str());
    let good = frame(&question());
    let long = "x".repeat(17 * 1024);
    let flagged = Bytes::from([&[1], &good[1..]].concat());
    let large = Bytes::from([&[0, 0, 0x40, 0, 1], vec![0; (4 << 20) + 1].as_slice()].concat());
    let announced = Bytes::from_static(&[0, 0xff, 0xff, 0xff, 0xff, 0]);
    let garbage = Bytes::from_static(&[0, 0, 0, 0, 2, 0xff, 0xff]);
    let cut = good.slice(..good.len() - 1);

    let cases = [
        (
            "METADATA_TOO_LARGE",
            Code::ResourceExhausted,
            Some(("x-long", &*long)),
            &good,
        ),
        (
            "ENCODING_UNSUPPORTED",
            Code::Unimplemented,
            Some(("grpc-encoding", "deflate")),
            &good,
        ),
        ("ENCODING_UNSUPPORTED", Code::Unimplemented, None, &flagged),
        ("MESSAGE_TOO_LARGE", Code::ResourceExhausted, None, &large),
        (
            "MESSAGE_TOO_LARGE",
            Code::ResourceExhausted,
            None,
            &announced,
        ),
        ("MESSAGE_MALFORMED", Code::InvalidArgument, None, &garbage),
        ("MESSAGE_MALFORMED", Code::InvalidArgument, None, &cut),
    ];
    for (reason, code, header, body) in cases {
        let headers: Vec<_> = [authorization].into_iter().chain(header).collect();
        let mut tributi = comune.wire("tributi").await;
        let answer = tributi.send(VERIFY, &headers, body.clone()).await.unwrap();
        assert!(answer.body.is_empty(), "{reason}");
        comune.assert_refused(&answer.status(), code, reason).await;
    }

    // Another spelling of the same message is no mistake: a length may have idle bytes.
    let spelled = respelled(&question());
    let mut tributi = comune.wire("tributi").await;
    let served = tributi
        .send(VERIFY, &[authorization], spelled)
        .await
        .unwrap()
        .status();
    assert_eq!(served.code(), Code::Ok, "{served:?}");
}

/// A question whose address has a length of two bytes where one would do.
fn respelled(question: &VerifyResidenzaRequest) -> Bytes {
    let codice = question.codice_fiscale.as_deref().unwrap().as_bytes();
    let indirizzo = question.indirizzo.as_ref().unwrap().encode_to_vec();
    let short = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
    let message = [
        &[0x0a, short(codice)],
        codice,
        &[0x12, 0x80 | short(&indirizzo), 0],
        &indirizzo,
    ]
    .concat();
    Bytes::from([&[0, 0, 0, 0, short(&message)], &*message].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn service_that_is_down_or_slow_is_told_apart() {
    let comune = Comune::start().await;
    // Bound but not listening: nobody can be there, and nobody else can take the port.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let message = eco::v1::EchoRequest {
        text: "eco".to_owned(),
    };
    let mut tributi = comune.wire("tributi").await;

    for (effect, suffix) in [("read", ""), ("write", "-scrive")] {
        let document = eco::document(socket.local_addr().unwrap(), effect);
        comune.apply(eco::beside(document, suffix)).await;
        let purpose = format!("tributi/prova{suffix}");
        let voucher = comune.id(Kind::Purpose, &purpose).await;
        let voucher = comune.voucher("tributi", &voucher).await;
        let refused = tributi
            .call("eco.v1.EcoService/Echo", &voucher, &message)
            .await;
        comune
            .assert_refused(&refused, Code::Unavailable, "UPSTREAM_UNAVAILABLE")
            .await;
        assert!(refused.get_details_retry_info().is_some());
    }

    let eco = Eco::start();
    comune.apply(eco.document("read")).await;
    let voucher = comune.id(Kind::Purpose, "tributi/prova").await;
    let bearer = format!("Bearer {}", comune.voucher("tributi", &voucher).await);
    let headers = [("authorization", bearer.as_str()), ("grpc-timeout", "200m")];
    let asked = Instant::now();
    let wait = frame(&eco::v1::WaitRequest {});
    let answer = tributi
        .send("eco.v1.EcoService/Wait", &headers, wait)
        .await
        .unwrap();
    let waited = asked.elapsed();
    comune
        .assert_refused(&answer.status(), Code::DeadlineExceeded, "UPSTREAM_SLOW")
        .await;
    assert!((200..2000).contains(&waited.as_millis()), "{waited:?}");
    eco.open(0).await;
    comune.stop().await;
}
