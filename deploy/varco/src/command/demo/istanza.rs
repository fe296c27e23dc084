//! A citizen hands in an istanza: the sportello stores it and has it registered.

use varco_proto::protocollo::v1::protocollo_service_client::ProtocolloServiceClient;
use varco_proto::protocollo::v1::{
    DocumentoRegistrato, RegisterInEntrataRequest, RegisterInEntrataResponse, Registrazione,
};

use super::documento::{self, Foglio, Stored};
use super::envelope::Envelope;
use super::pdf;
use super::plan::{self, Plan};
use super::run::Run;
use super::town::Town;

/// Stores the istanza, registers it, and registers it again with the same key.
pub async fn journey(town: &Town, run: &mut Run) -> Option<()> {
    let foglio = foglio(town, run);
    let stored = documento::store(&plan::STORE_ISTANZA, foglio, town, run).await?;
    let (request, key) = (request(&stored, town, run), run.key());
    let first = register(&plan::REGISTER_ISTANZA, (&request, &key), town, run).await?;
    let registrazione = first.registrazione?;
    run.note(told(&registrazione));
    again((&request, &key), &registrazione, town, run).await
}

/// What people like to know of a registration: number, day, segnatura.
pub fn told(registrazione: &Registrazione) -> String {
    let id = registrazione.identificatore.clone().unwrap_or_default();
    let (numero, data) = (id.numero(), registrazione.data());
    format!(
        "n. {numero}/{} del {data}: {}",
        id.anno(),
        registrazione.segnatura()
    )
}

async fn register(
    plan: &Plan,
    (request, key): (&RegisterInEntrataRequest, &str),
    town: &Town,
    run: &mut Run,
) -> Option<RegisterInEntrataResponse> {
    let numbered = |answer: &RegisterInEntrataResponse| match &answer.registrazione {
        Some(made) if made.identificatore.is_some() => "OK",
        _ => "NO_NUMBER",
    };
    run.call(plan, numbered, async |envelope| {
        send(plan, (request, key), town, envelope).await
    })
    .await
}

async fn again(
    (request, key): (&RegisterInEntrataRequest, &str),
    first: &Registrazione,
    town: &Town,
    run: &mut Run,
) -> Option<()> {
    let plan = &plan::REGISTER_AGAIN;
    let same = |answer: &RegisterInEntrataResponse| {
        let id = answer
            .registrazione
            .as_ref()
            .and_then(|it| it.identificatore.as_ref());
        if id == first.identificatore.as_ref() {
            "SAME_NUMBER"
        } else {
            "OTHER_NUMBER"
        }
    };
    run.call(plan, same, async |envelope| {
        send(plan, (request, key), town, envelope).await
    })
    .await
    .map(drop)
}

async fn send(
    plan: &Plan,
    (request, key): (&RegisterInEntrataRequest, &str),
    town: &Town,
    envelope: Envelope,
) -> Result<tonic::Response<RegisterInEntrataResponse>, tonic::Status> {
    let mut protocollo = ProtocolloServiceClient::new(town.through(plan)?);
    protocollo
        .register_in_entrata(envelope.once(key).around(request.clone()))
        .await
}

fn foglio(town: &Town, run: &Run) -> Foglio {
    let applicant = &town.applicant;
    let lines = [
        format!("{} {}", applicant.nome, applicant.cognome),
        format!("codice fiscale {}", applicant.codice_fiscale),
        format!("residente in {}", applicant.address_line()),
        String::new(),
        "chiede la riduzione della TARI per l'abitazione di residenza.".to_owned(),
        "Persona, indirizzo e atto sono inventati.".to_owned(),
        format!("Dimostrazione {}", run.id),
    ];
    Foglio {
        nome: "istanza.pdf",
        tipologia: "istanza",
        oggetto: oggetto(run),
        bytes: pdf::page("Istanza di riduzione della TARI", &lines).into(),
    }
}

fn request(stored: &Stored, town: &Town, run: &Run) -> RegisterInEntrataRequest {
    RegisterInEntrataRequest {
        mittente: Some(town.applicant.mittente()),
        oggetto: Some(oggetto(run)),
        documento_primario: Some(DocumentoRegistrato {
            documento: Some(stored.nome.clone()),
            sha256: Some(stored.sha256.clone()),
            descrizione: Some("Istanza".to_owned()),
        }),
        classificazione: Some("IV/3".to_owned()),
        assegnazione: Some("tributi".to_owned()),
        canale: Some("sportello".to_owned()),
        ..RegisterInEntrataRequest::default()
    }
}

fn oggetto(run: &Run) -> String {
    format!("Istanza di riduzione della TARI, dimostrazione {}", run.id)
}
