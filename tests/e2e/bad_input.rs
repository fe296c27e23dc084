//! What callers get wrong, through the gateway: each mistake has its code and its reason.

use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use varco_proto::anagrafe::v1::anagrafe_service_client::AnagrafeServiceClient;
use varco_proto::anagrafe::v1::{Esito, FamigliaView, GetFamigliaRequest, VerifyResidenzaRequest};
use varco_proto::documenti::v1::documenti_service_client::DocumentiServiceClient;
use varco_proto::documenti::v1::{GetImprontaRequest, Intestazione, UploadDocumentoRequest};
use varco_proto::protocollo::v1::protocollo_service_client::ProtocolloServiceClient;
use varco_proto::protocollo::v1::{
    GetRegistrazioneRequest, Identificatore, RegisterInEntrataRequest,
};
use varco_tests::calls::{heading, question, register, send_upload, sha256, store, upload};
use varco_tests::comune::Comune;

const CONTENT: &[u8] = b"istanza di prova";

/// Asserts that an office refuses so, and that the register of accesses says the same.
async fn assert_refused(
    comune: &Comune,
    status: &Status,
    (code, reason): (Code, &str),
    domain: &str,
) {
    let info = status.get_details_error_info();
    let info = info.unwrap_or_else(|| panic!("{reason}: no reason in {status:?}"));
    assert_eq!(
        (info.reason.as_str(), status.code()),
        (reason, code),
        "{status:?}"
    );
    assert_eq!(info.domain, domain, "{reason}");
    assert_eq!(status.get_details_localized_message().unwrap().locale, "it");
    let audit_id = status
        .metadata()
        .get("varco-audit-id")
        .unwrap()
        .to_str()
        .unwrap();
    let records = comune
        .records(audit_id.parse::<uuid::Uuid>().unwrap().as_bytes())
        .await;
    let last = records.last().unwrap();
    let expected = ("ERROR", i32::from(code).unsigned_abs());
    assert_eq!(
        (last.outcome.as_str(), last.grpc_status),
        expected,
        "{reason}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn write_that_is_not_what_it_says_is_refused_and_leaves_nothing() {
    let comune = Comune::start().await;

    bad_uploads(&comune).await;
    bad_writes(&comune).await;

    comune.stop().await;
}

async fn bad_uploads(comune: &Comune) {
    let desk = comune.client("sportello");
    let refused = |code, reason| (code, reason, "documenti.varco");
    let good = || upload(heading(CONTENT), CONTENT, 4);
    let bent = |bend: fn(&mut Intestazione)| {
        let mut heading = heading(CONTENT);
        bend(&mut heading);
        upload(heading, CONTENT, 4)
    };
    let without = |places: &[usize]| -> Vec<UploadDocumentoRequest> {
        let kept = |(place, message)| (!places.contains(&place)).then_some(message);
        good().into_iter().enumerate().filter_map(kept).collect()
    };
    let large = vec![7; (1 << 20) + 1];
    let field = refused(Code::InvalidArgument, "FIELD_INVALID");

    let cases = [
        (
            bent(|h| h.sha256 = Some(sha256(b"altro"))),
            refused(Code::InvalidArgument, "HASH_MISMATCH"),
        ),
        (
            bent(|h| h.dimensione = Some(3)),
            refused(Code::InvalidArgument, "SIZE_MISMATCH"),
        ),
        (
            bent(|h| h.dimensione = Some(1 << 40)),
            refused(Code::InvalidArgument, "DOCUMENT_TOO_LARGE"),
        ),
        (without(&[4]), refused(Code::Aborted, "TRUNCATED_UPLOAD")),
        (
            without(&[1, 2, 3, 4]),
            refused(Code::Aborted, "TRUNCATED_UPLOAD"),
        ),
        (upload(heading(&large), &large, large.len()), field),
        (without(&[0]), field),
        (Vec::new(), field),
        ([good(), good()].concat(), field),
        (bent(|h| h.nome = None), field),
        (
            bent(|h| h.nome = Some("../../etc/passwd".to_owned())),
            field,
        ),
        (bent(|h| h.sha256 = Some(sha256(b"").slice(1..))), field),
    ];
    for (place, (messages, (code, reason, domain))) in cases.into_iter().enumerate() {
        let refused = send_upload(&desk, messages, &format!("bad{place}"))
            .await
            .unwrap_err();
        assert_refused(comune, &refused, (code, reason), domain).await;
    }

    // A refused upload spends no key and leaves no byte.
    let documenti = comune.path().join("documenti");
    assert_eq!(files(&documenti), Vec::<std::path::PathBuf>::new());
    store(&desk, CONTENT, "bad0").await.unwrap();
    assert_eq!(files(&documenti).len(), 1);
}

/// Every file below a folder.
fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

async fn bad_writes(comune: &Comune) {
    let desk = comune.client("sportello");
    let stored = store(&desk, CONTENT, "k1").await.unwrap();
    let number = |answer: tonic::Response<_>| {
        let answer: varco_proto::protocollo::v1::RegisterInEntrataResponse = answer.into_inner();
        answer.registrazione.unwrap().identificatore.unwrap().numero
    };
    let first = number(register(&desk, &stored, CONTENT, "k2").await.unwrap());
    let key_taken = (Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED");
    let field = (Code::InvalidArgument, "FIELD_INVALID");

    assert_eq!(store(&desk, CONTENT, "k1").await.unwrap(), stored);
    let refused = store(&desk, b"altro", "k1").await.unwrap_err();
    assert_refused(comune, &refused, key_taken, "documenti.varco").await;

    assert_eq!(
        number(register(&desk, &stored, CONTENT, "k2").await.unwrap()),
        first
    );
    let other = store(&desk, b"altro", "k3").await.unwrap();
    let refused = register(&desk, &other, b"altro", "k2").await.unwrap_err();
    assert_refused(comune, &refused, key_taken, "protocollo.varco").await;

    let documenti = || DocumentiServiceClient::new(desk.purpose("istanze-documenti").unwrap());
    let protocollo = || ProtocolloServiceClient::new(desk.purpose("istanze-protocollo").unwrap());
    let stream = tokio_stream::iter(upload(heading(CONTENT), CONTENT, 4));
    let refused = documenti().upload_documento(stream).await.unwrap_err();
    assert_refused(comune, &refused, field, "documenti.varco").await;
    let empty = RegisterInEntrataRequest::default();
    let refused = protocollo().register_in_entrata(empty).await.unwrap_err();
    assert_refused(comune, &refused, field, "protocollo.varco").await;

    // What the register cannot confirm with documenti is not registered.
    let refused = register(&desk, &stored, b"altro", "k4").await.unwrap_err();
    let mismatch = (Code::FailedPrecondition, "HASH_MISMATCH");
    assert_refused(comune, &refused, mismatch, "protocollo.varco").await;
    let unknown = "documenti/00000000-0000-7000-8000-000000000000";
    let refused = register(&desk, unknown, CONTENT, "k5").await.unwrap_err();
    let missing = (Code::FailedPrecondition, "DOCUMENT_UNKNOWN");
    assert_refused(comune, &refused, missing, "protocollo.varco").await;
    let asked = GetImprontaRequest {
        documento: Some(unknown.to_owned()),
    };
    let refused = documenti().get_impronta(asked).await.unwrap_err();
    assert_refused(
        comune,
        &refused,
        (Code::NotFound, "DOCUMENT_UNKNOWN"),
        "documenti.varco",
    )
    .await;
    let asked = Identificatore {
        aoo: Some("AOO01".to_owned()),
        registro: Some("PG".to_owned()),
        anno: Some(2026),
        numero: Some(999),
    };
    let asked = GetRegistrazioneRequest {
        identificatore: Some(asked),
    };
    let refused = protocollo().get_registrazione(asked).await.unwrap_err();
    let missing = (Code::NotFound, "REGISTRATION_UNKNOWN");
    assert_refused(comune, &refused, missing, "protocollo.varco").await;

    let second = number(register(&desk, &other, b"altro", "k6").await.unwrap());
    assert_eq!(
        (first, second),
        (Some(1), Some(2)),
        "a refusal took a number"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn question_that_has_no_answer_is_told_why_and_never_repeated() {
    let comune = Comune::start().await;
    let tributi = comune.client("tributi");
    let anagrafe = |purpose: &str| AnagrafeServiceClient::new(tributi.purpose(purpose).unwrap());
    let mut verify = anagrafe("verifica-residenza");
    let asked = |codice: &str, data: Option<&str>| VerifyResidenzaRequest {
        codice_fiscale: Some(codice.to_owned()),
        data: data.map(str::to_owned),
        ..question()
    };
    let somebody = question().codice_fiscale.unwrap();
    let field = (Code::InvalidArgument, "FIELD_INVALID");

    let cases = [
        // The last letter is not the control character of the rest (DM 23/12/1976).
        (asked("RSSMRA80A01H501X", None), field),
        (asked("NONUNCODICE", None), field),
        (asked("", None), field),
        (asked(&somebody, Some("2020-13-01")), field),
        (asked(&somebody, Some("1/1/2020")), field),
        (
            asked(&somebody, Some("1900-01-01")),
            (Code::OutOfRange, "DATE_BEFORE_REGISTER"),
        ),
        (
            asked(&somebody, Some("2999-01-01")),
            (Code::OutOfRange, "DATE_IN_FUTURE"),
        ),
    ];
    for (request, expected) in cases {
        let sent = request.codice_fiscale.clone().unwrap();
        let refused = verify.verify_residenza(request).await.unwrap_err();
        assert_refused(&comune, &refused, expected, "anagrafe.varco").await;
        let whole = format!("{refused:?} {}", String::from_utf8_lossy(refused.details()));
        assert!(
            sent.is_empty() || !whole.contains(&sent),
            "the code comes back: {whole}"
        );
    }

    // Who may only verify is not told whether the person exists.
    let answer = verify
        .verify_residenza(asked(&somebody, None))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.esito(), Esito::NonConfermato);
    let request = GetFamigliaRequest {
        codice_fiscale: Some(somebody),
        data: None,
        view: Some(FamigliaView::Count.into()),
    };
    let refused = anagrafe("accertamento-famiglia")
        .get_famiglia(request)
        .await
        .unwrap_err();
    assert_refused(
        &comune,
        &refused,
        (Code::NotFound, "PERSON_UNKNOWN"),
        "anagrafe.varco",
    )
    .await;
    comune.stop().await;
}
