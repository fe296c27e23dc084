//! What is written is read again without a difference, whatever a registry holds.

use std::collections::BTreeSet;
use std::fs;

use rand::seq::IndexedRandom as _;
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use varco_proto::registry::v1::{
    Agreement, Attribute, AttributeGroup, Client, DailyCalls, Descriptor, DescriptorDefaults,
    Eservice, Key, MethodRule, Operator, Purpose, RiskAnalysis, Tenant, Upstream,
    VerifiedAttribute,
};

use super::*;

#[test]
fn written_document_is_read_again() {
    let mut maker = Maker::new(0);
    for round in 0..100 {
        let mut document = maker.document();

        let read = round_trip(&document);

        write::sort(&mut document);
        assert_eq!(read.problems, [], "round {round}");
        assert_eq!(read.document, document, "round {round}");
    }
}

#[test]
fn text_with_a_slip_is_read_or_told_and_never_fatal() {
    let mut maker = Maker::new(3);
    let text: Vec<char> = write::write(&maker.document()).text.chars().collect();
    for _ in 0..300 {
        let mut slipped = text.clone();
        let at = maker.rng.random_range(0..slipped.len());
        match maker.rng.random_range(0..3) {
            0 => drop(slipped.remove(at)),
            1 => slipped[at] = ['"', '[', '=', '\n', '0', ','][at % 6],
            _ => slipped.truncate(at),
        }
        let slipped: String = slipped.into_iter().collect();
        let lines = slipped.lines().count() + 1;

        let reading = parse(&slipped, Path::new("nowhere"), Mode::Whole);

        let within = |line: Option<usize>| (1..=lines).contains(&line.unwrap());
        assert!(reading.problems.iter().all(|it| within(it.line)));
    }
}

#[test]
fn what_is_written_depends_on_the_document_alone() {
    let mut document = Maker::new(1).document();
    let first = write::write(&document);

    document.tenants.reverse();
    document.purposes.reverse();

    assert_eq!(write::write(&document), first);
}

#[test]
fn every_field_that_is_asked_for_is_written() {
    let mut maker = Maker::new(2);
    let mut written = BTreeSet::new();
    for _ in 0..50 {
        let files = write::write(&maker.document());
        let table: toml::Table = files.text.parse().unwrap();
        paths("", &table, &mut written);
    }

    let asked: BTreeSet<String> = schema::properties().into_iter().map(|it| it.path).collect();

    assert_eq!(written, asked);
}

fn round_trip(document: &Document) -> Reading {
    let folder = tempfile::tempdir().unwrap();
    let files = write::write(document);
    for (name, bytes) in &files.beside {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    parse(&files.text, folder.path(), Mode::Whole)
}

fn paths(before: &str, table: &toml::Table, found: &mut BTreeSet<String>) {
    for (key, value) in table {
        let path = if before.is_empty() {
            key.clone()
        } else {
            format!("{before}.{key}")
        };
        let items = value
            .as_array()
            .map_or(std::slice::from_ref(value), |it| it);
        for table in items.iter().filter_map(toml::Value::as_table) {
            paths(&path, table, found);
        }
        found.insert(path);
    }
}

/// Makes documents that a registry may hold.
struct Maker {
    rng: ChaCha8Rng,
    keys: Vec<String>,
    certificates: Vec<String>,
}

impl Maker {
    fn new(seed: u64) -> Self {
        let keys: Vec<rcgen::KeyPair> = (0..3)
            .map(|_| rcgen::KeyPair::generate().unwrap())
            .collect();
        let certificate = |key: &rcgen::KeyPair| {
            let parameters = rcgen::CertificateParams::default();
            parameters.self_signed(key).unwrap().pem()
        };
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            certificates: keys.iter().map(certificate).collect(),
            keys: keys.iter().map(rcgen::KeyPair::public_key_pem).collect(),
        }
    }

    fn document(&mut self) -> Document {
        Document {
            tenants: self.some(Self::tenant),
            eservices: self.some(Self::eservice),
            clients: self.some(Self::client),
            agreements: self.some(Self::agreement),
            purposes: self.some(Self::purpose),
            operators: self.some(Self::operator),
            attributes: self.some(Self::attribute),
        }
    }

    fn attribute(&mut self) -> Attribute {
        Attribute {
            name: self.name(),
            description: self.text(),
            kind: self.one_of(&["certified", "declared", "verified"]),
            daily_calls_per_consumer: self.number_or_none(),
        }
    }

    fn tenant(&mut self) -> Tenant {
        Tenant {
            name: self.name(),
            title: self.text(),
            ipa: self.name(),
            aoo: self.text_or_none(),
            uo: self.text_or_none(),
            attributes: self.some(Self::name),
            verified: self.some(|it| VerifiedAttribute {
                attribute: it.name(),
                verifier: it.name(),
                expires: it.moment(),
            }),
            standing: self.standing(),
        }
    }

    fn eservice(&mut self) -> Eservice {
        Eservice {
            name: self.name(),
            producer: self.name(),
            descriptors: self.some(Self::descriptor),
            description: self.text_or_none(),
            standing: self.standing(),
        }
    }

    fn descriptor(&mut self) -> Descriptor {
        let builtin = self.yes();
        Descriptor {
            version: self.rng.random_range(1..=u32::MAX),
            audience: self.text(),
            descriptor_set: if builtin {
                Vec::new().into()
            } else {
                (0..9)
                    .map(|_| self.rng.random())
                    .collect::<Vec<u8>>()
                    .into()
            },
            builtin: if builtin { self.name() } else { String::new() },
            defaults: self.yes().then(|| DescriptorDefaults {
                effect: self.one_of(&["read", "write"]),
                data_class: self.text(),
            }),
            upstream: Some(Upstream {
                address: format!("https://{}", self.name()),
                server_name: self.name(),
                ca_pem: self.text_or_none(),
                replicas: vec![format!("https://{}", self.name())],
            }),
            methods: vec![self.text(), self.text()],
            voucher_lifespan: if self.yes() { 600 } else { 0 },
            daily_calls: Some(DailyCalls {
                per_consumer: self.number(),
                total: self.number(),
            }),
            approval: self.one_of(&["automatic", "manual"]),
            attributes: self.some(|it| AttributeGroup {
                any_of: vec![it.text(), it.text()],
            }),
            standing: self.standing_or_draft(),
            rules: self.some(|it| MethodRule {
                methods: vec![it.text(), it.text()],
                seconds: it.rng.random_range(0..3),
                message_bytes: it.number_or_none(),
                evidence: it.some(Self::text),
            }),
        }
    }

    fn client(&mut self) -> Client {
        Client {
            name: self.name(),
            consumer: self.name(),
            keys: self.some(|it| Key {
                pem: it.keys.choose(&mut it.rng).unwrap().clone(),
                not_after: it.moment(),
                standing: it.standing(),
            }),
            certificates: self.some(|it| it.certificates.choose(&mut it.rng).unwrap().clone()),
            legacy: self.yes(),
            kind: self.one_of(&["", "consumer", "api"]),
            admin: self.text_or_none(),
            standing: self.standing(),
            thumbprints: self.some(|it| format!("{:064x}", it.rng.next_u64())),
            suspended_thumbprints: self.some(|it| format!("{:064x}", it.rng.next_u64())),
        }
    }

    fn agreement(&mut self) -> Agreement {
        Agreement {
            consumer: self.name(),
            eservice: self.name(),
            version: if self.yes() { 2 } else { 0 },
            standing: self.standing_or_draft(),
        }
    }

    fn purpose(&mut self) -> Purpose {
        Purpose {
            name: self.name(),
            consumer: self.name(),
            eservice: self.name(),
            legal_basis: self.text(),
            methods: vec![self.text()],
            data_classes: self.some(Self::name),
            daily_calls: self.number(),
            clients: self.some(Self::name),
            chained: self.yes(),
            trigger: self.one_of(&["", "ufficio", "istanza"]),
            valid_from: self.moment(),
            valid_until: self.moment(),
            retention: self.text_or_none(),
            risk_analysis: self.yes().then(|| RiskAnalysis {
                need: self.text(),
                risk: self.text(),
                measures: self.text(),
            }),
            standing: self.standing_or_draft(),
        }
    }

    fn operator(&mut self) -> Operator {
        Operator {
            name: self.name(),
            roles: vec![self.name()],
            tenant: self.text_or_none(),
            standing: self.standing(),
        }
    }

    fn some<T>(&mut self, make: fn(&mut Self) -> T) -> Vec<T> {
        let count = self.rng.random_range(0..4);
        (0..count).map(|_| make(self)).collect()
    }

    fn name(&mut self) -> String {
        let length = self.rng.random_range(1..3);
        let alphabet = ['a', 'b', 'Z', '9', '.', '_', '-', '/'];
        self.of(&alphabet, length)
    }

    /// A text with all that could break a quotation.
    fn text(&mut self) -> String {
        let length = self.rng.random_range(1..40);
        let alphabet = [
            'a', 'è', '"', '\'', '\\', '\n', '\r', '\t', '#', '=', '[', '{', ' ', '\u{1}',
            '\u{7f}', '\u{2028}', '😀',
        ];
        format!("x{}", self.of(&alphabet, length))
    }

    fn of(&mut self, alphabet: &[char], length: usize) -> String {
        let one = |_| *alphabet.choose(&mut self.rng).unwrap();
        (0..length).map(one).collect()
    }

    fn text_or_none(&mut self) -> String {
        if self.yes() {
            self.text()
        } else {
            String::new()
        }
    }

    fn one_of(&mut self, choices: &[&str]) -> String {
        (*choices.choose(&mut self.rng).unwrap()).to_owned()
    }

    fn number(&mut self) -> u64 {
        self.rng.random_range(1..=u64::MAX >> 1)
    }

    fn number_or_none(&mut self) -> u64 {
        if self.yes() { self.number() } else { 0 }
    }

    /// No moment, the edge of a day of Rome in summer or winter, or any second.
    fn moment(&mut self) -> i64 {
        let any = self.rng.random_range(1..4_102_444_800);
        [0, 1_798_758_000, 1_814_392_800, any][self.rng.random_range(0..4)]
    }

    fn standing(&mut self) -> i32 {
        i32::from(self.yes())
    }

    fn standing_or_draft(&mut self) -> i32 {
        self.rng.random_range(0..3)
    }

    fn yes(&mut self) -> bool {
        self.rng.random()
    }
}
