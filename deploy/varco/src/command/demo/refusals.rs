//! What the gateway refuses, each time with its own reason.

use varco_proto::anagrafe::v1::GetResidenzaRequest;
use varco_proto::anagrafe::v1::anagrafe_service_client::AnagrafeServiceClient;
use varco_proto::protocollo::v1::GetRegistrazioneRequest;
use varco_proto::protocollo::v1::protocollo_service_client::ProtocolloServiceClient;

use super::envelope::Envelope;
use super::run::Run;
use super::town::Town;
use super::{plan, residenza};

/// Tries what must not work.
pub async fn journey(town: &Town, run: &mut Run) {
    method_outside_the_purpose(town, run).await;
    no_voucher(town, run).await;
    expired_voucher(town, run).await;
    voucher_of_another_client(town, run).await;
}

async fn method_outside_the_purpose(town: &Town, run: &mut Run) {
    let plan = &plan::WRONG_METHOD;
    let question = GetResidenzaRequest {
        codice_fiscale: Some(town.applicant.codice_fiscale.clone()),
        data: None,
    };
    let ask = async |envelope: Envelope| {
        let mut anagrafe = AnagrafeServiceClient::new(town.through(plan)?);
        anagrafe.get_residenza(envelope.around(question)).await
    };
    run.call(plan, |_| "OK", ask).await;
}

async fn no_voucher(town: &Town, run: &mut Run) {
    let plan = &plan::NO_VOUCHER;
    let ask = async |envelope: Envelope| residenza::ask_bare(plan, town, &envelope).await;
    run.call(plan, |answer| residenza::esito(*answer), ask)
        .await;
}

async fn expired_voucher(town: &Town, run: &mut Run) {
    let plan = &plan::EXPIRED_VOUCHER;
    let ask = async |envelope: Envelope| {
        let expired = town.expired_voucher()?;
        residenza::ask_bare(plan, town, &envelope.bearing(&expired)).await
    };
    run.call(plan, |answer| residenza::esito(*answer), ask)
        .await;
}

async fn voucher_of_another_client(town: &Town, run: &mut Run) {
    let plan = &plan::FOREIGN_VOUCHER;
    let ask = async |envelope: Envelope| {
        let voucher = town.client("sportello")?.voucher(&plan.purpose).await;
        let voucher = voucher.map_err(|error| error.to_status())?;
        let mut protocollo = ProtocolloServiceClient::new(town.client(plan.caller)?.bare());
        let envelope = envelope.bearing(&voucher.token);
        protocollo
            .get_registrazione(envelope.around(GetRegistrazioneRequest::default()))
            .await
    };
    run.call(plan, |_| "OK", ask).await;
}
