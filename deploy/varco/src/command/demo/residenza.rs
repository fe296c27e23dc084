//! Tributi asks whether the applicant lives where the istanza says: yes or no comes back.

use tonic::{Response, Status};
use varco_proto::anagrafe::v1::anagrafe_service_client::AnagrafeServiceClient;
use varco_proto::anagrafe::v1::{
    Esito, Indirizzo, VerifyResidenzaRequest, VerifyResidenzaResponse,
};

use super::envelope::Envelope;
use super::plan::{self, Plan};
use super::run::Run;
use super::town::Town;

/// Asks with the registered address, then with the house next door.
pub async fn journey(town: &Town, run: &mut Run) {
    let registered = town.applicant.indirizzo.clone();
    verify(&plan::CONFIRM_RESIDENZA, registered, town, run).await;
    verify(&plan::DENY_RESIDENZA, town.applicant.next_door(), town, run).await;
}

/// The question about an address.
pub fn question(indirizzo: Indirizzo, town: &Town) -> VerifyResidenzaRequest {
    VerifyResidenzaRequest {
        codice_fiscale: Some(town.applicant.codice_fiscale.clone()),
        indirizzo: Some(indirizzo),
        data: None,
    }
}

/// The question of a refused call, with the registered address, over the client's own connection.
pub async fn ask_bare(
    plan: &Plan,
    town: &Town,
    envelope: &Envelope,
) -> Result<Response<VerifyResidenzaResponse>, Status> {
    let mut anagrafe = AnagrafeServiceClient::new(town.client(plan.caller)?.bare());
    let question = question(town.applicant.indirizzo.clone(), town);
    anagrafe.verify_residenza(envelope.around(question)).await
}

/// The answer in one word.
pub fn esito(answer: VerifyResidenzaResponse) -> &'static str {
    match answer.esito() {
        Esito::Confermato => "CONFERMATO",
        Esito::NonConfermato => "NON_CONFERMATO",
        Esito::NonVerificabile => "NON_VERIFICABILE",
        Esito::Unspecified => "NO_ESITO",
    }
}

async fn verify(plan: &Plan, indirizzo: Indirizzo, town: &Town, run: &mut Run) {
    let question = question(indirizzo, town);
    let ask = async |envelope: Envelope| {
        let mut anagrafe = AnagrafeServiceClient::new(town.through(plan)?);
        anagrafe.verify_residenza(envelope.around(question)).await
    };
    run.call(plan, |answer| esito(*answer), ask).await;
}
