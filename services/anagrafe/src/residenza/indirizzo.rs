//! A structured address, and when a declared one means the registered one.
//!
//! Citizens write street names with and without accents, capitals and spaces; house numbers they
//! write as they are. Where both sides carry the national street code, the code decides: a street
//! that changed its name is still the same street. The postal code never decides, because the
//! postal service changes it without anyone moving.
//!
//! Nothing here splits free text into fields: callers send fields.

use std::fmt;
use std::str::FromStr;

use crate::codice_fiscale::lettere;

/// Address after the national archive of streets (ANNCSU).
#[derive(Clone, PartialEq, Eq)]
pub struct Indirizzo {
    /// Kind of street: `via`, `piazza`, `viale`.
    pub specie: String,
    /// Name of the street without its kind.
    pub denominazione: String,
    /// Street in the national archive, where known.
    pub codice_toponimo: Option<CodiceToponimo>,
    /// House number; absent for houses without one.
    pub civico: Option<u32>,
    /// What follows the house number, such as `A` or `bis`.
    pub esponente: Option<String>,
    /// Door inside the building.
    pub interno: Option<String>,
    /// Postal code.
    pub cap: Option<Cap>,
}

/// National number of a street (ANNCSU `progr_nazionale`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodiceToponimo(pub u64);

/// Postal code of five digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cap([u8; 5]);

/// The text is not five digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a postal code is five digits")]
pub struct InvalidCap;

impl Indirizzo {
    /// Tells whether this declared address means the registered one.
    ///
    /// House number, suffix and door count only when declared; what is declared must agree.
    #[must_use]
    pub fn agrees_with(&self, registered: &Self) -> bool {
        self.same_street(registered)
            && self
                .civico
                .is_none_or(|civico| registered.civico == Some(civico))
            && agrees(self.esponente.as_deref(), registered.esponente.as_deref())
            && agrees(self.interno.as_deref(), registered.interno.as_deref())
    }

    fn same_street(&self, registered: &Self) -> bool {
        match (self.codice_toponimo, registered.codice_toponimo) {
            (Some(declared), Some(known)) => declared == known,
            _ => {
                same_letters(&self.specie, &registered.specie)
                    && same_letters(&self.denominazione, &registered.denominazione)
            }
        }
    }
}

impl fmt::Debug for Indirizzo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Indirizzo(…)")
    }
}

impl Cap {
    /// Returns the five digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The bytes are ASCII by construction, so the empty text is never seen.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Cap {
    type Err = InvalidCap;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes: [u8; 5] = text.as_bytes().try_into().map_err(|_| InvalidCap)?;
        if bytes.iter().all(u8::is_ascii_digit) {
            Ok(Self(bytes))
        } else {
            Err(InvalidCap)
        }
    }
}

fn agrees(declared: Option<&str>, registered: Option<&str>) -> bool {
    declared.is_none_or(|text| registered.is_some_and(|known| known.eq_ignore_ascii_case(text)))
}

fn same_letters(left: &str, right: &str) -> bool {
    lettere::folded(left).eq(lettere::folded(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_spacing_of_the_name_do_not_matter() {
        for name in [
            "NICCOLO MACHIAVELLI",
            "niccolò  machiavelli",
            "Niccolo' Machiavelli",
        ] {
            let declared = Indirizzo {
                denominazione: name.into(),
                ..registered()
            };

            assert!(declared.agrees_with(&registered()), "{name}");
        }
    }

    #[test]
    fn kind_of_street_matters() {
        let declared = Indirizzo {
            specie: "piazza".into(),
            ..registered()
        };

        assert!(!declared.agrees_with(&registered()));
    }

    #[test]
    fn declared_number_suffix_and_door_must_agree() {
        let wrong = [
            Indirizzo {
                civico: Some(13),
                ..registered()
            },
            Indirizzo {
                esponente: Some("B".into()),
                ..registered()
            },
            Indirizzo {
                interno: Some("5".into()),
                ..registered()
            },
        ];

        assert!(
            wrong
                .iter()
                .all(|declared| !declared.agrees_with(&registered()))
        );
    }

    #[test]
    fn number_suffix_and_door_not_declared_are_not_compared() {
        let declared = Indirizzo {
            civico: None,
            esponente: None,
            interno: None,
            ..registered()
        };

        assert!(declared.agrees_with(&registered()));
    }

    #[test]
    fn door_declared_for_a_house_without_doors_does_not_agree() {
        let house = Indirizzo {
            interno: None,
            ..registered()
        };

        assert!(!registered().agrees_with(&house));
    }

    #[test]
    fn street_code_decides_over_the_name() {
        let with_code = |name: &str, code| Indirizzo {
            denominazione: name.into(),
            codice_toponimo: Some(CodiceToponimo(code)),
            ..registered()
        };

        assert!(with_code("Vecchio nome", 7).agrees_with(&with_code("Nuovo nome", 7)));
        assert!(!with_code("Roma", 7).agrees_with(&with_code("Roma", 8)));
    }

    #[test]
    fn names_in_other_scripts_are_not_all_the_same() {
        let named = |name: &str| Indirizzo {
            denominazione: name.into(),
            ..registered()
        };

        assert!(!named("Ж").agrees_with(&named("Щ")));
    }

    #[test]
    fn postal_code_is_five_digits_and_does_not_decide() {
        let declared = Indirizzo {
            cap: Some("20100".parse().unwrap()),
            ..registered()
        };

        assert!(declared.agrees_with(&registered()));
        assert_eq!("2690".parse::<Cap>(), Err(InvalidCap));
        assert_eq!("2690A".parse::<Cap>(), Err(InvalidCap));
    }

    #[test]
    fn debug_hides_the_address() {
        assert_eq!(format!("{:?}", registered()), "Indirizzo(…)");
    }

    fn registered() -> Indirizzo {
        Indirizzo {
            specie: "via".into(),
            denominazione: "Niccolò Machiavelli".into(),
            codice_toponimo: None,
            civico: Some(12),
            esponente: Some("A".into()),
            interno: Some("4".into()),
            cap: Some("26900".parse().unwrap()),
        }
    }
}
