//! The fields of an entry as they are stored: one JSON text, read as a value only where it is asked
//! for. A registry of thousands of entries is read whole in a moment that way.

use std::sync::OnceLock;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The fields of an entry.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    text: String,
    value: OnceLock<Value>,
}

impl Fields {
    /// Fields as they were stored.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self {
            text,
            value: OnceLock::new(),
        }
    }

    /// Writes fields down, their names in order.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
    pub fn written<T: Serialize>(body: &T) -> Result<Self, serde_json::Error> {
        let value = serde_json::to_value(body)?;
        let text = value.to_string();
        Ok(Self {
            text,
            value: OnceLock::from(value),
        })
    }

    /// The fields with their types.
    ///
    /// # Errors
    ///
    /// When they are others.
    pub fn parsed<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.text)
    }

    /// The JSON text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The fields as a value; null when the text is no JSON.
    #[must_use]
    pub fn value(&self) -> &Value {
        self.value
            .get_or_init(|| serde_json::from_str(&self.text).unwrap_or_default())
    }
}

impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text || self.value() == other.value()
    }
}

impl Eq for Fields {}
