//! What a comune says of itself and of its board in the configuration.

use serde::Deserialize;

/// Settings of the board.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Name of the comune, such as "Lodi".
    pub comune: String,
    /// Address of the public pages, without a slash at its end.
    pub base_url: String,
    /// Mail address of whoever keeps the board, for the feed.
    pub email: String,
    /// ISTAT code of the comune, six digits.
    #[serde(default)]
    pub codice_istat: Option<String>,
    /// Name of the province.
    #[serde(default)]
    pub provincia: Option<String>,
    /// Name of the region.
    #[serde(default)]
    pub regione: Option<String>,
    /// Purpose under which the board asks protocollo.
    pub purpose_protocollo: String,
    /// Purpose under which the board asks documenti.
    pub purpose_documenti: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_setting_is_refused() {
        let text = "comune = 'Lodi'\nbase_ur = 'https://albo.example'";

        assert!(toml::from_str::<Settings>(text).is_err());
    }
}
