//! The points at which a test may have the process die, and what a test may spoil.
//!
//! This is the whole list; the code says `points::pass` where each one stands. They live only in a
//! build for development with the feature `failpoints`, which the tests ask for and the product does
//! not: everywhere else `pass` is empty and `is_spoiled` is false, whatever the environment says.

#[cfg(all(feature = "failpoints", debug_assertions))]
mod armed;
#[cfg(all(feature = "failpoints", debug_assertions))]
pub(crate) use armed::{is_spoiled, pass};

/// A point of the way from a request to its answer, in the order in which a call comes by; and then
/// those of what the register does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// A call was read, and nothing is decided.
    CallBegun,
    /// An INTENT is about to be handed over.
    IntentBefore,
    /// The INTENT is durable.
    IntentAfter,
    /// The service is about to be asked.
    ForwardBefore,
    /// The service has begun to answer.
    ForwardAfter,
    /// A record is about to join the queue.
    QueueBefore,
    /// A record is in the queue.
    QueueAfter,
    /// The writer has taken a group out of the queue.
    GroupTaken,
    /// Details are about to be sealed.
    SealBefore,
    /// Details are sealed.
    SealAfter,
    /// The bytes of a group are fixed.
    LeavesMade,
    /// The tree has grown, and its head is about to be signed.
    SignBefore,
    /// The head is signed.
    SignAfter,
    /// The group and its head are about to be committed.
    CommitBefore,
    /// They are durable.
    CommitAfter,
    /// The tail and its index are about to learn of them.
    TailBefore,
    /// The tail knows them.
    TailAfter,
    /// Receipts are about to leave the writer.
    ReceiptsBefore,
    /// Receipts have left the writer.
    ReceiptsAfter,
    /// Receipts were given to all who wait.
    ReceiptsGiven,
    /// A call has its receipt.
    ReceiptTaken,
    /// A unary answer is held whole, and its OUTCOME is not written.
    AnswerHeld,
    /// A unary answer is about to leave.
    ReleaseBefore,
    /// PROGRESS of a stream is about to be handed over.
    ProgressBefore,
    /// PROGRESS is durable.
    ProgressAfter,
    /// A piece of a stream is about to leave.
    PieceBefore,
    /// A piece has left.
    PieceAfter,
    /// A stream has ended, and its OUTCOME is not written.
    OutcomeBefore,
    /// The trailers of a stream are about to leave.
    TrailersBefore,
    /// The trailers have left.
    TrailersAfter,
    /// The record of a refusal is about to be handed over.
    RefusalBefore,
    /// The record of a refusal is durable.
    RefusalAfter,
    /// The mark is about to be set.
    MarkBefore,
    /// The mark is set.
    MarkAfter,
    /// A key for details is made, and stands nowhere.
    KeyBefore,
    /// It is durable, and nothing is sealed with it.
    KeyStored,
    /// The year is over, and its log is not closed.
    YearBefore,
    /// The last record of its log is durable.
    YearClosed,
    /// The next year's log is begun, and holds nothing.
    YearBegun,
    /// The first record of the next year's log is durable, and no other.
    YearLinked,
    /// A full segment of the index is about to be written.
    SegmentBefore,
    /// Its tiles are written, and nothing is committed.
    SegmentHalf,
    /// It is durable, and memory still holds it.
    SegmentAfter,
}

/// Every point that calls come by.
pub const ALL: [Point; 34] = [
    Point::CallBegun,
    Point::IntentBefore,
    Point::IntentAfter,
    Point::ForwardBefore,
    Point::ForwardAfter,
    Point::QueueBefore,
    Point::QueueAfter,
    Point::GroupTaken,
    Point::SealBefore,
    Point::SealAfter,
    Point::LeavesMade,
    Point::SignBefore,
    Point::SignAfter,
    Point::CommitBefore,
    Point::CommitAfter,
    Point::TailBefore,
    Point::TailAfter,
    Point::ReceiptsBefore,
    Point::ReceiptsAfter,
    Point::ReceiptsGiven,
    Point::ReceiptTaken,
    Point::AnswerHeld,
    Point::ReleaseBefore,
    Point::ProgressBefore,
    Point::ProgressAfter,
    Point::PieceBefore,
    Point::PieceAfter,
    Point::OutcomeBefore,
    Point::TrailersBefore,
    Point::TrailersAfter,
    Point::RefusalBefore,
    Point::RefusalAfter,
    Point::MarkBefore,
    Point::MarkAfter,
];

/// Every point that only the register comes by, when a key, a year or a segment is used up.
pub const OWN: [Point; 9] = [
    Point::KeyBefore,
    Point::KeyStored,
    Point::YearBefore,
    Point::YearClosed,
    Point::YearBegun,
    Point::YearLinked,
    Point::SegmentBefore,
    Point::SegmentHalf,
    Point::SegmentAfter,
];

/// A fault that a test asks for, to see that it would be noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoiled {
    /// Answers leave before their records are durable.
    DataFirst,
    /// The database of the log does not flush.
    Unflushed,
    /// Heads are signed over the tree as it was before their records.
    Unpushed,
}

/// Goes on; where a test has armed this point, the process dies at once, as by kill -9.
#[cfg(not(all(feature = "failpoints", debug_assertions)))]
#[inline]
pub(crate) fn pass(_: Point) {}

/// Whether a test has asked for this fault.
#[cfg(not(all(feature = "failpoints", debug_assertions)))]
#[inline]
pub(crate) fn is_spoiled(_: Spoiled) -> bool {
    false
}
