//! A connection that is kept, and a fixed number of calls on it.
//!
//! Whoever counts what a call costs, and not how many there are in a second, wants neither the
//! handshake nor the end of a load among them.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use varco_runtime::tasks::Tasks;

use super::load::{Caller, Sender};

/// An open connection of a caller.
#[derive(Debug)]
pub struct Line {
    caller: Caller,
    sender: Sender,
    tasks: Tasks,
}

impl Line {
    /// Connects to a server under a name of its certificate.
    pub async fn open(caller: &Caller, at: SocketAddr, name: &str) -> Self {
        let tasks = Tasks::default();
        Self {
            caller: caller.clone(),
            sender: caller.connect(at, name, &tasks).await,
            tasks,
        }
    }

    /// Calls so often, by so many callers who wait for their answers; each makes as many calls.
    pub async fn calls(&self, count: usize, callers: usize) {
        let mut running = JoinSet::new();
        for _ in 0..callers {
            let (caller, sender) = (self.caller.clone(), self.sender.clone());
            running.spawn(async move {
                for _ in 0..count / callers {
                    caller.call(sender.clone()).await.unwrap();
                }
            });
        }
        running.join_all().await;
    }

    /// Calls until so many were answered, one after the other.
    ///
    /// A gateway under valgrind is so slow at first that it may refuse a call, because its database
    /// did not answer in time.
    pub async fn warm(&self, count: usize) {
        let mut refused = 0;
        for _ in 0..count {
            while let Err(refusal) = self.caller.call(self.sender.clone()).await {
                refused += 1;
                assert!(refused < MOST_REFUSED, "{refusal}");
            }
        }
    }

    /// Closes it.
    pub async fn close(self) {
        drop(self.sender);
        self.tasks.drain(Duration::from_secs(2)).await;
    }
}

const MOST_REFUSED: usize = 100;
