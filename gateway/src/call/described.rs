//! What the register of accesses is told of a call: a record that names nobody, and the details
//! that are sealed beside it.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use varco_proto::audit::v1::{Decision, Details, Record, RecordKind, Subject};

use super::Call;
use super::noted::Digests;
use crate::audit::counting::Sender;
use crate::audit::deposit::Deposit;
use crate::audit::retention;
use crate::token::rate::Peer;

impl Call {
    /// With whose its refusals are counted.
    #[must_use]
    pub fn sender(&self) -> Sender {
        let client = self.0.client.get().copied().map(Sender::Client);
        client.unwrap_or_else(|| Sender::Peer(Peer::of(self.0.peer.as_deref(), self.0.address)))
    }

    /// Whether nothing was begun of it: no INTENT stands for it, no service has seen it, and it has
    /// named nobody.
    #[must_use]
    pub fn is_unbegun(&self) -> bool {
        let named = self.0.noted.count() > 0 || self.0.concerned.get().is_some();
        !(self.is_intended() || self.is_forwarded() || named)
    }

    /// A record of this call as it stands, with its details. It tells of those whom no record has
    /// told of, as far as there is room.
    #[must_use]
    pub fn deposit(&self, kind: RecordKind) -> Deposit {
        let mut record = self.record(kind);
        let (references, identifiers): (Vec<_>, Vec<_>) = self.0.noted.take().into_iter().unzip();
        let references = references.iter().map(|it| it.0.to_vec().into());
        record.subject_refs = references.collect();
        record.subject_count = self.0.noted.count();
        let mut details = Details {
            subjects: identifiers.into_iter().map(Subject::from).collect(),
            ..Details::default()
        };
        if kind != RecordKind::Progress {
            self.detail_caller(&mut details);
        }
        if matches!(kind, RecordKind::Outcome | RecordKind::Deny) {
            self.describe_messages(&mut record, &mut details);
        }
        self.describe_what_left(&mut record, kind);
        if record.subject_count > 0 || !record.actor_ref.is_empty() {
            record.subject_epoch = self.0.hashes.year();
        }
        let says_nothing = details == Details::default();
        let details = (!says_nothing).then_some(Details {
            schema: 1,
            ..details
        });
        Deposit { record, details }
    }

    /// Records of those whom the next one has no room for.
    #[must_use]
    pub fn surplus(&self) -> Vec<Deposit> {
        let mut surplus = Vec::new();
        while self.0.noted.overflows() {
            surplus.push(self.deposit(RecordKind::Progress));
        }
        surplus
    }

    fn record(&self, kind: RecordKind) -> Record {
        let call = &*self.0;
        let latency = u64::try_from(call.arrived.elapsed().as_micros()).unwrap_or(u64::MAX);
        let id = call.audit_id.as_bytes().to_vec();
        let concerned = call.concerned.get();
        let decision = if call.permit.get().is_some() || concerned.is_some() {
            Decision::Permit
        } else {
            Decision::Unspecified
        };
        let mut record = Record {
            kind: kind.into(),
            audit_id: id.clone().into(),
            trace_id: call.trace.trace_id.to_vec().into(),
            span_id: call.trace.span_id.to_vec().into(),
            method: call.method.clone(),
            peer_ip_class: self.zone().to_owned(),
            latency_us: latency,
            decision: decision.into(),
            records_count: call.tally.messages.load(Ordering::Relaxed),
            bytes_out: call.tally.bytes.load(Ordering::Relaxed),
            retention_class: retention::class(kind).into(),
            ..Default::default()
        };
        if kind == RecordKind::Progress {
            "OPEN".clone_into(&mut record.outcome);
        }
        if self.is_intended() && kind != RecordKind::Intent {
            record.ref_audit_id = id.into();
        }
        if let Some(concerned) = concerned {
            record.ref_audit_id = concerned.as_bytes().to_vec().into();
        }
        self.describe_caller(&mut record);
        self.describe_permit(&mut record);
        self.describe_actor(&mut record);
        record
    }

    fn describe_caller(&self, record: &mut Record) {
        if let Some(peer) = self.peer() {
            record.client_cert_sha256 = peer.thumbprint.to_vec().into();
        }
        if let Some(client) = self.0.client.get() {
            record.client_id = client.to_string();
        }
        if let Some(voucher) = self.voucher() {
            let claims = voucher.claims;
            record.voucher_kid = voucher.kid.to_string();
            record.purpose_id = claims.purpose_id.to_string();
            record.eservice_id = claims.eservice_id.to_string();
            record.producer_id = claims.producer_id.to_string();
            record.voucher_jti = claims.jti.to_string();
            record.voucher_iss.clone_from(&claims.iss);
            record.voucher_exp = claims.exp;
            record.on_behalf_of = claims.on_behalf_of();
            record.hop = claims.hop();
            if let Some(served) = claims.txn {
                record.parent_audit_id = served.as_bytes().to_vec().into();
            }
        }
    }

    fn describe_actor(&self, record: &mut Record) {
        let Some(shown) = self.0.shown.get() else {
            return;
        };
        let hashes = shown.hashes.iter().map(|hash| hash.to_vec().into());
        record.evidence_sha256 = hashes.collect();
        record.actor_loa = shown.level;
        if let Some(actor) = &shown.actor {
            // Evidence is issued by the client itself.
            let reference = self.0.hashes.actor(&record.client_id, actor.user.trim());
            record.actor_ref = reference.0.to_vec().into();
            let workstation = actor.workstation().unwrap_or_default();
            workstation.clone_into(&mut record.workstation);
        }
    }

    fn detail_caller(&self, details: &mut Details) {
        if let Some(actor) = self.0.shown.get().and_then(|shown| shown.actor.as_ref()) {
            details.actor.clone_from(&actor.user);
            details.location.clone_from(&actor.location);
        }
        let address = self.0.address.as_ref();
        details.peer_address = address.map(SocketAddr::to_string).unwrap_or_default();
        details.user_agent.clone_from(&self.0.user_agent);
    }

    /// What the messages were, as whoever has them can check with the salt.
    fn describe_messages(&self, record: &mut Record, details: &mut Details) {
        details.request = self.0.noted.request().into();
        if let Some(digests) = self.0.noted.digests() {
            let Digests {
                salt,
                request,
                answer,
            } = digests;
            record.req_digest = request.into();
            record.resp_digest = answer.into();
            details.salt = salt.to_vec().into();
        }
    }

    /// Which fields left, and of which categories of data.
    fn describe_what_left(&self, record: &mut Record, kind: RecordKind) {
        let tells = matches!(kind, RecordKind::Outcome | RecordKind::Progress);
        let Some(permit) = self.permitted().filter(|_| tells) else {
            return;
        };
        let told = &permit.contract.told;
        let fields = self.0.noted.fields();
        record.fields = told.names(&fields);
        let about_somebody = record.subject_count > 0 && !record.data_classes_delivered.is_empty();
        record.special_classes = told.special(&fields) | u32::from(about_somebody);
    }

    fn describe_permit(&self, record: &mut Record) {
        let Some(permit) = self.permitted() else {
            return;
        };
        record.legal_basis.clone_from(&permit.legal_basis);
        record.agreement_id = permit.agreement_id.to_string();
        record.policy_epoch = permit.epoch;
        record.policy_digest = permit.grounds.digest().to_vec().into();
        let rule = permit.rule_place.map(|place| format!("rules[{place}]"));
        record.policy_rule = rule.unwrap_or_default();
        record.office_code.clone_from(&permit.office);
        let tally = self.tally();
        record.data_classes_delivered = permit
            .contract
            .names(tally.delivered.load(Ordering::Relaxed));
        record.data_classes_withheld = permit
            .contract
            .names(tally.withheld.load(Ordering::Relaxed));
    }
}
