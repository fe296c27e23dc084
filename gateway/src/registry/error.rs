//! Ways that the registry refuses or fails, in the words of the operator who asked.

use varco_runtime::store;

use super::apply::Problem;
use super::entry::State;

/// Ways that the registry refuses or fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Several entries bear that name.
    #[error("{0} {1} is ambiguous: write consumer/name or the id")]
    Ambiguous(&'static str, String),
    /// The document cannot stand; every problem at once.
    #[error("{}", told(.0))]
    Document(Vec<Problem>),
    /// Who asked for it may not be who approves it.
    #[error("{0} was asked for by the same operator: another one has to approve it (four eyes)")]
    FourEyes(String),
    /// A stored entry does not parse.
    #[error("registry entry {0} does not parse: restore the database from a backup")]
    Inconsistent(String),
    /// Another change came between; nothing was done.
    #[error("the registry is being changed by somebody else: try again")]
    Moved,
    /// There is no such action on that kind of entry.
    #[error("no {0} can be {1}")]
    NoSuchAction(&'static str, &'static str),
    /// No such entry.
    #[error("{0} {1} does not exist")]
    NotFound(&'static str, String),
    /// The action is the other side's.
    #[error("{0} cannot be {1} from this side")]
    NotTheirs(String, &'static str),
    /// What the action rests on is not so; the first text is the reason.
    #[error("{1}")]
    Precondition(&'static str, String),
    /// Whoever asked for the change has been suspended, or lost a role, meanwhile.
    #[error("the operator, or the system that acts for one, is suspended or has lost a role")]
    NoOperator,
    /// The entry is not the one that was seen.
    #[error("{0} has changed since it was read: its etag is {1} now")]
    Stale(String, String),
    /// The entry is not in a state from which this can be done.
    #[error("{name} is {state}, so it cannot be {done}: only {}", one_of(.legal))]
    Transition {
        /// The entry.
        name: String,
        /// Where it stands.
        state: State,
        /// What was to be done.
        done: &'static str,
        /// The states in which it could be.
        legal: &'static [State],
    },
    /// Storage failed.
    #[error("registry cannot be stored")]
    Store(#[from] store::Error),
}

fn told(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("; ")
}

fn one_of(states: &[State]) -> String {
    let names: Vec<&str> = states.iter().map(|state| state.name()).collect();
    names.join(", ")
}
