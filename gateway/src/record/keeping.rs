//! An answer that was held whole, on its way to the caller: it keeps its share of the budget and its
//! place among the open calls until the caller has taken it.
//!
//! hyper takes a piece from a body as soon as the caller has room for one byte, and keeps the rest of
//! the piece outside of any budget; so pieces are small. A caller that takes nothing for long loses
//! what is left.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{Extensions, HeaderMap};
use http_body::{Body as HttpBody, Frame};
use tokio::sync::oneshot;
use varco_runtime::tasks::Tasks;

use super::budget::Share;

/// A held answer.
#[derive(Debug)]
pub struct Kept {
    /// What is left of its message.
    pub data: Bytes,
    /// Its trailers; none once they were taken, or where there are none.
    pub trailers: Option<HeaderMap>,
    /// The message's share of the budget.
    pub share: Share,
    /// What the layers left in the answer, such as the place among the open calls.
    pub places: Extensions,
}

/// Bytes released at once.
pub const PIECE: usize = 16 * 1024;

impl Kept {
    /// The answer as a body; in `tasks` it is watched whether the caller takes it.
    pub fn into_body(self, tasks: &Tasks) -> Body {
        if self.is_empty() {
            return Body::empty();
        }
        let left = self.data.len();
        let kept = Arc::new(Mutex::new(Some(self)));
        let (taken, ended) = oneshot::channel();
        if left > PIECE {
            tasks.spawn_until_stop(watch(Arc::downgrade(&kept), STALLED, left, ended));
        }
        Body::new(Leaving {
            kept,
            _taken: taken,
        })
    }

    fn is_empty(&self) -> bool {
        self.data.is_empty() && self.trailers.is_none()
    }

    fn next(&mut self) -> Option<Frame<Bytes>> {
        if self.data.is_empty() {
            return self.trailers.take().map(Frame::trailers);
        }
        let piece = self.data.split_to(self.data.len().min(PIECE));
        Some(Frame::data(piece))
    }
}

/// The caller took nothing for too long.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the caller does not read")]
struct Stalled;

/// A held answer that leaves.
struct Leaving {
    kept: Arc<Mutex<Option<Kept>>>,
    /// Dropped with the body.
    _taken: oneshot::Sender<()>,
}

impl HttpBody for Leaving {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(match locked(&self.kept).as_mut() {
            Some(kept) => kept.next().map(Ok),
            None => Some(Err(Stalled.into())),
        })
    }

    fn is_end_stream(&self) -> bool {
        locked(&self.kept).as_ref().is_some_and(Kept::is_empty)
    }
}

/// Drops an answer of which nothing was taken from one look to the next.
async fn watch(
    kept: Weak<Mutex<Option<Kept>>>,
    patience: Duration,
    mut left: usize,
    mut ended: oneshot::Receiver<()>,
) {
    while tokio::time::timeout(patience, &mut ended).await.is_err() {
        let Some(kept) = kept.upgrade() else {
            return;
        };
        let mut kept = locked(&kept);
        match kept.as_ref() {
            Some(it) if it.data.len() < left => left = it.data.len(),
            _ => {
                *kept = None;
                return;
            }
        }
    }
}

fn locked(kept: &Mutex<Option<Kept>>) -> MutexGuard<'_, Option<Kept>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long a caller may leave what was released to it unread.
pub const STALLED: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::budget::Budget;
    use http_body_util::BodyExt as _;

    fn answer(budget: &Arc<Budget>, bytes: usize) -> Kept {
        let mut share = budget.share();
        assert!(share.take(bytes));
        Kept {
            data: Bytes::from(vec![7; bytes]),
            trailers: Some(HeaderMap::new()),
            share,
            places: Extensions::new(),
        }
    }

    #[tokio::test]
    async fn share_is_kept_until_the_last_piece_was_taken() {
        let budget = Budget::new(2 * PIECE + 1);
        let mut body = answer(&budget, 2 * PIECE + 1).into_body(&Tasks::default());

        for length in [PIECE, PIECE, 1] {
            assert!(!budget.share().take(1));
            let frame = body.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap().len(), length);
        }
        assert!(!body.is_end_stream());
        assert!(body.frame().await.unwrap().unwrap().is_trailers());
        assert!(body.is_end_stream());
        drop(body);
        assert!(budget.share().take(2 * PIECE + 1));
    }

    #[tokio::test]
    async fn caller_that_takes_nothing_loses_the_rest_and_holds_no_share() {
        let budget = Budget::new(3 * PIECE);
        let kept = Arc::new(Mutex::new(Some(answer(&budget, 3 * PIECE))));
        let (taken, ended) = oneshot::channel();
        let mut body = Leaving {
            kept: Arc::clone(&kept),
            _taken: taken,
        };

        let _ = body.frame().await.unwrap().unwrap();
        watch(Arc::downgrade(&kept), Duration::ZERO, 3 * PIECE, ended).await;

        assert!(budget.share().take(3 * PIECE));
        assert!(body.frame().await.unwrap().is_err());
    }

    #[tokio::test]
    async fn nobody_watches_an_answer_that_has_left() {
        let budget = Budget::new(1);
        let kept = Arc::new(Mutex::new(Some(answer(&budget, 1))));
        let (taken, ended) = oneshot::channel();

        drop(taken);
        watch(Arc::downgrade(&kept), Duration::MAX, 1, ended).await;

        assert!(locked(&kept).is_some());
    }
}
