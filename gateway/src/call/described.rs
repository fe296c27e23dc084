//! What the register of accesses is told of a call.

use std::sync::atomic::Ordering;

use varco_proto::audit::v1::{Decision, Record, RecordKind};

use super::Call;

impl Call {
    /// A record of this call as it stands.
    #[must_use]
    pub fn record(&self, kind: RecordKind) -> Record {
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
            peer_ip_class: call.zone.to_owned(),
            latency_us: latency,
            decision: decision.into(),
            records_count: call.tally.messages.load(Ordering::Relaxed),
            bytes_out: call.tally.bytes.load(Ordering::Relaxed),
            ..Default::default()
        };
        if self.is_intended() && kind != RecordKind::Intent {
            record.ref_audit_id = id.into();
        }
        if let Some(concerned) = concerned {
            record.ref_audit_id = concerned.as_bytes().to_vec().into();
        }
        self.describe_caller(&mut record);
        self.describe_permit(&mut record);
        if let Some(shown) = self.0.shown.get() {
            let hashes = shown.hashes.iter().map(|hash| hash.to_vec().into());
            record.evidence_sha256 = hashes.collect();
            record.actor_loa = shown.level;
        }
        record
    }

    fn describe_caller(&self, record: &mut Record) {
        if let Some(peer) = self.peer() {
            record.client_cert_sha256 = peer.thumbprint.to_vec().into();
        }
        if let Some(client) = self.0.client.get() {
            record.client_id = client.to_string();
        }
        if let Some(claims) = self.claims() {
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

    fn describe_permit(&self, record: &mut Record) {
        let Some(permit) = self.permitted() else {
            return;
        };
        record.legal_basis.clone_from(&permit.legal_basis);
        record.agreement_id = permit.agreement_id.to_string();
        record.policy_epoch = permit.epoch;
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
