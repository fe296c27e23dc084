//! What our own contracts declare: an effect on each method, a class on each field.

use super::*;

fn whole() -> Arc<Contract> {
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

#[test]
fn our_contracts_declare_an_effect_on_every_method() {
    let contract = whole();
    let pool = DescriptorPool::decode(varco_proto::DESCRIPTOR_SET).unwrap();
    let offices = ["anagrafe", "protocollo", "albo", "documenti"];

    for service in pool.services() {
        for method in service.methods() {
            let path = format!("{}/{}", service.full_name(), method.name());
            assert!(
                contract.methods.contains_key(&path),
                "{path} declares no effect"
            );
        }
    }
    assert!(
        offices
            .iter()
            .all(|o| contract.methods.keys().any(|m| m.contains(o)))
    );
}

#[test]
fn every_field_of_the_offices_has_a_class_and_explicit_presence() {
    let pool = DescriptorPool::decode(varco_proto::DESCRIPTOR_SET).unwrap();
    let office = |name: &str| {
        ["anagrafe", "protocollo", "albo", "documenti"]
            .iter()
            .any(|office| name.starts_with(&format!("varco.{office}.")))
    };

    for message in pool
        .all_messages()
        .filter(|message| office(message.full_name()))
    {
        for field in message.fields() {
            assert!(
                data_class(&field).is_some(),
                "{} has no class",
                field.full_name()
            );
            assert!(
                field.is_list() || field.supports_presence(),
                "{} has no explicit presence",
                field.full_name()
            );
        }
    }
}

#[test]
fn method_without_effect_is_left_out() {
    let contract = whole();

    assert!(!contract.methods.contains_key("grpc.health.v1.Health/Check"));
    assert_eq!(
        contract.methods["varco.documenti.v1.DocumentiService/UploadDocumento"].effect,
        Effect::Write
    );
}

#[test]
fn mask_holds_only_what_the_purpose_names() {
    let contract = whole();

    let mask = contract.mask(&["esito".to_owned(), "invented".to_owned()]);

    assert_eq!(contract.names(mask), ["esito"]);
}

#[test]
fn package_of_the_product_brings_its_imports_and_its_options() {
    let set = builtin("varco.anagrafe.v1").unwrap();
    let of = ContractRef {
        set: hash(&set),
        builtin: Some("varco.anagrafe.v1".to_owned()),
        default_effect: None,
        default_class: None,
    };

    let contract = Contracts::default().compile(&of, &set).unwrap();

    let verify = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza";
    assert_eq!(contract.methods[verify].effect, Effect::Read);
    assert!(contract.classes.contains(&"esito".to_owned()));
    assert!(
        !contract
            .methods
            .keys()
            .any(|method| method.contains("albo"))
    );
    assert_eq!(builtin("varco.anagrafe.v1").unwrap(), set);
    assert!(builtin("varco.nowhere.v1").is_none());
}
