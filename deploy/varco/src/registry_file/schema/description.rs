//! What each field of a registry file means, in a sentence that an editor shows.

/// What the file is.
pub const FILE: &str = "Offices, e-services, clients, agreements and purposes of a comune, as \
                        `varco apply -f` makes the registry hold them.";

/// What a field means.
#[must_use]
pub fn of(path: &str) -> Option<&'static str> {
    let found = DESCRIPTIONS.iter().find(|(known, _)| *known == path);
    found.map(|(_, said)| *said)
}

/// The fields that are described.
#[cfg(test)]
pub fn paths() -> impl Iterator<Item = &'static str> {
    DESCRIPTIONS.iter().map(|(path, _)| *path)
}

const DRAFT: &str = "Whether it is only being written: not published, submitted or activated.";
const SUSPENDED: &str = "Whether it is suspended; left out, it stays as it stands.";

const DESCRIPTIONS: &[(&str, &str)] = &[
    (
        "attribute",
        "A quality of a tenant that e-services may ask for.",
    ),
    ("attribute.name", "Name, unique among attributes."),
    ("attribute.description", "What it says of a tenant."),
    (
        "attribute.kind",
        "Who vouches for it: an authority (certified), the tenant itself (declared), or a producer (verified).",
    ),
    (
        "attribute.daily_calls_per_consumer",
        "Daily calls that it gives a consumer beyond the descriptor's own.",
    ),
    ("tenant", "An office, or another body."),
    ("tenant.name", "Name, unique among tenants."),
    ("tenant.title", "Title for people."),
    (
        "tenant.ipa",
        "Code in the IPA (Indice dei domicili digitali della Pubblica Amministrazione).",
    ),
    (
        "tenant.aoo",
        "Code of the AOO (area organizzativa omogenea) in the IPA, where the tenant is one.",
    ),
    (
        "tenant.uo",
        "Code of the UO (unità organizzativa) in the IPA, where the tenant is one.",
    ),
    (
        "tenant.attributes",
        "Names of its certified and declared attributes.",
    ),
    (
        "tenant.verified",
        "Attributes that producers have verified.",
    ),
    ("tenant.verified.attribute", "Name of the attribute."),
    (
        "tenant.verified.verifier",
        "Name of the tenant that verified it.",
    ),
    (
        "tenant.verified.expires",
        "Last day on which it counts; for good when left out.",
    ),
    ("tenant.suspended", SUSPENDED),
    ("eservice", "A service that a tenant offers."),
    ("eservice.name", "Name, unique among e-services."),
    ("eservice.producer", "Name of the tenant that offers it."),
    ("eservice.description", "What it offers, for people."),
    ("eservice.suspended", SUSPENDED),
    ("eservice.descriptor", "A version of the e-service."),
    ("eservice.descriptor.version", "Version, from 1."),
    (
        "eservice.descriptor.audience",
        "Audience of its vouchers, a URI that no other version has.",
    ),
    (
        "eservice.descriptor.descriptor_set",
        "File with the FileDescriptorSet and its imports, or builtin: and a package that the gateway knows.",
    ),
    (
        "eservice.descriptor.defaults",
        "What is assumed of a contract that carries none of Varco's options.",
    ),
    (
        "eservice.descriptor.defaults.effect",
        "Effect of every method.",
    ),
    (
        "eservice.descriptor.defaults.data_class",
        "Class of every field.",
    ),
    ("eservice.descriptor.upstream", "Where the service listens."),
    (
        "eservice.descriptor.upstream.address",
        "https://host:port, or http:// on loopback.",
    ),
    (
        "eservice.descriptor.upstream.server_name",
        "Name that the server's certificate must bear.",
    ),
    (
        "eservice.descriptor.upstream.ca",
        "PEM file of the CA that signs it; the comune's own CA when left out.",
    ),
    (
        "eservice.descriptor.upstream.replicas",
        "Further addresses at which the same service listens, at most 16.",
    ),
    (
        "eservice.descriptor.methods",
        "Methods that it offers, as pkg.Service/Method or pkg.Service/*.",
    ),
    (
        "eservice.descriptor.voucher_lifespan",
        "Life of a voucher in seconds, 60 to 86400; 300 when left out.",
    ),
    (
        "eservice.descriptor.daily_calls",
        "Calls a day, Europe/Rome.",
    ),
    (
        "eservice.descriptor.daily_calls.per_consumer",
        "For all purposes of one consumer.",
    ),
    (
        "eservice.descriptor.daily_calls.total",
        "For all consumers together.",
    ),
    (
        "eservice.descriptor.approval",
        "Whether agreements are approved by themselves or by the producer.",
    ),
    (
        "eservice.descriptor.attributes",
        "Attributes that a consumer needs: one of every group.",
    ),
    (
        "eservice.descriptor.rule",
        "What it asks of the calls of some of its methods; the first rule that names a method applies.",
    ),
    (
        "eservice.descriptor.rule.methods",
        "Methods of this version, as pkg.Service/Method or pkg.Service/*.",
    ),
    (
        "eservice.descriptor.rule.seconds",
        "Longest call in seconds, within the gateway's own limit.",
    ),
    (
        "eservice.descriptor.rule.message_bytes",
        "Largest message in bytes, within the gateway's own limit.",
    ),
    (
        "eservice.descriptor.rule.evidence",
        "What ModI asks of the caller: tracking (who acts), signature (of the message).",
    ),
    ("eservice.descriptor.suspended", SUSPENDED),
    ("eservice.descriptor.draft", DRAFT),
    ("client", "A system that signs assertions."),
    ("client.name", "Name, unique among clients."),
    ("client.consumer", "Name of the tenant that it belongs to."),
    (
        "client.keys",
        "Public keys that verify its assertions: PEM files, with more about each where needed.",
    ),
    ("client.keys.file", "PEM file of the public key."),
    (
        "client.keys.not_after",
        "Last day on which it may sign; without end when left out.",
    ),
    ("client.keys.suspended", SUSPENDED),
    (
        "client.certificates",
        "PEM files of its TLS certificates, where the comune's CA has not issued them with the client's id.",
    ),
    (
        "client.legacy",
        "Whether its assertions may live 30 days, for old systems.",
    ),
    (
        "client.kind",
        "consumer for a system that calls, api for one that administers; consumer when left out.",
    ),
    (
        "client.admin",
        "Name of the operator in whose name an api client acts.",
    ),
    ("client.suspended", SUSPENDED),
    (
        "client.thumbprints",
        "SHA-256 of its TLS certificates in hexadecimal, where their PEM is not at hand.",
    ),
    (
        "client.suspended_thumbprints",
        "As thumbprints, of certificates that are suspended.",
    ),
    ("agreement", "A tenant's leave to use an e-service."),
    ("agreement.consumer", "Name of the tenant that uses it."),
    ("agreement.eservice", "Name of the e-service."),
    (
        "agreement.version",
        "Version of the descriptor; the newest published one when left out.",
    ),
    ("agreement.suspended", SUSPENDED),
    ("agreement.draft", DRAFT),
    ("purpose", "What a tenant uses an e-service for (finalità)."),
    (
        "purpose.name",
        "Name, unique among the purposes of the consumer.",
    ),
    ("purpose.consumer", "Name of the tenant that uses it."),
    ("purpose.eservice", "Name of the e-service."),
    (
        "purpose.legal_basis",
        "The rule of law, or the task, that it serves.",
    ),
    (
        "purpose.trigger",
        "ufficio (ex officio) or istanza (at the citizen's request); ufficio when left out.",
    ),
    (
        "purpose.methods",
        "Methods that it needs, as in the descriptor.",
    ),
    (
        "purpose.data_classes",
        "Classes of data that it may see; others are withheld from answers.",
    ),
    (
        "purpose.daily_calls",
        "Calls a day, Europe/Rome; beyond the descriptor's quotas it waits for approval.",
    ),
    (
        "purpose.clients",
        "Names of the clients that may act for it.",
    ),
    (
        "purpose.chained",
        "Whether a service may use it to serve another call.",
    ),
    (
        "purpose.valid_from",
        "First day on which it counts; from its approval when left out.",
    ),
    (
        "purpose.valid_until",
        "Last day on which it counts; without end when left out.",
    ),
    (
        "purpose.retention",
        "Class of retention of its records, such as 5-anni; the installation's own when left out.",
    ),
    (
        "purpose.risk_analysis",
        "What it means for the people whose data it touches, in short.",
    ),
    ("purpose.risk_analysis.need", "Why the data is needed."),
    (
        "purpose.risk_analysis.risk",
        "What could go wrong for those concerned.",
    ),
    ("purpose.risk_analysis.measures", "What is done against it."),
    ("purpose.suspended", SUSPENDED),
    ("purpose.draft", DRAFT),
    ("operator", "A person who administers or audits."),
    ("operator.name", "Name, unique, the one in the certificate."),
    (
        "operator.roles",
        "Roles: admin, security, api, auditor, viewer.",
    ),
    (
        "operator.tenant",
        "Name of the tenant for which the operator acts; the whole installation when left out.",
    ),
    ("operator.suspended", SUSPENDED),
];
