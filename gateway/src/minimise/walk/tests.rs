//! Walking messages of real contracts, against structs and against hostile bytes.

use std::sync::Arc;

use proptest::prelude::*;
use prost::Message as _;
use varco_proto::anagrafe::v1::{Componente, GetFamigliaResponse, GetResidenzaResponse, Indirizzo};

use super::*;
use crate::registry::contract::Contracts;
use crate::registry::descriptor::ContractRef;

mod known;
mod named;
mod newcomer;
mod property;
mod random;
mod reference;
mod wire;

fn contract() -> Arc<Contract> {
    let of = ContractRef {
        set: String::new(),
        builtin: None,
        default_effect: None,
        default_class: None,
    };
    Contracts::default()
        .compile(&of, varco_proto::DESCRIPTOR_SET)
        .unwrap()
}

fn answer_of(contract: &Contract, method: &str) -> usize {
    contract.methods[&format!("varco.anagrafe.v1.AnagrafeService/{method}")].output
}

fn mask(contract: &Contract, classes: &[&str]) -> u64 {
    let classes: Vec<String> = classes.iter().map(|class| (*class).to_owned()).collect();
    contract.mask(&classes)
}

fn family() -> GetFamigliaResponse {
    let member = |parentela| Componente {
        codice_fiscale: Some("RSSMRA80A01H501U".to_owned()),
        parentela: Some(parentela),
        dal: Some("2020-01-01".to_owned()),
    };
    GetFamigliaResponse {
        numero_componenti: Some(2),
        componenti: vec![member(1), member(2)],
    }
}

fn reduce<'m>(classes: &[&str], message: &'m [u8]) -> (GetFamigliaResponse, Passed<'m>) {
    let contract = contract();
    let place = answer_of(&contract, "GetFamiglia");
    let allowed = mask(&contract, classes);
    let passed = walk(&contract, place, allowed, Outside::Drop, message).unwrap();
    let left = passed.reduced.as_deref().unwrap_or(message);
    (GetFamigliaResponse::decode(left).unwrap(), passed)
}

#[test]
fn count_passes_alone_when_only_the_count_is_allowed() {
    let family = family().encode_to_vec();

    let (reduced, _) = reduce(&["famiglia.numero"], &family);

    assert_eq!(reduced.numero_componenti, Some(2));
    assert!(reduced.componenti.is_empty());
}

#[test]
fn nested_fields_are_held_back_one_by_one() {
    let family = family().encode_to_vec();

    let (reduced, passed) = reduce(&["famiglia.numero", "famiglia.componenti"], &family);

    assert_eq!(reduced.componenti.len(), 2);
    assert!(
        reduced
            .componenti
            .iter()
            .all(|c| c.codice_fiscale.is_some())
    );
    assert!(
        reduced
            .componenti
            .iter()
            .all(|c| c.parentela.is_none() && c.dal.is_none())
    );
    assert_eq!(contract().names(passed.withheld), ["famiglia.parentela"]);
}

#[test]
fn everything_allowed_leaves_the_message_as_it_is() {
    let all = [
        "famiglia.numero",
        "famiglia.componenti",
        "famiglia.parentela",
    ];

    let bytes = family().encode_to_vec();

    let (reduced, passed) = reduce(&all, &bytes);

    assert_eq!(reduced, family());
    assert_eq!(passed.reduced, None);
    assert_eq!(passed.withheld, 0);
}

#[test]
fn unknown_fields_never_pass() {
    let contract = contract();
    let place = answer_of(&contract, "VerifyResidenza");
    let mut bytes = vec![0x08, 0x01];
    bytes.extend([0xfa, 0x3f, 0x03, b'a', b'b', b'c']);

    let passed = walk(
        &contract,
        place,
        mask(&contract, &["esito"]),
        Outside::Drop,
        &bytes,
    )
    .unwrap();

    assert_eq!(passed.reduced, Some(vec![0x08, 0x01]));
}

#[test]
fn request_with_a_field_outside_the_purpose_is_refused_by_its_name() {
    let contract = contract();
    let place = contract.methods["varco.anagrafe.v1.AnagrafeService/GetResidenza"].input;
    let request = varco_proto::anagrafe::v1::GetResidenzaRequest {
        codice_fiscale: Some("RSSMRA80A01H501U".to_owned()),
        data: Some("2020-01-01".to_owned()),
    };
    let allowed = mask(&contract, &["identificativi"]);
    let request = request.encode_to_vec();

    let refused = walk(&contract, place, allowed, Outside::Refuse, &request);

    assert_eq!(refused, Err(Obstacle::Field("data".to_owned())));
}

#[test]
fn malformed_messages_are_refused_without_a_panic() {
    let contract = contract();
    let place = answer_of(&contract, "GetFamiglia");
    let deep: Vec<u8> = std::iter::repeat_n(0x1b, 1000).collect();
    for bad in [
        &[0x80][..],
        &[0x0a, 0x05, 0x01],
        &[0x00],
        &[0x0f],
        &[0x0c],
        &deep,
    ] {
        let walked = walk(&contract, place, u64::MAX, Outside::Drop, bad);
        assert_eq!(walked, Err(Obstacle::Malformed), "{bad:02x?}");
    }
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic_and_never_grow(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        allowed in any::<u64>(),
    ) {
        let contract = contract_once();
        for place in 0..contract.messages.len() {
            if let Ok(passed) = walk(contract, place, allowed, Outside::Drop, &bytes) {
                prop_assert!(passed.reduced.is_none_or(|left| left.len() < bytes.len()));
                prop_assert_eq!(passed.delivered & !allowed, 0);
            }
        }
    }

    #[test]
    fn walking_agrees_with_clearing_fields_of_the_struct(
        via in proptest::option::of("[a-z]{0,12}"),
        numero in proptest::option::of(any::<u32>()),
        dal in proptest::option::of("[0-9-]{0,10}"),
        with_address in any::<bool>(),
        allow in any::<bool>(),
    ) {
        let contract = contract_once();
        let place = answer_of(contract, "GetResidenza");
        let indirizzo = with_address.then(|| Indirizzo { denominazione: via, numero, ..Default::default() });
        let answer = GetResidenzaResponse { indirizzo, dal, stato: Some(1) };
        let allowed = if allow { mask(contract, &["residenza"]) } else { 0 };

        let bytes = answer.encode_to_vec();
        let passed = walk(contract, place, allowed, Outside::Drop, &bytes).unwrap();

        let expected = if allow { answer } else { GetResidenzaResponse::default() };
        let left = passed.reduced.unwrap_or(bytes);
        prop_assert_eq!(GetResidenzaResponse::decode(left.as_slice()).unwrap(), expected);
    }
}

fn contract_once() -> &'static Contract {
    static CONTRACT: std::sync::OnceLock<Arc<Contract>> = std::sync::OnceLock::new();
    CONTRACT.get_or_init(contract)
}
