//! A call on its way inwards through the layers.
//!
//! A layer is a function of the call as it comes and of what follows. It is a plain function and not a
//! service: a call then costs no clone of the whole stack and no boxed future for each layer.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use varco_runtime::server::answers::{Answer, Answers};
use varco_runtime::telemetry::served::{Served, spanned};

use crate::call::Call;
use crate::gate::Gate;

/// A call on its way inwards.
#[derive(Debug)]
pub struct Passing {
    /// The shared parts of the gateway.
    pub gate: Arc<Gate>,
    /// What is known of the call.
    pub call: Call,
    /// The request, as far as it was not yet taken.
    pub request: Request,
}

impl Passing {
    /// Begins a call with its request.
    #[must_use]
    pub fn begin(gate: Arc<Gate>, request: Request) -> Self {
        let call = Call::begin(&request, &gate);
        Self {
            gate,
            call,
            request,
        }
    }
}

/// Answers every request by layers, within the span of its listener: refused ones too.
pub fn answers<F>(gate: &Arc<Gate>, served: Served, layers: fn(Passing) -> F) -> Answers
where
    F: Future<Output = Response> + Send + 'static,
{
    let gate = Arc::clone(gate);
    Answers::new(move |request| {
        let (gate, served) = (Arc::clone(&gate), served.clone());
        Box::pin(async move {
            // Boxed, so that what stands outside does not move the whole call.
            let pass = |request| -> Answer { Box::pin(layers(Passing::begin(gate, request))) };
            spanned(&served, request, pass).await
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_is_small_enough_to_be_moved() {
        let bytes = size_of_future(crate::pass);

        assert!(bytes <= 4 << 10, "{bytes}");
    }

    fn size_of_future<F>(_: fn(Passing) -> F) -> usize {
        size_of::<F>()
    }
}
