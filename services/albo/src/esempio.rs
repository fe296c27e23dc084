//! Sample acts for the tests of this crate.

use jiff::Timestamp;
use jiff::civil::date;
use tonic::metadata::MetadataMap;
use uuid::Uuid;
use varco_runtime::clock::day;
use varco_runtime::grant::Grant;
use varco_runtime::idempotency::IdempotencyKey;
use varco_runtime::store::Db;

use crate::atto::{Atto, Protocollo};
use crate::impronta::{Calcolo, Impronta};
use crate::pubblicazione::{Chiave, Copia, Pubblicazione};
use crate::store::{self, Mandato, Nuova};
use crate::termine::Termine;
use crate::testo::Testo;
use crate::tipo_atto::tipo_atto;

/// Bytes of the sample document.
pub const DOCUMENTO: &[u8] = b"%PDF-1.7 determinazione";

/// A determinazione about an office chair.
pub fn atto() -> Atto {
    let testo = |text| Testo::parse(text, 100).unwrap();
    Atto {
        tipo: tipo_atto("A.03").unwrap(),
        oggetto: testo("Acquisto di sedie & tavoli <ufficio>"),
        numero: testo("145"),
        data: date(2026, 3, 1),
        ufficio: testo("Economato"),
        protocollo: Protocollo {
            aoo: testo("AOO1"),
            registro: testo("PG"),
            anno: 2026,
            numero: 12,
        },
        documento: "documenti/0197a3a0-7c00-7000-8000-000000000001"
            .parse()
            .unwrap(),
        sha256: impronta(DOCUMENTO),
    }
}

/// The sample act, to be published at an instant.
pub fn nuova(at: Timestamp) -> Nuova {
    let atto = atto();
    let copia = Copia {
        chiave: Chiave::random().unwrap(),
        media_type: "application/pdf".to_owned(),
        dimensione: i64::try_from(DOCUMENTO.len()).unwrap(),
    };
    Nuova {
        termine: Termine::starting(day(at), atto.tipo.giorni),
        atto,
        copia,
        at,
    }
}

/// A call of the client `segreteria`.
pub fn grant() -> Grant {
    Grant {
        audit_id: Uuid::from_u128(7),
        instance: "varco".to_owned(),
        client_id: "segreteria".to_owned(),
        consumer_id: "comune".to_owned(),
        purpose_id: "pubblicazione".to_owned(),
        method: "varco.albo.v1.AlboService/PublishAtto".to_owned(),
        token: varco_runtime::grant::Token::default(),
    }
}

/// A mandate of the client `segreteria` under a key.
pub fn mandato(key: &str, content: &[u8]) -> Mandato {
    let mut metadata = MetadataMap::new();
    metadata.insert("idempotency-key", key.parse().unwrap());
    Mandato {
        grant: grant(),
        key: IdempotencyKey::parse(&metadata, content).unwrap(),
    }
}

/// Publishes a new act and commits.
pub async fn publish(db: &Db, nuova: Nuova, key: &str) -> Pubblicazione {
    let mut tx = db.begin().await.unwrap();
    let published = store::publish(&mut tx, nuova, &mandato(key, b"content"))
        .await
        .unwrap()
        .unwrap();
    tx.commit().await.unwrap();
    published
}

/// SHA-256 of bytes.
pub fn impronta(bytes: &[u8]) -> Impronta {
    let mut calcolo = Calcolo::default();
    calcolo.update(bytes);
    calcolo.finish()
}

/// An instant by its RFC 3339 text.
pub fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}
