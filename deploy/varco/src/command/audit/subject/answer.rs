//! The answer to a person's request: a table, JSON, or files in a folder.

use std::path::Path;

use jiff::Zoned;
use jiff::civil::Date;
use serde::{Serialize, Serializer};
use varco_runtime::secret;

use super::access::Access;
use super::gather::Head;
use super::resolution::Resolution;
use super::searched::Searched;
use super::{report, spreadsheet};
use crate::failure::Failure;
use crate::output::Table;

/// What is answered; the fields are a contract, and none names the person.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// IPA code of the comune.
    pub ipa: String,
    /// Number of the request.
    pub request: Option<String>,
    /// When it was made, Europe/Rome.
    #[serde(serialize_with = "rfc3339")]
    pub made: Zoned,
    /// First day that was asked for.
    #[serde(serialize_with = "day")]
    pub since: Option<Date>,
    /// Last day that was asked for.
    #[serde(serialize_with = "day")]
    pub until: Option<Date>,
    /// What was searched.
    pub identifiers: Vec<Searched>,
    /// What came of asking anagrafe.
    pub anagrafe: Resolution,
    /// The accesses, oldest first.
    pub accesses: Vec<Access>,
    /// The heads of the logs that were searched.
    pub checkpoints: Vec<Head>,
    /// Logs that are older than the key.
    pub not_searched: Vec<String>,
}

impl Answer {
    /// Writes `accessi.pdf` and `accessi.csv`, which only their owner may read.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made or written to.
    pub fn write(&self, folder: &Path) -> Result<(), Failure> {
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::new(folder.display(), error, "name another folder with --to")
        })?;
        secret::write(
            &folder.join("accessi.csv"),
            &spreadsheet::csv(&self.accesses)?,
        )?;
        let pdf = report::pdf(self);
        Ok(secret::write(&folder.join("accessi.pdf"), &pdf)?)
    }

    /// The accesses as a table, or that there is none, and what was searched.
    #[must_use]
    pub fn text(&self) -> String {
        let sentences = self.anagrafe.sentences().join("\n");
        format!("{}\n\n{sentences}", self.table())
    }

    fn table(&self) -> String {
        if self.accesses.is_empty() {
            return NOBODY.to_owned();
        }
        let named = self.accesses.iter().any(|it| it.operator.is_some());
        let mut heading = vec![
            "DATA E ORA",
            "UFFICIO",
            "E-SERVICE",
            "OPERAZIONE",
            "FINALITÀ",
            "DATI",
            "ESITO",
            "N.",
        ];
        if named {
            heading.push("OPERATORE");
        }
        let mut table = Table::new(heading);
        for access in &self.accesses {
            table.push(row(access));
        }
        let count = self.accesses.len();
        let word = if count == 1 { "accesso" } else { "accessi" };
        format!("{table}\n{count} {word}")
    }
}

/// What is said where nobody has asked for the person.
pub const NOBODY: &str =
    "Nessun accesso ai dati di questa persona risulta nel registro per il periodo richiesto.";

fn row(access: &Access) -> Vec<String> {
    let mut row = vec![
        access.local_time.clone(),
        access.office.clone(),
        access.eservice.clone(),
        access.operation.clone(),
        access.purpose.clone(),
        access.data_classes.join(", "),
        access.outcome.clone(),
        access.index.to_string(),
    ];
    row.extend(access.operator.clone());
    row
}

#[expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a field so"
)]
fn day<S: Serializer>(day: &Option<Date>, to: S) -> Result<S::Ok, S::Error> {
    day.map(|day| day.to_string()).serialize(to)
}

fn rfc3339<S: Serializer>(made: &Zoned, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&made.strftime("%Y-%m-%dT%H:%M:%S%:z"))
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::answer;
    use super::super::resolution::Outcome;

    #[test]
    fn answer_without_accesses_says_so() {
        assert!(answer(0).text().starts_with("Nessun accesso"));
    }

    #[test]
    fn whoever_reads_the_table_is_told_what_anagrafe_said() {
        let mut answer = answer(0);

        answer.anagrafe.outcome = Outcome::NotAsked;
        let without = answer.text();
        answer.anagrafe.outcome = Outcome::Resolved;
        let with = answer.text();

        assert!(without.contains("L'anagrafe non è stata interrogata"));
        assert!(with.contains("con cui l'anagrafe conosce"));
    }

    #[test]
    fn operators_stand_in_the_table_only_where_they_were_asked_for() {
        let mut answer = answer(2);

        let without = answer.text();
        answer.accesses[1].operator = Some("matricola-1".to_owned());
        let with = answer.text();

        assert!(!without.contains("OPERATORE") && without.contains("\n2 accessi\n"));
        assert!(with.contains("OPERATORE") && with.contains("matricola-1"));
    }

    #[test]
    fn only_the_owner_may_read_the_files() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("istanza-7");

        answer(2).write(&folder).unwrap();

        for name in ["accessi.pdf", "accessi.csv"] {
            let file = std::fs::metadata(folder.join(name)).unwrap();
            assert_eq!(file.permissions().mode() & 0o777, 0o600, "{name}");
            assert!(file.len() > 0, "{name}");
        }
    }
}
