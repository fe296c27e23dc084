//! The methods of a register whose gateway is out of reach.

use bytes::Bytes;
use serde_json::json;
use tempfile::TempDir;
use tonic::Code;
use tonic_types::StatusExt;
use uuid::Uuid;
use varco_proto::protocollo::v1::protocollo_service_client::ProtocolloServiceClient;
use varco_proto::protocollo::v1::protocollo_service_server::ProtocolloServiceServer;
use varco_proto::protocollo::v1::{self as proto, DocumentoRegistrato, soggetto::Tipo};
use varco_runtime::client::Gateway;
use varco_runtime::clock::Clock;
use varco_runtime::pki::{Ca, Holder, KeyKind, generate_key};
use varco_runtime::secret;
use varco_runtime::store::Db;

use super::*;
use crate::MIGRATIONS;
use crate::documento::Impronta;

struct Office {
    api: Api,
    client: ProtocolloServiceClient<ProtocolloServiceServer<Api>>,
    _folder: TempDir,
}

impl Office {
    async fn open(purpose: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Clock::fixed("2026-03-02T10:00:00Z".parse().unwrap());
        let db = Db::open("sqlite:test.db", folder.path(), MIGRATIONS)
            .await
            .unwrap();
        let settings = Settings {
            codice_amministrazione: "c_z999".parse().unwrap(),
            aoo: "AOO01".parse().unwrap(),
            registro: "PG".parse().unwrap(),
            purpose: purpose.to_owned(),
        };
        let gateway = unreachable_gateway(&folder, &clock);
        let store = Store::new(db, clock, settings.codice_amministrazione.clone());
        let documenti = Documenti::new(gateway, settings.purpose.clone());
        let api = Api::new(store, documenti, settings);
        let client = ProtocolloServiceClient::new(ProtocolloServiceServer::new(api.clone()));
        Self {
            api,
            client,
            _folder: folder,
        }
    }

    async fn ask(
        &self,
        request: Request<RegisterInEntrataRequest>,
    ) -> Result<proto::Registrazione, Status> {
        let answer = self.client.clone().register_in_entrata(request).await?;
        Ok(answer.into_inner().registrazione.unwrap())
    }

    /// Registers as if documenti had confirmed the documents.
    async fn registered(&self) -> Registrazione {
        let request = request("k");
        let (grant, key) = caller(&request).unwrap();
        let registro = self.api.registro(None).unwrap();
        let contenuto = richiesta::in_entrata(request.into_inner()).unwrap();
        self.api
            .store
            .register(contenuto, &registro, (&key, &grant))
            .await
            .unwrap()
    }

    async fn verify(&self, numero: u64, content: &str) -> Esito {
        let request = VerifyRegistrazioneRequest {
            identificatore: Some(identificatore("PG", numero)),
            sha256: Some(hash(content)),
        };
        self.client
            .clone()
            .verify_registrazione(request)
            .await
            .unwrap()
            .into_inner()
            .esito()
    }
}

/// A client whose gateway stands on a port that nobody listens on.
fn unreachable_gateway(folder: &TempDir, clock: &Clock) -> Gateway {
    let (ca, _) = Ca::generate("Comune di prova", clock.now()).unwrap();
    let holder = Holder {
        name: "protocollo".to_owned(),
        uri: "spiffe://prova/x".to_owned(),
        serves: None,
    };
    let leaf = ca.issue(&holder, clock.now()).unwrap();
    let file = json!({
        "client_id": "protocollo", "kid": "k", "token_url": "https://127.0.0.1:9/token.oauth2",
        "gateway": "https://127.0.0.1:9", "assertion_audience": "varco",
        "purposes": {
            "verifica-impronta": { "purpose_id": "p", "eservice": "documenti", "methods": [] }
        },
    });
    let key = generate_key(KeyKind::EcP256).unwrap();
    for (name, content) in [
        ("ca.pem", ca.pem()),
        ("tls.pem", &leaf.certificate),
        ("tls.key", &leaf.key),
        ("assertion.key", &key),
        ("client.json", &file.to_string()),
    ] {
        secret::write(&folder.path().join(name), content.as_bytes()).unwrap();
    }
    Gateway::open(folder.path(), &folder.path().join("ca.pem"), clock).unwrap()
}

fn request(key: &str) -> Request<RegisterInEntrataRequest> {
    let mut request = Request::new(RegisterInEntrataRequest {
        mittente: Some(proto::Soggetto {
            tipo: Some(Tipo::PersonaGiuridica(proto::PersonaGiuridica {
                denominazione: Some("Forno Rossi s.r.l.".to_owned()),
                codice_fiscale: Some("12345678901".to_owned()),
            })),
        }),
        oggetto: Some("Richiesta di occupazione di suolo pubblico".to_owned()),
        documento_primario: Some(DocumentoRegistrato {
            documento: Some("documenti/01980c2e-4b1f-7c3a-9d2e-5f6a7b8c9d0e".to_owned()),
            sha256: Some(hash("istanza")),
            descrizione: None,
        }),
        classificazione: Some("VIII/4".to_owned()),
        assegnazione: Some("commercio".to_owned()),
        ..RegisterInEntrataRequest::default()
    });
    request.extensions_mut().insert(Grant {
        audit_id: Uuid::from_u128(7),
        instance: "varco".to_owned(),
        client_id: "client-1".to_owned(),
        consumer_id: "sportello".to_owned(),
        purpose_id: "purpose-1".to_owned(),
        method: "varco.protocollo.v1.ProtocolloService/RegisterInEntrata".to_owned(),
        token: varco_runtime::grant::Token::default(),
    });
    request
        .metadata_mut()
        .insert("idempotency-key", key.parse().unwrap());
    request
}

fn identificatore(registro: &str, numero: u64) -> proto::Identificatore {
    proto::Identificatore {
        aoo: Some("AOO01".to_owned()),
        registro: Some(registro.to_owned()),
        anno: Some(2026),
        numero: Some(numero),
    }
}

fn hash(content: &str) -> Bytes {
    Bytes::copy_from_slice(Impronta::of(content.as_bytes()).as_bytes())
}

fn told(status: &Status) -> (Code, String, Option<String>) {
    let info = status.get_details_error_info().unwrap();
    (
        status.code(),
        info.reason,
        info.metadata.get("upstream_reason").cloned(),
    )
}

#[tokio::test]
async fn nothing_is_registered_while_documenti_is_out_of_reach() {
    let office = Office::open("verifica-impronta").await;

    let refused = office.ask(request("k")).await.unwrap_err();

    let (code, reason, upstream) = told(&refused);
    assert_eq!(
        (code, reason.as_str()),
        (Code::Unavailable, "DOCUMENTI_UNAVAILABLE")
    );
    assert_eq!(upstream.as_deref(), Some("TOKEN_UNAVAILABLE"));
    let registro = office.api.registro(None).unwrap();
    assert!(
        office
            .api
            .store
            .year(&registro, 2026)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn purpose_that_the_client_does_not_have_is_told() {
    let office = Office::open("altro").await;

    let refused = office.ask(request("k")).await.unwrap_err();

    let (code, reason, upstream) = told(&refused);
    assert_eq!(
        (code, reason.as_str()),
        (Code::FailedPrecondition, "DOCUMENTI_REFUSED")
    );
    assert_eq!(upstream.as_deref(), Some("PURPOSE_UNKNOWN"));
}

#[tokio::test]
async fn known_key_is_answered_without_asking_documenti() {
    let office = Office::open("verifica-impronta").await;
    let row = office.registered().await;

    let again = office.ask(request("k")).await.unwrap();

    assert_eq!(again, risposta::registrazione(&row));
    assert_eq!(
        again.segnatura.as_deref(),
        Some("c_z999-AOO01-PG-2026-0000001-E")
    );
}

#[tokio::test]
async fn key_of_another_request_is_refused_without_asking_documenti() {
    let office = Office::open("verifica-impronta").await;
    office.registered().await;
    let mut other = request("k");
    other.get_mut().oggetto = Some("Altro".to_owned());

    let refused = office.ask(other).await.unwrap_err();

    assert_eq!(told(&refused).1, "IDEMPOTENCY_KEY_REUSED");
}

#[tokio::test]
async fn write_without_a_key_is_refused() {
    let office = Office::open("verifica-impronta").await;
    let mut request = request("k");
    request.metadata_mut().remove("idempotency-key");

    let refused = office.ask(request).await.unwrap_err();

    assert!(
        refused.message().starts_with("idempotency-key: "),
        "{refused}"
    );
}

#[tokio::test]
async fn registration_is_told_as_it_was_made() {
    let office = Office::open("verifica-impronta").await;
    let row = office.registered().await;
    let request = GetRegistrazioneRequest {
        identificatore: Some(identificatore("PG", 1)),
    };

    let answer = office
        .client
        .clone()
        .get_registrazione(request)
        .await
        .unwrap()
        .into_inner();

    assert_eq!(answer.registrazione, Some(risposta::registrazione(&row)));
}

#[tokio::test]
async fn unknown_number_and_unknown_register_are_told_apart() {
    let office = Office::open("verifica-impronta").await;
    for (id, expected) in [
        (identificatore("PG", 1), "REGISTRATION_UNKNOWN"),
        (identificatore("REP", 1), "REGISTER_UNKNOWN"),
    ] {
        let request = GetRegistrazioneRequest {
            identificatore: Some(id),
        };

        let refused = office
            .client
            .clone()
            .get_registrazione(request)
            .await
            .unwrap_err();

        assert_eq!(
            (refused.code(), told(&refused).1.as_str()),
            (Code::NotFound, expected)
        );
    }
    let mut elsewhere = request("k");
    elsewhere.get_mut().registro = Some("REP".to_owned());
    assert_eq!(
        told(&office.ask(elsewhere).await.unwrap_err()).1,
        "REGISTER_UNKNOWN"
    );
}

#[tokio::test]
async fn verification_says_yes_only_to_the_right_number_and_hash() {
    let office = Office::open("verifica-impronta").await;
    office.registered().await;

    assert_eq!(office.verify(1, "istanza").await, Esito::Confermato);
    assert_eq!(office.verify(1, "altro").await, Esito::NonConfermato);
    assert_eq!(office.verify(2, "istanza").await, Esito::NonConfermato);
}
