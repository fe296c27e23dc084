//! The decision over a small registry: what permits, and the reason of each refusal.

use std::collections::HashMap;

use super::*;
use crate::registry::contract::{BUILTIN, Contracts};
use crate::registry::entry::{ContractRef, Descriptor, Eservice, Key, Tenant};

pub(crate) const METHOD: &str = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza";
const OTHER: &str = "varco.anagrafe.v1.AnagrafeService/GetResidenza";
const ELSEWHERE: &str = "varco.albo.v1.AlboService/PublishAtto";

pub(crate) fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn entry<T>(n: u128, body: T) -> Entry<T> {
    Entry {
        id: id(n),
        name: format!("e{n}"),
        state: Live::Active,
        body,
    }
}

fn descriptor() -> LiveDescriptor {
    let of = ContractRef {
        set: BUILTIN.to_owned(),
        default_effect: None,
        default_class: None,
    };
    let contract = Contracts::default()
        .compile(&of, varco_proto::DESCRIPTOR_SET)
        .unwrap();
    let body = Descriptor {
        eservice: id(6),
        version: 1,
        audience: "https://anagrafe.example/v1".to_owned(),
        contract: of,
        upstream: Upstream {
            address: "https://127.0.0.1:7451".to_owned(),
            server_name: "localhost".to_owned(),
            ca_pem: String::new(),
        },
        methods: vec![METHOD.to_owned(), OTHER.to_owned()],
        voucher_lifespan: 300,
        daily_per_consumer: 10,
        daily_total: 10,
        approval: "automatic".to_owned(),
    };
    LiveDescriptor {
        entry: entry(7, body),
        contract,
    }
}

pub(crate) fn registry() -> Snapshot {
    let mut snapshot = Snapshot::empty(9);
    let key = Key {
        kid: "kid".to_owned(),
        pem: String::new(),
    };
    let client = Client {
        consumer: id(5),
        keys: vec![key],
        certificates: Vec::new(),
        legacy: false,
    };
    let purpose = Purpose {
        consumer: id(5),
        eservice: id(6),
        legal_basis: "L. 147/2013".to_owned(),
        methods: vec![METHOD.to_owned()],
        data_classes: vec!["esito".to_owned()],
        daily_calls: 10,
        clients: vec![id(1)],
        chained: false,
    };
    let agreement = Agreement {
        consumer: id(5),
        eservice: id(6),
        descriptor: id(7),
    };
    let tenant = Tenant {
        title: "Tributi".to_owned(),
        ipa: "c_z999".to_owned(),
    };
    snapshot.tenants = HashMap::from([(id(5), entry(5, tenant))]);
    snapshot.clients = HashMap::from([(id(1), entry(1, client))]);
    snapshot.purposes = HashMap::from([(id(3), entry(3, purpose))]);
    snapshot.agreements = HashMap::from([((id(5), id(6)), entry(8, agreement))]);
    snapshot.eservices = HashMap::from([(id(6), entry(6, Eservice { producer: id(4) }))]);
    snapshot.descriptors = HashMap::from([(id(7), descriptor())]);
    snapshot.methods = [METHOD, OTHER, ELSEWHERE].map(str::to_owned).into();
    snapshot
}

fn claims() -> Claims {
    crate::voucher::tests::claims(1000)
}

fn reason(claims: &Claims, method: &str, snapshot: &Snapshot) -> Reason {
    decide(claims, method, snapshot).map(|_| ()).unwrap_err()
}

#[test]
fn live_entries_permit_the_methods_of_the_purpose() {
    let permit = decide(&claims(), METHOD, &registry()).unwrap();

    assert_eq!(permit.contract.names(permit.allowed), ["esito"]);
    assert_eq!((permit.epoch, permit.agreement_id), (9, id(8)));
}

#[test]
fn method_decides_between_unknown_elsewhere_and_outside_the_purpose() {
    let snapshot = registry();

    assert_eq!(
        reason(&claims(), "no.Such/Method", &snapshot),
        Reason::MethodUnknown
    );
    assert_eq!(
        reason(&claims(), ELSEWHERE, &snapshot),
        Reason::VoucherAudience
    );
    assert_eq!(
        reason(&claims(), OTHER, &snapshot),
        Reason::MethodNotInPurpose
    );
}

#[test]
fn each_entry_that_is_not_live_has_its_reason() {
    let bent: [(fn(&mut Snapshot), Reason); 9] = [
        (
            |s| s.clients.get_mut(&id(1)).unwrap().state = Live::Suspended,
            Reason::ClientSuspended,
        ),
        (
            |s| s.tenants.get_mut(&id(5)).unwrap().state = Live::Suspended,
            Reason::ClientSuspended,
        ),
        (|s| s.clients.clear(), Reason::ClientUnknown),
        (
            |s| s.clients.get_mut(&id(1)).unwrap().body.keys.clear(),
            Reason::KeyRevoked,
        ),
        (
            |s| s.purposes.get_mut(&id(3)).unwrap().state = Live::Suspended,
            Reason::PurposeSuspended,
        ),
        (
            |s| s.purposes.get_mut(&id(3)).unwrap().state = Live::Archived,
            Reason::PurposeExpired,
        ),
        (
            |s| {
                s.agreements
                    .values_mut()
                    .for_each(|a| a.state = Live::Suspended);
            },
            Reason::AgreementSuspended,
        ),
        (
            |s| s.eservices.get_mut(&id(6)).unwrap().state = Live::Suspended,
            Reason::EserviceSuspended,
        ),
        (
            |s| s.descriptors.get_mut(&id(7)).unwrap().entry.state = Live::Suspended,
            Reason::EserviceSuspended,
        ),
    ];
    for (bend, expected) in bent {
        let mut snapshot = registry();
        bend(&mut snapshot);
        assert_eq!(reason(&claims(), METHOD, &snapshot), expected);
    }
}

#[test]
fn client_that_left_the_purpose_is_refused() {
    let mut snapshot = registry();
    snapshot
        .purposes
        .get_mut(&id(3))
        .unwrap()
        .body
        .clients
        .clear();

    assert_eq!(
        reason(&claims(), METHOD, &snapshot),
        Reason::PurposeSuspended
    );
}

#[test]
fn voucher_of_another_descriptor_is_refused() {
    let other = Claims {
        descriptor_id: id(70),
        ..claims()
    };

    assert_eq!(reason(&other, METHOD, &registry()), Reason::VoucherAudience);
}
