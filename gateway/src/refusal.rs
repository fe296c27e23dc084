//! Every reason for which the data plane refuses a call, with its code and its words.
//!
//! Clients branch on the reason; the table is a contract and changes only by a new version. What
//! each code asks of the caller: UNAUTHENTICATED, get a new voucher; `PERMISSION_DENIED`, a person
//! must act; UNAVAILABLE, nothing was processed, so asking again is safe.

use std::time::Duration;

use axum::response::Response;
use tonic::Code;
use uuid::Uuid;
use varco_runtime::problem::Problem;

/// Declares the reasons with name, code, English and Italian text.
macro_rules! reasons {
    ($($variant:ident $name:literal $code:ident $english:literal $italian:literal)*) => {
        /// A reason for refusing a call.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason { $(#[doc = $english] $variant,)* }

        impl Reason {
            /// All of them, for the documentation and its test.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The gRPC code.
            #[must_use]
            pub fn code(self) -> Code {
                match self { $(Self::$variant => Code::$code,)* }
            }

            /// The number of its gRPC code (0 to 16).
            #[must_use]
            pub fn number(self) -> u32 {
                i32::from(self.code()).unsigned_abs()
            }

            /// What it means, in English and in Italian.
            #[must_use]
            pub fn texts(self) -> (&'static str, &'static str) {
                match self { $(Self::$variant => ($english, $italian),)* }
            }
        }
    };
}

reasons! {
    AgreementSuspended "AGREEMENT_SUSPENDED" PermissionDenied
        "the agreement with the e-service is not active" "la richiesta di fruizione non è attiva"
    AnswerInvalid "ANSWER_INVALID" Internal
        "the service's answer does not follow its contract"
        "la risposta del servizio non rispetta il contratto"
    AuditUnavailable "AUDIT_UNAVAILABLE" Unavailable
        "the register of accesses cannot be written, so nothing is answered"
        "il registro degli accessi non è scrivibile: nessun dato può uscire"
    ClientSuspended "CLIENT_SUSPENDED" PermissionDenied
        "the client is suspended" "il client è sospeso"
    ClientUnknown "CLIENT_UNKNOWN" Unauthenticated
        "the TLS certificate belongs to no registered client"
        "il certificato TLS non appartiene a un client registrato"
    Draining "DRAINING" Unavailable
        "the gateway is stopping" "il varco si sta fermando"
    EncodingUnsupported "ENCODING_UNSUPPORTED" Unimplemented
        "messages are accepted uncompressed or as gzip only"
        "i messaggi sono accettati non compressi, o compressi con gzip"
    EserviceSuspended "ESERVICE_SUSPENDED" PermissionDenied
        "the e-service is not active" "l'e-service non è attivo"
    EvidenceInvalid "EVIDENCE_INVALID" PermissionDenied
        "the evidence that came with the call does not hold"
        "l'evidenza inviata con la chiamata non è valida"
    EvidenceRequired "EVIDENCE_REQUIRED" PermissionDenied
        "the method asks for evidence that did not come with the call"
        "il metodo richiede un'evidenza che la chiamata non porta"
    FieldNotInPurpose "FIELD_NOT_IN_PURPOSE" PermissionDenied
        "the request sets a field whose data class the purpose does not allow"
        "la richiesta usa un campo che la finalità non consente"
    KeyRevoked "KEY_REVOKED" PermissionDenied
        "the key that asked for the voucher is no longer registered"
        "la chiave che ha chiesto il voucher non è più registrata"
    MessageMalformed "MESSAGE_MALFORMED" InvalidArgument
        "a message is no protobuf of its contract" "un messaggio non rispetta il contratto"
    MessageTooLarge "MESSAGE_TOO_LARGE" ResourceExhausted
        "a message is larger than allowed" "un messaggio supera la dimensione consentita"
    MetadataTooLarge "METADATA_TOO_LARGE" ResourceExhausted
        "the metadata is larger than 16 KiB" "i metadati superano i 16 KiB"
    MetadataInvalid "METADATA_INVALID" InvalidArgument
        "a metadatum is malformed" "un metadato è malformato"
    MethodNotInPurpose "METHOD_NOT_IN_PURPOSE" PermissionDenied
        "the purpose does not include this method" "la finalità non comprende questo metodo"
    MethodUnknown "METHOD_UNKNOWN" Unimplemented
        "no registered e-service has this method" "nessun e-service registrato ha questo metodo"
    OutcomeUnknown "OUTCOME_UNKNOWN" Unknown
        "the call was forwarded but its outcome could not be recorded: ask again with the same idempotency-key"
        "la chiamata è stata inoltrata ma l'esito non è stato registrato: ripetere con la stessa chiave di idempotenza"
    Overloaded "OVERLOADED" ResourceExhausted
        "the gateway is overloaded" "il varco è sovraccarico"
    ProofInvalid "PROOF_INVALID" Unauthenticated
        "the proof of possession does not hold for this voucher, this method and this time"
        "la prova di possesso non vale per questo voucher, questo metodo e questo momento"
    ProofMissing "PROOF_MISSING" Unauthenticated
        "the voucher is bound to a key: a proof of possession must come with it"
        "il voucher è legato a una chiave: inviarlo come DPoP, con una prova nel metadato dpop"
    ProofReplayed "PROOF_REPLAYED" Unauthenticated
        "the proof of possession was used before: make one per call"
        "la prova di possesso è già stata usata: crearne una per ogni chiamata"
    PurposeExpired "PURPOSE_EXPIRED" PermissionDenied
        "the purpose has ended" "la finalità è conclusa"
    PurposeSuspended "PURPOSE_SUSPENDED" PermissionDenied
        "the purpose is suspended" "la finalità è sospesa"
    QuotaDaily "QUOTA_DAILY" ResourceExhausted
        "the calls of today are used up: of the purpose, the consumer or the e-service, as `quota` says"
        "le chiamate di oggi sono esaurite: della finalità, del fruitore o dell'e-service, come indica `quota`"
    RateClient "RATE_CLIENT" ResourceExhausted
        "the client calls too often" "il client chiama troppo spesso"
    RequestBroken "REQUEST_BROKEN" Cancelled
        "the request broke off" "la richiesta si è interrotta"
    SnapshotStale "SNAPSHOT_STALE" Unavailable
        "the registry could not be read for too long" "il registro dei soggetti non è aggiornato"
    StreamUnknown "STREAM_UNKNOWN" NotFound
        "the client has no open stream with this audit id"
        "il client non ha un flusso aperto con questo identificativo"
    StreamsClient "STREAMS_CLIENT" ResourceExhausted
        "the client has too many open calls" "il client ha troppe chiamate aperte"
    UpstreamSlow "UPSTREAM_SLOW" DeadlineExceeded
        "the service did not answer in time" "il servizio non ha risposto in tempo"
    UpstreamUnavailable "UPSTREAM_UNAVAILABLE" Unavailable
        "the service cannot be reached" "il servizio non è raggiungibile"
    VoucherAudience "VOUCHER_AUDIENCE" Unauthenticated
        "the voucher is for another e-service" "il voucher è per un altro e-service"
    VoucherBinding "VOUCHER_BINDING" Unauthenticated
        "the voucher is bound to another certificate" "il voucher è legato a un altro certificato"
    VoucherClient "VOUCHER_CLIENT" Unauthenticated
        "the voucher belongs to another client than this TLS connection"
        "il voucher appartiene a un client diverso da quello di questa connessione TLS"
    VoucherExpired "VOUCHER_EXPIRED" Unauthenticated
        "the voucher has expired" "il voucher è scaduto"
    VoucherMalformed "VOUCHER_MALFORMED" Unauthenticated
        "the voucher is malformed" "il voucher è malformato"
    VoucherMissing "VOUCHER_MISSING" Unauthenticated
        "the call carries no voucher" "la chiamata non porta un voucher"
    VoucherNotYetValid "VOUCHER_NOT_YET_VALID" Unauthenticated
        "the voucher is not valid yet: compare the clocks"
        "il voucher non è ancora valido: verificare gli orologi"
    VoucherPurpose "VOUCHER_PURPOSE" Unauthenticated
        "the voucher is for another purpose than the stream"
        "il voucher è per una finalità diversa da quella del flusso"
    VoucherSignature "VOUCHER_SIGNATURE" Unauthenticated
        "the voucher was not signed by this gateway" "il voucher non è firmato da questo varco"
}

impl Reason {
    /// Whether a signature of the caller's was looked at and did not verify.
    #[must_use]
    pub fn is_forgery(self) -> bool {
        matches!(
            self,
            Self::EvidenceInvalid | Self::ProofInvalid | Self::VoucherSignature
        )
    }
}

/// A refusal with what the caller may need beside the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// When asking again makes sense.
    pub retry: Option<Duration>,
    /// Machine-readable facts, such as the field that is not allowed.
    pub facts: Vec<(&'static str, String)>,
    /// Epoch of the registry that decided, where it did.
    pub epoch: Option<u64>,
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        let retry = match reason.code() {
            Code::Unavailable => Some(Duration::from_secs(1)),
            _ => None,
        };
        Self {
            reason,
            retry,
            facts: Vec::new(),
            epoch: None,
        }
    }
}

impl Refusal {
    /// Adds a machine-readable fact, of which 256 bytes at most are told.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        let mut value = value.into();
        value.truncate(value.floor_char_boundary(MOST_FACT));
        self.facts.push((key, value));
        self
    }

    /// Notes the epoch of the registry that decided, for the record.
    #[must_use]
    pub fn at(self, epoch: u64) -> Self {
        Self {
            epoch: Some(epoch),
            ..self
        }
    }

    /// Adds when asking again makes sense.
    #[must_use]
    pub fn retry_after(self, delay: Duration) -> Self {
        Self {
            retry: Some(delay),
            ..self
        }
    }

    /// The gRPC answer, trailers only, which the `record` layer completes.
    #[must_use]
    pub fn into_response(self) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(self);
        response
    }

    /// The status of this refusal for the call of that id.
    #[must_use]
    pub fn into_status(self, audit_id: Uuid) -> tonic::Status {
        let (english, italian) = self.reason.texts();
        let mut problem = Problem::new(self.reason.code(), self.reason.name(), english, italian)
            .with("audit_id", audit_id.to_string());
        for (key, value) in self.facts {
            problem = problem.with(key, value);
        }
        if let Some(delay) = self.retry {
            problem = problem.retry_after(delay);
        }
        problem.into_status("varco")
    }
}

const MOST_FACT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../docs/refusals.md");

    #[test]
    fn every_reason_has_its_section_with_its_code_and_both_texts() {
        let sections: Vec<&str> = PAGE.split("\n## ").skip(1).collect();

        assert_eq!(sections.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            let head = format!("{}\n\n`{}`\n", reason.name(), upper_snake(reason.code()));
            let section = sections.iter().find(|it| it.starts_with(&head));
            let section = section.unwrap_or_else(|| panic!("no section begins {head}"));
            let (english, italian) = reason.texts();
            for text in [english, italian] {
                // The first letter is a capital there.
                let rest: String = text.chars().skip(1).collect();
                assert!(section.contains(&rest), "{head} lacks {text}");
            }
        }
    }

    #[test]
    fn every_refusal_fits_into_four_kibibytes() {
        for reason in Reason::ALL {
            let refusal = Refusal::from(*reason)
                .with("field", "x".repeat(MOST_FACT + 1))
                .retry_after(Duration::from_hours(24));
            let mut headers = http::HeaderMap::new();
            let status = refusal.into_status(Uuid::max());
            status.add_header(&mut headers).unwrap();
            let size: usize = headers.values().map(http::HeaderValue::len).sum();

            assert!(size <= 4096, "{}: {size}", reason.name());
        }
    }

    fn upper_snake(code: Code) -> String {
        let mut name = String::new();
        for letter in format!("{code:?}").chars() {
            if letter.is_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(letter.to_ascii_uppercase());
        }
        name
    }
}
