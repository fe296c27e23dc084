//! A register on a fresh database, with a clock that stands still.

use tonic::metadata::MetadataMap;
use uuid::Uuid;
use varco_runtime::clock::Clock;
use varco_runtime::grant::Grant;
use varco_runtime::idempotency::IdempotencyKey;
use varco_runtime::on;
use varco_runtime::store::testing::Fresh;

use crate::documento::{Documento, Impronta};
use crate::error::Error;
use crate::identificatore::{Flusso, Registro};
use crate::registrazione::{Contenuto, Istante, Registrazione};
use crate::soggetto::Soggetto;
use crate::store::{Store, chiave, contatore, scrittura};

pub const MARCH: &str = "2026-03-02T10:00:00Z";

#[derive(Clone)]
pub struct Office {
    pub store: Store,
    pub clock: Clock,
}

impl Office {
    pub fn open(fresh: &Fresh, now: &str) -> Self {
        let clock = Clock::fixed(now.parse().unwrap());
        let store = Store::new(fresh.db.clone(), clock.clone(), "c_z999".parse().unwrap());
        Self { store, clock }
    }

    pub async fn register(&self, key: &str, oggetto: &str) -> Result<Registrazione, Error> {
        let (key, grant) = (idempotency(key, oggetto), grant());
        self.store
            .register(contenuto(oggetto), &registro(), (&key, &grant))
            .await
    }

    /// Registers as a transaction that fails just before its commit.
    pub async fn break_off(&self) {
        let mut tx = self.store.db.begin().await.unwrap();
        let turno = contatore::take(&mut tx, &registro(), 2026)
            .await
            .unwrap()
            .unwrap();
        let istante = Istante::after(turno.ultima, self.clock.now());
        let row = self
            .store
            .compose(contenuto("mai"), &registro(), &grant(), (&turno, istante));
        chiave::claim(&mut tx, &row, &idempotency("broken", "mai"), &grant())
            .await
            .unwrap();
        scrittura::insert(&mut tx, &row, &grant()).await.unwrap();
        drop(tx);
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        let mut tx = self.store.db.read().await.unwrap();
        let (n,): (i64,) = on!(&mut tx, |db| sqlx::query_as(sql).fetch_one(db).await).unwrap();
        n
    }

    pub async fn refuses(&self, sql: &'static str) -> bool {
        let mut tx = self.store.db.begin().await.unwrap();
        on!(&mut tx, |db| sqlx::query(sql).execute(db).await.map(|_| ())).is_err()
    }

    pub fn set(&self, now: &str) {
        self.clock.set(now.parse().unwrap());
    }
}

pub fn registro() -> Registro {
    Registro {
        aoo: "AOO01".parse().unwrap(),
        codice: "PG".parse().unwrap(),
    }
}

pub fn grant() -> Grant {
    Grant {
        audit_id: Uuid::from_u128(7),
        instance: "varco".to_owned(),
        client_id: "client-1".to_owned(),
        consumer_id: "sportello".to_owned(),
        purpose_id: "purpose-1".to_owned(),
        method: "varco.protocollo.v1.ProtocolloService/RegisterInEntrata".to_owned(),
        token: varco_runtime::grant::Token::default(),
    }
}

pub fn idempotency(key: &str, content: &str) -> IdempotencyKey {
    let mut metadata = MetadataMap::new();
    metadata.insert("idempotency-key", key.parse().unwrap());
    IdempotencyKey::parse(&metadata, content.as_bytes()).unwrap()
}

pub fn documento(content: &str) -> Documento {
    Documento {
        nome: "documenti/01980c2e-4b1f-7c3a-9d2e-5f6a7b8c9d0e"
            .parse()
            .unwrap(),
        impronta: Impronta::of(content.as_bytes()),
        descrizione: Some("Istanza".parse().unwrap()),
    }
}

pub fn contenuto(oggetto: &str) -> Contenuto {
    Contenuto {
        flusso: Flusso::Entrata,
        mittente: Soggetto::PersonaFisica {
            nome: Some("Niccolò".parse().unwrap()),
            cognome: None,
            codice_fiscale: Some("RSSMRA80A01H501U".parse().unwrap()),
        },
        oggetto: oggetto.parse().unwrap(),
        documento_primario: documento("istanza"),
        allegati: vec![
            documento("allegato A"),
            Documento {
                descrizione: None,
                ..documento("allegato B")
            },
        ],
        classificazione: "XI/2".parse().unwrap(),
        assegnazione: "anagrafe".parse().unwrap(),
        canale: Some("sportello".parse().unwrap()),
        protocollo_mittente: None,
    }
}

pub fn numbers(rows: &[Registrazione]) -> Vec<i64> {
    rows.iter()
        .map(|row| row.identificatore.numero.as_i64())
        .collect()
}
