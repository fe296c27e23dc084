//! Sends spans to a collector by OTLP over gRPC, beside the calls that made them.
//!
//! It looks once a second whether there are spans, so that no call wakes anybody. A batch that the
//! collector may take later is tried again, with growing rests; meanwhile the queue fills and what
//! finds no place is dropped. Nothing that a collector answers is believed further than it can
//! harm: it counts.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic::transport::Channel;

use super::batch;
use super::collecting::{Counts, Feed};
use crate::{client, tls};

/// Sends to one collector.
#[derive(Debug)]
pub struct Exporter {
    /// Its name in the log.
    pub name: &'static str,
    /// The way to it.
    pub way: Way,
}

/// The way to a collector.
#[derive(Debug)]
pub enum Way {
    /// One channel for good.
    Fixed(Channel),
    /// A channel with a certificate that is renewed now and then.
    Renewed(Renewed),
}

/// A channel that is opened anew when its certificate was renewed.
#[derive(Debug)]
pub struct Renewed {
    /// The collector's address.
    pub address: String,
    /// The certificate.
    pub identity: tls::Identity,
    /// PEM of the authority that the collector's certificate must be of.
    pub ca: PathBuf,
    /// The channel, and the certificate that it presents.
    pub held: Mutex<Option<([u8; 32], Channel)>>,
}

impl Exporter {
    /// Sends what comes until the process stops, and then what is left, for five seconds at most.
    pub async fn run(self, mut feed: Feed, stop: CancellationToken) {
        let sending = async {
            let mut troubled = false;
            while !stop.is_cancelled() {
                self.send_all(&mut feed, &mut troubled).await;
                tokio::select! {
                    () = tokio::time::sleep(LOOK) => {}
                    () = stop.cancelled() => {}
                }
            }
            self.send_all(&mut feed, &mut troubled).await;
        };
        let patience = async {
            stop.cancelled().await;
            tokio::time::sleep(LAST).await;
        };
        tokio::select! {
            () = sending => {}
            () = patience => {}
        }
        loop {
            let left = feed.take(BATCH).len();
            if left == 0 {
                return;
            }
            feed.counts().lose(length(left));
        }
    }

    async fn send_all(&self, feed: &mut Feed, troubled: &mut bool) {
        loop {
            let spans = feed.take(BATCH);
            if spans.is_empty() {
                return;
            }
            let mut pending = Pending {
                counts: Arc::clone(feed.counts()),
                spans: length(spans.len()),
            };
            let request = batch::request(spans);
            let outcome = self.send(&request).await;
            if outcome.is_err() != *troubled {
                *troubled = outcome.is_err();
                self.tell(&outcome);
            }
            pending.settle(outcome.unwrap_or(0));
        }
    }

    /// Sends one batch, and gives how many spans of it the collector took.
    async fn send(&self, request: &ExportTraceServiceRequest) -> Result<u64, Code> {
        let mut rests = RESTS.iter();
        loop {
            match self.attempt(request).await {
                ControlFlow::Break(outcome) => return outcome,
                ControlFlow::Continue(code) => match rests.next() {
                    Some(rest) => tokio::time::sleep(*rest).await,
                    None => return Err(code),
                },
            }
        }
    }

    async fn attempt(
        &self,
        request: &ExportTraceServiceRequest,
    ) -> ControlFlow<Result<u64, Code>, Code> {
        let sent = batch::count(&request.resource_spans);
        let Some(channel) = self.way.channel() else {
            return ControlFlow::Continue(Code::Unavailable);
        };
        let mut client = TraceServiceClient::new(channel);
        let asked = tokio::time::timeout(PATIENCE, client.export(request.clone())).await;
        match asked {
            Ok(Ok(answer)) => {
                let partial = answer.into_inner().partial_success;
                let rejected = partial.map_or(0, |it| it.rejected_spans);
                // It may say anything: no more than it was sent, and no less than none.
                let rejected = u64::try_from(rejected).unwrap_or(0).min(sent);
                ControlFlow::Break(Ok(sent - rejected))
            }
            Ok(Err(status)) if may_pass(status.code()) => ControlFlow::Continue(status.code()),
            Ok(Err(status)) => ControlFlow::Break(Err(status.code())),
            Err(_) => ControlFlow::Continue(Code::DeadlineExceeded),
        }
    }

    fn tell(&self, outcome: &Result<u64, Code>) {
        let collector = self.name;
        match outcome {
            Ok(_) => tracing::info!(collector, "spans are taken again"),
            Err(code) => tracing::warn!(collector, ?code, "spans are not taken and get lost"),
        }
    }
}

impl Way {
    fn channel(&self) -> Option<Channel> {
        match self {
            Self::Fixed(channel) => Some(channel.clone()),
            Self::Renewed(renewed) => renewed.channel(),
        }
    }
}

impl Renewed {
    fn channel(&self) -> Option<Channel> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let presents = self.identity.thumbprint();
        if let Some((known, channel)) = &*held
            && *known == presents
        {
            return Some(channel.clone());
        }
        let opened = client::channel_of(&self.address, &self.identity, &self.ca).ok()?;
        *held = Some((presents, opened.clone()));
        Some(opened)
    }
}

/// A batch of which nobody knows yet what becomes of it; dropped so, it is lost.
struct Pending {
    counts: Arc<Counts>,
    spans: u64,
}

impl Pending {
    fn settle(&mut self, taken: u64) {
        let spans = std::mem::take(&mut self.spans);
        self.counts.deliver(taken);
        self.counts.lose(spans.saturating_sub(taken));
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.counts.lose(self.spans);
    }
}

/// Whether the collector may take the same batch later (OTLP 1.11, "Failures").
fn may_pass(code: Code) -> bool {
    matches!(
        code,
        Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss
    )
}

fn length(spans: usize) -> u64 {
    u64::try_from(spans).unwrap_or(u64::MAX)
}

/// Spans sent at once.
const BATCH: usize = 512;
/// Longest wait for what is left when the process stops.
const LAST: Duration = Duration::from_secs(5);
/// How often it looks whether there are spans.
const LOOK: Duration = Duration::from_secs(1);
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Rests between attempts.
const RESTS: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(4),
    Duration::from_secs(15),
];
