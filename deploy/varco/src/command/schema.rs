//! `varco schema`: the JSON Schema of the registry file, for editors.

use crate::failure::Failure;
use crate::output;
use crate::registry_file::schema;

/// Prints the schema, JSON whatever the form of output.
///
/// # Errors
///
/// When standard output cannot be written.
pub fn run() -> Result<(), Failure> {
    output::json(&schema::schema())
}
