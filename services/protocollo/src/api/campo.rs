//! Parses one field of a request: missing or malformed, the error names its path.

use std::str::FromStr;

use crate::documento::Impronta;
use crate::error::Error;
use crate::testo::Malformed;

/// Parses a field that must be there.
///
/// # Errors
///
/// [`Error::Field`].
pub fn required<T: FromStr<Err = Malformed>>(
    field: &str,
    value: Option<String>,
) -> Result<T, Error> {
    optional(field, value)?.ok_or_else(|| missing(field))
}

/// Parses a field that may be left out.
///
/// # Errors
///
/// [`Error::Field`].
pub fn optional<T: FromStr<Err = Malformed>>(
    field: &str,
    value: Option<String>,
) -> Result<Option<T>, Error> {
    value
        .map(|text| text.parse())
        .transpose()
        .map_err(|error| malformed(field, error))
}

/// Parses a SHA-256 that must be there.
///
/// # Errors
///
/// [`Error::Field`].
pub fn sha256(field: &str, value: Option<&[u8]>) -> Result<Impronta, Error> {
    let bytes = value.ok_or_else(|| missing(field))?;
    Impronta::try_from(bytes).map_err(|error| malformed(field, error))
}

/// The field must be there and is not.
#[must_use]
pub fn missing(field: &str) -> Error {
    malformed(field, Malformed("is required".to_owned()))
}

/// The field is there and makes no sense.
#[must_use]
pub fn malformed(field: &str, Malformed(what): Malformed) -> Error {
    Error::Field {
        field: field.to_owned(),
        what,
    }
}
