//! The signals that end the program: Ctrl-C and what a service manager sends.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// Hears the signals that mean "stop".
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Begins to listen; from now on the signals no longer end the process by themselves.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn listen() -> Result<Self, Failure> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self {
            interrupt,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Stops in good order, or at once when a second signal comes.
    pub async fn stop_or_abandon(mut self, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = stop => {}
            () = self.next() => std::process::exit(ABANDONED),
        }
    }
}

/// What a shell reports for a program that Ctrl-C ended.
const ABANDONED: i32 = 130;
