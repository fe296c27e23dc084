//! An identifier that is searched, with what it is and where it came from.
//!
//! Programs are told that much and never its text, which stands in the report to the person alone.

use serde::Serialize;
use varco_gateway::audit::subject::Identifier;

/// An identifier that is searched; the fields that programs see are a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Searched {
    /// The identifier itself.
    #[serde(skip)]
    pub identifier: Identifier,
    /// What it is.
    pub kind: Kind,
    /// Where it came from.
    pub source: Source,
}

/// What an identifier is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// A codice fiscale: the present one, or the one that was given.
    CodiceFiscale,
    /// A codice fiscale of the past.
    CodiceFiscalePrecedente,
    /// The national identifier.
    IdAnpr,
}

/// Where an identifier came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Source {
    /// From anagrafe.
    Anagrafe,
    /// Given with the command.
    Given,
}

impl Searched {
    /// The identifier and what it is, for the person.
    #[must_use]
    pub fn words(&self) -> String {
        let what = match self.kind {
            Kind::CodiceFiscale => "codice fiscale",
            Kind::CodiceFiscalePrecedente => "codice fiscale precedente",
            Kind::IdAnpr => "id ANPR",
        };
        format!("{} ({what})", self.identifier.text())
    }
}

#[cfg(test)]
mod tests {
    use varco_proto::options::v1::SubjectKind;

    use super::*;

    #[test]
    fn programs_are_told_what_it_is_and_not_its_text() {
        let identifier = Identifier::of(SubjectKind::CodiceFiscale, "", "RSSMRA80A01H501U");
        let searched = Searched {
            identifier: identifier.unwrap(),
            kind: Kind::CodiceFiscalePrecedente,
            source: Source::Anagrafe,
        };

        let json = serde_json::to_string(&searched).unwrap();

        assert_eq!(
            json,
            r#"{"kind":"CODICE_FISCALE_PRECEDENTE","source":"ANAGRAFE"}"#
        );
        assert_eq!(
            searched.words(),
            "RSSMRA80A01H501U (codice fiscale precedente)"
        );
    }
}
