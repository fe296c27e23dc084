//! What must hold of any bytes that come as a request to a witness.

use varco_tlog::hash::Hash;
use varco_tlog::note::Verifier;
use varco_tlog::tree::Tree;
use varco_tlog::witness::{Head, Refusal, Request, decide};

/// Reads a request: it has one spelling, the unknown log is told, and whatever is accepted goes
/// forward.
///
/// # Panics
///
/// When that does not hold.
pub fn holds(bytes: &[u8]) {
    let Ok(body) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(request) = Request::parse(body) else {
        return;
    };
    assert_eq!(request.encode(), body);
    assert_eq!(decide(&request, &[], None), Err(Refusal::UnknownLog));
    let log: Verifier = LOG.parse().unwrap();
    let seen = Head {
        size: 3,
        root: (0..3)
            .map(|entry| Hash::leaf(&[entry]))
            .collect::<Tree>()
            .root(),
    };
    for latest in [None, Some(seen)] {
        if let Ok(head) = decide(&request, std::slice::from_ref(&log), latest) {
            assert_eq!(head, request.head());
            assert!(latest.is_none_or(|latest| latest.size < head.size || latest == head));
        }
    }
}

/// The log with the seed of 32 times the byte 1.
const LOG: &str = "c_z999.audit/gw1/2026+38885d28+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";
