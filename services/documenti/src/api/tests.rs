//! The methods of documenti, from request to status.

use bytes::Bytes;
use tonic::Code;
use uuid::Uuid;
use varco_proto::documenti::v1::Intestazione;
use varco_proto::documenti::v1::upload_documento_request::Parte;

use super::*;
use office::{MIB, Office, block, declared, heading, told};

mod office;

type Change = fn(&mut Intestazione);

#[tokio::test]
async fn document_comes_back_as_it_was_stored() {
    let office = Office::open().await;
    let bytes: Vec<u8> = (0..=255).cycle().take(2_500_001).collect();

    let stored = office.upload("k", &bytes).await.unwrap();

    let (heading, back) = office.download(&stored.documento.unwrap()).await.unwrap();
    assert_eq!((heading, back == bytes), (declared(&bytes), true));
    assert_eq!(stored.dimensione, Some(2_500_001));
}

#[tokio::test]
async fn hash_of_a_document_is_told_without_its_content() {
    let office = Office::open().await;
    let documento = office.upload("k", b"delibera").await.unwrap().documento;

    let told = office
        .client
        .clone()
        .get_impronta(GetImprontaRequest { documento })
        .await
        .unwrap();

    let told = told.into_inner();
    assert_eq!(
        (told.sha256, told.dimensione),
        (declared(b"delibera").sha256, Some(8))
    );
    assert_eq!(told.media_type.as_deref(), Some("application/pdf"));
}

#[tokio::test]
async fn same_content_twice_is_two_documents_and_one_object() {
    let office = Office::open().await;

    let first = office.upload("k1", b"delibera").await.unwrap();
    let second = office.upload("k2", b"delibera").await.unwrap();

    assert_ne!(first.documento, second.documento);
    assert_eq!(office.objects().len(), 1);
}

#[tokio::test]
async fn same_upload_twice_is_one_document() {
    let office = Office::open().await;

    let first = office.upload("k", b"delibera").await.unwrap();
    let again = office.upload("k", b"delibera").await.unwrap();

    assert_eq!(first, again);
}

#[tokio::test]
async fn key_of_another_upload_is_refused() {
    let office = Office::open().await;
    office.upload("k", b"delibera").await.unwrap();

    let refused = office.upload("k", b"determina").await.unwrap_err();

    assert_eq!(
        told(&refused),
        (Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED".to_owned())
    );
    assert_eq!(office.objects().len(), 1);
}

#[tokio::test]
async fn bytes_that_are_not_the_declared_ones_leave_no_trace() {
    let office = Office::open().await;
    for (blocks, code, expected) in [
        (
            vec![b"delibere".as_slice()],
            Code::InvalidArgument,
            "HASH_MISMATCH",
        ),
        (
            vec![b"delib", b"era!"],
            Code::InvalidArgument,
            "SIZE_MISMATCH",
        ),
        (vec![b"delib"], Code::Aborted, "TRUNCATED_UPLOAD"),
        (vec![], Code::Aborted, "TRUNCATED_UPLOAD"),
    ] {
        let parts = [heading(b"delibera")]
            .into_iter()
            .chain(blocks.into_iter().map(block));

        let refused = office.send("k", parts.collect()).await.unwrap_err();

        assert_eq!(told(&refused), (code, expected.to_owned()));
    }
    assert_eq!((office.objects().len(), office.left_in_tmp()), (0, 0));
}

#[tokio::test]
async fn messages_of_an_upload_come_in_one_order() {
    let office = Office::open().await;
    let twice = vec![
        heading(b"delibera"),
        heading(b"delibera"),
        block(b"delibera"),
    ];
    let block_first = vec![block(b"delibera"), heading(b"delibera")];

    for parts in [twice, block_first, vec![]] {
        let refused = office.send("k", parts).await.unwrap_err();

        assert_eq!(
            told(&refused),
            (Code::InvalidArgument, "FIELD_INVALID".to_owned())
        );
        assert!(
            refused.message().starts_with("intestazione: must come"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn block_above_one_mebibyte_is_refused() {
    let office = Office::open().await;
    let bytes = vec![0; 1024 * 1024 + 1];

    let refused = office
        .send("k", vec![heading(&bytes), block(&bytes)])
        .await
        .unwrap_err();

    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().starts_with("blocco: "), "{refused}");
}

#[tokio::test]
async fn document_above_the_limit_is_refused_by_its_heading() {
    let office = Office::open().await;
    let large = Intestazione {
        dimensione: Some(4 * MIB + 1),
        ..declared(b"delibera")
    };

    let refused = office
        .send("k", vec![Parte::Intestazione(large)])
        .await
        .unwrap_err();

    assert_eq!(
        told(&refused),
        (Code::InvalidArgument, "DOCUMENT_TOO_LARGE".to_owned())
    );
}

#[tokio::test]
async fn heading_without_a_required_field_is_refused() {
    let office = Office::open().await;
    let changes: [(&str, Change); 7] = [
        ("nome", |h| h.nome = None),
        ("media_type", |h| h.media_type = None),
        ("sha256", |h| h.sha256 = Some(Bytes::from_static(b"short"))),
        ("dimensione", |h| h.dimensione = Some(0)),
        ("tipologia", |h| h.tipologia = None),
        ("modalita_formazione", |h| h.modalita_formazione = Some(9)),
        ("oggetto", |h| h.oggetto = Some("x".repeat(2001))),
    ];
    for (field, change) in changes {
        let mut heading = declared(b"delibera");
        change(&mut heading);

        let refused = office
            .send("k", vec![Parte::Intestazione(heading)])
            .await
            .unwrap_err();

        let path = format!("intestazione.{field}: ");
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().starts_with(&path), "{refused}");
    }
}

#[tokio::test]
async fn upload_without_a_key_is_refused() {
    let office = Office::open().await;

    let refused = office.upload("", b"delibera").await.unwrap_err();

    assert!(
        refused.message().starts_with("idempotency-key: "),
        "{refused}"
    );
}

#[tokio::test]
async fn flipped_byte_on_disk_ends_the_download_with_data_loss() {
    let office = Office::open().await;
    let stored = office.upload("k", b"delibera").await.unwrap();
    let object = office.objects().remove(0);
    std::fs::remove_file(&object).unwrap();
    std::fs::write(&object, b"delibere").unwrap();

    let lost = office
        .download(&stored.documento.unwrap())
        .await
        .unwrap_err();

    assert_eq!(told(&lost), (Code::DataLoss, "DOCUMENT_DAMAGED".to_owned()));
}

#[tokio::test]
async fn name_is_checked_before_it_is_looked_up() {
    let office = Office::open().await;
    let unknown = format!("documenti/{}", Uuid::nil());

    let malformed = office.download("documenti/../x").await.unwrap_err();
    let absent = office.download(&unknown).await.unwrap_err();

    assert_eq!(malformed.code(), Code::InvalidArgument);
    assert_eq!(
        told(&absent),
        (Code::NotFound, "DOCUMENT_UNKNOWN".to_owned())
    );
}
