//! The words for the parts on which a client's leave to act rests.

use crate::authorize::Part;

/// What the client's leave rests on: the name of each part's step, what it looks at in English and
/// Italian, and the part.
pub const PARTS: &[(&str, (&str, &str), Part); 8] = &[
    (
        "client",
        (
            "the client is registered, active and of the kind that calls e-services",
            "il client è registrato, attivo e del tipo che chiama e-service",
        ),
        Part::Client,
    ),
    (
        "client-key",
        (
            "the key is active and has not ended",
            "la chiave è attiva e non è scaduta",
        ),
        Part::Key,
    ),
    (
        "purpose-state",
        (
            "the purpose is active and valid today",
            "la finalità è attiva e valida oggi",
        ),
        Part::Purpose,
    ),
    (
        "consumer",
        (
            "the office that the purpose belongs to is active",
            "l'ufficio a cui appartiene la finalità è attivo",
        ),
        Part::Consumer,
    ),
    (
        "purpose-client",
        (
            "the purpose names this client",
            "la finalità comprende questo client",
        ),
        Part::Link,
    ),
    (
        "agreement",
        (
            "the agreement with the e-service is active",
            "la richiesta di fruizione dell'e-service è attiva",
        ),
        Part::Agreement,
    ),
    (
        "eservice",
        (
            "the e-service and the office that offers it are active",
            "l'e-service e l'ufficio che lo eroga sono attivi",
        ),
        Part::Eservice,
    ),
    (
        "descriptor",
        (
            "the version that the agreement is on is published or deprecated",
            "la versione su cui è la richiesta di fruizione è pubblicata o deprecata",
        ),
        Part::Descriptor,
    ),
];
