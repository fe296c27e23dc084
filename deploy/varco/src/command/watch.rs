//! `varco watch`: the events of the registry as they come, a line each.
//!
//! Every line carries the cursor from which the next one goes on, so that whoever follows the
//! registry misses nothing between two runs.

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_stream::StreamExt as _;
use varco_proto::registry::v1::{Kind, WatchEventsRequest, WatchEventsResponse};
use varco_runtime::clock;

use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::operator::{self, As};
use crate::output;
use crate::output::entry;
use crate::output::refusal::Refusal;
use crate::registry_kind::KindName;
use crate::signals::Signals;

/// What `varco watch` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Kinds of entries to watch; all when left out
    #[arg(value_name = "KIND")]
    pub kinds: Vec<KindName>,
    /// Cursor to go on from, as an event before has shown it; the beginning when left out
    #[arg(
        long,
        value_name = "CURSOR",
        default_value = "",
        hide_default_value = true
    )]
    pub from: String,
    /// Ends at the last event instead of waiting for more
    #[arg(long)]
    pub until_now: bool,
    /// As whom
    #[command(flatten)]
    pub operator: As,
}

/// Prints events until there are no more, nobody reads them, or a signal comes.
///
/// # Errors
///
/// When the registry refuses, or goes away.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    tokio::select! {
        ended = follow(args, common) => ended,
        () = signals.next() => Ok(()),
    }
}

async fn follow(args: Args, common: &Common) -> Result<(), Failure> {
    let mut registry = operator::registry(&args.operator.name, common)?;
    let kinds = args.kinds.iter().map(|kind| Kind::from(*kind).into());
    let request = WatchEventsRequest {
        cursor: args.from.clone(),
        kinds: kinds.collect(),
        until_now: args.until_now,
    };
    let answer = registry.watch_events(request).await;
    let answer = answer.map_err(|status| Refusal::from(&status))?;
    let mut events = answer.into_inner();
    let mut cursor = args.from;
    while let Some(event) = events.next().await {
        let event = event.map_err(|status| interrupted(&status, &cursor))?;
        let text = match common.output {
            Output::Json => object(&event).to_string(),
            Output::Text => line(&event),
        };
        if !output::flowing(text)? {
            return Ok(());
        }
        cursor = event.cursor;
    }
    Ok(())
}

/// Why no more events came, and from where to go on.
fn interrupted(status: &tonic::Status, cursor: &str) -> Failure {
    let failure = Failure::from(Refusal::from(status));
    if cursor.is_empty() {
        return failure;
    }
    failure.remedy(format!("go on with --from {cursor}"))
}

fn line(event: &WatchEventsResponse) -> String {
    let standing = event.entry.as_ref().map(entry::standing);
    format!(
        "{} epoch {} {} by {}: {} [{}]",
        instant(event).map_or_else(
            || "-".to_owned(),
            |at| { clock::rome(at).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string() }
        ),
        event.epoch,
        event.action,
        event.operator,
        standing.unwrap_or_default(),
        event.cursor,
    )
}

/// An event for programs; the fields are a contract.
fn object(event: &WatchEventsResponse) -> Value {
    json!({
        "cursor": event.cursor,
        "epoch": event.epoch,
        "at": instant(event).map(|at| at.to_string()),
        "action": event.action,
        "operator": event.operator,
        "entry": event.entry.as_ref().map(entry::object),
    })
}

fn instant(event: &WatchEventsResponse) -> Option<Timestamp> {
    Timestamp::from_microsecond(event.at).ok()
}

#[cfg(test)]
mod tests {
    use varco_proto::registry::v1::Entry;

    use super::*;

    #[test]
    fn event_is_a_line_with_its_cursor() {
        let told = line(&event());

        let expected = "2027-01-01T12:00:00+01:00 epoch 7 suspended by amministratore: \
                        client prova is SUSPENDED [7-1]";
        assert_eq!(told, expected);
    }

    #[test]
    fn event_for_programs_is_one_line() {
        let told = object(&event());

        assert_eq!(told["at"], "2027-01-01T11:00:00Z");
        assert_eq!(told["entry"]["kind"], "client");
        assert_eq!(told.to_string().lines().count(), 1);
    }

    fn event() -> WatchEventsResponse {
        let at: Timestamp = "2027-01-01T11:00:00Z".parse().unwrap();
        let entry = Entry {
            kind: Kind::Client.into(),
            name: "prova".into(),
            state: "SUSPENDED".into(),
            json: "{}".into(),
            ..Entry::default()
        };
        WatchEventsResponse {
            cursor: "7-1".into(),
            epoch: 7,
            at: at.as_microsecond(),
            action: "suspended".into(),
            entry: Some(entry),
            operator: "amministratore".into(),
        }
    }
}
