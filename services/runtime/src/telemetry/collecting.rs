//! Where finished spans go: into a bounded queue for each who collects them, and never back.
//!
//! A call leaves its spans and goes on; it waits for nobody. What finds its queue full is dropped
//! and counted, so that a collector that is slow, away or wrong costs spans and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::trace::{Status, TracerProvider as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, Span, SpanData, SpanProcessor};
use tokio::sync::{Notify, mpsc};

use super::resource::Process;
use super::span::Spans;

/// What collects the spans of this process; nobody, by default.
#[derive(Clone, Debug, Default)]
pub struct Collecting(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    process: Process,
    /// The share, as the bits of an `f64`.
    ratio: AtomicU64,
    queues: Vec<Queue>,
}

/// A finished span, and which role made it.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The role, as a resource.
    pub role: Arc<Resource>,
    /// The span.
    pub span: SpanData,
}

/// The end of a queue at which spans are put in.
#[derive(Clone, Debug)]
pub struct Queue {
    name: &'static str,
    sender: mpsc::Sender<Finished>,
    many: Arc<Notify>,
    counts: Arc<Counts>,
}

/// The end of a queue at which spans are taken out.
#[derive(Debug)]
pub struct Feed {
    receiver: mpsc::Receiver<Finished>,
    many: Arc<Notify>,
    counts: Arc<Counts>,
}

/// What became of the spans of one queue.
#[derive(Debug, Default)]
pub struct Counts {
    offered: AtomicU64,
    delivered: AtomicU64,
    dropped: AtomicU64,
}

/// The same as numbers. What is in none of the last two still waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Spans that were made and should be kept.
    pub offered: u64,
    /// Spans that have arrived.
    pub delivered: u64,
    /// Spans that are lost: the queue was full, or whoever collects did not take them.
    pub dropped: u64,
}

impl Collecting {
    /// Spans go into these queues. Of calls that went well so large a share is kept; of those that
    /// were refused, failed or took a second, every span that says so.
    #[must_use]
    pub fn into(queues: Vec<Queue>, ratio: f64, process: Process) -> Self {
        if queues.is_empty() {
            return Self::default();
        }
        Self(Some(Arc::new(Inner {
            process,
            ratio: AtomicU64::new(ratio.to_bits()),
            queues,
        })))
    }

    /// Another share is kept from now on.
    pub fn keep_share(&self, ratio: f64) {
        if let Some(inner) = &self.0 {
            inner.ratio.store(ratio.to_bits(), Ordering::Relaxed);
        }
    }

    /// Where the spans of one role begin.
    #[must_use]
    pub fn role(&self, name: &str) -> Spans {
        let Some(inner) = &self.0 else {
            return Spans::default();
        };
        let resource = inner.process.role(name);
        let processor = Sorting {
            role: Arc::new(resource),
            inner: Arc::clone(inner),
        };
        let provider = SdkTracerProvider::builder()
            // Whether a call is kept is known at its end, and never up to its caller.
            .with_sampler(Sampler::AlwaysOn)
            .with_span_processor(processor)
            .build();
        Spans::of(provider.tracer("varco"))
    }

    /// What became of the spans, by the name of the queue.
    #[must_use]
    pub fn counts(&self) -> Vec<(&'static str, Count)> {
        let queues = self.0.iter().flat_map(|inner| &inner.queues);
        queues.map(|it| (it.name, it.counts.read())).collect()
    }
}

/// A queue of so many spans at most.
#[must_use]
pub fn queue(name: &'static str, places: usize) -> (Queue, Feed) {
    let (sender, receiver) = mpsc::channel(places);
    let (many, counts) = (Arc::new(Notify::new()), Arc::new(Counts::default()));
    let queue = Queue {
        name,
        sender,
        many: Arc::clone(&many),
        counts: Arc::clone(&counts),
    };
    let feed = Feed {
        receiver,
        many,
        counts,
    };
    (queue, feed)
}

impl Queue {
    /// Puts a span in, or drops it.
    pub fn offer(&self, span: Finished) {
        self.counts.offered.fetch_add(1, Ordering::Relaxed);
        if self.sender.try_send(span).is_err() {
            self.counts.lose(1);
        } else if self.sender.max_capacity() - self.sender.capacity() == MANY {
            self.many.notify_one();
        }
    }
}

impl Feed {
    /// Takes what is there, so many spans at most.
    #[must_use]
    pub fn take(&mut self, most: usize) -> Vec<Finished> {
        let mut taken = Vec::new();
        while taken.len() < most
            && let Ok(span) = self.receiver.try_recv()
        {
            taken.push(span);
        }
        taken
    }

    /// Waits until so many spans are there that they had better be taken out.
    pub async fn many(&self) {
        self.many.notified().await;
    }

    /// What became of its spans; whoever takes them out notes it there.
    #[must_use]
    pub fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }
}

impl Counts {
    /// Notes spans that have come from elsewhere.
    pub fn gain(&self, spans: u64) {
        self.offered.fetch_add(spans, Ordering::Relaxed);
    }

    /// Notes spans that have arrived.
    pub fn deliver(&self, spans: u64) {
        self.delivered.fetch_add(spans, Ordering::Relaxed);
    }

    /// Notes spans that are lost.
    pub fn lose(&self, spans: u64) {
        self.dropped.fetch_add(spans, Ordering::Relaxed);
    }

    /// The numbers of now.
    #[must_use]
    pub fn read(&self) -> Count {
        Count {
            offered: self.offered.load(Ordering::Relaxed),
            delivered: self.delivered.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }
}

/// Puts the finished spans of one role into every queue.
#[derive(Debug)]
struct Sorting {
    role: Arc<Resource>,
    inner: Arc<Inner>,
}

impl SpanProcessor for Sorting {
    fn on_start(&self, _: &mut Span, _: &opentelemetry::Context) {}

    fn on_end(&self, span: SpanData) {
        let ratio = f64::from_bits(self.inner.ratio.load(Ordering::Relaxed));
        if !keeps(ratio, &span) {
            return;
        }
        let Some((last, others)) = self.inner.queues.split_last() else {
            return;
        };
        let finished = Finished {
            role: Arc::clone(&self.role),
            span,
        };
        for queue in others {
            queue.offer(finished.clone());
        }
        last.offer(finished);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Whether a span is kept: by its trace, so that the spans of a call are kept or not together, and
/// always when it failed or took long.
fn keeps(ratio: f64, span: &SpanData) -> bool {
    let lasted = span.end_time.duration_since(span.start_time);
    let is_slow = lasted.is_ok_and(|lasted| lasted >= SLOW);
    if ratio >= 1.0 || is_slow || matches!(span.status, Status::Error { .. }) {
        return true;
    }
    let [.., a, b, c, d] = span.span_context.trace_id().to_bytes();
    f64::from(u32::from_be_bytes([a, b, c, d])) < ratio * (f64::from(u32::MAX) + 1.0)
}

/// Spans that wait in a queue when whoever takes them out is told, before his time; about a megabyte.
const MANY: usize = 512;
/// A unary call that takes so long is worth a look, and so is each statement in it.
const SLOW: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::span::{Before, Server};
    use tonic::Code;

    fn server() -> Server {
        Server::at("https://localhost:7443")
    }

    #[test]
    fn full_queue_drops_and_counts() {
        let (queue, mut feed) = queue("test", 2);
        let collecting = Collecting::into(vec![queue], 1.0, Process::default());
        let spans = collecting.role("gateway");

        for _ in 0..5 {
            spans.server(Before::Nothing, &server()).end(Code::Ok);
        }

        let count = feed.counts().read();
        assert_eq!((count.offered, count.dropped), (5, 3));
        assert_eq!(feed.take(10).len(), 2);
    }

    #[tokio::test]
    async fn many_spans_are_told_of_and_few_are_not() {
        use futures_util::FutureExt as _;
        let (queue, feed) = queue("test", 2 * MANY);
        let collecting = Collecting::into(vec![queue], 1.0, Process::default());
        let spans = collecting.role("gateway");
        let end = |count: usize| {
            (0..count).for_each(|_| spans.server(Before::Nothing, &server()).end(Code::Ok));
        };

        end(MANY - 1);
        assert!(feed.many().now_or_never().is_none());

        end(1);
        assert!(feed.many().now_or_never().is_some());
    }

    #[test]
    fn failed_call_is_kept_whatever_share_is() {
        let (queue, mut feed) = queue("test", 100);
        let collecting = Collecting::into(vec![queue], 0.0, Process::default());
        let spans = collecting.role("gateway");

        for code in [Code::Ok, Code::PermissionDenied, Code::Ok] {
            spans.server(Before::Nothing, &server()).end(code);
        }

        assert_eq!(feed.take(10).len(), 1);
    }

    #[test]
    fn another_share_counts_at_once() {
        let (queue, mut feed) = queue("test", 4);
        let collecting = Collecting::into(vec![queue], 1.0, Process::default());
        let spans = collecting.role("gateway");

        collecting.keep_share(0.0);
        spans.server(Before::Nothing, &server()).end(Code::Ok);

        assert_eq!(feed.take(10).len(), 0);
    }

    #[test]
    fn slow_call_is_kept_whatever_share_is() {
        let (queue, mut feed) = queue("test", 1);
        let collecting = Collecting::into(vec![queue], 1.0, Process::default());
        let spans = collecting.role("gateway");
        spans.server(Before::Nothing, &server()).end(Code::Ok);
        let Finished { span, .. } = feed.take(1).remove(0);
        let lasting = |lasted: Duration| SpanData {
            end_time: span.start_time + lasted,
            ..span.clone()
        };

        assert!(keeps(0.0, &lasting(SLOW)));
        assert!(!keeps(0.0, &lasting(SLOW / 2)));
    }

    #[test]
    fn share_of_calls_is_about_what_is_asked() {
        let (queue, mut feed) = queue("test", 4000);
        let collecting = Collecting::into(vec![queue], 0.5, Process::default());
        let spans = collecting.role("gateway");

        for _ in 0..4000 {
            spans.server(Before::Nothing, &server()).end(Code::Ok);
        }

        let kept = feed.take(4000).len();
        assert!((1700..2300).contains(&kept), "{kept} of 4000");
    }

    #[test]
    fn nothing_is_made_where_nobody_collects() {
        let spans = Collecting::default().role("gateway");

        let span = spans.server(Before::Nothing, &server());

        assert!(!span.is_collected());
        assert_eq!(span.context(), None);
    }
}
