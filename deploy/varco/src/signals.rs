//! The signals that a program gets: Ctrl-C and what a service manager sends.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// Hears the signals that mean "stop", and, where that was asked for, the one that means "read your
/// configuration again".
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To read the configuration again.
    Reload,
    /// To stop.
    Stop,
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
            hangup: None,
        })
    }

    /// Listens to SIGHUP too, which ends a process that has lost its terminal otherwise.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn or_reload(self) -> Result<Self, Failure> {
        let hangup = Some(signal(SignalKind::hangup())?);
        Ok(Self { hangup, ..self })
    }

    /// Waits for the next signal.
    pub async fn asked(&mut self) -> Asked {
        let hangup = self.hangup.as_mut();
        let reload = async {
            match hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.terminate.recv() => Asked::Stop,
            _ = reload => Asked::Reload,
        }
    }

    /// Waits for the next signal to stop.
    pub async fn next(&mut self) {
        while self.asked().await != Asked::Stop {}
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
