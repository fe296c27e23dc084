//! What a comune says of its register in the configuration.

use jiff::civil::{Date, date};
use serde::{Deserialize, Deserializer, de};

/// Settings of the registry of residents.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// First day of the register: no question reaches further back.
    #[serde(default = "first_registers", deserialize_with = "day")]
    pub registro_dal: Date,
}

/// No comune kept a register of its residents before R.D. 2105/1864 made them do it.
fn first_registers() -> Date {
    date(1865, 1, 1)
}

fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse()
        .map_err(|_| de::Error::custom("registro_dal must be a day written YYYY-MM-DD"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn register_without_a_first_day_begins_with_the_law() {
        let settings: Settings = toml::from_str("").unwrap();

        assert_eq!(settings.registro_dal, date(1865, 1, 1));
    }

    #[test]
    fn first_day_is_read_and_other_settings_are_refused() {
        let settings: Settings = toml::from_str("registro_dal = '1971-10-24'").unwrap();

        assert_eq!(settings.registro_dal, date(1971, 10, 24));
        assert!(toml::from_str::<Settings>("registro_da = '1971-10-24'").is_err());
        assert!(toml::from_str::<Settings>("registro_dal = 'ieri'").is_err());
    }
}
