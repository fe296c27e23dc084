//! What is known of a request for a voucher, and the record that it leaves.

use std::net::SocketAddr;
use std::sync::Arc;

use uuid::Uuid;
use varco_proto::audit::v1::{Decision, Details, Record, RecordKind};
use varco_runtime::clock::Clock;
use varco_runtime::grant;
use varco_runtime::server::Connection;
use varco_runtime::tls;

use super::answer::{Issued, Refusal};
use super::rate::{Peer, Standing};
use crate::audit::counting::{Sender, Sort};
use crate::audit::deposit::Deposit;
use crate::audit::retention;
use crate::authorize::Eligible;
use crate::authorize::grounds::Grounds;
use crate::call::zone;
use crate::gate::Gate;
use crate::registry::snapshot::Snapshot;
use crate::voucher::Claims;

/// What is known of a request for a voucher so far.
#[derive(Debug)]
pub struct Asked {
    /// Id in the register of accesses.
    pub id: Uuid,
    /// By whom its failures are counted.
    pub peer: Peer,
    /// The certificate of the connection.
    pub certificate: Option<Arc<tls::Peer>>,
    /// The registered key that the assertion names.
    pub kid: Option<String>,
    /// The client, once its signature has verified.
    pub client_id: Option<Uuid>,
    /// What it asks for.
    pub purpose_id: Option<Uuid>,
    /// The grant that it exchanges.
    pub grant: Option<grant::Claims>,
    /// What it would act under.
    pub under: Option<Under>,
    /// The voucher that it got.
    pub issued: Option<Claims>,
    /// What is left of its measure.
    pub standing: Option<Standing>,
    /// Whether its measure was used up.
    pub exceeded: bool,
    address: Option<SocketAddr>,
}

/// What a client acts under for a purpose.
#[derive(Clone, Debug)]
pub struct Under {
    legal_basis: String,
    agreement_id: Uuid,
    eservice_id: Uuid,
    producer_id: Uuid,
    office: String,
    grounds: Grounds,
}

impl Under {
    /// What was found in a snapshot.
    #[must_use]
    pub fn of(found: &Eligible<'_>, snapshot: &Snapshot) -> Self {
        let purpose = &found.purpose.body;
        let office = snapshot.tenants.get(&purpose.consumer);
        Self {
            legal_basis: purpose.legal_basis.clone(),
            agreement_id: found.agreement.id,
            eservice_id: purpose.eservice,
            producer_id: found.producer,
            office: office.map(|it| it.name.clone()).unwrap_or_default(),
            grounds: Grounds::of(found, snapshot),
        }
    }

    fn describe(&self, record: &mut Record) {
        record.legal_basis.clone_from(&self.legal_basis);
        record.agreement_id = self.agreement_id.to_string();
        record.eservice_id = self.eservice_id.to_string();
        record.producer_id = self.producer_id.to_string();
        record.office_code.clone_from(&self.office);
        record.policy_digest = self.grounds.digest().to_vec().into();
    }
}

impl Asked {
    /// A request of which only its connection is known.
    #[must_use]
    pub fn new(connection: Option<&Connection>, clock: &Clock) -> Self {
        Self {
            id: clock.uuid(),
            peer: Peer::of(
                connection.and_then(|connection| connection.peer.as_deref()),
                connection.map(|connection| connection.address),
            ),
            certificate: connection.and_then(|connection| connection.peer.clone()),
            kid: None,
            client_id: None,
            purpose_id: None,
            grant: None,
            under: None,
            issued: None,
            standing: None,
            exceeded: false,
            address: connection.map(|connection| connection.address),
        }
    }

    /// Notes that a measure is used up.
    pub fn too_many(&mut self, standing: Standing) -> Refusal {
        self.exceeded = true;
        self.standing = Some(standing);
        Refusal::too_many(standing)
    }

    /// The record of the request and its outcome, with who asked in its details.
    #[must_use]
    pub fn deposit(&self, outcome: &Result<Issued, Refusal>, gate: &Gate) -> Deposit {
        let details = self.address.map(|address| Details {
            schema: 1,
            peer_address: address.to_string(),
            ..Details::default()
        });
        let record = self.record(outcome, gate);
        Deposit { record, details }
    }

    /// Counts a refusal that is one too many, whose record it then names as its own; false where it
    /// is to leave one itself.
    #[must_use]
    pub fn is_counted(&mut self, outcome: &Result<Issued, Refusal>, gate: &Gate) -> bool {
        let Some(refusal) = outcome.as_ref().err().filter(|refusal| !refusal.is_ours()) else {
            return false;
        };
        let client = self.client_id.map(Sender::Client);
        let sender = client.unwrap_or_else(|| Sender::Peer(self.peer.clone()));
        let sort = Sort {
            outcome: "REFUSED",
            reason: refusal.precise,
            voucher: None,
        };
        let from = gate.clock.now();
        let counted = gate
            .counting
            .count((&sender, sort), gate.clock.uuid(), || Record {
                detail: format!("from {from:.3}"),
                ..self.record(outcome, gate)
            });
        self.id = counted.unwrap_or(self.id);
        counted.is_some()
    }

    fn zone(&self) -> String {
        self.address
            .map_or("unknown", |it| zone(it.ip()))
            .to_owned()
    }

    fn record(&self, outcome: &Result<Issued, Refusal>, gate: &Gate) -> Record {
        let text = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
        let certificate = self.certificate.as_ref();
        let mut record = Record {
            audit_id: self.id.as_bytes().to_vec().into(),
            client_id: text(self.client_id),
            purpose_id: text(self.purpose_id),
            client_cert_sha256: certificate
                .map(|peer| peer.thumbprint.to_vec().into())
                .unwrap_or_default(),
            peer_ip_class: self.zone(),
            policy_epoch: gate.registry.snapshot().epoch,
            ..Default::default()
        };
        describe_outcome(&mut record, outcome);
        if let Some(grant) = &self.grant {
            record.parent_audit_id = grant.txn.as_bytes().to_vec().into();
            record.on_behalf_of = on_behalf_of(grant);
            record.hop = u32::try_from(record.on_behalf_of.len()).unwrap_or(u32::MAX);
        }
        if let Some(under) = &self.under {
            under.describe(&mut record);
        }
        if let Some(voucher) = &self.issued {
            record.voucher_jti = voucher.jti.to_string();
            record.voucher_iss.clone_from(&voucher.iss);
            record.voucher_exp = voucher.exp;
            record.voucher_kid = outcome.as_ref().map(Issued::kid).unwrap_or_default();
        }
        record
    }
}

fn describe_outcome(record: &mut Record, outcome: &Result<Issued, Refusal>) {
    let kind = match outcome {
        Ok(_) => RecordKind::VoucherIssued,
        Err(_) => RecordKind::VoucherRefused,
    };
    record.kind = kind.into();
    record.retention_class = retention::class(kind).into();
    match outcome {
        Ok(_) => {
            record.decision = Decision::Permit.into();
            "OK".clone_into(&mut record.outcome);
            record.http_status = 200;
        }
        Err(refusal) => {
            record.decision = Decision::Deny.into();
            "REFUSED".clone_into(&mut record.outcome);
            refusal.precise.clone_into(&mut record.deny_reason);
            record.http_status = u32::from(refusal.status.as_u16());
        }
    }
}

/// The clients on whose behalf a grant is exchanged, nearest first.
fn on_behalf_of(grant: &grant::Claims) -> Vec<String> {
    let acting = grant.act.iter().flat_map(grant::Actor::clients);
    let acting = acting.map(str::to_owned);
    acting.chain([grant.sub.clone()]).collect()
}
