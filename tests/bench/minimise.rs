//! What minimising an answer costs, in microseconds per KiB: the gateway's walk on the wire, beside
//! what decoding the same answer with prost and encoding it again would cost.
//!
//! Both take turns in one run, so that neighbours of a shared machine disturb both alike:
//! `cargo bench -p varco-tests --bench minimise`. The bound is 2 µs per KiB.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot run has no figures"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use prost::Message;
use varco_gateway::minimise::walk::{Outside, walk};
use varco_gateway::registry::contract::{Contract, builtin, compile, hash};
use varco_gateway::registry::descriptor::ContractRef;
use varco_proto::anagrafe::v1::{Componente, GetFamigliaResponse, GetResidenzaResponse, Indirizzo};
use varco_proto::protocollo::v1::{
    DocumentoRegistrato, GetRegistrazioneResponse, Identificatore, PersonaFisica, Registrazione,
    Soggetto, soggetto,
};

const ROUNDS: usize = 15;
const ROUND: Duration = Duration::from_millis(100);

fn main() {
    say("answer", "", ["bytes", "walk", "decode", "ratio"]);
    let anagrafe = contract("varco.anagrafe.v1");
    let protocollo = contract("varco.protocollo.v1");
    let service = "varco.anagrafe.v1.AnagrafeService";
    let of = |method: &str| {
        (
            &anagrafe,
            anagrafe.methods[&format!("{service}/{method}")].output,
        )
    };
    measure("residenza", of("GetResidenza"), &residenza(), &[]);
    measure(
        "famiglia",
        of("GetFamiglia"),
        &famiglia(),
        &["famiglia.parentela"],
    );
    let method = "varco.protocollo.v1.ProtocolloService/GetRegistrazione";
    let place = protocollo.methods[method].output;
    let withheld = ["protocollo.soggetti", "protocollo.impronta"];
    measure(
        "registrazione",
        (&protocollo, place),
        &registrazione(),
        &withheld,
    );
    measure_groups(of("GetResidenza"));
}

/// An answer that passes whole, and one of which some classes are withheld.
fn measure<M: Message + Default>(
    name: &str,
    (contract, place): (&Contract, usize),
    answer: &M,
    withheld: &[&str],
) {
    let bytes = answer.encode_to_vec();
    let all: Vec<String> = contract.classes.clone();
    let mut some = all.clone();
    some.retain(|class| !withheld.contains(&class.as_str()));
    let masks = [
        ("whole", contract.mask(&all)),
        ("reduced", contract.mask(&some)),
    ];
    for (what, mask) in masks {
        if what == "reduced" && withheld.is_empty() {
            continue;
        }
        let walked = || walk(contract, place, mask, Outside::Drop, &bytes).expect("a message");
        assert_eq!(walked().reduced.is_none(), what == "whole");
        let (mut walks, mut decodes) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            walks.push(cost(bytes.len(), || walked().delivered != 0));
            decodes.push(cost(bytes.len(), || {
                let message = M::decode(black_box(bytes.as_slice())).expect("a message");
                !message.encode_to_vec().is_empty()
            }));
        }
        tell(name, what, bytes.len(), [walks, decodes]);
    }
}

/// What a hostile service may send: groups that nobody knows, as deep as they may be.
fn measure_groups((contract, place): (&Contract, usize)) {
    let tower = [[0x43; 63], [0x44; 63]].concat();
    let bytes = tower.repeat(512);
    let rounds = (0..ROUNDS).map(|_| {
        cost(bytes.len(), || {
            let passed = walk(contract, place, u64::MAX, Outside::Drop, &bytes);
            passed.is_ok_and(|passed| passed.reduced.is_some_and(|left| left.is_empty()))
        })
    });
    tell(
        "groups",
        "unknown",
        bytes.len(),
        [rounds.collect(), Vec::new()],
    );
}

fn contract(package: &str) -> Contract {
    let set = builtin(package).expect("a contract");
    let of = ContractRef {
        set: hash(&set),
        builtin: Some(package.to_owned()),
        default_effect: None,
        default_class: None,
    };
    compile(&of, &set).expect("a contract")
}

fn text(characters: usize) -> String {
    let street = "Lungarno degli Acciaiuoli ".chars().cycle();
    street.take(characters).collect()
}

/// Where somebody lives.
fn residenza() -> GetResidenzaResponse {
    GetResidenzaResponse {
        indirizzo: Some(Indirizzo {
            specie: Some(text(3)),
            denominazione: Some(text(26)),
            codice_toponimo: Some(text(9)),
            numero: Some(12),
            esponente: Some(text(1)),
            interno: Some(text(2)),
            cap: Some(text(5)),
        }),
        dal: Some(text(10)),
        stato: Some(1),
    }
}

/// A family of thirty, about 1 KiB in fields as short as they come.
fn famiglia() -> GetFamigliaResponse {
    let member = |parentela| Componente {
        codice_fiscale: Some(text(16)),
        parentela: Some(parentela),
        dal: Some(text(10)),
    };
    GetFamigliaResponse {
        numero_componenti: Some(30),
        componenti: (1..=30).map(member).collect(),
    }
}

/// A registration with five attachments, about 1 KiB.
fn registrazione() -> GetRegistrazioneResponse {
    let document = |_| DocumentoRegistrato {
        documento: Some(text(46)),
        sha256: Some(vec![7; 32].into()),
        descrizione: Some(text(40)),
    };
    let person = PersonaFisica {
        nome: Some(text(12)),
        cognome: Some(text(14)),
        codice_fiscale: Some(text(16)),
    };
    let registrazione = Registrazione {
        identificatore: Some(Identificatore {
            aoo: Some(text(7)),
            registro: Some(text(8)),
            anno: Some(2026),
            numero: Some(12345),
        }),
        data: Some(text(10)),
        flusso: Some(1),
        segnatura: Some(text(40)),
        oggetto: Some(text(80)),
        mittente: Some(Soggetto {
            tipo: Some(soggetto::Tipo::PersonaFisica(person)),
        }),
        documento_primario: Some(document(0)),
        allegati: (0..5).map(document).collect(),
        classificazione: Some(text(5)),
        assegnazione: Some(text(8)),
        catena: Some(vec![9; 32].into()),
        ..Default::default()
    };
    GetRegistrazioneResponse {
        registrazione: Some(registrazione),
    }
}

/// Microseconds per KiB.
fn cost(bytes: usize, mut work: impl FnMut() -> bool) -> f64 {
    let started = Instant::now();
    let mut done = 0_u32;
    while started.elapsed() < ROUND {
        for _ in 0..64 {
            assert!(black_box(work()));
        }
        done += 64;
    }
    let each = started.elapsed().as_secs_f64() * 1e6 / f64::from(done);
    let kib = f64::from(u32::try_from(bytes).expect("a short message")) / 1024.0;
    each / kib
}

fn tell(name: &str, what: &str, bytes: usize, costs: [Vec<f64>; 2]) {
    let [walk, decode] = costs.map(median);
    let cost = |cost: Option<f64>| cost.map(|it| format!("{it:.2} µs/KiB"));
    let ratio = walk.zip(decode).map(|(walk, decode)| decode / walk);
    let columns = [
        Some(bytes.to_string()),
        cost(walk),
        cost(decode),
        ratio.map(|ratio| format!("{ratio:.2}")),
    ];
    let columns = columns.map(|it| it.unwrap_or_else(|| "-".to_owned()));
    say(name, what, columns.each_ref().map(String::as_str));
}

/// None where nothing was measured.
fn median(mut costs: Vec<f64>) -> Option<f64> {
    costs.sort_by(f64::total_cmp);
    costs.get(costs.len() / 2).copied()
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn say(name: &str, what: &str, [bytes, walk, decode, ratio]: [&str; 4]) {
    println!("{name:14} {what:8} {bytes:>6} {walk:>16} {decode:>16} {ratio:>6}");
}
