//! The sample's registry says what the configuration and the contracts say.

use std::collections::BTreeSet;

use prost_reflect::{DescriptorPool, Kind, MessageDescriptor, MethodDescriptor};
use varco_runtime::pki::{self, KeyKind};

use super::*;
use crate::sample::{MEMBERS, MemberKind};
use crate::{configuration, registry_file};

fn config(text: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(configuration::FILE);
    std::fs::write(&file, text).unwrap();
    configuration::load(&file).unwrap()
}

fn table() -> Table {
    TEXT.parse().unwrap()
}

fn strings(value: &Value) -> Vec<String> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn default_configuration_needs_no_change() {
    assert_eq!(moved(TEXT, &config("")).unwrap(), None);
}

#[test]
fn addresses_follow_the_configuration_even_when_they_trade_places() {
    let config = config(
        "[services.anagrafe]\nlisten = \"127.0.0.1:7452\"\n\
         [services.protocollo]\nlisten = \"127.0.0.1:7451\"\n",
    );

    let text = moved(TEXT, &config).unwrap().unwrap();

    assert_eq!(moved(&text, &config).unwrap(), None);
    assert_eq!(text.matches("https://127.0.0.1:7451").count(), 1);
    assert!(text.starts_with("# The registry of the sample municipality"));
}

#[test]
fn audiences_are_the_configured_ones() {
    let config = config("");

    for eservice in array(&table(), "eservice") {
        let service = &config.services[eservice["name"].as_str().unwrap()];
        let descriptor = array(eservice, "descriptor").next().unwrap();
        assert_eq!(
            descriptor["audience"].as_str(),
            Some(service.audience.as_str())
        );
    }
}

#[test]
fn it_is_a_registry_file_with_a_key_for_every_client() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE), TEXT).unwrap();
    for member in MEMBERS
        .iter()
        .filter(|member| member.kind != MemberKind::Operator)
    {
        let own = folder.path().join(member.folder());
        std::fs::create_dir_all(&own).unwrap();
        let key = pki::generate_key(KeyKind::Ed25519).unwrap();
        std::fs::write(
            own.join("assertion.pub.pem"),
            pki::public_key(&key).unwrap(),
        )
        .unwrap();
    }

    let document = registry_file::read(&folder.path().join(FILE)).unwrap();

    assert_eq!((document.clients.len(), document.operators.len()), (10, 2));
    assert!(document.clients.iter().all(|client| client.keys.len() == 1));
}

#[test]
fn names_of_purposes_are_unique() {
    let table = table();
    let names: Vec<&str> = array(&table, "purpose")
        .map(|purpose| purpose["name"].as_str().unwrap())
        .collect();

    let unique: BTreeSet<&str> = names.iter().copied().collect();

    assert_eq!(unique.len(), names.len());
}

#[test]
fn purposes_see_the_classes_of_their_methods_and_no_others() {
    let pool = DescriptorPool::decode(varco_proto::DESCRIPTOR_SET).unwrap();

    for purpose in array(&table(), "purpose") {
        let name = purpose["name"].as_str().unwrap();
        let mut known = BTreeSet::new();
        for method in strings(&purpose["methods"]) {
            classes(&method_named(&pool, &method), &mut known);
        }
        let mut declared: BTreeSet<String> =
            strings(&purpose["data_classes"]).into_iter().collect();
        if name == "accertamento-famiglia" {
            declared.extend(WITHHELD.map(str::to_owned));
        }
        assert_eq!(declared, known, "{name}");
    }
}

fn method_named(pool: &DescriptorPool, path: &str) -> MethodDescriptor {
    let (service, method) = path.split_once('/').unwrap();
    let service = pool.get_service_by_name(service).unwrap();
    service
        .methods()
        .find(|known| known.name() == method)
        .unwrap()
}

fn classes(method: &MethodDescriptor, into: &mut BTreeSet<String>) {
    fields(&method.input(), into);
    fields(&method.output(), into);
}

fn fields(message: &MessageDescriptor, into: &mut BTreeSet<String>) {
    let pool = message.parent_pool();
    let class = pool
        .get_extension_by_name("varco.options.v1.data_class")
        .unwrap();
    for field in message.fields() {
        into.insert(
            field
                .options()
                .get_extension(&class)
                .as_str()
                .unwrap()
                .to_owned(),
        );
        if let Kind::Message(inner) = field.kind()
            && inner.package_name().starts_with("varco.")
        {
            fields(&inner, into);
        }
    }
}

/// How many live together is enough for the tax; who they are is withheld.
const WITHHELD: [&str; 2] = ["famiglia.componenti", "famiglia.parentela"];
