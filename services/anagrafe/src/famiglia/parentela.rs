//! Relationship of a member to the intestatario, with the codes of the national register.
//!
//! The codes are those of the ANPR table `relazione di parentela - famiglia`. Four of them are
//! closed since 2015 but stay readable, because old memberships carry them. Names are masculine
//! as in the table and stand for both sexes.

/// Relationship to the intestatario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Parentela {
    /// Person under whose name the sheet of the famiglia stands.
    Intestatario,
    /// Husband or wife.
    Coniuge,
    /// Son or daughter.
    Figlio,
    /// Grandchild.
    NipoteDiscendente,
    /// Great-grandchild.
    Pronipote,
    /// Father or mother.
    Genitore,
    /// Grandparent.
    Nonno,
    /// Great-grandparent.
    Bisnonno,
    /// Brother or sister.
    Fratello,
    /// Nephew or niece.
    NipoteCollaterale,
    /// Uncle or aunt.
    Zio,
    /// Cousin.
    Cugino,
    /// Another blood relative.
    AltroParente,
    /// Stepchild; closed on 15 September 2015, legal in older data.
    Figliastro,
    /// Stepparent; closed on 15 September 2015, legal in older data.
    Patrigno,
    /// Son or daughter in law.
    Genero,
    /// Father or mother in law.
    Suocero,
    /// Brother or sister in law.
    Cognato,
    /// Stepbrother or stepsister; closed on 15 September 2015, legal in older data.
    Fratellastro,
    /// Nephew or niece by marriage.
    NipoteAffine,
    /// Uncle or aunt by marriage.
    ZioAffine,
    /// Another relative by marriage.
    AltroAffine,
    /// Cohabitant by adoption or affection.
    Convivente,
    /// Responsible person of a convivenza without bonds of affection.
    ResponsabileConvivenza,
    /// Member of a convivenza without bonds of affection.
    ComponenteConvivenza,
    /// Guardian.
    Tutore,
    /// Partner of a civil union.
    UnitoCivilmente,
    /// Adopted child; closed on 15 September 2015, legal in older data.
    Adottato,
    /// Grandchild or nephew, not told apart.
    Nipote,
    /// Not defined or not communicated.
    NonDefinita,
}

impl Parentela {
    /// Returns the code of the national table.
    #[must_use]
    pub fn code(self) -> u8 {
        CODES
            .iter()
            .find(|(parentela, _)| *parentela == self)
            .map_or(99, |(_, code)| *code)
    }

    /// Returns the relationship that has this code, if the table lists it.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        CODES
            .iter()
            .find(|(_, known)| *known == code)
            .map(|(parentela, _)| *parentela)
    }
}

const CODES: [(Parentela, u8); 30] = [
    (Parentela::Intestatario, 1),
    (Parentela::Coniuge, 2),
    (Parentela::Figlio, 3),
    (Parentela::NipoteDiscendente, 4),
    (Parentela::Pronipote, 5),
    (Parentela::Genitore, 6),
    (Parentela::Nonno, 7),
    (Parentela::Bisnonno, 8),
    (Parentela::Fratello, 9),
    (Parentela::NipoteCollaterale, 10),
    (Parentela::Zio, 11),
    (Parentela::Cugino, 12),
    (Parentela::AltroParente, 13),
    (Parentela::Figliastro, 14),
    (Parentela::Patrigno, 15),
    (Parentela::Genero, 16),
    (Parentela::Suocero, 17),
    (Parentela::Cognato, 18),
    (Parentela::Fratellastro, 19),
    (Parentela::NipoteAffine, 20),
    (Parentela::ZioAffine, 21),
    (Parentela::AltroAffine, 22),
    (Parentela::Convivente, 23),
    (Parentela::ResponsabileConvivenza, 24),
    (Parentela::ComponenteConvivenza, 25),
    (Parentela::Tutore, 26),
    (Parentela::UnitoCivilmente, 28),
    (Parentela::Adottato, 80),
    (Parentela::Nipote, 81),
    (Parentela::NonDefinita, 99),
];

#[cfg(test)]
mod tests {
    use super::{CODES, Parentela};

    #[test]
    fn every_code_reads_back() {
        for (parentela, code) in CODES {
            assert_eq!(parentela.code(), code);
            assert_eq!(Parentela::from_code(code), Some(parentela));
        }
    }

    #[test]
    fn codes_the_table_lacks_are_refused() {
        assert!(
            [0, 27, 29, 79, 82, 98]
                .iter()
                .all(|code| Parentela::from_code(*code).is_none())
        );
    }
}
