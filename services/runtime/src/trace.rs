//! W3C trace context: which journey a call belongs to.
//!
//! Every call has one, whether or not a collector listens, because the register of accesses keeps
//! its trace id. The context of the call that is being served follows the task that serves it, so
//! that calls made on its behalf carry it on.

use std::future::Future;

use http::HeaderMap;

use crate::metadata::TRACEPARENT;

/// A place in a trace (W3C Trace Context §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The journey.
    pub trace_id: [u8; 16],
    /// The step.
    pub span_id: [u8; 8],
    /// Whether the caller recorded it.
    pub sampled: bool,
}

tokio::task_local! {
    static CURRENT: TraceContext;
}

impl TraceContext {
    /// Starts a new journey.
    #[must_use]
    pub fn start() -> Self {
        Self {
            trace_id: random(),
            span_id: random(),
            sampled: true,
        }
    }

    /// A new step in the same journey.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            span_id: random(),
            ..*self
        }
    }

    /// The context in a `traceparent` header, when there is one and it is well formed.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(&TRACEPARENT).iter();
        let (first, more) = (all.next()?, all.next());
        // Of two, nobody could say which one counts.
        more.is_none().then_some(())?;
        first.to_str().ok().and_then(Self::parse)
    }

    /// Parses the text form, version 00.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if version != "00" || parts.next().is_some() || flags.len() != 2 {
            return None;
        }
        let mut context = Self {
            trace_id: [0; 16],
            span_id: [0; 8],
            sampled: false,
        };
        hex::decode_to_slice(trace, &mut context.trace_id).ok()?;
        hex::decode_to_slice(span, &mut context.span_id).ok()?;
        context.sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        let empty = context.trace_id == [0; 16] || context.span_id == [0; 8];
        (!empty).then_some(context)
    }

    /// The text form.
    #[must_use]
    pub fn header(&self) -> String {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        let [.., flag] = &mut text;
        *flag += u8::from(self.sampled);
        // The places are as long as what is written into them.
        let _ = hex::encode_to_slice(self.trace_id, &mut text[3..35]);
        let _ = hex::encode_to_slice(self.span_id, &mut text[36..52]);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The journey in hexadecimal.
    #[must_use]
    pub fn trace_hex(&self) -> String {
        hex::encode(self.trace_id)
    }

    /// The context of the call that this task serves.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|context| *context).ok()
    }

    /// Runs `work` as a part of this step.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// Runs a piece of `work` as a part of this step.
    pub fn during<T>(self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, work)
    }
}

#[expect(
    clippy::expect_used,
    reason = "a machine without randomness cannot run at all"
)]
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("system randomness");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_comes_back() {
        let context = TraceContext::start();

        assert_eq!(TraceContext::parse(&context.header()), Some(context));
    }

    #[test]
    fn malformed_headers_start_a_new_journey() {
        for bad in [
            "",
            "00-0-0-01",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        ] {
            assert_eq!(TraceContext::parse(bad), None, "{bad}");
        }
    }
}
