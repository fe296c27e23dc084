//! What a call of the journey carries beside its message: trace, idempotency key, voucher.

use tonic::Request;
use varco_runtime::trace::TraceContext;

/// The metadata of one step's calls.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The trace that the step starts.
    pub trace: TraceContext,
    key: Option<String>,
    voucher: Option<String>,
}

impl Envelope {
    /// Starts a trace.
    #[must_use]
    pub fn start() -> Self {
        Self {
            trace: TraceContext::start(),
            key: None,
            voucher: None,
        }
    }

    /// Adds the key by which a repetition is known.
    #[must_use]
    pub fn once(self, key: &str) -> Self {
        Self {
            key: Some(key.to_owned()),
            ..self
        }
    }

    /// Adds a voucher, for a channel that has none of its own.
    #[must_use]
    pub fn bearing(self, voucher: &str) -> Self {
        Self {
            voucher: Some(format!("Bearer {}", voucher.trim())),
            ..self
        }
    }

    /// Puts a message into the envelope.
    pub fn around<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        let trace = Some(self.trace.header());
        let lines = [
            ("traceparent", &trace),
            ("idempotency-key", &self.key),
            ("authorization", &self.voucher),
        ];
        for (name, value) in lines {
            // What is no header value is left out; the gateway then says what is missing.
            if let Some(Ok(value)) = value.as_ref().map(|text| text.parse()) {
                request.metadata_mut().insert(name, value);
            }
        }
        request
    }
}
