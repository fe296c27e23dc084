//! The streams that are open, by their audit id: who holds one may let it go on with a new voucher.
//!
//! A stream stands here from its permission to its end. What ends it is looked at by the watch over
//! it ([`crate::vigil`]).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::call::{Call, Distant};

pub mod extend;

/// The streams that are open on this gateway.
#[derive(Debug, Default)]
pub struct Streams(Mutex<HashMap<Uuid, Distant>>);

/// A place among the open streams; dropped, the stream is forgotten.
#[derive(Debug)]
pub struct Registered {
    streams: Arc<Streams>,
    audit_id: Uuid,
}

impl Streams {
    /// Takes a stream in, which ends with the last copy of its call.
    pub fn register(self: &Arc<Self>, call: &Call) {
        let audit_id = call.audit_id();
        self.held().insert(audit_id, call.distant());
        call.keep(Registered {
            streams: Arc::clone(self),
            audit_id,
        });
    }

    /// An open stream.
    #[must_use]
    pub fn find(&self, audit_id: Uuid) -> Option<Call> {
        self.held().get(&audit_id).and_then(Distant::call)
    }

    /// How many are open.
    #[must_use]
    pub fn count(&self) -> usize {
        self.held().len()
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Uuid, Distant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.streams.held().remove(&self.audit_id);
    }
}
