//! `varco.gateway.v1.KeyService`: operators see and rotate the signing keys.
//!
//! A rotation is asked of all gateways through the database that they share. The one that is asked
//! makes its own key, waits a moment for the others, and says who has yet to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tonic::{Request, Response, Status};
use varco_proto::audit::v1::{Record, RecordKind};
use varco_proto::gateway::v1::key_service_server::KeyService;
use varco_proto::gateway::v1::{
    KeyRole, KeyState, ListKeysRequest, ListKeysResponse, RotateKeysRequest, RotateKeysResponse,
    RotationProgress, SigningKey, Urgency,
};
use varco_runtime::problem::{Problem, ToStatus};
use varco_runtime::server::Connection;

use super::{Need, Noted, action, admit, note, refused, status};
use crate::Error;
use crate::gate::Gate;
use crate::keys::lifecycle::{Key, Order, Published, Role, State};
use crate::registry::scope::Who;

/// The signing keys for operators.
#[derive(Debug)]
pub struct KeysApi {
    gate: Arc<Gate>,
}

impl KeysApi {
    /// Serves the keys of a gateway and of those beside it.
    #[must_use]
    pub fn new(gate: Arc<Gate>) -> Self {
        Self { gate }
    }

    async fn admit<T>(&self, request: &Request<T>, method: &str) -> Result<Who, Status> {
        let connection = request.extensions().get::<Connection>();
        admit(&self.gate, connection, Need::Secure, &path(method)).await
    }

    /// Records that a rotation is asked for, has it done, and records how that ended.
    async fn recorded(
        &self,
        who: &Who,
        (roles, urgency): (&[Role], Urgency),
    ) -> Result<Noted, Status> {
        let what: Vec<&str> = roles.iter().map(|role| role.name()).collect();
        let how = match urgency {
            Urgency::Emergency => "rotate in an emergency",
            _ => "rotate",
        };
        let detail = format!("{how}: keys for {}", what.join(", "));
        let record = action(
            &self.gate,
            RecordKind::KeyChange,
            &path("RotateKeys"),
            who,
            detail,
        );
        let asked = Record {
            outcome: "REQUESTED".to_owned(),
            ..record.clone()
        };
        note(&self.gate, asked).await.map_err(status)?;
        let done = self.rotate(roles, urgency).await;
        let done = done.map_err(|error| error.to_problem());
        let mut ended = record;
        if let Err(problem) = &done {
            refused(&mut ended, problem);
        }
        let noted = note(&self.gate, ended).await.map_err(status)?;
        done.map(|()| noted).map_err(status)
    }

    async fn rotate(&self, roles: &[Role], urgency: Urgency) -> Result<(), Error> {
        let mut outcome = Ok(());
        for role in roles {
            let done = match urgency {
                Urgency::Emergency => self.gate.keys.rotate_in_emergency(*role).await,
                _ => self.gate.keys.rotate(*role).await,
            };
            // What fails for one kind of key must not spare the other.
            outcome = outcome.and(done);
        }
        outcome
    }

    /// How far every gateway is; waits a moment for those that have yet to.
    async fn progress(&self, roles: &[Role]) -> Result<Vec<RotationProgress>, Error> {
        let asked = Instant::now();
        loop {
            let published = self.gate.keys.published().await?;
            let (history, _) = self.gate.keys.history().await?;
            let progress: Vec<RotationProgress> = roles
                .iter()
                .flat_map(|role| progress(&published, &history, *role))
                .collect();
            if progress.iter().all(|gateway| gateway.done) || asked.elapsed() > PATIENCE {
                return Ok(progress);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

#[tonic::async_trait]
impl KeyService for KeysApi {
    async fn rotate_keys(
        &self,
        request: Request<RotateKeysRequest>,
    ) -> Result<Response<RotateKeysResponse>, Status> {
        let who = self.admit(&request, "RotateKeys").await?;
        let asked = request.into_inner();
        let roles = roles(asked.role).map_err(status)?;
        let urgency = Urgency::try_from(asked.urgency)
            .map_err(|_| status(Problem::invalid("urgency", "names no urgency")))?;
        let noted = self.recorded(&who, (&roles, urgency)).await?;
        let progress = self.progress(&roles).await;
        let progress = progress.map_err(|error| status(error.to_problem()))?;
        Ok(noted.stamp(RotateKeysResponse { progress }))
    }

    async fn list_keys(
        &self,
        request: Request<ListKeysRequest>,
    ) -> Result<Response<ListKeysResponse>, Status> {
        let who = self.admit(&request, "ListKeys").await?;
        let record = action(
            &self.gate,
            RecordKind::AdminAccess,
            &path("ListKeys"),
            &who,
            "list signing keys".to_owned(),
        );
        let noted = note(&self.gate, record).await.map_err(status)?;
        let history = self.gate.keys.history().await;
        let (keys, now) = history.map_err(|error| status(error.to_problem()))?;
        let keys = keys.iter().map(|key| signing_key(key, now)).collect();
        Ok(noted.stamp(ListKeysResponse { keys }))
    }
}

impl ToStatus for Error {
    fn to_problem(&self) -> Problem {
        match self {
            Self::Record(_) => Problem::unavailable(
                "AUDIT_UNAVAILABLE",
                "the register of accesses cannot be written",
                "il registro degli accessi non è scrivibile",
            ),
            other => Problem::internal(other),
        }
    }
}

/// How far the gateways are that had a key of a role when it was asked for.
fn progress(published: &Published, history: &[Key], role: Role) -> Vec<RotationProgress> {
    let order = published.order(role);
    let of_role = || history.iter().filter(|key| key.role == role);
    let instances: BTreeSet<&str> = of_role()
        .filter(|key| counts(key, order))
        .map(|key| key.instance.as_str())
        .collect();
    let one = |instance: &str| {
        let newest = of_role()
            .filter(|key| key.instance == instance && key.removed_at.is_none())
            .find(|key| key.retired_at.is_none() && key.published >= order.asked);
        RotationProgress {
            instance: instance.to_owned(),
            role: proto_role(role).into(),
            done: newest.is_some(),
            kid: newest.map(|key| key.kid.clone()).unwrap_or_default(),
            active_from: newest.map_or(0, |key| key.active_from),
        }
    };
    instances.into_iter().map(one).collect()
}

/// Whether a key shows that its gateway still signs: it is in force, or the last emergency ended it.
fn counts(key: &Key, order: Order) -> bool {
    let in_force = |removed| order.revoked > 0 && removed >= order.revoked;
    key.retired_at.is_none() && key.removed_at.is_none_or(in_force)
}

fn roles(asked: i32) -> Result<Vec<Role>, Problem> {
    match KeyRole::try_from(asked) {
        Ok(KeyRole::Unspecified) => Ok(Role::ALL.to_vec()),
        Ok(KeyRole::Voucher) => Ok(vec![Role::Voucher]),
        Ok(KeyRole::Grant) => Ok(vec![Role::Grant]),
        Err(_) => Err(Problem::invalid("role", "names no role")),
    }
}

fn proto_role(role: Role) -> KeyRole {
    match role {
        Role::Voucher => KeyRole::Voucher,
        Role::Grant => KeyRole::Grant,
    }
}

fn signing_key(key: &Key, now: i64) -> SigningKey {
    let state = match key.state(now) {
        State::Published => KeyState::Published,
        State::Active => KeyState::Active,
        State::Retired => KeyState::Retired,
        State::Removed => KeyState::Removed,
    };
    SigningKey {
        kid: key.kid.clone(),
        role: proto_role(key.role).into(),
        instance: key.instance.clone(),
        algorithm: key.algorithm.clone(),
        state: state.into(),
        published: key.published,
        active_from: key.active_from,
        retired_at: key.retired_at.unwrap_or_default(),
        verifies_until: key.until().unwrap_or_default(),
        removed_at: key.removed_at.unwrap_or_default(),
    }
}

fn path(method: &str) -> String {
    format!("varco.gateway.v1.KeyService/{method}")
}

/// How long the answer waits for the other gateways, which look four times a second.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(100);
