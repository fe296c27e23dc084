//! What must hold of any bytes that come as a trust policy.

use varco_tlog::policy::Policy;

/// Reads a policy: written it reads as the same policy, and no note without signatures meets it.
///
/// # Panics
///
/// When that does not hold.
pub fn holds(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(policy) = text.parse::<Policy>() else {
        return;
    };
    assert_eq!(policy.to_string().parse().as_ref(), Ok(&policy));
    assert!(policy.check(UNSIGNED).is_err());
}

const UNSIGNED: &str = "log.example\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n";
