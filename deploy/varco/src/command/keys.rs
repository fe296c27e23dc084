//! `varco keys`: the keys that sign vouchers and grants, listed and rotated.
//!
//! The gateways hold the keys; this asks one of them, which asks the others.

use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::{Value, json};
use tonic::transport::Channel;
use varco_proto::gateway::v1::key_service_client::KeyServiceClient;
use varco_proto::gateway::v1::{
    KeyRole, KeyState, ListKeysRequest, RotateKeysRequest, RotationProgress, SigningKey, Urgency,
};

use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::output::Table;
use crate::output::refusal::Refusal;
use crate::{operator, output};

/// What `varco keys` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do with the signing keys
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done with the signing keys.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Lists the keys of every gateway with their states
    List(ListArgs),
    /// Brings new keys: the next ones sign in five minutes, old vouchers stay good until they end
    Rotate(RotateArgs),
}

/// What `varco keys list` is told.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Operator whose certificate is used
    #[arg(long = "as", value_name = "NAME", default_value = "amministratore")]
    pub operator: String,
}

/// What `varco keys rotate` is told.
#[derive(Debug, clap::Args)]
pub struct RotateArgs {
    /// New keys sign at once, and every voucher or grant that others signed ends at once
    #[arg(long)]
    pub emergency: bool,
    /// Which keys; both when left out
    #[arg(long, value_enum)]
    pub role: Option<RoleName>,
    /// Operator whose certificate is used
    #[arg(long = "as", value_name = "NAME", default_value = "amministratore")]
    pub operator: String,
}

/// What a key signs.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RoleName {
    /// Keys that sign vouchers
    Voucher,
    /// Keys that sign grants
    Grant,
}

/// Lists or rotates the signing keys.
///
/// # Errors
///
/// When the gateway refuses.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    match args.command {
        Command::List(args) => list(args, common).await,
        Command::Rotate(args) => rotate(args, common).await,
    }
}

async fn list(args: ListArgs, common: &Common) -> Result<(), Failure> {
    let answer = service(&args.operator, common)?
        .list_keys(ListKeysRequest {})
        .await;
    let keys = answer
        .map_err(|status| Refusal::from(&status))?
        .into_inner()
        .keys;
    match common.output {
        Output::Json => output::json(&keys.iter().map(object).collect::<Vec<_>>()),
        Output::Text => output::line(table(&keys)),
    }
}

async fn rotate(args: RotateArgs, common: &Common) -> Result<(), Failure> {
    let role = match args.role {
        None => KeyRole::Unspecified,
        Some(RoleName::Voucher) => KeyRole::Voucher,
        Some(RoleName::Grant) => KeyRole::Grant,
    };
    let urgency = if args.emergency {
        Urgency::Emergency
    } else {
        Urgency::Ordinary
    };
    let request = RotateKeysRequest {
        role: role.into(),
        urgency: urgency.into(),
    };
    let answer = service(&args.operator, common)?.rotate_keys(request).await;
    let progress = answer
        .map_err(|status| Refusal::from(&status))?
        .into_inner()
        .progress;
    match common.output {
        Output::Json => output::json(&progress.iter().map(step).collect::<Vec<_>>()),
        Output::Text => output::line(told(&progress)),
    }
}

fn service(operator: &str, common: &Common) -> Result<KeyServiceClient<Channel>, Failure> {
    let config = common.load_config()?;
    Ok(KeyServiceClient::new(operator::channel(operator, &config)?))
}

fn table(keys: &[SigningKey]) -> Table {
    let heading = vec![
        "KID",
        "ROLE",
        "INSTANCE",
        "ALGORITHM",
        "STATE",
        "SINCE",
        "UNTIL",
    ];
    let mut table = Table::new(heading);
    for key in keys {
        let (since, until) = match key.state() {
            KeyState::Published => (key.published, 0),
            KeyState::Retired => (key.retired_at, key.verifies_until),
            KeyState::Removed => (key.removed_at, 0),
            _ => (key.active_from, 0),
        };
        table.push(vec![
            key.kid.clone(),
            role_name(key.role()).to_owned(),
            key.instance.clone(),
            key.algorithm.clone(),
            state_name(key.state()).to_owned(),
            moment(since).unwrap_or_else(|| "-".to_owned()),
            moment(until).unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    table
}

/// How far every gateway is, a line each.
fn told(progress: &[RotationProgress]) -> String {
    let line = |gateway: &RotationProgress| {
        let (instance, role) = (&gateway.instance, role_name(gateway.role()));
        match moment(gateway.active_from).filter(|_| gateway.done) {
            Some(from) => format!("{instance}: {role} key {} signs from {from}", gateway.kid),
            None => format!("{instance}: {role} key has yet to come: it follows when it runs"),
        }
    };
    progress.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn step(gateway: &RotationProgress) -> Value {
    json!({
        "instance": gateway.instance,
        "role": role_name(gateway.role()),
        "done": gateway.done,
        "kid": gateway.done.then_some(&gateway.kid),
        "active_from": moment(gateway.active_from),
    })
}

fn object(key: &SigningKey) -> Value {
    json!({
        "kid": key.kid,
        "role": role_name(key.role()),
        "instance": key.instance,
        "algorithm": key.algorithm,
        "state": state_name(key.state()),
        "published": moment(key.published),
        "active_from": moment(key.active_from),
        "retired_at": moment(key.retired_at),
        "verifies_until": moment(key.verifies_until),
        "removed_at": moment(key.removed_at),
    })
}

fn role_name(role: KeyRole) -> &'static str {
    match role {
        KeyRole::Voucher => "voucher",
        KeyRole::Grant => "grant",
        KeyRole::Unspecified => "unspecified",
    }
}

fn state_name(state: KeyState) -> &'static str {
    match state {
        KeyState::Published => "PUBLISHED",
        KeyState::Active => "ACTIVE",
        KeyState::Retired => "RETIRED",
        KeyState::Removed => "REMOVED",
        KeyState::Unspecified => "UNSPECIFIED",
    }
}

/// An instant to the second, where there is one.
fn moment(microseconds: i64) -> Option<String> {
    let seconds = microseconds.div_euclid(1_000_000);
    let instant = Timestamp::from_second(seconds).ok()?;
    (microseconds != 0).then(|| instant.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(state: KeyState) -> SigningKey {
        SigningKey {
            kid: "k".to_owned(),
            role: KeyRole::Voucher.into(),
            instance: "gw1".to_owned(),
            algorithm: "ES256".to_owned(),
            state: state.into(),
            published: 1_795_000_000_000_001,
            active_from: 1_795_000_300_000_001,
            retired_at: 1_795_000_600_000_000,
            verifies_until: 1_795_001_200_000_000,
            removed_at: 0,
        }
    }

    #[test]
    fn list_says_since_when_a_key_is_in_its_state_and_until_when() {
        let told = table(&[key(KeyState::Published), key(KeyState::Retired)]).to_string();

        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines: Vec<String> = told.lines().map(squeezed).collect();
        assert_eq!(
            lines[1],
            "k voucher gw1 ES256 PUBLISHED 2026-11-18T11:06:40Z -"
        );
        assert_eq!(
            lines[2],
            "k voucher gw1 ES256 RETIRED 2026-11-18T11:16:40Z 2026-11-18T11:26:40Z"
        );
    }

    #[test]
    fn rotation_says_which_gateway_has_yet_to_follow() {
        let gateway = |instance: &str, done: bool| RotationProgress {
            instance: instance.to_owned(),
            role: KeyRole::Grant.into(),
            done,
            kid: if done { "k".to_owned() } else { String::new() },
            active_from: if done { 1_795_000_300_000_000 } else { 0 },
        };

        let told = told(&[gateway("gw1", true), gateway("gw2", false)]);

        assert_eq!(
            told,
            "gw1: grant key k signs from 2026-11-18T11:11:40Z\n\
             gw2: grant key has yet to come: it follows when it runs"
        );
    }
}
