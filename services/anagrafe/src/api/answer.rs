//! What goes back, and no field more than was asked for.

use varco_proto::anagrafe::v1 as proto;

use crate::api::request::View;
use crate::residenza::{Esito, Indirizzo, Residenza, StatoResidenza};
use crate::store::famiglia::Membro;
use crate::store::identificativi::{Attribuito, Identificativi};

/// The outcome of a verification.
pub fn esito(esito: Esito) -> proto::VerifyResidenzaResponse {
    let esito = match esito {
        Esito::Confermato => proto::Esito::Confermato,
        Esito::NonConfermato => proto::Esito::NonConfermato,
        Esito::NonVerificabile => proto::Esito::NonVerificabile,
    };
    proto::VerifyResidenzaResponse {
        esito: Some(esito.into()),
    }
}

/// A residence.
pub fn residenza(residenza: &Residenza) -> proto::GetResidenzaResponse {
    let stato = match residenza.stato {
        StatoResidenza::ConRiserva => proto::StatoResidenza::ConRiserva,
        StatoResidenza::Definitiva => proto::StatoResidenza::Definitiva,
    };
    proto::GetResidenzaResponse {
        indirizzo: Some(indirizzo(&residenza.indirizzo)),
        dal: Some(residenza.dal.to_string()),
        stato: Some(stato.into()),
    }
}

/// A famiglia, as much of it as was asked for.
pub fn famiglia(mut membri: Vec<Membro>, view: View) -> proto::GetFamigliaResponse {
    let numero_componenti = u32::try_from(membri.len()).ok();
    // The order must not tell the kinship that was not asked for.
    membri.sort_by_key(|membro| match view {
        View::WithKinship => (membro.componente.parentela.code(), membro.codice_fiscale),
        View::CfOnly | View::Count => (0, membro.codice_fiscale),
    });
    let componenti = match view {
        View::CfOnly => membri.iter().map(without_kinship).collect(),
        View::Count => Vec::new(),
        View::WithKinship => membri.iter().map(with_kinship).collect(),
    };
    proto::GetFamigliaResponse {
        numero_componenti,
        componenti,
    }
}

/// All identifiers of a person.
pub fn identificativi(found: &Identificativi) -> proto::ResolveIdentificativiResponse {
    let codice = |it: &Attribuito| proto::CodiceAttribuito {
        codice_fiscale: Some(it.codice.as_str().to_owned()),
        attuale: Some(it.attuale),
    };
    proto::ResolveIdentificativiResponse {
        id_anpr: Some(found.id.as_str().to_owned()),
        codici: found.codici.iter().map(codice).collect(),
        codici_omessi: u32::try_from(found.omessi).ok(),
    }
}

fn without_kinship(membro: &Membro) -> proto::Componente {
    proto::Componente {
        codice_fiscale: Some(membro.codice_fiscale.as_str().to_owned()),
        parentela: None,
        dal: None,
    }
}

fn with_kinship(membro: &Membro) -> proto::Componente {
    proto::Componente {
        parentela: Some(membro.componente.parentela.code().into()),
        dal: Some(membro.dal.to_string()),
        ..without_kinship(membro)
    }
}

fn indirizzo(indirizzo: &Indirizzo) -> proto::Indirizzo {
    proto::Indirizzo {
        specie: Some(indirizzo.specie.clone()),
        denominazione: Some(indirizzo.denominazione.clone()),
        codice_toponimo: indirizzo.codice_toponimo.map(|code| code.0.to_string()),
        numero: indirizzo.civico,
        esponente: indirizzo.esponente.clone(),
        interno: indirizzo.interno.clone(),
        cap: indirizzo.cap.as_ref().map(|cap| cap.as_str().to_owned()),
    }
}
