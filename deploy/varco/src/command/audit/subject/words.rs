//! What records say in codes, in the words of a letter to a citizen.

use varco_proto::audit::v1::{Record, RecordKind};

/// What a method does; its own name where it is not one of the comune's own offices.
#[must_use]
pub fn method(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let known = METHODS.iter().find(|(method, _)| path.ends_with(method));
    known.map_or(name, |(_, words)| words)
}

/// The office that a method belongs to, from `varco.<office>.v1`.
#[must_use]
pub fn office(path: &str) -> &str {
    let mut parts = path.split('.');
    match parts.next() {
        Some("varco") => parts.next().unwrap_or(path),
        _ => path.split('/').next().unwrap_or(path),
    }
}

/// How a call ended, from the record that ended it.
#[must_use]
pub fn outcome(last: &Record) -> String {
    let ended = matches!(last.kind(), RecordKind::Outcome | RecordKind::Deny);
    if !ended {
        return "esito non ancora registrato".to_owned();
    }
    match last.outcome.as_str() {
        "OK" => "eseguita".to_owned(),
        "ERROR" => match last.grpc_status {
            5 => "eseguita: nulla trovato".to_owned(),
            status => format!("non eseguita (stato {status})"),
        },
        "REFUSED" => format!("rifiutata ({})", last.deny_reason),
        "CANCELLED" => "interrotta dal richiedente".to_owned(),
        "UNKNOWN" => "esito non noto".to_owned(),
        other => other.to_lowercase(),
    }
}

const METHODS: [(&str, &str); 14] = [
    (
        "anagrafe.v1.AnagrafeService/VerifyResidenza",
        "verifica della residenza dichiarata",
    ),
    (
        "anagrafe.v1.AnagrafeService/GetResidenza",
        "consultazione della residenza",
    ),
    (
        "anagrafe.v1.AnagrafeService/GetFamiglia",
        "consultazione della famiglia anagrafica",
    ),
    (
        "anagrafe.v1.AnagrafeService/ResolveIdentificativi",
        "consultazione degli identificativi",
    ),
    (
        "protocollo.v1.ProtocolloService/RegisterInEntrata",
        "registrazione di protocollo in entrata",
    ),
    (
        "protocollo.v1.ProtocolloService/RegisterInterno",
        "registrazione di protocollo interno",
    ),
    (
        "protocollo.v1.ProtocolloService/GetRegistrazione",
        "consultazione di una registrazione di protocollo",
    ),
    (
        "protocollo.v1.ProtocolloService/VerifyRegistrazione",
        "verifica di una registrazione di protocollo",
    ),
    (
        "albo.v1.AlboService/PublishAtto",
        "pubblicazione all'albo pretorio",
    ),
    (
        "albo.v1.AlboService/GetPubblicazione",
        "consultazione di una pubblicazione",
    ),
    (
        "albo.v1.AlboService/ListPubblicazioni",
        "elenco delle pubblicazioni",
    ),
    (
        "documenti.v1.DocumentiService/UploadDocumento",
        "deposito di un documento",
    ),
    (
        "documenti.v1.DocumentiService/DownloadDocumento",
        "consultazione di un documento",
    ),
    (
        "documenti.v1.DocumentiService/GetImpronta",
        "consultazione dell'impronta di un documento",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_of_the_comune_are_in_words_and_others_by_their_name() {
        let own = "varco.anagrafe.v1.AnagrafeService/GetFamiglia";

        assert_eq!(method(own), "consultazione della famiglia anagrafica");
        assert_eq!(office(own), "anagrafe");
        assert_eq!(method("altro.v1.Tributi/Leggi"), "Leggi");
        assert_eq!(office("altro.v1.Tributi/Leggi"), "altro.v1.Tributi");
    }

    #[test]
    fn outcome_is_told_of_what_ended_and_of_what_has_not() {
        let told = |kind: RecordKind, outcome_word: &str, status| {
            outcome(&Record {
                kind: kind.into(),
                outcome: outcome_word.to_owned(),
                deny_reason: "PURPOSE_SUSPENDED".to_owned(),
                grpc_status: status,
                ..Record::default()
            })
        };

        assert_eq!(told(RecordKind::Outcome, "OK", 0), "eseguita");
        assert_eq!(
            told(RecordKind::Deny, "REFUSED", 7),
            "rifiutata (PURPOSE_SUSPENDED)"
        );
        assert_eq!(
            told(RecordKind::Outcome, "ERROR", 5),
            "eseguita: nulla trovato"
        );
        assert_eq!(
            told(RecordKind::Intent, "", 0),
            "esito non ancora registrato"
        );
    }
}
