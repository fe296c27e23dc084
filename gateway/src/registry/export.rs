//! The registry as a document that applies without a difference.

use std::sync::Arc;

use uuid::Uuid;
use varco_proto::registry::v1::{self as proto, Document, Standing};
use varco_runtime::store::Db;

use super::attribute::AttributeKind;
use super::body::Body;
use super::certificate::Source;
use super::client::{Client, ClientKind};
use super::descriptor::{Approval, Descriptor};
use super::entry::{Entry, State};
use super::error::Error;
use super::purpose::{Purpose, Trigger};
use super::rule::MethodRule;
use super::scope::Who;
use super::snapshot::Snapshot;
use super::store_entries;
use super::tenant::Tenant;

/// What an operator may see of the registry, as a document. What has ended is not in it; what is
/// only being written stands there as a draft.
///
/// # Errors
///
/// When a contract cannot be read.
pub async fn export(snapshot: &Snapshot, db: &Db, who: &Who) -> Result<Document, Error> {
    let exporter = Exporter { snapshot, who };
    let mut document = Document {
        attributes: exporter.attributes(),
        tenants: exporter.tenants(),
        eservices: exporter.eservices(),
        clients: exporter.clients(),
        agreements: exporter.agreements(),
        purposes: exporter.purposes(),
        operators: exporter.operators(),
    };
    for descriptor in document
        .eservices
        .iter_mut()
        .flat_map(|it| &mut it.descriptors)
    {
        if descriptor.builtin.is_empty() {
            let hash = String::from_utf8_lossy(&descriptor.descriptor_set).into_owned();
            descriptor.descriptor_set = store_entries::descriptor_set(db, &hash).await?.into();
        }
    }
    Ok(document)
}

struct Exporter<'a> {
    snapshot: &'a Snapshot,
    who: &'a Who,
}

impl Exporter<'_> {
    /// The entries of a kind that the operator sees and that have not ended, by name.
    fn each<T: Body>(&self) -> Vec<&Arc<Entry<T>>> {
        let rows = self.snapshot.rows(T::KIND);
        let seen = rows.filter(|row| !row.state.is_final() && self.who.sees(row, self.snapshot));
        seen.filter_map(|row| T::of(self.snapshot).get(&row.id))
            .collect()
    }

    fn name(&self, id: Uuid) -> String {
        self.snapshot
            .row(id)
            .map(|row| row.name.clone())
            .unwrap_or_default()
    }

    fn attributes(&self) -> Vec<proto::Attribute> {
        let attribute = |it: &Arc<Entry<super::attribute::Attribute>>| proto::Attribute {
            name: it.name.clone(),
            description: it.body.description.clone(),
            kind: match it.body.kind {
                AttributeKind::Certified => "certified",
                AttributeKind::Declared => "declared",
                AttributeKind::Verified => "verified",
            }
            .to_owned(),
            daily_calls_per_consumer: it.body.daily_calls_per_consumer.unwrap_or(0),
        };
        self.each().into_iter().map(attribute).collect()
    }

    fn tenants(&self) -> Vec<proto::Tenant> {
        let tenant = |it: &Arc<Entry<Tenant>>| {
            let (verified, plain): (Vec<_>, Vec<_>) = it
                .body
                .attributes
                .iter()
                .partition(|held| held.verifier.is_some());
            proto::Tenant {
                name: it.name.clone(),
                title: it.body.title.clone(),
                ipa: it.body.ipa.clone(),
                aoo: it.body.aoo.clone().unwrap_or_default(),
                uo: it.body.uo.clone().unwrap_or_default(),
                attributes: plain.iter().map(|held| self.name(held.attribute)).collect(),
                verified: verified
                    .iter()
                    .map(|held| proto::VerifiedAttribute {
                        attribute: self.name(held.attribute),
                        verifier: held.verifier.map(|id| self.name(id)).unwrap_or_default(),
                        expires: held.expires.unwrap_or(0),
                    })
                    .collect(),
                standing: standing(it.state),
            }
        };
        self.each().into_iter().map(tenant).collect()
    }

    fn eservices(&self) -> Vec<proto::Eservice> {
        let mut versions = self.each::<Descriptor>();
        versions.sort_by_key(|it| it.body.version);
        let eservice = |it: &Arc<Entry<super::eservice::Eservice>>| {
            let own = versions
                .iter()
                .filter(|version| version.body.eservice == it.id);
            proto::Eservice {
                name: it.name.clone(),
                producer: self.name(it.body.producer),
                descriptors: own.map(|version| self.descriptor(version)).collect(),
                description: it.body.description.clone(),
                standing: standing(it.state),
            }
        };
        self.each().into_iter().map(eservice).collect()
    }

    /// A version; a stored contract stands as its hash, until it is read.
    fn descriptor(&self, it: &Entry<Descriptor>) -> proto::Descriptor {
        let body = &it.body;
        let defaults = &body.contract;
        let declared = defaults.default_effect.is_some() || defaults.default_class.is_some();
        let group = |ids: &Vec<Uuid>| proto::AttributeGroup {
            any_of: ids.iter().map(|id| self.name(*id)).collect(),
        };
        let builtin = body.contract.builtin.clone();
        proto::Descriptor {
            version: body.version,
            audience: body.audience.clone(),
            descriptor_set: match &builtin {
                Some(_) => Vec::new(),
                None => body.contract.set.clone().into_bytes(),
            }
            .into(),
            builtin: builtin.unwrap_or_default(),
            defaults: declared.then(|| proto::DescriptorDefaults {
                effect: defaults.default_effect.clone().unwrap_or_default(),
                data_class: defaults.default_class.clone().unwrap_or_default(),
            }),
            upstream: Some(proto::Upstream {
                address: body.upstream.address.clone(),
                server_name: body.upstream.server_name.clone(),
                ca_pem: body.upstream.ca_pem.clone(),
                replicas: body.upstream.replicas.clone(),
            }),
            methods: body.methods.clone(),
            rules: body.rules.iter().map(rule).collect(),
            voucher_lifespan: body.voucher_lifespan,
            daily_calls: Some(proto::DailyCalls {
                per_consumer: body.daily_per_consumer,
                total: body.daily_total,
            }),
            approval: match body.approval {
                Approval::Automatic => "automatic",
                Approval::Manual => "manual",
            }
            .to_owned(),
            attributes: body.attributes.iter().map(group).collect(),
            standing: standing(it.state),
        }
    }

    fn clients(&self) -> Vec<proto::Client> {
        let clients = self.each::<Client>();
        clients.into_iter().map(|it| self.client(it)).collect()
    }

    fn client(&self, it: &Entry<Client>) -> proto::Client {
        let mut keys = self.each::<super::key::Key>();
        keys.retain(|key| key.body.client == it.id);
        let mut listed = self.each::<super::certificate::Certificate>();
        listed.retain(|certificate| {
            certificate.body.client == Some(it.id) && certificate.body.source == Source::Listed
        });
        let (active, suspended): (Vec<_>, Vec<_>) =
            listed.into_iter().partition(|it| it.state == State::Active);
        let names = |listed: Vec<&Arc<Entry<_>>>| listed.iter().map(|it| it.name.clone()).collect();
        let key = |key: &Arc<Entry<super::key::Key>>| proto::Key {
            pem: key.body.pem.clone(),
            not_after: key.body.not_after.unwrap_or(0),
            standing: standing(key.state),
        };
        proto::Client {
            name: it.name.clone(),
            consumer: self.name(it.body.consumer),
            keys: keys.into_iter().map(key).collect(),
            certificates: Vec::new(),
            legacy: it.body.legacy,
            kind: match it.body.kind {
                ClientKind::Api => "api",
                ClientKind::Consumer => "consumer",
            }
            .to_owned(),
            admin: it.body.admin.clone().unwrap_or_default(),
            standing: standing(it.state),
            thumbprints: names(active),
            suspended_thumbprints: names(suspended),
        }
    }

    fn agreements(&self) -> Vec<proto::Agreement> {
        let mut agreements = self.each::<super::agreement::Agreement>();
        // A draft beside an agreement in force is not declared: it is one upgrade's business.
        agreements.retain(|it| !it.name.contains('@'));
        let agreement = |it: &Arc<Entry<super::agreement::Agreement>>| proto::Agreement {
            consumer: self.name(it.body.consumer),
            eservice: self.name(it.body.eservice),
            version: it.body.version,
            standing: standing(it.state),
        };
        agreements.into_iter().map(agreement).collect()
    }

    fn purposes(&self) -> Vec<proto::Purpose> {
        let purposes = self.each::<Purpose>();
        purposes.into_iter().map(|it| self.purpose(it)).collect()
    }

    fn purpose(&self, it: &Entry<Purpose>) -> proto::Purpose {
        let body = &it.body;
        // What waits is what was declared last.
        let content = body.waiting.as_ref().unwrap_or(&body.content);
        let analysis = body.risk_analysis.as_ref();
        proto::Purpose {
            name: it.name.rsplit('/').next().unwrap_or_default().to_owned(),
            consumer: self.name(body.consumer),
            eservice: self.name(body.eservice),
            legal_basis: body.legal_basis.clone(),
            methods: content.methods.clone(),
            data_classes: content.data_classes.clone(),
            daily_calls: content.daily_calls,
            clients: content.clients.iter().map(|id| self.name(*id)).collect(),
            chained: content.chained,
            trigger: match body.trigger {
                Trigger::Istanza => "istanza",
                Trigger::Ufficio => "ufficio",
            }
            .to_owned(),
            valid_from: content.valid_from.unwrap_or(0),
            valid_until: content.valid_until.unwrap_or(0),
            retention: body.retention.clone().unwrap_or_default(),
            risk_analysis: analysis.map(|it| proto::RiskAnalysis {
                need: it.need.clone(),
                risk: it.risk.clone(),
                measures: it.measures.clone(),
            }),
            standing: standing(it.state),
        }
    }

    fn operators(&self) -> Vec<proto::Operator> {
        let operator = |it: &Arc<Entry<super::operator::Operator>>| proto::Operator {
            name: it.name.clone(),
            roles: it.body.roles.clone(),
            tenant: it.body.tenant.map(|id| self.name(id)).unwrap_or_default(),
            standing: standing(it.state),
        };
        self.each().into_iter().map(operator).collect()
    }
}

fn rule(of: &MethodRule) -> proto::MethodRule {
    let evidence = of.rule.evidence.iter();
    proto::MethodRule {
        methods: of.methods.clone(),
        seconds: of.rule.seconds.unwrap_or(0),
        message_bytes: of.rule.message_bytes.unwrap_or(0),
        evidence: evidence.map(|it| it.name().to_owned()).collect(),
    }
}

fn standing(state: State) -> i32 {
    let standing = match state {
        State::Suspended | State::ArchivingSuspended => Standing::Suspended,
        State::Draft => Standing::Draft,
        _ => Standing::Unspecified,
    };
    standing.into()
}
