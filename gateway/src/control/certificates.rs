//! `varco.gateway.v1`: certificates of the comune's own authority, issued and renewed.
//!
//! An operator decides who is certified; from then on the holder renews by itself, on the port
//! where it asks for vouchers, by presenting what it still has. What a renewed certificate says is
//! what the presented one says. Each issue is recorded before it is made and after.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use governor::{DefaultKeyedRateLimiter, Quota};
use tonic::{Code, Request, Response, Status};
use varco_proto::audit::v1::{Record, RecordKind};
use varco_proto::gateway::v1::certificate_service_server::CertificateService;
use varco_proto::gateway::v1::renewal_service_server::{RenewalService, RenewalServiceServer};
use varco_proto::gateway::v1::{
    Certificate, HolderKind, IssueCertificateRequest, IssueCertificateResponse,
    RenewCertificateRequest, RenewCertificateResponse,
};
use varco_runtime::pki::{self, Holder, Issued};
use varco_runtime::problem::{Problem, ToStatus as _};
use varco_runtime::server::Connection;
use varco_runtime::telemetry::served::{Served, server_span};
use varco_runtime::tls::Peer;

use super::{Need, Noted, action, admit, note, refused, status};
use crate::gate::Gate;
use crate::registry;
use crate::registry::certificate::{Certificate as Listed, Source};
use crate::registry::entry::{Entry, Kind, State};
use crate::registry::scope::Who;
use crate::registry::snapshot::Snapshot;
use crate::registry::{eyes, store_entries};

/// Certificates for operators to issue.
#[derive(Debug)]
pub struct CertificateApi {
    gate: Arc<Gate>,
}

/// Certificates for their holders to renew.
#[derive(Debug)]
struct RenewalApi {
    gate: Arc<Gate>,
    by_holder: DefaultKeyedRateLimiter<String>,
}

/// Puts an issued certificate on the registry's list of its holder, so that it can be found and
/// revoked, and tells whether it waits for somebody's approval.
///
/// # Errors
///
/// When the registry cannot be written: then the certificate is not handed out.
async fn list_issued(
    gate: &Gate,
    who: &Who,
    (holder, presented): (&Holder, Option<[u8; 32]>),
    issued: &Issued,
) -> Result<bool, registry::error::Error> {
    let client = holder
        .uri
        .strip_prefix(&format!("{}/client/", gate.trust_domain));
    // A renewed certificate is for whoever holds the one that was presented.
    let person = match presented {
        Some(_) => None,
        None => acts_as(holder, gate),
    };
    let acted = match &person {
        Some(person) => has_had_one(person, gate).await?,
        None => false,
    };
    let body = Listed {
        holder: holder.uri.clone(),
        client: client.and_then(|id| id.parse().ok()),
        source: Source::Issued,
        not_after: Some(issued.not_after.as_second()),
        asked_by: None,
    };
    let live = |snapshot: &Snapshot| {
        let own = holder.uri.strip_prefix(&format!("{}/", gate.trust_domain));
        let named = own.and_then(|own| own.split_once('/'));
        named.is_some_and(|(role, name)| is_live(name, role, snapshot))
    };
    let listed = gate.registry.change(who, |draft| {
        // Looked at again on the very registry that it is written into.
        let revoked = presented.is_some_and(|old| draft.seen.is_revoked(&old));
        if revoked || !live(draft.seen) {
            let english = "the holder, or what it presented, has been suspended or revoked";
            return Err(registry::error::Error::Precondition(
                "HOLDER_NOT_LIVE",
                english.to_owned(),
            ));
        }
        let waits = person
            .as_deref()
            .is_some_and(|person| eyes::certificate_waits(draft, person, acted));
        let mut entry = Entry {
            id: (draft.setting.new_id)(),
            name: hex::encode(issued.thumbprint),
            state: State::Active,
            body: body.clone(),
        };
        if waits {
            entry.state = State::WaitingForApproval;
            entry.body.asked_by = Some(draft.setting.operator.to_owned());
        }
        draft.update("issued", &entry)?;
        Ok(waits)
    });
    Box::pin(listed).await
}

/// The operator as whom the holder of a certificate acts: himself, or in whose name a system does.
fn acts_as(holder: &Holder, gate: &Gate) -> Option<String> {
    let own = holder.uri.strip_prefix(&format!("{}/", gate.trust_domain));
    match own?.split_once('/')? {
        ("operator", name) => Some(name.to_owned()),
        ("client", id) => {
            let snapshot = gate.registry.snapshot();
            let client = snapshot.clients.get(&id.parse().ok()?)?;
            client.body.admin.clone()
        }
        _ => None,
    }
}

/// Whether an operator has had a certificate before, as far as the registry can tell.
async fn has_had_one(person: &str, gate: &Gate) -> Result<bool, registry::error::Error> {
    let uri = format!("{}/operator/{person}", gate.trust_domain);
    let snapshot = gate.registry.snapshot();
    let mut listed = snapshot.certificates.values();
    let counted =
        |it: &Arc<Entry<Listed>>| it.body.holder == uri && it.state != State::WaitingForApproval;
    if listed.any(counted) {
        return Ok(true);
    }
    store_entries::has_acted(gate.registry.db(), person).await
}

impl CertificateApi {
    /// Serves the authority of a gateway.
    #[must_use]
    pub fn new(gate: Arc<Gate>) -> Self {
        Self { gate }
    }
}

#[tonic::async_trait]
impl CertificateService for CertificateApi {
    async fn issue_certificate(
        &self,
        request: Request<IssueCertificateRequest>,
    ) -> Result<Response<IssueCertificateResponse>, Status> {
        let need = match request.get_ref().holder_kind() {
            HolderKind::Operator => Need::Certify,
            _ => Need::Secure,
        };
        let connection = request.extensions().get::<Connection>();
        let who = admit(&self.gate, connection, need, ISSUE).await?;
        let asked = request.into_inner();
        let life = life(asked.life_days).map_err(status)?;
        let (holder, called) = named(&asked, &self.gate).map_err(status)?;
        may_certify(&who, &holder, &self.gate).map_err(status)?;
        let detail = format!("certificate for {called}, {} days", life.as_secs() / DAY);
        let record = action(&self.gate, RecordKind::PolicyChange, ISSUE, &who, detail);
        let wanted = Wanted {
            csr: &asked.csr_pem,
            holder: &holder,
            presented: None,
            life,
        };
        let (noted, (issued, waits)) = issue(&self.gate, &who, record, wanted).await?;
        Ok(noted.stamp(IssueCertificateResponse {
            certificate: Some(answer(&issued, &holder)),
            waits_for_approval: waits,
        }))
    }
}

#[tonic::async_trait]
impl RenewalService for RenewalApi {
    async fn renew_certificate(
        &self,
        request: Request<RenewCertificateRequest>,
    ) -> Result<Response<RenewCertificateResponse>, Status> {
        let connection = request.extensions().get::<Connection>();
        let peer = connection.and_then(|connection| connection.peer.clone());
        let peer = peer.ok_or_else(|| status(stranger()))?;
        let (holder, who, role) = presented(&peer, &self.gate).map_err(status)?;
        if self.by_holder.check_key(&holder.uri).is_err() {
            return Err(status(hasty()));
        }
        self.by_holder.retain_recent();
        let detail = format!("certificate renewed for {role} {}", who.name);
        let record = Record {
            actor_role: role.to_owned(),
            client_cert_sha256: peer.thumbprint.to_vec().into(),
            ..action(&self.gate, RecordKind::PolicyChange, RENEW, &who, detail)
        };
        let wanted = Wanted {
            csr: &request.get_ref().csr_pem,
            holder: &holder,
            presented: Some(peer.thumbprint),
            life: (peer.life.saturating_sub(LAG)).min(pki::LONGEST_LIFE),
        };
        let (noted, (issued, _)) = issue(&self.gate, &who, record, wanted).await?;
        Ok(noted.stamp(RenewCertificateResponse {
            certificate: Some(answer(&issued, &holder)),
        }))
    }
}

/// Where holders renew their certificates.
pub fn renewal(gate: &Arc<Gate>, served: Served) -> Router {
    let rate = Quota::per_minute(RENEWALS);
    let api = RenewalApi {
        gate: Arc::clone(gate),
        by_holder: DefaultKeyedRateLimiter::keyed(rate),
    };
    let service = RenewalServiceServer::new(api).max_decoding_message_size(MESSAGE);
    Router::new()
        .route_service("/varco.gateway.v1.RenewalService/{*method}", service)
        .layer(from_fn_with_state(served, server_span))
}

/// A certificate that is to be issued.
struct Wanted<'a> {
    csr: &'a str,
    holder: &'a Holder,
    /// Thumbprint of the certificate that is renewed.
    presented: Option<[u8; 32]>,
    life: Duration,
}

/// Records that a certificate is asked for, issues it, lists it, and records how that ended; with
/// it comes whether it waits for approval.
async fn issue(
    gate: &Gate,
    who: &Who,
    record: Record,
    wanted: Wanted<'_>,
) -> Result<(Noted, (Issued, bool)), Status> {
    let asked = Record {
        outcome: "REQUESTED".to_owned(),
        ..record.clone()
    };
    note(gate, asked).await.map_err(status)?;
    let issued = issued(gate, who, &wanted).await;
    let mut ended = record;
    ended.policy_epoch = gate.registry.snapshot().epoch;
    match &issued {
        Ok((issued, waits)) => {
            let thumbprint = hex::encode(issued.thumbprint);
            let waits = if *waits { ", waiting for approval" } else { "" };
            let until = issued.not_after;
            ended.detail = format!("{}: {thumbprint} until {until}{waits}", ended.detail);
        }
        Err(problem) => refused(&mut ended, problem),
    }
    let noted = note(gate, ended).await.map_err(status)?;
    Ok((noted, issued.map_err(status)?))
}

async fn issued(gate: &Gate, who: &Who, wanted: &Wanted<'_>) -> Result<(Issued, bool), Problem> {
    let ca = gate.authority.as_ref().ok_or_else(no_authority)?;
    let now = gate.clock.now();
    let issued = ca
        .issue_from_csr(wanted.csr, wanted.holder, now, wanted.life)
        .map_err(|error| unissued(&error))?;
    let waits = list_issued(gate, who, (wanted.holder, wanted.presented), &issued)
        .await
        .map_err(|error| error.to_problem())?;
    Ok((issued, waits))
}

/// The holder that a request names, with what it is called in records.
fn named(asked: &IssueCertificateRequest, gate: &Gate) -> Result<(Holder, String), Problem> {
    let (domain, snapshot) = (&gate.trust_domain, gate.registry.snapshot());
    let live = |kind: Kind| {
        let row = snapshot.find(kind, &asked.holder);
        let row = row.map_err(|error| error.to_problem())?;
        match row.state {
            State::Active => Ok(row),
            _ => Err(not_live()),
        }
    };
    match asked.holder_kind() {
        HolderKind::Client => {
            let row = live(Kind::Client)?;
            let holder = Holder::client(domain, &row.id.to_string());
            Ok((holder, format!("client {}", row.name)))
        }
        HolderKind::Operator => {
            let row = live(Kind::Operator)?;
            let holder = Holder::operator(domain, &row.name);
            Ok((holder, format!("operator {}", row.name)))
        }
        HolderKind::Service if is_host(&asked.holder) => {
            let service = Holder::service(domain, &asked.holder);
            // A service that also calls has one certificate for both, in the client's name.
            let holder = match live(Kind::Client) {
                Ok(row) => Holder {
                    serves: service.serves,
                    ..Holder::client(domain, &row.id.to_string())
                },
                Err(_) => service,
            };
            Ok((holder, format!("service {}", asked.holder)))
        }
        HolderKind::Service => {
            let rule = "must be a service's name: a to z, 0 to 9 and hyphens";
            Err(Problem::invalid("holder", rule))
        }
        HolderKind::Unspecified => Err(Problem::invalid("holder_kind", "is required")),
    }
}

/// Whether an operator may certify a holder: who certifies a system that administers could act as
/// it, and must have its operator's roles.
fn may_certify(who: &Who, holder: &Holder, gate: &Gate) -> Result<(), Problem> {
    let snapshot = gate.registry.snapshot();
    let id = holder
        .uri
        .strip_prefix(&format!("{}/client/", gate.trust_domain));
    let client = id.and_then(|id| id.parse().ok());
    let client = client.and_then(|id| snapshot.clients.get(&id));
    let Some(admin) = client.and_then(|client| client.body.admin.as_deref()) else {
        return Ok(());
    };
    let roles = snapshot.operator(admin).map(|it| it.body.roles.as_slice());
    let covers = |role: &String| who.administers() || who.roles.contains(role);
    if roles.unwrap_or_default().iter().all(covers) {
        return Ok(());
    }
    Err(Problem::new(
        Code::PermissionDenied,
        "ROLE_MISSING",
        "the client administers with roles that you do not have",
        "il client amministra con ruoli che l'operatore non ha",
    ))
}

/// The holder of a presented certificate, when the registry still knows it.
fn presented(peer: &Peer, gate: &Gate) -> Result<(Holder, Who, &'static str), Problem> {
    let own = |kind: &str| peer.named(&format!("{}/{kind}/", gate.trust_domain));
    let snapshot = gate.registry.snapshot();
    let (name, role) = ["client", "operator", "service"]
        .into_iter()
        .find_map(|role| own(role).map(|name| (name, role)))
        .ok_or_else(stranger)?;
    let ended = snapshot.is_revoked(&peer.thumbprint) || peer.has_ended(gate.clock.unix());
    if ended || !is_live(name, role, &snapshot) {
        return Err(not_live());
    }
    let serves = (!peer.hosts.is_empty()).then(|| {
        // Loopback is added to every certificate that serves.
        let others = peer.hosts.iter().filter(|host| *host != "localhost");
        others.cloned().collect()
    });
    let holder = Holder {
        name: name.to_owned(),
        uri: format!("{}/{role}/{name}", gate.trust_domain),
        serves,
    };
    let who = Who {
        name: name.to_owned(),
        person: name.to_owned(),
        ..Who::installation()
    };
    Ok((holder, who, role))
}

fn is_live(name: &str, role: &str, snapshot: &Snapshot) -> bool {
    match role {
        "client" => {
            let client = name.parse().ok().and_then(|id| snapshot.clients.get(&id));
            client.is_some_and(|client| client.state == State::Active)
        }
        "operator" => {
            let operator = snapshot.operator(name);
            operator.is_some_and(|operator| operator.state == State::Active)
        }
        _ => true,
    }
}

fn is_host(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=40).contains(&name.len()) && name.chars().all(allowed) && !name.starts_with('-')
}

fn life(days: u32) -> Result<Duration, Problem> {
    match days {
        0 => Ok(pki::LONGEST_LIFE),
        1..=90 => Ok(Duration::from_secs(u64::from(days) * DAY)),
        _ => Err(Problem::invalid("life_days", "must be 1 to 90")),
    }
}

fn answer(issued: &Issued, holder: &Holder) -> Certificate {
    Certificate {
        pem: issued.certificate.clone(),
        thumbprint: hex::encode(issued.thumbprint),
        serial: issued.serial.clone(),
        not_after: Some(prost_types::Timestamp {
            seconds: issued.not_after.as_second(),
            nanos: 0,
        }),
        uri: holder.uri.clone(),
    }
}

fn unissued(error: &pki::Error) -> Problem {
    match error {
        pki::Error::PrivateKey
        | pki::Error::Request
        | pki::Error::RequestKey(_)
        | pki::Error::RequestSignature => {
            let english = format!("csr_pem: {error}");
            let italian = "la richiesta di certificato non può essere accolta";
            Problem::new(Code::InvalidArgument, "CSR_REFUSED", english, italian)
        }
        pki::Error::Life => Problem::invalid("life_days", error.to_string()),
        pki::Error::Authority
        | pki::Error::Certificate(_)
        | pki::Error::Date
        | pki::Error::Random => Problem::internal(error),
    }
}

fn no_authority() -> Problem {
    let english = "this gateway does not hold the authority's key: set `ca_key` in [comune], or \
                   issue where the key is, with --offline";
    Problem::precondition(
        "AUTHORITY_ABSENT",
        english,
        "questo varco non custodisce la chiave dell'autorità di certificazione",
    )
}

fn not_live() -> Problem {
    let english = "the holder is unknown, suspended or archived: nothing is certified for it";
    Problem::precondition(
        "HOLDER_NOT_LIVE",
        english,
        "il titolare del certificato è sconosciuto, sospeso o archiviato",
    )
}

fn stranger() -> Problem {
    Problem::new(
        Code::Unauthenticated,
        "CERTIFICATE_UNKNOWN",
        "present a client's, service's or operator's certificate of this comune",
        "presentare un certificato rilasciato da questo comune",
    )
}

fn hasty() -> Problem {
    Problem::new(
        Code::ResourceExhausted,
        "RATE_CLIENT",
        "too many renewals by one holder: wait a minute",
        "troppi rinnovi dello stesso titolare: attendere un minuto",
    )
    .retry_after(Duration::from_mins(1))
}

const DAY: u64 = 24 * 3600;
const ISSUE: &str = "varco.gateway.v1.CertificateService/IssueCertificate";
/// What every certificate has before its first hour, for machines whose clocks lag.
const LAG: Duration = Duration::from_hours(1);
/// Largest request: a PKCS#10 request of RSA 8192 with room.
const MESSAGE: usize = 32 * 1024;
const RENEW: &str = "varco.gateway.v1.RenewalService/RenewCertificate";
/// Renewals a minute of one holder.
const RENEWALS: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
