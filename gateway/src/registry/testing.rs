//! A small registry in memory for the tests of its rules: no database, a fixed clock, ids in order.

use std::cell::Cell;
use std::sync::LazyLock;
use std::time::Instant;

use jiff::Timestamp;
use prost::Message as _;
use prost_types::field_descriptor_proto::Type;
use prost_types::method_options::IdempotencyLevel;
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    MethodDescriptorProto, ServiceDescriptorProto,
};
use uuid::Uuid;
use varco_proto::registry::v1::{self as proto, Change, Document};

use super::act;
use super::apply::{self, Mode};
use super::body::{Body, parsed};
use super::contract::Contracts;
use super::draft::{Draft, Setting};
use super::entry::{Entry, Kind, Row, State};
use super::error::Error;
use super::law::{Action, Actor};
use super::rule::Caps;
use super::scope::Who;
use super::snapshot::Snapshot;

/// The time of every test, in seconds since the Unix epoch.
pub const NOW: i64 = 1_800_000_000;
/// A method that the purpose of the town includes.
pub const METHOD: &str = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza";
/// A method of the same e-service that it does not include.
pub const OTHER: &str = "varco.anagrafe.v1.AnagrafeService/GetResidenza";

/// Contracts compiled by any test of this process.
static CONTRACTS: LazyLock<Contracts> = LazyLock::new(Contracts::default);

/// A registry in memory.
pub struct Town {
    pub snapshot: Snapshot,
    pub four_eyes: bool,
    pub caps: Caps,
    pub now: i64,
    next: Cell<u128>,
}

/// An operator of the installation with every role.
pub fn admin(name: &str) -> Who {
    Who {
        name: name.to_owned(),
        person: name.to_owned(),
        roles: vec!["admin".to_owned()],
        ..Who::installation()
    }
}

/// A fresh public key in PEM.
pub fn key() -> String {
    let pem = varco_runtime::pki::generate_key(varco_runtime::pki::KeyKind::EcP256).unwrap();
    varco_runtime::pki::public_key(&pem).unwrap()
}

/// Two offices, one of which asks the other for the residence of people.
pub fn town() -> Document {
    let tenant = |name: &str| proto::Tenant {
        name: name.into(),
        title: name.to_uppercase(),
        ipa: "c_z999".into(),
        ..Default::default()
    };
    Document {
        tenants: vec![tenant("tributi"), tenant("demo")],
        eservices: vec![proto::Eservice {
            name: "anagrafe".into(),
            producer: "demo".into(),
            descriptors: vec![descriptor(1)],
            ..Default::default()
        }],
        clients: vec![proto::Client {
            name: "tributi".into(),
            consumer: "tributi".into(),
            keys: vec![proto::Key {
                pem: key(),
                ..Default::default()
            }],
            ..Default::default()
        }],
        agreements: vec![proto::Agreement {
            consumer: "tributi".into(),
            eservice: "anagrafe".into(),
            ..Default::default()
        }],
        purposes: vec![purpose("verifica", 100)],
        operators: vec![proto::Operator {
            name: "ada".into(),
            roles: vec!["admin".into()],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// A version of the e-service.
pub fn descriptor(version: u32) -> proto::Descriptor {
    proto::Descriptor {
        version,
        audience: format!("https://anagrafe.example/v{version}"),
        builtin: "varco.anagrafe.v1".into(),
        upstream: Some(proto::Upstream {
            address: "https://127.0.0.1:7451".into(),
            server_name: "localhost".into(),
            ..Default::default()
        }),
        methods: vec!["varco.anagrafe.v1.AnagrafeService/*".into()],
        voucher_lifespan: 300,
        daily_calls: Some(proto::DailyCalls {
            per_consumer: 1000,
            total: 5000,
        }),
        approval: "automatic".into(),
        ..Default::default()
    }
}

/// A purpose of the first office.
pub fn purpose(name: &str, daily_calls: u64) -> proto::Purpose {
    proto::Purpose {
        name: name.into(),
        consumer: "tributi".into(),
        eservice: "anagrafe".into(),
        legal_basis: "L. 147/2013".into(),
        methods: vec![METHOD.into()],
        data_classes: vec!["esito".into()],
        daily_calls,
        clients: vec!["tributi".into()],
        ..Default::default()
    }
}

/// A contract of somebody else: its methods give a message back that has these fields.
pub fn foreign(
    methods: &[(&str, Option<IdempotencyLevel>)],
    fields: &[(&str, i32, Type)],
) -> Vec<u8> {
    let text = || Some(".eco.v1.Text".to_owned());
    let method = |(name, effect): &(&str, Option<IdempotencyLevel>)| MethodDescriptorProto {
        name: Some((*name).to_owned()),
        input_type: text(),
        output_type: text(),
        options: effect.map(|effect| prost_types::MethodOptions {
            idempotency_level: Some(effect.into()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let field = |(name, number, kind): &(&str, i32, Type)| FieldDescriptorProto {
        name: Some((*name).to_owned()),
        number: Some(*number),
        label: Some(prost_types::field_descriptor_proto::Label::Optional.into()),
        r#type: Some((*kind).into()),
        ..Default::default()
    };
    let file = FileDescriptorProto {
        name: Some("eco.proto".to_owned()),
        package: Some("eco.v1".to_owned()),
        syntax: Some("proto3".to_owned()),
        message_type: vec![DescriptorProto {
            name: Some("Text".to_owned()),
            field: fields.iter().map(field).collect(),
            ..Default::default()
        }],
        service: vec![ServiceDescriptorProto {
            name: Some("EcoService".to_owned()),
            method: methods.iter().map(method).collect(),
            ..Default::default()
        }],
        ..Default::default()
    };
    FileDescriptorSet { file: vec![file] }.encode_to_vec()
}

impl Town {
    /// A registry that holds nothing.
    pub fn empty() -> Self {
        Self {
            snapshot: Snapshot::empty(),
            four_eyes: false,
            caps: Caps::default(),
            now: NOW,
            next: Cell::new(1),
        }
    }

    /// A registry that holds a document.
    pub fn holding(document: &Document) -> Self {
        let mut town = Self::empty();
        town.apply(document).unwrap();
        town
    }

    /// Another registry that holds the same.
    pub fn fork(&self) -> Self {
        let epoch = self.snapshot.epoch;
        let same = self
            .snapshot
            .followed_by(Vec::new(), epoch, &CONTRACTS, Instant::now());
        Self {
            snapshot: same.unwrap(),
            four_eyes: self.four_eyes,
            caps: self.caps,
            now: self.now,
            next: self.next.clone(),
        }
    }

    /// An administrator of one tenant.
    pub fn operator_of(&self, tenant: &str) -> Who {
        Who {
            tenant: Some(self.snapshot.find(Kind::Tenant, tenant).unwrap().id),
            ..admin("carla")
        }
    }

    /// Changes it as the registry itself does, without a database between.
    pub fn change<T>(
        &mut self,
        who: &Who,
        decide: impl FnOnce(&mut Draft<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let new_id = || {
            self.next.set(self.next.get() + 1);
            Uuid::from_u128(self.next.get())
        };
        let setting = Setting {
            operator: &who.person,
            now: Timestamp::from_second(self.now).unwrap(),
            four_eyes: self.four_eyes,
            caps: self.caps,
            reason: "perché no",
            new_id: &new_id,
        };
        let mut draft = Draft::new(&self.snapshot, &CONTRACTS, setting);
        let outcome = decide(&mut draft)?;
        let epoch = self.snapshot.epoch + 1;
        let finished = draft.finished();
        for (of, contract) in finished.contracts {
            CONTRACTS.keep(of, contract);
        }
        // As a database would hold them: of what was written twice the last.
        let written = finished.written.into_iter().map(|it| Row {
            version: epoch,
            ..it.row
        });
        let mut last: Vec<Row> = Vec::new();
        for row in written {
            last.retain(|known| known.id != row.id);
            last.push(row);
        }
        let rows = last;
        if !rows.is_empty() {
            let next = self
                .snapshot
                .followed_by(rows, epoch, &CONTRACTS, Instant::now());
            self.snapshot = next?;
        }
        Ok(outcome)
    }

    /// Applies a document as an administrator.
    pub fn apply(&mut self, document: &Document) -> Result<Vec<Change>, Error> {
        self.apply_as(&admin("root"), document, Mode::Apply)
    }

    /// Applies a document as somebody.
    pub fn apply_as(
        &mut self,
        who: &Who,
        document: &Document,
        mode: Mode,
    ) -> Result<Vec<Change>, Error> {
        self.change(who, |draft| {
            let plan = apply::plan(document, draft, who, mode)?;
            if plan.problems.is_empty() {
                Ok(plan.changes)
            } else {
                Err(Error::Document(plan.problems))
            }
        })
    }

    /// Does an action as an administrator on one side.
    pub fn act(
        &mut self,
        kind: Kind,
        name: &str,
        action: Action,
        actor: Actor,
    ) -> Result<Row, Error> {
        self.act_as(&admin("root"), (kind, name), action, actor)
    }

    /// Does an action as somebody on one side.
    pub fn act_as(
        &mut self,
        who: &Who,
        (kind, name): (Kind, &str),
        action: Action,
        actor: Actor,
    ) -> Result<Row, Error> {
        let row = self.snapshot.find(kind, name)?;
        let id = self.change(who, |draft| act::perform(draft, &row, action, actor))?;
        Ok(self.snapshot.row(id).unwrap().clone())
    }

    /// Puts an entry into a state, past every law.
    pub fn bend<T: Body>(&mut self, name: &str, change: impl FnOnce(&mut Entry<T>)) {
        let mut entry: Entry<T> = parsed(&self.snapshot.find(T::KIND, name).unwrap()).unwrap();
        change(&mut entry);
        self.change(&admin("root"), |draft| draft.update("bent", &entry))
            .unwrap();
    }

    /// The fields of an entry.
    pub fn entry<T: Body>(&self, name: &str) -> Entry<T> {
        parsed(&self.snapshot.find(T::KIND, name).unwrap()).unwrap()
    }

    /// The state of an entry.
    pub fn state(&self, kind: Kind, name: &str) -> State {
        self.snapshot.find(kind, name).unwrap().state
    }
}
