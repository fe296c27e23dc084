//! A determina goes on the board: stored, registered, published, and read by anyone.

use prost::bytes::Bytes;
use varco_proto::albo::v1::albo_service_client::AlboServiceClient;
use varco_proto::albo::v1::{
    Pubblicazione, PublishAttoRequest, PublishAttoResponse, RiferimentoProtocollo,
};
use varco_proto::protocollo::v1::protocollo_service_client::ProtocolloServiceClient;
use varco_proto::protocollo::v1::{
    DocumentoRegistrato, RegisterInternoRequest, RegisterInternoResponse, Registrazione,
};

use super::documento::{self, Foglio, Stored};
use super::envelope::Envelope;
use super::run::Run;
use super::town::Town;
use super::{board, istanza, pdf, plan};

/// Stores the determina, registers it, publishes it, and reads it without any credentials.
pub async fn journey(town: &Town, run: &mut Run) -> Option<()> {
    let foglio = foglio(run);
    let stored = documento::store(&plan::STORE_DETERMINA, foglio, town, run).await?;
    let registrazione = register(&stored, town, run).await?;
    let pubblicazione = publish(&stored, &registrazione, town, run).await?;
    board::journey(&pubblicazione, town, run).await
}

async fn register(stored: &Stored, town: &Town, run: &mut Run) -> Option<Registrazione> {
    let plan = &plan::REGISTER_DETERMINA;
    let request = RegisterInternoRequest {
        ufficio_mittente: Some("segreteria".to_owned()),
        oggetto: Some(oggetto(run)),
        documento_primario: Some(DocumentoRegistrato {
            documento: Some(stored.nome.clone()),
            sha256: Some(stored.sha256.clone()),
            descrizione: Some("Determinazione".to_owned()),
        }),
        classificazione: Some("I/8".to_owned()),
        assegnazione: Some("albo".to_owned()),
        ..RegisterInternoRequest::default()
    };
    let key = run.key();
    let call = async |envelope: Envelope| {
        let mut protocollo = ProtocolloServiceClient::new(town.through(plan)?);
        protocollo
            .register_interno(envelope.once(&key).around(request))
            .await
    };
    let numbered = |answer: &RegisterInternoResponse| match &answer.registrazione {
        Some(made) if made.identificatore.is_some() => "OK",
        _ => "NO_NUMBER",
    };
    let registrazione = run.call(plan, numbered, call).await?.registrazione?;
    run.note(istanza::told(&registrazione));
    Some(registrazione)
}

async fn publish(
    stored: &Stored,
    registrazione: &Registrazione,
    town: &Town,
    run: &mut Run,
) -> Option<Pubblicazione> {
    let plan = &plan::PUBLISH_DETERMINA;
    let (request, key) = (request(stored, registrazione, town, run), run.key());
    let call = async |envelope: Envelope| {
        let mut albo = AlboServiceClient::new(town.through(plan)?);
        albo.publish_atto(envelope.once(&key).around(request)).await
    };
    let judge = |answer: &PublishAttoResponse| match &answer.pubblicazione {
        Some(made) if made.sha256() == stored.sha256 => "OK",
        Some(_) => "OTHER_HASH",
        None => "NOT_PUBLISHED",
    };
    let made = run.call(plan, judge, call).await?.pubblicazione?;
    let (numero, anno) = (made.numero(), made.anno());
    run.note(format!(
        "repertorio {numero}/{anno}, dal {} al {}",
        made.dal(),
        made.al()
    ));
    Some(made)
}

fn request(
    stored: &Stored,
    registrazione: &Registrazione,
    town: &Town,
    run: &Run,
) -> PublishAttoRequest {
    let id = registrazione.identificatore.clone().unwrap_or_default();
    PublishAttoRequest {
        tipo_atto: Some("A.03".to_owned()),
        oggetto: Some(oggetto(run)),
        numero_atto: Some(run.id.clone()),
        data_atto: Some(town.clock.today().to_string()),
        ufficio: Some("Segreteria generale".to_owned()),
        protocollo: Some(RiferimentoProtocollo {
            aoo: id.aoo,
            registro: id.registro,
            anno: id.anno,
            numero: id.numero,
        }),
        documento: Some(stored.nome.clone()),
        sha256: Some(Bytes::clone(&stored.sha256)),
        giorni: None,
    }
}

fn foglio(run: &Run) -> Foglio {
    let lines = [
        "Si approva il calendario di apertura degli sportelli.".to_owned(),
        "L'atto è inventato.".to_owned(),
        format!("Dimostrazione {}", run.id),
    ];
    Foglio {
        nome: "determina.pdf",
        tipologia: "determina",
        oggetto: oggetto(run),
        bytes: pdf::page(&format!("Determinazione n. {}", run.id), &lines).into(),
    }
}

fn oggetto(run: &Run) -> String {
    format!(
        "Calendario di apertura degli sportelli, dimostrazione {}",
        run.id
    )
}
