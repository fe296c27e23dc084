//! The sample municipality: an invented comune, its systems, its registry and its people.
//!
//! It exists so that a first run shows everything at work. Its folder is marked, because its
//! authority's key lies beside the data: `varco serve` refuses it.

use varco_runtime::pki::KeyKind;

pub mod popolazione;
pub mod registro;

/// Name of the file that marks a folder as a sample.
pub const MARKER: &str = "CAMPIONE";

/// What the mark says.
pub const MARKER_TEXT: &str = "\
Questo è un comune di esempio: persone, atti e uffici sono inventati.
La chiave dell'autorità di certificazione (ca.key) sta accanto ai dati, perciò questa cartella
non va usata per lavorare: `varco serve` la rifiuta.
";

/// What the section of the gateway says of anchors.
pub const ANCHORS: &str = r#"
[anchors.offices]
client = "clients/registro-accessi"
documenti = "ancora-documenti"
protocollo = "ancora-protocollo"
albo = "ancora-albo"
ufficio = "segreteria"
"#;

/// The seed that the people are drawn from.
pub const SEED: u64 = 2026;

/// A holder of credentials in the sample.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Name, in the registry and of the folder.
    pub name: &'static str,
    /// What it is.
    pub kind: MemberKind,
    /// Kind of the key that signs its assertions.
    pub key: KeyKind,
}

/// What a holder of credentials is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberKind {
    /// A system that calls.
    Client,
    /// An office service, which serves and calls.
    Office,
    /// A person who administers or audits.
    Operator,
}

impl Member {
    /// Its folder within the data folder.
    #[must_use]
    pub fn folder(&self) -> String {
        match self.kind {
            MemberKind::Office => format!("services/{}", self.name),
            MemberKind::Client | MemberKind::Operator => format!("clients/{}", self.name),
        }
    }
}

/// Everyone in the sample but the gateway.
pub const MEMBERS: [Member; 12] = [
    Member {
        name: "sportello",
        kind: MemberKind::Client,
        key: KeyKind::EcP256,
    },
    Member {
        name: "tributi",
        kind: MemberKind::Client,
        key: KeyKind::EcP256,
    },
    Member {
        name: "segreteria",
        kind: MemberKind::Client,
        key: KeyKind::Ed25519,
    },
    // PDND's published client signs RS256; so does this one.
    Member {
        name: "legacy",
        kind: MemberKind::Client,
        key: KeyKind::Rsa2048,
    },
    // The gateway itself, where it anchors the register of accesses.
    Member {
        name: "registro-accessi",
        kind: MemberKind::Client,
        key: KeyKind::EcP256,
    },
    Member {
        name: "dpo",
        kind: MemberKind::Client,
        key: KeyKind::EcP256,
    },
    Member {
        name: "amministratore",
        kind: MemberKind::Operator,
        key: KeyKind::EcP256,
    },
    Member {
        name: "auditor",
        kind: MemberKind::Operator,
        key: KeyKind::EcP256,
    },
    Member {
        name: "anagrafe",
        kind: MemberKind::Office,
        key: KeyKind::EcP256,
    },
    Member {
        name: "protocollo",
        kind: MemberKind::Office,
        key: KeyKind::EcP256,
    },
    Member {
        name: "albo",
        kind: MemberKind::Office,
        key: KeyKind::EcP256,
    },
    Member {
        name: "documenti",
        kind: MemberKind::Office,
        key: KeyKind::EcP256,
    },
];
