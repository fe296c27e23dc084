//! The journey, step by step, and how each step should end.
//!
//! A step ends in one word: `OK`, what the office answered, or the reason of a refusal.

use std::borrow::Cow;

/// A step before it is taken.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What happens, in a few words.
    pub name: &'static str,
    /// Who acts: a client, an operator, or `chiunque`.
    pub caller: &'static str,
    /// Method, or the page that is fetched.
    pub method: &'static str,
    /// Purpose that the call is made under; empty where there is none.
    pub purpose: Cow<'static, str>,
    /// How it should end.
    pub expected: &'static str,
    /// Calls that services make of their own to serve this one.
    pub serves: &'static [&'static str],
}

/// The sportello stores the citizen's istanza.
pub const STORE_ISTANZA: Plan = Plan {
    name: "store the istanza",
    caller: "sportello",
    method: UPLOAD,
    purpose: Cow::Borrowed("istanze-documenti"),
    expected: "OK",
    serves: &[],
};

/// The sportello has it registered; protocollo asks documenti for the hash.
pub const REGISTER_ISTANZA: Plan = Plan {
    name: "register the istanza",
    caller: "sportello",
    method: REGISTER_IN_ENTRATA,
    purpose: Cow::Borrowed("istanze-protocollo"),
    expected: "OK",
    serves: &[GET_IMPRONTA],
};

/// The same call again, as after a broken connection, gives the same number.
pub const REGISTER_AGAIN: Plan = Plan {
    name: "register the istanza again",
    expected: "SAME_NUMBER",
    serves: &[],
    ..REGISTER_ISTANZA
};

/// Tributi asks whether the applicant lives where the istanza says.
pub const CONFIRM_RESIDENZA: Plan = Plan {
    name: "verify the residenza",
    caller: "tributi",
    method: VERIFY_RESIDENZA,
    purpose: Cow::Borrowed("verifica-residenza"),
    expected: "CONFERMATO",
    serves: &[],
};

/// With another house number the answer is no, and nothing more.
pub const DENY_RESIDENZA: Plan = Plan {
    name: "verify a wrong residenza",
    expected: "NON_CONFERMATO",
    ..CONFIRM_RESIDENZA
};

/// The segreteria stores the determina.
pub const STORE_DETERMINA: Plan = Plan {
    name: "store the determina",
    caller: "segreteria",
    method: UPLOAD,
    purpose: Cow::Borrowed("determine-documenti"),
    expected: "OK",
    serves: &[],
};

/// The segreteria has it registered.
pub const REGISTER_DETERMINA: Plan = Plan {
    name: "register the determina",
    caller: "segreteria",
    method: "varco.protocollo.v1.ProtocolloService/RegisterInterno",
    purpose: Cow::Borrowed("determine-protocollo"),
    expected: "OK",
    serves: &[GET_IMPRONTA],
};

/// The segreteria publishes it; albo asks protocollo and documenti.
pub const PUBLISH_DETERMINA: Plan = Plan {
    name: "publish the determina",
    caller: "segreteria",
    method: "varco.albo.v1.AlboService/PublishAtto",
    purpose: Cow::Borrowed("pubblicazione-albo"),
    expected: "OK",
    serves: &[VERIFY_REGISTRAZIONE, DOWNLOAD],
};

/// Anyone finds the act on the board.
pub const READ_BOARD: Plan = Plan {
    name: "find the determina on the albo",
    caller: "chiunque",
    method: "GET /albo.json",
    purpose: Cow::Borrowed(""),
    expected: "FOUND",
    serves: &[],
};

/// Anyone opens its page.
pub const READ_PAGE: Plan = Plan {
    name: "open its page",
    method: "GET /pubblicazioni/{anno}/{numero}",
    expected: "OK",
    ..READ_BOARD
};

/// Anyone gets the very document that was stored.
pub const READ_DOCUMENT: Plan = Plan {
    name: "get its document",
    method: "GET /documenti/{chiave}",
    expected: "SAME_HASH",
    ..READ_BOARD
};

/// A purpose for verifying does not give the address away.
pub const WRONG_METHOD: Plan = Plan {
    name: "ask for the address itself",
    method: "varco.anagrafe.v1.AnagrafeService/GetResidenza",
    expected: "METHOD_NOT_IN_PURPOSE",
    ..CONFIRM_RESIDENZA
};

/// A certificate alone opens nothing.
pub const NO_VOUCHER: Plan = Plan {
    name: "call without a voucher",
    purpose: Cow::Borrowed(""),
    expected: "VOUCHER_MISSING",
    ..CONFIRM_RESIDENZA
};

/// A voucher ends.
pub const EXPIRED_VOUCHER: Plan = Plan {
    name: "call with an expired voucher",
    purpose: Cow::Borrowed(""),
    expected: "VOUCHER_EXPIRED",
    ..CONFIRM_RESIDENZA
};

/// A voucher works only over the connection of its own client.
pub const FOREIGN_VOUCHER: Plan = Plan {
    name: "call with another's voucher",
    caller: "tributi",
    method: "varco.protocollo.v1.ProtocolloService/GetRegistrazione",
    purpose: Cow::Borrowed("istanze-protocollo"),
    expected: "VOUCHER_CLIENT",
    serves: &[],
};

/// The administrator declares a purpose for this run.
pub const DECLARE_PURPOSE: Plan = Plan {
    name: "declare a purpose",
    caller: "amministratore",
    method: "varco.registry.v1.RegistryService/ApplyDocument",
    purpose: Cow::Borrowed(""),
    expected: "OK",
    serves: &[],
};

/// It works.
pub const USE_PURPOSE: Plan = Plan {
    name: "call under the new purpose",
    ..CONFIRM_RESIDENZA
};

/// The administrator suspends it.
pub const SUSPEND_PURPOSE: Plan = Plan {
    name: "suspend the purpose",
    method: "varco.registry.v1.RegistryService/SuspendEntry",
    ..DECLARE_PURPOSE
};

/// The voucher that worked is refused within a second.
pub const USE_SUSPENDED: Plan = Plan {
    name: "call under the suspended purpose",
    expected: "PURPOSE_SUSPENDED",
    ..CONFIRM_RESIDENZA
};

/// The administrator clears it away.
pub const ARCHIVE_PURPOSE: Plan = Plan {
    name: "archive the purpose",
    method: "varco.registry.v1.RegistryService/ArchiveEntry",
    ..DECLARE_PURPOSE
};

/// The auditor finds every step, and what the services asked each other.
pub const READ_RECORDS: Plan = Plan {
    name: "find every step in the register",
    caller: "auditor",
    method: "varco.audit.v1.AuditService/SearchRecords",
    purpose: Cow::Borrowed(""),
    expected: "ALL_RECORDED",
    serves: &[],
};

/// The register's head is signed.
pub const CHECK_SIGNATURE: Plan = Plan {
    name: "check the signed head",
    method: "varco.audit.v1.AuditService/GetCheckpoint",
    expected: "SIGNED",
    ..READ_RECORDS
};

/// It only grew since before the run.
pub const CHECK_CONSISTENCY: Plan = Plan {
    name: "check that it only grew",
    method: "varco.audit.v1.AuditService/ProveConsistency",
    expected: "CONSISTENT",
    ..READ_RECORDS
};

/// Every record of the run is in it.
pub const CHECK_INCLUSION: Plan = Plan {
    name: "check that every record is in it",
    method: "varco.audit.v1.AuditService/ProveInclusion",
    expected: "INCLUDED",
    ..READ_RECORDS
};

const UPLOAD: &str = "varco.documenti.v1.DocumentiService/UploadDocumento";
const DOWNLOAD: &str = "varco.documenti.v1.DocumentiService/DownloadDocumento";
const GET_IMPRONTA: &str = "varco.documenti.v1.DocumentiService/GetImpronta";
const REGISTER_IN_ENTRATA: &str = "varco.protocollo.v1.ProtocolloService/RegisterInEntrata";
const VERIFY_REGISTRAZIONE: &str = "varco.protocollo.v1.ProtocolloService/VerifyRegistrazione";
const VERIFY_RESIDENZA: &str = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza";
