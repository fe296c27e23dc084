//! What our own contracts declare: an effect on each method, a class on each field.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use tokio::task::JoinSet;
use varco_proto::options::v1::SubjectKind;

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
fn every_codice_fiscale_of_the_offices_identifies_a_data_subject() {
    let pool = DescriptorPool::decode(varco_proto::DESCRIPTOR_SET).unwrap();
    let ours = pool.all_messages().filter(|it| {
        it.full_name().starts_with("varco.") && !it.full_name().starts_with("varco.audit.")
    });
    let mut found = 0;

    for field in ours.flat_map(|it| it.fields().collect::<Vec<_>>()) {
        let kind = told::kind(&pool, &field.options());
        let name = field.full_name();
        let expected = match field.name() {
            "codice_fiscale" => Some(SubjectKind::CodiceFiscale),
            "id_anpr" => Some(SubjectKind::IdAnpr),
            "identificatore" | "documento" if !name.starts_with("varco.albo.") => {
                Some(SubjectKind::RecordNumber)
            }
            _ => continue,
        };
        assert_eq!(kind, expected, "{name} says wrongly whom it identifies");
        found += 1;
    }
    assert!(found > 8, "{found} fields");
}

/// A contract whose answer holds these fields of message `A`.
fn answering(syntax: &str, fields: &[serde_json::Value]) -> Contract {
    let held = json!({
        "number": 1, "name": "a", "type": "TYPE_MESSAGE", "typeName": ".p.A",
        "label": "LABEL_REPEATED",
    });
    let any = json!({
        "number": 1, "name": "any", "type": "TYPE_MESSAGE", "typeName": ".google.protobuf.Any",
        "label": "LABEL_OPTIONAL",
    });
    let asked = field(1, "asked", "STRING", "OPTIONAL");
    let method = |name: &str, output: &str| {
        json!({
            "name": name, "inputType": ".p.Request", "outputType": output,
            "options": {"idempotencyLevel": "NO_SIDE_EFFECTS"},
        })
    };
    let mut file = json!({
        "name": "p.proto", "package": "p", "syntax": syntax, "dependency": testing::IMPORTS,
        "messageType": [
            {"name": "A", "field": fields, "oneofDecl": [{"name": "o"}]},
            {"name": "Request", "field": [asked]},
            {"name": "Response", "field": [held]},
            {"name": "Free", "field": [any]},
        ],
        "enumType": [{"name": "E", "value": [{"name": "E0", "number": 0}]}],
        "service": [{"name": "S", "method": [method("Do", ".p.Response")]}],
    });
    if syntax == "any" {
        file["syntax"] = json!("proto3");
        file["service"][0]["method"] = json!([method("Do", ".p.Free")]);
    }
    Arc::into_inner(testing::compiled(&testing::set(&[file]))).unwrap()
}

fn field(number: i32, name: &str, kind: &str, label: &str) -> serde_json::Value {
    json!({
        "number": number, "name": name, "type": format!("TYPE_{kind}"),
        "label": format!("LABEL_{label}"),
        "options": {"[varco.options.v1.data_class]": "a"},
    })
}

#[test]
fn our_contracts_say_which_values_are_withheld() {
    assert_eq!(presence::problems(&whole()), Vec::<String>::new());
}

#[test]
fn every_classed_scalar_of_an_answer_without_presence_is_a_problem() {
    let mut numbered = field(2, "enumerated", "ENUM", "OPTIONAL");
    numbered["typeName"] = json!(".p.E");
    let fields = [field(1, "text", "STRING", "OPTIONAL"), numbered];

    let problems = presence::problems(&answering("proto3", &fields));

    let told = |name: &str| {
        format!(
            "p.A.{name} has a data class but no presence: declare it optional, so that a withheld \
             value does not read as its default"
        )
    };
    assert_eq!(problems, [told("enumerated"), told("text")]);
}

#[test]
fn presence_is_a_oneof_an_optional_or_a_list_and_the_default_of_proto2() {
    let text = || field(1, "text", "STRING", "OPTIONAL");
    let (mut chosen, mut optional, mut unclassed) = (text(), text(), text());
    chosen["oneofIndex"] = json!(0);
    optional["proto3Optional"] = json!(true);
    unclassed["options"] = json!({});

    for fine in [
        chosen,
        optional,
        unclassed,
        field(1, "texts", "STRING", "REPEATED"),
    ] {
        assert!(presence::problems(&answering("proto3", &[fine])).is_empty());
    }
    assert!(presence::problems(&answering("proto2", &[text()])).is_empty());
}

#[test]
fn answer_that_holds_an_any_may_hold_every_message() {
    let contract = answering("any", &[field(1, "text", "STRING", "OPTIONAL")]);

    let problems = presence::problems(&contract).join("; ");

    assert!(problems.contains("p.A.text") && problems.contains("p.Request.asked"));
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

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn calls_go_on_while_a_contract_is_compiled() {
    let mut tasks = JoinSet::new();

    tasks.spawn(async {
        let mut calls = JoinSet::new();
        let called = Arc::new(AtomicBool::new(false));
        let call = Arc::clone(&called);
        calls.spawn(async move { call.store(true, Ordering::SeqCst) });
        let message = |place: usize| json!({"name": format!("M{place}")});
        let messages: Vec<_> = (0..10_000).map(message).collect();
        let file = json!({"name": "p.proto", "messageType": messages});
        let set = testing::set(&[file]);
        assert!(!called.load(Ordering::SeqCst));

        testing::compiled(&set);

        assert!(called.load(Ordering::SeqCst));
    });

    tasks.join_next().await.unwrap().unwrap();
}
