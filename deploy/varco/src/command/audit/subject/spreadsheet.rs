//! Accesses as a CSV file (RFC 4180) for a spreadsheet.
//!
//! A text that a spreadsheet would run as a formula gets an apostrophe before it: parts of a record
//! come from callers.

use super::access::Access;
use crate::failure::Failure;

/// The file, with a heading and a row for each access.
///
/// # Errors
///
/// When memory cannot be written, which it has no reason to.
pub fn csv(accesses: &[Access]) -> Result<Vec<u8>, Failure> {
    let mut file = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    let named = accesses.iter().any(|it| it.operator.is_some());
    let mut heading = HEADING.to_vec();
    if named {
        heading.push("operatore");
    }
    file.write_record(heading)?;
    for access in accesses {
        let mut row = row(access);
        if named {
            row.push(access.operator.clone().unwrap_or_default());
        }
        file.write_record(row.iter().map(|cell| harmless(cell)))?;
    }
    Ok(file.into_inner()?)
}

fn row(access: &Access) -> Vec<String> {
    vec![
        access.time.clone(),
        access.office.clone(),
        access.client.clone(),
        access.eservice.clone(),
        access.operation.clone(),
        access.purpose.clone(),
        access.legal_basis.clone(),
        access.procedure.clone(),
        access.data_classes.join(" "),
        access.fields.join(" "),
        access.outcome.clone(),
        access.origin.clone(),
        access.index.to_string(),
        access.audit_id.clone(),
    ]
}

/// A text that no spreadsheet takes for a formula.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

const HEADING: [&str; 14] = [
    "data_ora",
    "ufficio",
    "sistema",
    "e_service",
    "operazione",
    "finalita",
    "base_giuridica",
    "procedimento",
    "classi_di_dati",
    "campi",
    "esito",
    "registro",
    "numero",
    "id_chiamata",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn text(accesses: &[Access]) -> String {
        String::from_utf8(csv(accesses).unwrap()).unwrap()
    }

    #[test]
    fn file_has_a_heading_and_a_row_for_each_access() {
        let access = Access {
            office: "tributi".to_owned(),
            legal_basis: "L. 147/2013, \"TARI\"".to_owned(),
            index: 7,
            ..Access::default()
        };

        let text = text(&[access.clone(), access]);

        assert_eq!(text.matches("\r\n").count(), 3);
        assert!(text.starts_with("data_ora,ufficio,"));
        assert!(text.contains("\"L. 147/2013, \"\"TARI\"\"\""));
        assert!(!text.contains("operatore"));
    }

    #[test]
    fn formulas_are_made_harmless() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"] {
            let access = Access {
                procedure: formula.to_owned(),
                ..Access::default()
            };

            assert!(
                text(&[access]).contains(&format!("'{formula}")),
                "{formula}"
            );
        }
        assert_eq!(harmless("2026/7"), "2026/7");
    }

    #[test]
    fn operators_have_a_column_where_they_were_asked_for() {
        let access = Access {
            operator: Some("=matricola".to_owned()),
            ..Access::default()
        };

        assert!(text(&[access]).ends_with(",'=matricola\r\n"));
    }
}
