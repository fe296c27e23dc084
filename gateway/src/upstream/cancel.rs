//! How a call that its client gave up is cancelled at the service, without harm to others.
//!
//! Servers end a whole connection, with everybody's calls, when too many streams on it are reset
//! before they were taken up (CVE-2023-44487; 20 for hyper and tonic). So a young call is reset
//! only when it is old enough to have been taken up, and a client that gives up more calls than
//! its budget has the rest of them run to their end, or until it may give one more up: they keep their
//! places among its open calls, so that it runs out of those instead, and their answers are read no faster
//! than small ones need. The service hears nothing more of the caller meanwhile.

use std::num::NonZeroU32;
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use governor::{DefaultKeyedRateLimiter, Quota};
use http::{Extensions, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use uuid::Uuid;
use varco_runtime::tasks::Tasks;

use super::failure::Failure;
use super::pool::Place;
use super::target::SILENCE;
use crate::forward::outgoing::Attempted;

/// How many calls each client may give up.
pub struct Cancels {
    budget: DefaultKeyedRateLimiter<Uuid>,
    tasks: Tasks,
}

/// What becomes of a call that was given up.
///
/// Old enough is not taken up where a service stands still, so a connection has its measure too
/// ([`resets`](super::resets)). What runs because that is full is not reset at its end either,
/// but when an answer begins on the connection or the call is [`SILENCE`] old: by then the
/// keep-alive has shown that the service reads, or has ended the connection. So long at most it
/// keeps its places, beyond its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is reset when it has lasted for so long in all.
    Reset(Duration),
    /// It runs to its end, which nobody sees; one whose answer has begun, until its client may give one
    /// more up.
    Runs,
}

/// What ends with a call, and what is needed when it is given up.
pub struct Held {
    /// The place on a connection.
    pub place: Place,
    /// The client.
    pub client: Uuid,
    /// Other things that end with the call, such as its place among the client's open calls.
    pub others: Arc<Extensions>,
    /// Ends the stream of the request, where there is one.
    pub attempted: Option<Attempted>,
    /// When the call ends whatever happens.
    pub end: Instant,
}

impl Cancels {
    /// Budgets of ten a second for each client; given up calls are seen to their end in `tasks`.
    #[must_use]
    pub fn new(tasks: Tasks) -> Arc<Self> {
        let budget = Quota::per_second(NonZeroU32::new(EACH_SECOND).unwrap_or(NonZeroU32::MIN));
        let cancels = Arc::new(Self {
            budget: DefaultKeyedRateLimiter::keyed(budget),
            tasks,
        });
        let small = keep_small(Arc::downgrade(&cancels));
        cancels.tasks.spawn_until_stop(small);
        cancels
    }

    /// An answer on its way, which may be given up.
    pub fn watch<F>(self: &Arc<Self>, answer: F, held: Held) -> Awaited
    where
        F: Future<Output = Result<Response<Incoming>, Failure>> + Send + 'static,
    {
        Awaited {
            answer: Some(Box::pin(answer)),
            watch: Some(Watch {
                cancels: Arc::clone(self),
                sent: Instant::now(),
                held,
            }),
        }
    }
}

struct Watch {
    cancels: Arc<Cancels>,
    sent: Instant,
    held: Held,
}

/// An answer that has not begun.
pub struct Awaited {
    answer: Option<Pin<Box<dyn Future<Output = Answered> + Send>>>,
    watch: Option<Watch>,
}

/// Body of an answer that has begun.
struct Begun {
    body: Option<Incoming>,
    watch: Option<Watch>,
}

type Answered = Result<Response<Incoming>, Failure>;

impl Watch {
    /// What becomes of the call when it is given up now; `begun` when its answer has begun.
    fn fate(&self, begun: bool) -> Fate {
        let client = self.held.client;
        if self.cancels.budget.check_key(&client).is_err() {
            Fate::Runs
        } else if begun {
            Fate::Reset(Duration::ZERO)
        } else if self.is_read() || self.held.place.resets().take() {
            Fate::Reset(TAKEN_UP)
        } else {
            Fate::Runs
        }
    }

    /// Whether the service has surely read the call, answered or not.
    fn is_read(&self) -> bool {
        self.sent.elapsed() >= SILENCE
    }

    /// Waits until a reset harms nobody.
    async fn harmless(&self) {
        let read = self.sent + SILENCE;
        let _ = tokio::time::timeout_at(read.into(), self.held.place.resets().wait()).await;
    }

    /// Waits until the client may give one more call up; for ever where the answer has not begun, for the
    /// service may not have read the call.
    async fn turn(&self, begun: bool) {
        if !begun {
            std::future::pending::<()>().await;
        }
        while self.cancels.budget.check_key(&self.held.client).is_err() {
            tokio::time::sleep(TURN).await;
        }
    }

    /// Sees a call to its end that has been given up; `rest` is what remains of it.
    fn let_go(self, begun: bool, rest: impl Future<Output = ()> + Send + 'static) {
        let fate = self.fate(begun);
        let end = match fate {
            Fate::Reset(age) if self.sent.elapsed() >= age => return,
            Fate::Reset(age) => self.sent + age,
            Fate::Runs => self.held.end.min(Instant::now() + LONGEST),
        };
        // What the caller still sends is of a call that is over.
        if let Some(attempted) = &self.held.attempted {
            attempted.silence();
        }
        let tasks = self.cancels.tasks.clone();
        tasks.spawn_until_stop(async move {
            let watch = self;
            let mut rest = pin!(rest);
            let ended = tokio::select! {
                ended = tokio::time::timeout_at(end.into(), rest.as_mut()) => ended,
                () = watch.turn(begun) => return,
            };
            if ended.is_err() && fate == Fate::Runs && !begun {
                tokio::select! {
                    () = rest => {}
                    () = watch.harmless() => {}
                }
            }
        });
    }
}

impl Future for Awaited {
    type Output = Result<Response<Body>, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(answer) = self.answer.as_mut() else {
            return Poll::Pending;
        };
        let answered = ready!(answer.as_mut().poll(cx));
        self.answer = None;
        let watch = self.watch.take();
        Poll::Ready(answered.map(|response| {
            response.map(|body| {
                Body::new(Begun {
                    body: Some(body),
                    watch,
                })
            })
        }))
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        if let (Some(answer), Some(watch)) = (self.answer.take(), self.watch.take()) {
            watch.let_go(false, async move {
                if let Ok(response) = answer.await {
                    drain(response.into_body()).await;
                }
            });
        }
    }
}

impl HttpBody for Begun {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = self.body.as_mut() else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            // It has ended by itself: there is nothing left to give up.
            self.body = None;
            self.watch = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let (Some(body), Some(watch)) = (self.body.take(), self.watch.take())
            && !body.is_end_stream()
        {
            watch.let_go(true, drain(body));
        }
    }
}

/// Forgets, once a minute, clients that have given nothing up for a while.
async fn keep_small(cancels: Weak<Cancels>) {
    loop {
        tokio::time::sleep(Duration::from_mins(1)).await;
        let Some(held) = cancels.upgrade() else {
            return;
        };
        held.budget.retain_recent();
    }
}

/// Reads what is left of an answer that nobody wants: a small one soon ends by itself; of a large one the
/// service sends little, and others use what it would have taken.
async fn drain(mut body: Incoming) {
    while let Some(Ok(_)) = body.frame().await {
        tokio::time::sleep(PACE).await;
    }
}

/// Calls that a client may give up each second, and at once.
const EACH_SECOND: u32 = 10;
/// The longest that a call runs on which was given up.
const LONGEST: Duration = Duration::from_secs(30);
/// Between two pieces of an answer that nobody wants, of 16 KiB each most often.
const PACE: Duration = Duration::from_millis(10);
/// After so long a service that does not stand still has taken a call up.
const TAKEN_UP: Duration = Duration::from_millis(100);
/// How often it is looked whether an answer that nobody wants may be reset.
const TURN: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;

impl std::fmt::Debug for Cancels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cancels")
    }
}
