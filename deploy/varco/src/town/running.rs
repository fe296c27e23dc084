//! Servers that run, and how they end.

use std::time::Duration;

use varco_runtime::server::answers::Answers;
use varco_runtime::server::{self, Limits, Listener};
use varco_runtime::tasks::Tasks;

/// A bound socket and what answers on it.
pub struct Socket {
    /// The socket.
    pub listener: Listener,
    /// What answers.
    pub answers: Answers,
    /// What it allows, but for the drain.
    pub limits: Limits,
}

/// Servers that drain together.
#[derive(Debug)]
pub struct Servers {
    tasks: Tasks,
    drain: Duration,
}

impl Servers {
    /// Knows no server yet; each may drain for `drain`.
    #[must_use]
    pub fn new(drain: Duration) -> Self {
        Self {
            tasks: Tasks::default(),
            drain,
        }
    }

    /// Starts to serve.
    pub fn serve(&self, sockets: Vec<Socket>) {
        for socket in sockets {
            let limits = Limits {
                drain: self.drain,
                ..socket.limits
            };
            self.tasks.spawn(server::serve(
                socket.listener,
                socket.answers,
                limits,
                self.tasks.stopping(),
            ));
        }
    }

    /// Takes no more calls and waits for the open ones.
    pub async fn drain(&self) {
        // A server ends its own connections at the limit; the rest is a margin for that.
        self.tasks.drain(self.drain + Duration::from_secs(1)).await;
    }
}
