//! How an entry of the registry is named on the command line: by its name, its id or its thumbprint.

/// Length of a SHA-256 digest in base64url without padding.
const THUMBPRINT: usize = 43;

/// What names an entry, as it stands.
///
/// A thumbprint (RFC 7638 §3.1, RFC 8705 §3.1) is base64url, so one in 64 begins with a hyphen: it
/// is no option for that. Anything else that begins so is an option that was spelled wrongly.
///
/// # Errors
///
/// When it begins with a hyphen and is no thumbprint.
pub fn entry_name(text: &str) -> Result<String, String> {
    if text.starts_with('-') && !is_thumbprint(text) {
        return Err("is neither an option of this command nor the name or id of an entry".into());
    }
    Ok(text.to_owned())
}

fn is_thumbprint(text: &str) -> bool {
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text.len() == THUMBPRINT && text.bytes().all(base64url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hyphen_begins_a_thumbprint_and_nothing_else() {
        let told = |text| entry_name(text).ok();

        let thumbprint = "-7wM6atasp4Lq0hGjkgjVJ5qrAQ0Ib4Uqpb7U_HIEoQ";
        assert_eq!(told(thumbprint).as_deref(), Some(thumbprint));
        assert_eq!(
            told("tributi/riscossione").as_deref(),
            Some("tributi/riscossione")
        );
        assert_eq!(told("--newst"), None);
        assert_eq!(told("-"), None);
    }
}
