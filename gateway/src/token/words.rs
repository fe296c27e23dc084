//! What each reason means, and how to mend it, in English and in Italian.
//!
//! The remedy is for the person who reads it at a desk: what to look at first, and who must act.
//! English is plain ASCII without quotation marks, as RFC 6749 §5.2 wants an `error_description`.

use crate::refusal::Reason;

/// The words of one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// What is wrong.
    pub english: &'static str,
    /// What is wrong, in Italian.
    pub italian: &'static str,
    /// How to mend it.
    pub remedy: &'static str,
    /// How to mend it, in Italian.
    pub rimedio: &'static str,
}

/// The words of a reason, of the token endpoint or of the data plane.
#[must_use]
pub fn of(reason: &str) -> Words {
    let found = WORDS.iter().find(|(name, ..)| *name == reason);
    let (_, english, italian, remedy, rimedio) = found.unwrap_or(&OTHER);
    let words = Words {
        english,
        italian,
        remedy,
        rimedio,
    };
    let elsewhere = Reason::ALL.iter().find(|known| known.name() == reason);
    match (found, elsewhere) {
        (None, Some(known)) => {
            let (english, italian) = known.texts();
            Words {
                english,
                italian,
                ..words
            }
        }
        _ => words,
    }
}

const OTHER: (&str, &str, &str, &str, &str) = (
    "",
    "the request cannot be accepted",
    "la richiesta non può essere accolta",
    "give the correlation id to the administrator of the gateway",
    "comunicare il correlation id all'amministratore del varco",
);

const WORDS: &[(&str, &str, &str, &str, &str)] = &[
    (
        "AGREEMENT_SUSPENDED",
        "the office's agreement with the e-service is not active",
        "la richiesta di fruizione dell'ufficio per l'e-service non è attiva",
        "ask the office that offers the e-service to approve the agreement or to lift its suspension",
        "chiedere all'ufficio erogatore di approvare la richiesta di fruizione o di toglierne la sospensione",
    ),
    (
        "ASSERTION_AUDIENCE",
        "aud must be one value: the assertion audience, the issuer or the token address",
        "aud deve avere un solo valore: l'audience delle assertion, l'issuer o l'indirizzo del token endpoint",
        "copy assertion_audience from client.json into aud, character by character, and give no second value",
        "copiare in aud il valore assertion_audience di client.json, carattere per carattere, senza un secondo valore",
    ),
    (
        "ASSERTION_CLAIMS",
        "the assertion has an unknown, missing, repeated or malformed claim",
        "l'assertion ha una claim sconosciuta, mancante, ripetuta o malformata",
        "send iss, sub, aud, jti, iat, exp and purposeId, if needed nbf and digest, and nothing else; times are whole seconds",
        "inviare iss, sub, aud, jti, iat, exp e purposeId, se servono nbf e digest, e nient'altro; i tempi sono secondi interi",
    ),
    (
        "ASSERTION_DIGEST",
        "digest must be an object with alg SHA256 and value of 64 hexadecimal characters",
        "digest deve essere un oggetto con alg SHA256 e value di 64 caratteri esadecimali",
        "write the SHA-256 of the tracking evidence in hexadecimal: base64, which has 44 characters, is not taken",
        "scrivere lo SHA-256 della tracking evidence in esadecimale: il base64, di 44 caratteri, non è accettato",
    ),
    (
        "ASSERTION_EXPIRED",
        "the assertion has expired",
        "l'assertion è scaduta",
        "make a new assertion for each request, and compare the clock of this system with that of the gateway",
        "creare una nuova assertion per ogni richiesta e confrontare l'orologio del sistema con quello del varco",
    ),
    (
        "ASSERTION_ISSUER",
        "iss and sub, and client_id where it is sent, must all be the id of the client that owns the key",
        "iss e sub, e client_id se presente, devono essere l'id del client a cui appartiene la chiave",
        "copy client_id from client.json into iss and sub; a key of another client needs the id of that client",
        "copiare client_id di client.json in iss e sub; con la chiave di un altro client occorre l'id di quel client",
    ),
    (
        "ASSERTION_LIFETIME",
        "exp must come after iat, and no later than this client may ask for: 120 seconds, or 30 days for a legacy client",
        "exp deve seguire iat, entro il limite del client: 120 secondi, oppure 30 giorni per un client legacy",
        "set exp to iat plus 60; an old library that cannot is registered with legacy = true by the administrator",
        "impostare exp a iat più 60; per una vecchia libreria l'amministratore registra il client con legacy = true",
    ),
    (
        "ASSERTION_MALFORMED",
        "the assertion is no compact JWS with a kid, or its header says that it is something else",
        "l'assertion non è un JWS compatto con un kid, o la sua intestazione dice che è altro",
        "send three base64url parts; header: alg, kid and at most typ JWT; at most 8 KiB; no jku, jwk, x5u, x5c or crit",
        "inviare tre parti base64url; intestazione: alg, kid e al più typ JWT; al massimo 8 KiB; niente jku, jwk, x5u, x5c o crit",
    ),
    (
        "ASSERTION_NOT_YET_VALID",
        "iat or nbf lies more than 10 seconds in the future",
        "iat o nbf sono più di 10 secondi nel futuro",
        "set the clock of this system by NTP: it is ahead of the gateway",
        "sincronizzare con NTP l'orologio del sistema: è avanti rispetto al varco",
    ),
    (
        "ASSERTION_SIGNATURE",
        "the signature does not verify under the key that kid names, with the one algorithm of its kind",
        "la firma non si verifica con la chiave indicata da kid e con il solo algoritmo del suo tipo",
        "sign with the private half of the registered key: RS256 for RSA, ES256 for EC P-256, EdDSA for Ed25519",
        "firmare con la chiave privata di quella registrata: RS256 per RSA, ES256 per EC P-256, EdDSA per Ed25519",
    ),
    (
        "AUDIT_UNAVAILABLE",
        "the register of accesses cannot be written, so no voucher leaves",
        "il registro degli accessi non è scrivibile: nessun voucher può uscire",
        "ask again in a moment; if it lasts, the administrator looks at the disk and the log of the gateway",
        "riprovare tra poco; se continua, l'amministratore verifichi il disco e il log del varco",
    ),
    (
        "CERTIFICATE_OF_ANOTHER_CLIENT",
        "the TLS certificate of the connection is not that of this client",
        "il certificato TLS della connessione non è di questo client",
        "connect with the certificate of the client that signs the assertion, or with none",
        "connettersi con il certificato del client che firma l'assertion, oppure senza",
    ),
    (
        "CHAIN_NOT_ALLOWED",
        "the purpose may not be used to serve the call of another",
        "la finalità non può essere usata per servire la chiamata di un altro",
        "have the purpose registered with chained = true, if its legal basis covers calls made for others",
        "far registrare la finalità con chained = true, se la base giuridica copre le chiamate fatte per altri",
    ),
    (
        "CHAIN_TOO_LONG",
        "the call already passes through four services",
        "la chiamata attraversa già quattro servizi",
        "shorten the chain: let the first service ask the last one itself",
        "accorciare la catena: il primo servizio interroghi direttamente l'ultimo",
    ),
    (
        "CLIENT_SUSPENDED",
        "the client, or the office that it belongs to, is suspended",
        "il client, o l'ufficio a cui appartiene, è sospeso",
        "ask the administrator who suspended it, and why; vouchers work again when the suspension is lifted",
        "chiedere all'amministratore chi l'ha sospeso e perché; tolta la sospensione i voucher tornano a funzionare",
    ),
    (
        "CLIENT_UNKNOWN",
        "the client is not registered",
        "il client non è registrato",
        "compare client_id with the registry: varco get client",
        "confrontare client_id con il registro: varco get client",
    ),
    (
        "ESERVICE_SUSPENDED",
        "the e-service, or the version that the agreement names, is not active",
        "l'e-service, o la versione indicata dalla richiesta di fruizione, non è attivo",
        "ask the office that offers the e-service; an archived version needs an agreement on the new one",
        "chiedere all'ufficio erogatore; se la versione è archiviata serve una richiesta di fruizione sulla nuova",
    ),
    (
        "GRANT_AUDIENCE",
        "the grant was not given to a service of the office that exchanges it",
        "il grant non è stato dato a un servizio dell'ufficio che lo scambia",
        "exchange only the grant of a call that this service received, with the client of its own office",
        "scambiare solo il grant di una chiamata ricevuta da questo servizio, con il client del proprio ufficio",
    ),
    (
        "GRANT_EXPIRED",
        "the grant is not valid now: it lives 30 seconds",
        "il grant non è valido ora: dura 30 secondi",
        "exchange the grant while the call that it came with is being served, at its beginning",
        "scambiare il grant mentre si serve la chiamata con cui è arrivato, all'inizio",
    ),
    (
        "GRANT_INVALID",
        "the subject token is no grant that this gateway signed",
        "il subject token non è un grant firmato da questo varco",
        "send as subject_token the metadata varco-grant of the call, unchanged",
        "inviare come subject_token il metadato varco-grant della chiamata, senza modifiche",
    ),
    (
        "GRANT_TYPE",
        "grant_type must be client_credentials or urn:ietf:params:oauth:grant-type:token-exchange",
        "grant_type deve essere client_credentials o urn:ietf:params:oauth:grant-type:token-exchange",
        "set grant_type to client_credentials",
        "impostare grant_type a client_credentials",
    ),
    (
        "INTERNAL",
        "internal error",
        "errore interno",
        "give the correlation id to the administrator of the gateway",
        "comunicare il correlation id all'amministratore del varco",
    ),
    (
        "JTI_MALFORMED",
        "jti must have 1 to 128 characters",
        "jti deve avere da 1 a 128 caratteri",
        "make a new random UUID for each assertion",
        "creare un nuovo UUID casuale per ogni assertion",
    ),
    (
        "JTI_REUSED",
        "this jti was used before",
        "questo jti è già stato usato",
        "make a new assertion with a new jti for each request; some libraries repeat it when one signing object serves twice",
        "creare per ogni richiesta una nuova assertion con un nuovo jti; alcune librerie lo ripetono se si riusa l'oggetto che firma",
    ),
    (
        "KEY_REVOKED",
        "the key is no longer registered for this client",
        "la chiave non è più registrata per questo client",
        "have a new public key registered by a member of the office with the role security",
        "far registrare una nuova chiave pubblica da chi nell'ufficio ha il ruolo security",
    ),
    (
        "KEY_UNKNOWN",
        "no registered key has this kid",
        "nessuna chiave registrata ha questo kid",
        "set kid to the RFC 7638 thumbprint that the registry shows for the key, not to a name of your own, or have the key registered",
        "impostare kid all'impronta RFC 7638 che il registro mostra per la chiave, non a un nome proprio, o far registrare la chiave",
    ),
    (
        "METHOD_NOT_IN_PURPOSE",
        "the purpose does not include this method",
        "la finalità non comprende questo metodo",
        "use the purpose that includes the method, or have the method added with its legal basis",
        "usare la finalità che comprende il metodo, o farlo aggiungere con la sua base giuridica",
    ),
    (
        "METHOD_UNKNOWN",
        "no registered e-service has this method",
        "nessun e-service registrato ha questo metodo",
        "write the method as pkg.Service/Method, as the descriptor lists it: varco describe eservice",
        "scrivere il metodo come pkg.Service/Method, come lo elenca il descrittore: varco describe eservice",
    ),
    (
        "PROOF_INVALID",
        "the proof of possession does not hold",
        "la prova di possesso non è valida",
        "make a new proof for each request, with the address exactly as it is called",
        "creare una nuova prova per ogni richiesta, con l'indirizzo esattamente come viene chiamato",
    ),
    (
        "PROOF_MISSING",
        "the voucher is bound to a key and must be sent as DPoP with a proof",
        "il voucher è legato a una chiave e va inviato come DPoP con una prova",
        "send authorization: DPoP with the voucher, and a new proof in the metadata dpop",
        "inviare authorization: DPoP con il voucher e una nuova prova nel metadato dpop",
    ),
    (
        "PROOF_REPLAYED",
        "the proof was used before",
        "la prova è già stata usata",
        "make a new proof, with a new jti, for each request",
        "creare una nuova prova, con un nuovo jti, per ogni richiesta",
    ),
    (
        "PURPOSE_EXPIRED",
        "the purpose does not exist or has ended",
        "la finalità non esiste o è conclusa",
        "compare purposeId with client.json; a purpose that has ended is declared anew by the office",
        "confrontare purposeId con client.json; una finalità conclusa va dichiarata di nuovo dall'ufficio",
    ),
    (
        "PURPOSE_MISSING",
        "purposeId is required",
        "purposeId è obbligatorio",
        "put the id of the purpose, as client.json gives it, into the claim purposeId of the assertion",
        "mettere l'id della finalità, come indicato in client.json, nella claim purposeId dell'assertion",
    ),
    (
        "PURPOSE_SUSPENDED",
        "the purpose is suspended, or this client may not act for it",
        "la finalità è sospesa, o questo client non può agire per essa",
        "have the client added to the purpose, or ask the administrator why it is suspended",
        "far aggiungere il client alla finalità, o chiedere all'amministratore perché è sospesa",
    ),
    (
        "RATE",
        "too many requests for vouchers",
        "troppe richieste di voucher",
        "keep a voucher until it is about to expire instead of asking for each call",
        "conservare il voucher fin quasi alla scadenza invece di chiederne uno per ogni chiamata",
    ),
    (
        "REGISTRY_UNAVAILABLE",
        "single use cannot be recorded now, so no voucher leaves",
        "non è possibile registrare l'uso unico: nessun voucher può uscire",
        "ask again in a moment, with a new assertion",
        "riprovare tra poco, con una nuova assertion",
    ),
    (
        "REQUEST_MALFORMED",
        "the request is malformed",
        "la richiesta è malformata",
        "send the fields of RFC 6749 and RFC 7523, each once, as application/x-www-form-urlencoded",
        "inviare i campi di RFC 6749 e RFC 7523, ciascuno una volta, come application/x-www-form-urlencoded",
    ),
    (
        "SNAPSHOT_STALE",
        "the registry could not be read for too long",
        "il registro non è aggiornato da troppo tempo",
        "ask again in a moment; if it lasts, the administrator looks at the database of the gateway",
        "riprovare tra poco; se continua, l'amministratore verifichi il database del varco",
    ),
    (
        "TOKEN_UNKNOWN",
        "the token is neither a voucher nor a client assertion",
        "il token non è né un voucher né una client assertion",
        "paste the access_token that the gateway issued or the client_assertion that was sent to it: three parts between dots",
        "incollare l'access_token rilasciato dal varco o la client_assertion inviata: tre parti separate da punti",
    ),
    (
        "VOUCHER_AUDIENCE",
        "the voucher is for another e-service, or for a version that has been replaced",
        "il voucher è per un altro e-service o per una versione sostituita",
        "ask for a voucher with the purpose of the e-service that is called",
        "chiedere un voucher con la finalità dell'e-service chiamato",
    ),
    (
        "VOUCHER_BINDING",
        "the voucher is bound to another certificate",
        "il voucher è legato a un altro certificato",
        "call with the certificate with which the voucher was asked for; after a renewal ask for a new voucher",
        "chiamare con il certificato con cui è stato chiesto il voucher; dopo un rinnovo chiedere un nuovo voucher",
    ),
    (
        "VOUCHER_EXPIRED",
        "the voucher has expired",
        "il voucher è scaduto",
        "ask for a new voucher; clients renew it when a fifth of its life is left",
        "chiedere un nuovo voucher; i client lo rinnovano quando resta un quinto della sua durata",
    ),
    (
        "VOUCHER_MALFORMED",
        "the token is no voucher: a compact JWS with typ at+jwt",
        "il token non è un voucher: un JWS compatto con typ at+jwt",
        "copy the whole access_token, without quotation marks, spaces or line breaks",
        "copiare l'intero access_token, senza virgolette, spazi o interruzioni di riga",
    ),
    (
        "VOUCHER_NOT_YET_VALID",
        "the voucher is not valid yet",
        "il voucher non è ancora valido",
        "compare the clocks of the gateways",
        "confrontare gli orologi dei varchi",
    ),
    (
        "VOUCHER_SIGNATURE",
        "the voucher was not signed by this gateway",
        "il voucher non è firmato da questo varco",
        "use a voucher of this installation: one of a test gateway, or from before an emergency rotation, is refused",
        "usare un voucher di questa installazione: quello di un varco di prova, o precedente a una rotazione d'emergenza, è rifiutato",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_of_the_data_plane_alone_keeps_its_words() {
        let words = of("QUOTA_DAILY");

        assert_eq!((words.english, words.italian), Reason::QuotaDaily.texts());
        assert_eq!(of("NO_SUCH_REASON").english, OTHER.1);
    }

    #[test]
    fn words_stand_in_order_and_fit_an_oauth_error() {
        let names: Vec<&str> = WORDS.iter().map(|(name, ..)| *name).collect();
        assert!(names.is_sorted());
        let fits = |c: char| matches!(c, ' '..='!' | '#'..='[' | ']'..='~');
        for (name, english, italian, remedy, rimedio) in WORDS.iter().chain([&OTHER]) {
            assert!(
                english.chars().all(fits) && remedy.chars().all(fits),
                "{name}"
            );
            for text in [english, italian, remedy, rimedio] {
                assert!(
                    text.len() > 12 || *text == "internal error",
                    "{name}: {text}"
                );
                assert!(!text.ends_with('.'), "{name}: {text}");
            }
        }
    }
}
